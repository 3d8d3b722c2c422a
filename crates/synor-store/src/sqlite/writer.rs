//! The one thread that writes: it takes all commits that wait, lands them in one transaction and
//! one sync, and answers each.

use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::commit::{self, Prepared};
use crate::change_set::Committed;
use crate::error::StoreError;

/// The most commits that share a transaction.
const GROUP_MAX: usize = 256;

type Answer = oneshot::Sender<Result<Committed, StoreError>>;

/// A handle to the writing thread, which ends when the handle is dropped.
pub struct Writer {
    requests: Option<mpsc::Sender<(Prepared, Answer)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(mut connection: Connection, file: String) -> Result<Self, StoreError> {
        let (requests, queue) = mpsc::channel::<(Prepared, Answer)>();
        let run = move || {
            while let Ok(first) = queue.recv() {
                let mut group = vec![first];
                group.extend(queue.try_iter().take(GROUP_MAX - 1));
                write_group(&mut connection, group, &file);
            }
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

    pub async fn commit(&self, changes: Prepared) -> Result<Committed, StoreError> {
        let (answer, result) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
        requests
            .send((changes, answer))
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
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

fn write_group(connection: &mut Connection, group: Vec<(Prepared, Answer)>, file: &str) {
    let database = |source| StoreError::Database {
        file: file.to_owned(),
        source,
    };
    let refused = |refused| match refused {
        commit::Refused::Sql(source) => database(source),
        commit::Refused::Store(error) => error,
    };
    let (changes, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    let outcome = (|| {
        let mut transaction = connection.transaction()?;
        let mut results = Vec::with_capacity(changes.len());
        if let [alone] = changes.as_slice() {
            // A savepoint keeps every page that it changes; alone, the transaction undoes it.
            let result = commit::apply(&transaction, alone);
            match &result {
                Ok(_) => transaction.commit()?,
                Err(_) => transaction.rollback()?,
            }
            results.push(result.map_err(refused));
            return Ok(results);
        }
        for change in &changes {
            // Each in a savepoint: one that is refused leaves nothing behind and spoils no other.
            let savepoint = transaction.savepoint()?;
            let result = commit::apply(&savepoint, change);
            match &result {
                Ok(_) => savepoint.commit()?,
                Err(_) => savepoint.finish()?,
            }
            results.push(result.map_err(refused));
        }
        transaction.commit()?;
        Ok::<_, rusqlite::Error>(results)
    })();
    match outcome {
        Ok(results) => {
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(result);
            }
        }
        Err(error) => {
            // Nothing of the group is durable, so none of it is acknowledged.
            let text = error.to_string();
            for answer in answers {
                let source = rusqlite::Error::ToSqlConversionFailure(text.clone().into());
                let _ = answer.send(Err(database(source)));
            }
        }
    }
}
