//! A whole platform in one process: what a data folder holds, the engine's jobs, the HTTP API, and a
//! worker of the stream, if it is to have one.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use synor_engine::{Engine, NewKey, new_secret};
use synor_server::{AppState, Intake, StreamSide, router};
use synor_streams::open_producer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::chain_config::NodeChain;
use crate::config::Config;
use crate::data_folder::{DataFolder, RunningServer};
use crate::error::error_with_help;
use crate::notify_config::send_through;
use crate::platform::Platform;
use crate::stream::{DEAD_LETTERS, EngineSink, RunningWorker, open_dead_letters};

/// How long requests and jobs that are under way may take to finish when the platform stops.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// A running platform.
pub struct Node {
    /// Where it listens, and its secret.
    pub server: RunningServer,
    /// The first admin key, if this was the folder's first start.
    pub first_key: Option<NewKey>,
    chain: NodeChain,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    worker: Option<RunningWorker>,
    _lock: File,
}

impl Node {
    /// Starts on a folder that this process holds.
    pub async fn start(
        folder: &DataFolder,
        lock: File,
        listen: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let platform = Platform::open(folder, None).await?;
        let Platform {
            config,
            engine,
            chain,
        } = platform;
        engine.settle_address().await.map_err(|error| {
            let help =
                "copy billing-wallet.json and its passphrase from the first node's data folder";
            error_with_help(error.to_string(), help)
        })?;
        let (email, webhooks) = (config.email.as_ref(), &config.webhooks);
        send_through(&engine, &config.operator, email, webhooks)?;
        let first_key = engine.first_admin_key().await?;
        let intake = Arc::new(config.intake()?);
        let (stream, worker) = stream_side(folder, &config, &engine, &intake)?;

        let listener = bind(listen.or(config.listen)).await?;
        let secret = new_secret("synor_local")?;
        let server = RunningServer {
            url: format!("http://{}", listener.local_addr()?),
            secret,
        };
        let (stop, stopped) = watch::channel(false);
        let state = AppState {
            engine: Arc::clone(&engine),
            rpc: Arc::new(chain.rpc_server()),
            local_secret: server.secret.as_str().into(),
            stopping: stopped.clone(),
            intake,
            operator: Arc::new(config.operator.clone()),
            stream,
        };
        let mut until = stopped.clone();
        let shutdown = async move {
            // An error means that the node is gone, which is as good a reason to stop.
            let _ = until.wait_for(|stopped| *stopped).await;
        };
        let serve = axum::serve(
            listener,
            // For the audit log: from where something was asked for.
            router(state).into_make_service_with_connect_info::<SocketAddr>(),
        )
        .with_graceful_shutdown(shutdown);
        let tasks = vec![
            tokio::spawn(async move {
                if let Err(error) = serve.await {
                    tracing::error!(%error, "the server stopped");
                }
            }),
            tokio::spawn(engine.run_jobs(stopped)),
        ];
        Ok(Self {
            server,
            first_key,
            chain,
            stop,
            tasks,
            worker,
            _lock: lock,
        })
    }

    /// Stops taking requests, finishes those under way within [`FINISH_WITHIN`], and closes
    /// everything.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let deadline = Instant::now() + FINISH_WITHIN;
        for mut task in self.tasks {
            if timeout_at(deadline, &mut task).await.is_err() {
                tracing::warn!("what was under way did not end, and was broken off");
                task.abort();
            }
        }
        if let Some(worker) = self.worker {
            worker.stop().await;
        }
        self.chain.stop().await;
    }
}

/// What the configuration says of a stream, begun.
fn stream_side(
    folder: &DataFolder,
    config: &Config,
    engine: &Arc<Engine>,
    intake: &Intake,
) -> anyhow::Result<(StreamSide, Option<RunningWorker>)> {
    let letters = folder.file(DEAD_LETTERS);
    let Some(stream) = &config.stream else {
        // A stream that is no longer configured may have left some.
        let letters = letters.exists().then(|| open_dead_letters(folder));
        let side = StreamSide {
            dead_letters: letters.transpose()?.map(|letters| letters as _),
            ..StreamSide::default()
        };
        return Ok((side, None));
    };
    let letters = open_dead_letters(folder)?;
    let sink = || EngineSink::new(Arc::clone(engine), letters.clone(), intake.meters.clone());
    let worker = stream.consume.then(|| RunningWorker::start(stream, sink()));
    let worker = worker.transpose()?;
    let producer = stream.produce.then(|| open_producer(stream)).transpose()?;
    let side = StreamSide {
        url: Some(stream.url.clone()),
        producer,
        worker: worker.as_ref().map(RunningWorker::status),
        dead_letters: Some(letters.clone()),
    };
    Ok((side, worker))
}

async fn bind(listen: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    let address = listen.unwrap_or(crate::config::DEFAULT_LISTEN);
    TcpListener::bind(address).await.map_err(|error| {
        error_with_help(
            format!("cannot listen on {address}: {error}"),
            "name another address with --listen, or set `listen` in synor.toml",
        )
    })
}
