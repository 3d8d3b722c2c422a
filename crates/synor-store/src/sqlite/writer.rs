//! The one thread that writes: it takes all commits that wait, lands them in one transaction and
//! one sync, and answers each.

use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::checkpoint::Checkpoints;
use super::commit;
use super::kept::Kept;
use crate::change_set::Committed;
use crate::error::StoreError;
use crate::group::{Asks, Group};
use crate::lane::{Landing, Lane};
use crate::prepared::Prepared;

/// The most commits that share a transaction.
const GROUP_MAX: usize = 256;

type Answer = oneshot::Sender<Result<Committed, StoreError>>;

/// A handle to the writing thread, which ends when the handle is dropped.
pub struct Writer {
    requests: Option<mpsc::Sender<(Prepared, Answer)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(
        mut connection: Connection,
        mut checkpoints: Checkpoints,
        file: String,
    ) -> Result<Self, StoreError> {
        let (requests, queue) = mpsc::channel::<(Prepared, Answer)>();
        let run = move || {
            let mut kept = Kept::default();
            while let Ok(first) = queue.recv() {
                let mut group = vec![first];
                group.extend(queue.try_iter().take(GROUP_MAX - 1));
                let rows = write_group(&mut connection, &mut kept, group, &file);
                checkpoints.after(&connection, rows);
            }
            // Its connection must not be the last one to close.
            drop(checkpoints);
        };
        let thread = std::thread::Builder::new()
            .name("book writer".to_owned())
            .spawn(run)
            .map_err(|_| StoreError::Closed)?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    pub fn submit(&self, changes: Prepared) -> Result<Landing, StoreError> {
        let (answer, result) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
        requests
            .send((changes, answer))
            .map_err(|_| StoreError::Closed)?;
        Ok(Landing::new(result))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has answered nobody, which its callers have seen.
            let _ = thread.join();
        }
    }
}

/// Answers each of the group; how many rows were written.
fn write_group(
    connection: &mut Connection,
    kept: &mut Kept,
    group: Vec<(Prepared, Answer)>,
    file: &str,
) -> usize {
    let (sets, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    let lanes: Vec<Lane> = sets.iter().filter_map(|set| set.lane.clone()).collect();
    match decide(connection, kept, sets) {
        Ok((results, rows)) => {
            for (answer, result) in answers.into_iter().zip(results) {
                // A caller that has gone away no longer wants its answer.
                let _ = answer.send(result);
            }
            rows
        }
        Err(error) => {
            // Nothing of the group is durable, so none of it is acknowledged.
            lanes.iter().for_each(Lane::break_off);
            *kept = Kept::default();
            let error = error.to_string();
            for answer in answers {
                let _ = answer.send(Err(StoreError::Database {
                    database: file.to_owned(),
                    source: error.clone().into(),
                }));
            }
            0
        }
    }
}

fn decide(
    connection: &mut Connection,
    kept: &mut Kept,
    sets: Vec<Prepared>,
) -> rusqlite::Result<(Vec<Result<Committed, StoreError>>, usize)> {
    // Immediate: what is read here cannot change before it is written.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    kept.drop_if_stale(&transaction)?;
    let mut group = Group::new(commit::known(&transaction, kept, &Asks::of(&sets))?);
    let results = sets.into_iter().map(|set| group.apply(set)).collect();
    let writes = group.into_writes();
    if !writes.is_empty() {
        commit::write(&transaction, &writes)?;
        transaction.commit()?;
        kept.remember(&writes);
    }
    Ok((results, writes.rows()))
}
