//! Dead letters in a SQLite file.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use synor_economics::period::Timestamp;

use crate::dead_letters::{DeadLetter, DeadLetterPage, DeadLetters, DeadLettersError};
use crate::record::{Entry, Place, Record};

/// How long one process waits for another that writes.
const BUSY: Duration = Duration::from_secs(10);

/// Dead letters in one SQLite file, which several processes may have open.
pub struct SqliteDeadLetters {
    file: String,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteDeadLetters {
    /// Opens the file and creates it if it is not there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DeadLettersError> {
        let file = path.as_ref().display().to_string();
        match connect(path.as_ref()) {
            Ok(connection) => Ok(Self {
                file,
                connection: Arc::new(Mutex::new(connection)),
            }),
            Err(error) => Err(DeadLettersError {
                place: file,
                doing: "being opened",
                source: Box::new(error),
            }),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DeadLettersError> {
        let failed = |source| DeadLettersError {
            place: self.file.clone(),
            doing,
            source,
        };
        let connection = Arc::clone(&self.connection);
        let task = tokio::task::spawn_blocking(move || {
            // A transaction that a panic ended was rolled back; the connection is as good as before.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match task.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(failed(Box::new(error))),
            Err(error) => Err(failed(Box::new(error))),
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS dead_letters (
            number INTEGER PRIMARY KEY,
            stream TEXT NOT NULL,
            partition INTEGER NOT NULL,
            entry TEXT NOT NULL,
            -- Whether the entry is an offset of Kafka rather than an id of Redis.
            is_offset INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            reason TEXT NOT NULL,
            stored INTEGER NOT NULL,
            UNIQUE (stream, partition, entry)
        ) STRICT;",
    )?;
    Ok(connection)
}

#[async_trait]
impl DeadLetters for SqliteDeadLetters {
    async fn store(&self, letters: Vec<DeadLetter>) -> Result<(), DeadLettersError> {
        if letters.is_empty() {
            return Ok(());
        }
        self.blocking("storing", move |connection| {
            let tx = connection.transaction()?;
            let mut insert = tx.prepare_cached(
                "INSERT INTO dead_letters \
                 (stream, partition, entry, is_offset, bytes, reason, stored) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                 ON CONFLICT (stream, partition, entry) DO UPDATE SET reason = excluded.reason",
            )?;
            for letter in &letters {
                let place = &letter.record.place;
                insert.execute(params![
                    &*place.stream,
                    place.partition,
                    place.entry.to_string(),
                    matches!(place.entry, Entry::Offset(_)),
                    letter.record.bytes,
                    letter.reason,
                    letter.stored.secs(),
                ])?;
            }
            drop(insert);
            tx.commit()
        })
        .await
    }

    async fn list(&self, after: u64, limit: usize) -> Result<DeadLetterPage, DeadLettersError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        // One more than asked for shows whether there is another part.
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        self.blocking("being listed", move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT number, stream, partition, entry, is_offset, bytes, reason, stored \
                 FROM dead_letters WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let numbered = |row: &Row<'_>| Ok((row.get("number")?, letter(row)?));
            let found = select.query_map([after, most], numbered)?;
            let mut found: Vec<(u64, DeadLetter)> = found.collect::<Result<_, _>>()?;
            let is_last = found.len() <= limit;
            found.truncate(limit);
            let next_after = found.last().map(|(number, _)| *number);
            Ok(DeadLetterPage {
                letters: found.into_iter().map(|(_, letter)| letter).collect(),
                next_after: next_after.filter(|_| !is_last),
            })
        })
        .await
    }
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let stream: String = row.get("stream")?;
    let text: String = row.get("entry")?;
    let entry = match row.get("is_offset")? {
        false => Entry::Id(text),
        true => Entry::Offset(text.parse().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                2,
                rusqlite::types::Type::Text,
                Box::<std::num::ParseIntError>::new(error),
            )
        })?),
    };
    Ok(DeadLetter {
        record: Record {
            place: Place {
                stream: stream.into(),
                partition: row.get("partition")?,
                entry,
            },
            bytes: row.get("bytes")?,
        },
        reason: row.get("reason")?,
        stored: Timestamp::from_secs(row.get("stored")?),
    })
}
