//! Moving what was written ahead into the book's file, beside the writer: done by the writer itself
//! it would make everybody wait who has the bad luck to commit just then.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::schema;
use crate::error::StoreError;

/// Rows that are written before their pages are moved; a row touches a page or two. Many, because
/// the pages of the indexes are written again and again, and each move writes them once.
const ROWS: usize = 30_000;

/// Checkpoints on a thread and connection of their own.
pub struct Checkpoints {
    wake: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    is_done: Arc<AtomicBool>,
    is_running: bool,
    rows: usize,
}

impl Checkpoints {
    pub fn start(file: &Path) -> Result<Self, StoreError> {
        let connection = schema::reopen(file)?;
        let (wake, woken) = mpsc::channel::<()>();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let run = move || {
            while woken.recv().is_ok() {
                move_pages(&connection);
                done.store(true, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new()
            .name("book checkpoints".to_owned())
            .spawn(run)
            .map_err(|_| StoreError::Closed)?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            is_done,
            is_running: false,
            rows: 0,
        })
    }

    /// Told by the writer between its transactions how many rows the last one wrote.
    pub fn after(&mut self, writer: &Connection, rows: usize) {
        self.rows = self.rows.saturating_add(rows);
        if self.is_running {
            if self.is_done.swap(false, Ordering::Acquire) {
                // The few pages that were written meanwhile: once none is left, the next commit
                // starts at the beginning of the write-ahead file again.
                move_pages(writer);
                self.is_running = false;
            }
        } else if self.rows >= ROWS {
            self.rows = 0;
            self.is_running = self.wake.as_ref().is_some_and(|wake| wake.send(()).is_ok());
        }
    }
}

/// Whatever can be moved without anybody waiting. If it fails, the pages stay where they are safe,
/// and SQLite moves them by itself in the end.
fn move_pages(connection: &Connection) {
    let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    let _ = moved;
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
