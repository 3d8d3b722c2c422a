//! The task that sends: one batch after another, each until it is decided.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::answer::{self, Answer, Refusal, Rejection};
use crate::client::Shared;
use crate::error::ClientError;
use crate::queue::Waiting;

/// The longest that a server may ask a client to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Between two syncs of the spool while events come in.
const SYNC_EVERY: Duration = Duration::from_millis(50);

/// Sends until it is aborted.
pub(crate) async fn run(shared: Arc<Shared>, http: reqwest::Client) {
    let syncing = Arc::clone(&shared);
    let sync = async move {
        loop {
            sleep(SYNC_EVERY).await;
            if let Err(error) = syncing.sync().await {
                tracing::error!(%error, "usage is not safe on disk");
            }
        }
    };
    tokio::select! {
        () = sync => {}
        () = send(&shared, &http) => {}
    }
}

async fn send(shared: &Shared, http: &reqwest::Client) {
    let mut events_max = shared.config.batch_events;
    let mut attempts = 0;
    loop {
        wait_for_batch(shared).await;
        let batch = {
            let queue = shared.queue();
            queue.batch(events_max, shared.config.batch_bytes)
        };
        if batch.is_empty() {
            continue;
        }
        let answer = post(shared, http, &batch).await;
        let pause = match answer {
            Answer::Decided(refused) => {
                settle(shared, &batch, refused, true);
                events_max = shared.config.batch_events;
                None
            }
            Answer::Without(refused) => {
                settle(shared, &batch, refused, false);
                None
            }
            Answer::TooLarge => {
                events_max = (batch.len() / 2).max(1);
                None
            }
            Answer::Again(asked) => Some(asked),
            Answer::Refused { status, detail } => {
                tracing::error!(status, detail, "the server refuses usage");
                shared.queue().refusal = Some(ClientError::Refused { status, detail });
                shared.settled.notify_waiters();
                Some(None)
            }
        };
        match pause {
            None => attempts = 0,
            Some(asked) => {
                let own = backoff(shared.config.retry_min, shared.config.retry_max, attempts);
                attempts += 1;
                sleep(asked.map_or(own, |asked| asked.min(RETRY_AFTER_MAX).max(own))).await;
            }
        }
    }
}

/// Waits until a batch is full, the first event has waited long enough, or somebody waits for it.
async fn wait_for_batch(shared: &Shared) {
    let mut due = None;
    loop {
        let arrived = shared.arrived.notified();
        {
            let queue = shared.queue();
            let is_wanted = queue.wanted > queue.decided;
            let is_full = queue.len() >= shared.config.batch_events;
            match queue.len() {
                0 => due = None,
                _ if is_wanted || is_full => return,
                _ => due = due.or_else(|| Some(Instant::now() + shared.config.batch_wait)),
            }
        }
        match due {
            None => arrived.await,
            Some(at) => tokio::select! {
                () = arrived => {}
                () = sleep_until(at) => return,
            },
        }
    }
}

/// Sends a batch once. The same events have the same ids each time.
async fn post(shared: &Shared, http: &reqwest::Client, batch: &[Waiting]) -> Answer {
    let lines: Vec<&str> = batch.iter().map(|event| &*event.line).collect();
    let request = http
        .post(format!("{}/api/v1/events", shared.config.url))
        .bearer_auth(&shared.config.key)
        .header("Content-Type", "application/cloudevents-batch+json")
        .body(format!("[{}]", lines.join(",")));
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(%error, "the server is away; usage waits");
            return Answer::Again(None);
        }
    };
    let status = response.status();
    let header = response.headers().get("retry-after");
    let retry_after = header
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    // Without its end, an answer says nothing.
    match response.bytes().await {
        Ok(body) => answer::read(status, retry_after.as_deref(), &body, batch.len()),
        Err(_) => Answer::Again(None),
    }
}

/// Takes what is decided out of the queue, and tells of what was refused.
fn settle(shared: &Shared, batch: &[Waiting], refused: Vec<Refusal>, all: bool) {
    let places: Vec<_> = refused.iter().map(|refusal| refusal.index).collect();
    for refusal in refused {
        if let Some(event) = batch.get(refusal.index) {
            (shared.config.on_rejected)(Rejection {
                sequence: event.sequence,
                event: event.line.to_string(),
                field: refusal.field,
                value: refusal.value,
                reason: refusal.reason,
            });
        }
    }
    let shrunk = {
        let mut queue = shared.queue();
        queue.refusal = None;
        queue.settle(batch.len(), &places, all);
        queue.shrink()
    };
    if let Err(error) = shrunk {
        // What is decided is sent again by the next client, and not counted again.
        tracing::error!(%error, "the spool keeps what is decided");
    }
    shared.settled.notify_waiters();
}

/// A random part of a pause that doubles with each attempt.
fn backoff(min: Duration, max: Duration, attempts: u32) -> Duration {
    let longest = min.saturating_mul(2_u32.saturating_pow(attempts)).min(max);
    // The last 32 bits of a UUIDv7 are random.
    let random = u32::from_be_bytes({
        let [.., a, b, c, d] = *Uuid::now_v7().as_bytes();
        [a, b, c, d]
    });
    let part = u64::from(random)
        % u64::try_from(longest.as_micros())
            .unwrap_or(u64::MAX)
            .max(1);
    min.max(Duration::from_micros(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_differ() {
        let (min, max) = (Duration::from_millis(10), Duration::from_secs(1));
        assert_eq!(backoff(min, max, 0), min);
        let late: Vec<_> = (0..50).map(|_| backoff(min, max, 40)).collect();
        assert!(late.iter().all(|pause| (min..=max).contains(pause)));
        assert!(late.iter().any(|pause| *pause > max / 4), "{late:?}");
        assert!(late.iter().any(|pause| pause != &late[0]));
    }
}
