//! Lines of events, taken in as they arrive: a chunk at a time is read, committed and forgotten, so
//! that a body of any length takes little memory. What was committed stays, whatever comes after.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use synor_economics::id::AccountId;
use synor_economics::metering::EventError;
use synor_engine::{IngestBatch, Ingested};
use synor_usage::import::{EventReader, ReadLines};

use super::answer::Totals;
use super::body::next_piece;
use super::of_account;
use super::take_in::take_in;
use crate::problem::Problem;
use crate::rate::KeyRate;
use crate::state::AppState;

/// How much is committed at once.
const CHUNK_BYTES: usize = 1 << 20;
/// The longest line.
const LINE_MAX_BYTES: usize = 1 << 20;
/// How much of the memory for bodies one such body takes: the chunk, and the pieces around it.
const HELD_BYTES: usize = 4 << 20;

/// Takes in a body of lines.
pub async fn ingest_lines(
    state: &AppState,
    rate: &KeyRate,
    only: Option<&AccountId>,
    body: Body,
) -> Result<Totals, Problem> {
    let _room = state.intake.reserve(HELD_BYTES)?;
    let mut stream = Stream {
        state,
        rate,
        only,
        totals: Totals::of(state),
        events: 0,
        lines: 0,
    };
    match stream.run(body).await {
        Ok(()) => Ok(stream.totals),
        Err(problem) => Err(stream.after_commits(problem)),
    }
}

struct Stream<'s> {
    state: &'s AppState,
    rate: &'s KeyRate,
    /// The only account that the key reports usage of; all, if absent.
    only: Option<&'s AccountId>,
    totals: Totals,
    /// Events and lines of the chunks before.
    events: u64,
    lines: u64,
}

impl Stream<'_> {
    async fn run(&mut self, mut body: Body) -> Result<(), Problem> {
        let limit = self.state.intake.config.stream_max_bytes;
        let mut read = 0u64;
        let mut held = Vec::new();
        // Whether the line that is being read is too long, and told of already.
        let mut is_skipping = false;
        while let Some(piece) = next_piece(&mut body).await? {
            read = read.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if read > limit {
                let detail = format!("the body is longer than {limit} bytes after decompression");
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Problem::new(status, "invalid-request", detail));
            }
            let mut piece = &piece[..];
            if is_skipping {
                let Some(end) = piece.iter().position(|b| *b == b'\n') else {
                    continue;
                };
                piece = piece.get(end.saturating_add(1)..).unwrap_or_default();
                is_skipping = false;
            }
            held.extend_from_slice(piece);
            if held.len() < CHUNK_BYTES {
                continue;
            }
            match held.iter().rposition(|b| *b == b'\n') {
                Some(end) => {
                    let rest = held.split_off(end.saturating_add(1));
                    self.commit(std::mem::replace(&mut held, rest)).await?;
                }
                None if held.len() > LINE_MAX_BYTES => {
                    self.reject_long_line(&held);
                    held.clear();
                    is_skipping = true;
                }
                None => {}
            }
        }
        self.commit(held).await
    }

    async fn commit(&mut self, chunk: Vec<u8>) -> Result<(), Problem> {
        let read = self.read(chunk).await?;
        self.rate.await_events(read.events.len()).await;
        let count = u64::try_from(read.events.len()).unwrap_or(u64::MAX);
        let first_line = self.lines.saturating_add(1);
        let lines = read
            .lines
            .iter()
            .map(|line| line.saturating_add(first_line));
        let lines: Vec<_> = lines.collect();
        let ingested = take_in(
            self.state,
            IngestBatch::of(of_account(read.events, self.only)),
        )
        .await?;
        self.totals.add(ingested, self.events, &lines);
        self.events = self.events.saturating_add(count);
        self.lines = self.lines.saturating_add(read.count);
        Ok(())
    }

    async fn read(&self, chunk: Vec<u8>) -> Result<ReadLines, Problem> {
        let now = self.state.engine.now();
        let meters = Arc::clone(&self.state.intake.meters);
        tokio::task::spawn_blocking(move || EventReader::with_meters(now, &meters).ndjson(&chunk))
            .await
            .map_err(|_| Problem::internal())
    }

    fn reject_long_line(&mut self, line: &[u8]) {
        let start: String = String::from_utf8_lossy(line).chars().take(80).collect();
        let reason = format!("is a line of more than {LINE_MAX_BYTES} bytes");
        let refused = EventError::new("text", start, reason).into();
        self.lines = self.lines.saturating_add(1);
        let ingested = Ingested::of_rejected(refused, self.totals.position);
        self.totals.add(ingested, self.events, &[self.lines]);
        self.events = self.events.saturating_add(1);
    }

    /// A problem that came after something was committed says so.
    fn after_commits(&self, mut problem: Problem) -> Problem {
        let held = self.totals.accepted.saturating_add(self.totals.duplicate);
        if held > 0 {
            let lines = self.lines;
            let are = self.totals.held_is();
            problem.detail.push_str(&format!(
                "; the {held} events that held of the first {lines} lines are {are}, and sending \
                 all again counts none of them twice"
            ));
        }
        problem
    }
}
