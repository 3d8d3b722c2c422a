//! The one writer: a thread that takes the batches that are waiting, decides which of their events
//! are new, writes those as one frame, syncs once, shows them, and then answers all.
//!
//! A write or a sync that fails leaves the file in a state that nobody knows. Its requests get the
//! error, nothing of them is shown, and no further batch is taken: whether the frame is in the file
//! is decided when the log is opened again.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::POSITION_MAX;
use super::closed;
use super::decide::{Decided, Decider};
use super::fault::Fault;
use super::frame::FrameBuilder;
use super::identities::IdentityHash;
use super::prepared::PreparedBatch;
use super::publish::publish;
use super::rotate::Sealing;
use super::state::Shared;
use crate::error::UsageLogError;
use crate::log::Appended;

/// Batches that may wait; more make the callers wait.
const QUEUE_BATCHES: usize = 256;
/// Events after which a frame takes no further batch: enough to share a sync among many, few enough
/// that nobody waits long for it.
const GROUP_EVENTS: usize = 100_000;

/// A handle to the writer thread. Dropping it lets the thread finish what is waiting.
pub(super) struct Writer {
    log: String,
    requests: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is sent.
pub(super) enum Message {
    /// A batch to write.
    Commit(Request),
    /// Ids to look for.
    Find(Search),
    /// There are reports of the background.
    Attend,
}

/// Makes a writer look at what the background reports. Does not keep it running.
#[derive(Clone)]
pub(super) struct Wake(mpsc::WeakSender<Message>);

impl Wake {
    /// Wakes the writer, if it sleeps: one that has much to do looks anyway.
    pub(super) fn wake(&self) {
        if let Some(requests) = self.0.upgrade() {
            let _ = requests.try_send(Message::Attend);
        }
    }
}

/// The queue of a writer that is still to be started.
pub(super) struct Queue {
    requests: mpsc::Sender<Message>,
    waiting: mpsc::Receiver<Message>,
}

impl Queue {
    pub(super) fn new() -> Self {
        let (requests, waiting) = mpsc::channel(QUEUE_BATCHES);
        Self { requests, waiting }
    }

    /// Wakes the writer that will have this queue.
    pub(super) fn wake(&self) -> Wake {
        Wake(self.requests.downgrade())
    }
}

/// A batch that waits to be written.
pub(super) struct Request {
    pub(super) batch: PreparedBatch,
    reply: oneshot::Sender<Result<Appended, UsageLogError>>,
}

/// Ids to look for among those that the log holds.
pub(super) struct Search {
    hashes: Vec<IdentityHash>,
    reply: oneshot::Sender<Result<Vec<bool>, UsageLogError>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        queue: Queue,
        shared: Arc<Shared>,
        decider: Decider,
        sealing: Sealing,
    ) -> std::io::Result<Self> {
        let Queue { requests, waiting } = queue;
        let log = shared.log.clone();
        let state = State {
            shared,
            decider,
            sealing,
            frame: FrameBuilder::default(),
            failed: None,
        };
        let thread = thread::Builder::new()
            .name("usage-log-writer".to_owned())
            .spawn(move || state.run(waiting))?;
        Ok(Self {
            log,
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Commits a batch and answers once it is durable.
    pub(super) async fn commit(&self, batch: PreparedBatch) -> Result<Appended, UsageLogError> {
        self.ask(|reply| Message::Commit(Request { batch, reply }))
            .await
    }

    /// Whether the log holds each of these ids. The writer is asked, because it alone knows those of
    /// the active segment.
    pub(super) async fn find(&self, hashes: Vec<IdentityHash>) -> Result<Vec<bool>, UsageLogError> {
        self.ask(|reply| Message::Find(Search { hashes, reply }))
            .await
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, UsageLogError>>) -> Message,
    ) -> Result<T, UsageLogError> {
        let closed = || UsageLogError::Closed {
            log: self.log.clone(),
        };
        let requests = self.requests.as_ref().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        let sent = requests.send(message(reply)).await;
        sent.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has left its callers without an answer, which they noticed.
            let _ = thread.join();
        }
    }
}

struct State {
    shared: Arc<Shared>,
    decider: Decider,
    sealing: Sealing,
    frame: FrameBuilder,
    failed: Option<UsageLogError>,
}

/// What is written with the first request, and what must come after.
fn gather(
    first: Request,
    waiting: &mut mpsc::Receiver<Message>,
) -> (Vec<Request>, Option<Message>) {
    let mut records = first.batch.records_max();
    let mut group = vec![first];
    while records < GROUP_EVENTS
        && let Ok(message) = waiting.try_recv()
    {
        let request = match message {
            Message::Commit(request) => request,
            Message::Find(_) => return (group, Some(message)),
            Message::Attend => continue,
        };
        // What is withdrawn must be in the file already, not only in this frame.
        if !request.batch.withdrawals.is_empty() {
            return (group, Some(Message::Commit(request)));
        }
        records = records.saturating_add(request.batch.records_max());
        group.push(request);
    }
    (group, None)
}

impl State {
    fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        self.sealing.attend(&self.shared, &mut self.decider);
        let mut next = None;
        while let Some(message) = next.take().or_else(|| waiting.blocking_recv()) {
            match message {
                Message::Commit(first) => {
                    let group;
                    (group, next) = gather(first, &mut waiting);
                    self.answer(group);
                }
                Message::Find(search) => {
                    let _ = search.reply.send(self.find(&search.hashes));
                }
                Message::Attend => self.sealing.attend(&self.shared, &mut self.decider),
            }
        }
        if self.failed.is_none() {
            let (wal, end) = self.sealing.end();
            // Without it the log opens as after a crash, which is only less strict.
            if wal.cut(end).is_ok() {
                let _ = closed::write(&self.shared.folder, &wal, end);
            }
        }
    }

    fn answer(&mut self, mut group: Vec<Request>) {
        let outcome = match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.commit(&mut group),
        };
        // A caller that has gone away no longer wants its answer.
        match outcome {
            Ok(answers) => {
                for (request, answer) in group.into_iter().zip(answers) {
                    let _ = request.reply.send(answer);
                    self.shared.spare.keep_batch(request.batch);
                }
            }
            Err(error) => {
                for request in group {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn find(&self, hashes: &[IdentityHash]) -> Result<Vec<bool>, UsageLogError> {
        // Then ids are remembered of events that may not be in the file.
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let found = hashes
            .iter()
            .map(|&hash| Ok(self.decider.find(hash)?.is_some()));
        let found: Result<_, Fault> = found.collect();
        found.map_err(|fault| fault.named(&self.shared.log, "looking for ids"))
    }

    fn commit(
        &mut self,
        group: &mut [Request],
    ) -> Result<Vec<Result<Appended, UsageLogError>>, UsageLogError> {
        let named = |fault: Fault| fault.named(&self.shared.log, "appending events");
        self.sealing
            .make_room(&self.shared, &mut self.decider)
            .map_err(named)?;
        let (_, end) = self.sealing.end();
        let records: usize = group
            .iter()
            .map(|request| request.batch.records_max())
            .sum();
        let records = u64::try_from(records).unwrap_or(u64::MAX);
        if end.position.saturating_add(records) > POSITION_MAX {
            let full = std::io::Error::other("the log has as many events as it can number");
            return Err(named(Fault::io(&self.shared.folder)(full)));
        }
        self.frame.begin();
        let decided = self.write(group);
        match decided {
            Ok((decided, answers)) => {
                publish(&self.shared, group, &decided);
                Ok(answers)
            }
            Err(fault) => {
                // What was decided is remembered but not written: nothing that is decided after it
                // could be right.
                let error = fault.named(&self.shared.log, "appending events");
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    fn write(
        &mut self,
        group: &[Request],
    ) -> Result<(Decided, Vec<Result<Appended, UsageLogError>>), Fault> {
        let (wal, mut end) = self.sealing.end();
        let (mut decided, answers) =
            self.decider
                .decide(&self.shared, group, end.position, &mut self.frame)?;
        if !self.frame.is_empty() {
            let records = self.frame.records();
            let first = end.position.saturating_add(1);
            let (bytes, chain) = self.frame.finish(first, end.chain);
            wal.append(bytes, end.offset, self.shared.options.reserve_bytes())?;
            decided.frame_offset = end.offset;
            end.offset = end
                .offset
                .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            end.position = end.position.saturating_add(records);
            end.chain = chain;
            self.sealing.advance(end);
        }
        decided.end = end;
        Ok((decided, answers))
    }
}
