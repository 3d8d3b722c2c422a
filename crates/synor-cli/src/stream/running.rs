//! A worker that runs in this process, and tells of itself in the log.

use std::sync::Arc;
use std::time::Duration;

use synor_streams::{Sink, StreamConfig, Worker, WorkerStatus, open_source};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often the log is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A worker that runs.
pub struct RunningWorker {
    status: watch::Receiver<WorkerStatus>,
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
}

impl RunningWorker {
    /// Starts one. A broker that is away is no error; the worker waits for it.
    pub fn start(config: &StreamConfig, sink: impl Sink + 'static) -> anyhow::Result<Self> {
        let sink: Arc<dyn Sink> = Arc::new(sink);
        let worker = Worker::new(open_source(config, Arc::clone(&sink))?, sink);
        let status = worker.status();
        let stop = CancellationToken::new();
        let tasks = [
            tokio::spawn(worker.run(stop.clone())),
            tokio::spawn(tell(status.clone(), stop.clone())),
        ];
        Ok(Self {
            status,
            stop,
            tasks,
        })
    }

    /// What it tells of itself.
    pub fn status(&self) -> watch::Receiver<WorkerStatus> {
        self.status.clone()
    }

    /// Lets it finish the batch in hand and leave its group.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            // It ends with its future; a panic has been told of where it happened.
            let _ = task.await;
        }
        log(&self.status.borrow());
    }
}

async fn tell(status: watch::Receiver<WorkerStatus>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TELL_EVERY) => log(&status.borrow()),
        }
    }
}

fn log(status: &WorkerStatus) {
    tracing::info!(
        state = ?status.state,
        records = status.records,
        accepted = status.accepted,
        duplicates = status.duplicates,
        conflicting = status.conflicting,
        dead_letters = status.dead_letters,
        source_failures = status.source_failures,
        sink_failures = status.sink_failures,
        missing = status.lag.missing,
        "the worker so far"
    );
    for lag in &status.lag.partitions {
        tracing::info!(
            stream = lag.stream,
            partition = lag.partition,
            waiting = lag.waiting,
            pending = lag.pending,
            "the lag"
        );
    }
}
