//! The task that writes: it takes all commits that wait, lands them in one transaction, and answers
//! each.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Database;
use super::commit;
use crate::change_set::Committed;
use crate::error::StoreError;
use crate::lane::{Landing, Lane};
use crate::prepared::Prepared;

/// The most commits that share a transaction.
const GROUP_MAX: usize = 1_024;
/// The most commits that wait; more make their callers wait.
const QUEUE_MAX: usize = 4_096;

type Answer = oneshot::Sender<Result<Committed, StoreError>>;

/// A handle to the writing task, which ends when the handle is dropped and what waits is answered.
#[derive(Debug)]
pub struct Writer {
    requests: mpsc::Sender<(Prepared, Answer)>,
}

impl Writer {
    pub fn start(database: Arc<Database>) -> Self {
        let (requests, mut queue) = mpsc::channel::<(Prepared, Answer)>(QUEUE_MAX);
        tokio::spawn(async move {
            let mut group = Vec::new();
            while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
                let (sets, answers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
                land(&database, sets, answers).await;
            }
        });
        Self { requests }
    }

    pub async fn submit(&self, changes: Prepared) -> Result<Landing, StoreError> {
        let (answer, result) = oneshot::channel();
        let request = (changes, answer);
        let sent = self.requests.send(request).await;
        sent.map_err(|_| StoreError::Closed)?;
        Ok(Landing::new(result))
    }
}

async fn land(database: &Database, sets: Vec<Prepared>, answers: Vec<Answer>) {
    let lanes: Vec<Lane> = sets.iter().filter_map(|set| set.lane.clone()).collect();
    match commit::group(database, sets).await {
        Ok(results) => {
            for (answer, result) in answers.into_iter().zip(results) {
                // A caller that has gone away no longer wants its answer.
                let _ = answer.send(result);
            }
        }
        Err(error) => {
            // Nothing of the group was acknowledged; whether it landed is settled by repeating it.
            lanes.iter().for_each(Lane::break_off);
            let error = error.to_string();
            for answer in answers {
                let _ = answer.send(Err(database.failed(error.clone())));
            }
        }
    }
}
