//! `GET /usage/stream`: an account's events as they are acknowledged, as server-sent events.
//!
//! The usage log is asked for what comes after the last event that was sent, so that nothing waits
//! in memory for a slow reader, and a reader that comes back with the id of the last event it saw
//! misses none.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use synor_economics::metering::ResourceType;
use synor_engine::{Engine, EngineError};
use synor_usage::{EventQuery, LoggedEvent};
use tokio::sync::watch;

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

/// How often the log is asked for more.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a line is sent where nothing happens, so that nobody takes the silence for an end.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
/// Events that are in memory for one reader at most.
const BUFFER_EVENTS: usize = 256;

/// From where on, and how much.
#[derive(Deserialize)]
pub struct StreamParams {
    /// Events after this position; now if absent. The header `Last-Event-ID` goes before it.
    after: Option<u64>,
    /// Only of this resource.
    resource: Option<ResourceType>,
    /// Ends after so many events.
    limit: Option<u64>,
}

/// The account's new events.
pub async fn stream(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<StreamParams>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    state.engine.account(&account).await?;
    let after = match (last_event_id(&headers)?, params.after) {
        (Some(last), _) => last,
        (None, Some(after)) => after,
        (None, None) => {
            let now = state.engine.usage().position().await;
            now.map_err(EngineError::from)?
        }
    };
    let follower = Follower {
        engine: state.engine,
        stopping: state.stopping,
        query: EventQuery {
            after,
            resource: params.resource,
            limit: BUFFER_EVENTS,
            ..EventQuery::all(account)
        },
        buffer: VecDeque::new(),
        left: params.limit,
    };
    let events = unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(written(&event)), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT_EVERY)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let position = value.to_str().ok().and_then(|text| text.parse().ok());
    let refused = || Problem::invalid("Last-Event-ID is not a position of the usage log");
    position.map(Some).ok_or_else(refused)
}

/// An event as it is sent: its position is its id.
fn written(logged: &LoggedEvent) -> Event {
    let event = Event::default()
        .id(logged.position.to_string())
        .event("usage");
    match event.json_data(logged) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(%error, position = logged.position, "an event cannot be written");
            Event::default().comment("an event could not be written")
        }
    }
}

/// Where one reader is.
struct Follower {
    engine: Arc<Engine>,
    stopping: watch::Receiver<bool>,
    query: EventQuery,
    buffer: VecDeque<LoggedEvent>,
    left: Option<u64>,
}

impl Follower {
    /// The next event, when there is one; `None` when the reader has had as many as it wanted, the
    /// log cannot be read, or the server stops.
    async fn next(&mut self) -> Option<LoggedEvent> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        loop {
            if let Some(event) = self.buffer.pop_front() {
                return Some(event);
            }
            match self.engine.usage().events(self.query.clone()).await {
                Ok(page) => self.buffer.extend(page.items),
                Err(error) => {
                    tracing::error!(%error, "a stream of usage ends");
                    return None;
                }
            }
            if let Some(last) = self.buffer.back() {
                self.query.after = last.position;
                continue;
            }
            let stopped = tokio::time::timeout(LOOK_EVERY, self.stopping.wait_for(|stop| *stop));
            if stopped.await.is_ok() {
                return None;
            }
        }
    }
}
