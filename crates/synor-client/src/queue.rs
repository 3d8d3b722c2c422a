//! What waits to be sent, in memory and in the spool, in order.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::ClientError;
use crate::spool::Spool;

/// An event that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// Which one of those recorded by this client, from 1.
    pub(crate) sequence: Option<u64>,
    /// The event, one line of JSON.
    pub(crate) line: Arc<str>,
}

/// What waits, and how much was recorded and decided.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    spool: Option<Spool>,
    bytes: u64,
    bytes_max: u64,
    recorded: u64,
    /// How many went in, with those from the spool, and how many came out.
    pub(crate) entered: u64,
    pub(crate) decided: u64,
    pub(crate) rejected: u64,
    /// How far the spool was appended to, and how far it is known to be synced.
    appended: u64,
    synced: u64,
    /// Until here somebody waits for the decision, so batches need not fill.
    pub(crate) wanted: u64,
    /// Why the server takes nothing at present.
    pub(crate) refusal: Option<ClientError>,
    pub(crate) is_closed: bool,
}

impl Queue {
    pub(crate) fn new(spool: Option<(Spool, Vec<String>)>, bytes_max: u64) -> Self {
        let mut queue = Self {
            waiting: VecDeque::new(),
            spool: None,
            bytes: 0,
            bytes_max,
            recorded: 0,
            entered: 0,
            decided: 0,
            rejected: 0,
            appended: 0,
            synced: 0,
            wanted: 0,
            refusal: None,
            is_closed: false,
        };
        if let Some((spool, lines)) = spool {
            queue.spool = Some(spool);
            for line in lines {
                queue.push(None, line.into());
            }
        }
        queue
    }

    fn push(&mut self, sequence: Option<u64>, line: Arc<str>) {
        self.bytes += line.len() as u64 + 1;
        self.entered += 1;
        self.waiting.push_back(Waiting { sequence, line });
    }

    /// Takes an event in, if there is room; its number among those recorded.
    pub(crate) fn record(&mut self, line: &str) -> Result<Option<u64>, ClientError> {
        if self.is_closed {
            return Err(ClientError::Closed);
        }
        let held = self.spool.as_ref().map_or(self.bytes, Spool::bytes);
        // One event always has room, however large.
        if held > 0 && held + line.len() as u64 + 1 > self.bytes_max {
            return Ok(None);
        }
        if let Some(spool) = &mut self.spool {
            spool.append(line)?;
            self.appended += 1;
        }
        self.recorded += 1;
        self.push(Some(self.recorded), line.into());
        Ok(Some(self.recorded))
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The first events, as many as fit a batch.
    pub(crate) fn batch(&self, events_max: usize, bytes_max: usize) -> Vec<Waiting> {
        let mut bytes = 0;
        let fits = |event: &&Waiting| {
            let is_first = bytes == 0;
            bytes += event.line.len() + 1;
            is_first || bytes <= bytes_max
        };
        let batch = self.waiting.iter().take(events_max).take_while(fits);
        batch.cloned().collect()
    }

    /// Drops the first events of the queue, of which the places given were rejected, or, where not
    /// all of them are decided, only those places.
    pub(crate) fn settle(&mut self, count: usize, rejected: &[usize], all: bool) {
        let mut stay = Vec::new();
        for place in 0..count {
            let Some(event) = self.waiting.pop_front() else {
                break;
            };
            let is_rejected = rejected.contains(&place);
            self.rejected += u64::from(is_rejected);
            if all || is_rejected {
                self.decided += 1;
                self.bytes -= event.line.len() as u64 + 1;
            } else {
                stay.push(event);
            }
        }
        for event in stay.into_iter().rev() {
            self.waiting.push_front(event);
        }
    }

    /// Drops from the spool what is decided, where that is worth it: all of it, or half of what
    /// there is room for.
    pub(crate) fn shrink(&mut self) -> Result<(), ClientError> {
        let Some(spool) = &mut self.spool else {
            return Ok(());
        };
        let done = spool.bytes().saturating_sub(self.bytes);
        let is_all = self.waiting.is_empty() && done > 0;
        if is_all || done > self.bytes_max / 2 {
            spool.keep(self.waiting.iter().map(|event| &*event.line))?;
            self.synced = self.appended;
        }
        Ok(())
    }

    /// What has to be synced, and how far that goes.
    pub(crate) fn unsynced(&self) -> Option<(Arc<File>, PathBuf, u64)> {
        let spool = self.spool.as_ref()?;
        let (file, path) = spool.handle();
        (self.synced < self.appended).then_some((file, path, self.appended))
    }

    /// The spool is synced up to here.
    pub(crate) fn synced(&mut self, up_to: u64) {
        self.synced = self.synced.max(up_to);
    }

    /// Whether there is a spool.
    pub(crate) const fn has_spool(&self) -> bool {
        self.spool.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(batch: &[Waiting]) -> Vec<&str> {
        batch.iter().map(|event| &*event.line).collect()
    }

    #[test]
    fn batches_are_the_first_that_fit_and_leave_when_decided() {
        let mut queue = Queue::new(None, 14);
        for (line, taken) in [("aaaa", true), ("bb", true), ("cccc", true), ("d", false)] {
            assert_eq!(queue.record(line).unwrap().is_some(), taken, "{line}");
        }
        assert_eq!(lines(&queue.batch(10, 8)), ["aaaa", "bb"]);
        assert_eq!(lines(&queue.batch(10, 1)), ["aaaa"]);
        assert_eq!(lines(&queue.batch(2, 100)), ["aaaa", "bb"]);
        // The second is refused; the first has to be sent again.
        queue.settle(2, &[1], false);
        assert_eq!(lines(&queue.batch(10, 100)), ["aaaa", "cccc"]);
        queue.settle(2, &[], true);
        assert_eq!((queue.len(), queue.decided, queue.rejected), (0, 3, 1));
        assert!(queue.record("ddddddddddddddddddddd").unwrap().is_some());
    }
}
