//! `GET /billing/usage/events`: an account's events, by the page or all in one stream.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde::Deserialize;
use synor_economics::metering::{ResourceType, UsageEvent};
use synor_economics::period::Month;
use synor_engine::{Engine, EngineError};
use synor_usage::export::{CsvExport, write_ndjson_line};
use synor_usage::{EventQuery, LogPosition, UsageLogError};

use super::usage::{WhenParams, when};
use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

/// Events that are read, and written, at once by a stream.
const STREAM_PAGE: usize = 1_000;

/// Which events.
#[derive(Deserialize)]
pub struct EventParams {
    period: Option<Month>,
    start: Option<i64>,
    end: Option<i64>,
    resource: Option<ResourceType>,
    after: Option<u64>,
    limit: Option<usize>,
    format: Option<Format>,
}

/// How events are written.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// A page.
    Json,
    /// All that count, as an import reads them.
    Csv,
    /// All that count, as an import reads them.
    Ndjson,
}

impl Format {
    /// What the caller accepts, where it does not name a format.
    fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        match accepted.map(|text| text.split([',', ';']).next().unwrap_or_default().trim()) {
            Some("text/csv") => Self::Csv,
            Some("application/x-ndjson") => Self::Ndjson,
            _ => Self::Json,
        }
    }
}

/// A page of events, or a stream of them.
pub async fn events(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<EventParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = params.period.is_some() || params.start.is_some() || params.end.is_some();
    let times = WhenParams {
        period: params.period,
        start: params.start,
        end: params.end,
    };
    let (period, _) = when(&state.engine, &account, &times).await?;
    let query = EventQuery {
        period: asked.then_some(period),
        resource: params.resource,
        after: params.after.unwrap_or_default(),
        limit: params.limit.unwrap_or(100),
        ..EventQuery::all(account)
    };
    let usage = state.engine.usage();
    match params.format.unwrap_or_else(|| Format::accepted(&headers)) {
        Format::Json => {
            let page = usage.events(query).await.map_err(EngineError::from)?;
            Ok(Json(page).into_response())
        }
        Format::Csv => csv(Pages::new(&state.engine, query).await?).await,
        Format::Ndjson => {
            let pages = Pages::new(&state.engine, query).await?;
            Ok(streamed(
                "application/x-ndjson",
                Vec::new(),
                pages,
                ndjson_lines,
            ))
        }
    }
}

/// Reads the events that count when it begins, page by page.
#[derive(Clone)]
struct Pages {
    engine: Arc<Engine>,
    query: EventQuery,
    through: LogPosition,
    is_done: bool,
}

impl Pages {
    async fn new(engine: &Arc<Engine>, query: EventQuery) -> Result<Self, Problem> {
        let through = engine.usage().position().await.map_err(EngineError::from)?;
        let limit = STREAM_PAGE;
        Ok(Self {
            engine: Arc::clone(engine),
            query: EventQuery { limit, ..query },
            through,
            is_done: false,
        })
    }

    /// The next events, maybe none of a page; `None` after the last page.
    async fn next(&mut self) -> Result<Option<Vec<UsageEvent>>, UsageLogError> {
        if self.is_done {
            return Ok(None);
        }
        let page = self.engine.usage().events(self.query.clone()).await?;
        match page.next.filter(|next| *next < self.through) {
            Some(next) => self.query.after = next,
            None => self.is_done = true,
        }
        let through = self.through;
        let counting = page.items.into_iter().filter(|logged| {
            logged.position <= through && logged.withdrawn.is_none_or(|at| at > through)
        });
        Ok(Some(counting.map(|logged| logged.event).collect()))
    }
}

/// The header of a CSV names every dimension, so the events are read twice.
async fn csv(pages: Pages) -> Result<Response, Problem> {
    let mut names = BTreeSet::new();
    let mut looking = pages.clone();
    while let Some(events) = looking.next().await.map_err(EngineError::from)? {
        for event in events {
            for name in event.dimensions.into_keys() {
                names.insert(name);
            }
        }
    }
    let unwritable = |error: csv::Error| {
        tracing::error!(%error, "writing CSV into memory failed");
        Problem::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "see the log",
        )
    };
    let header = CsvExport::new(Vec::new(), names.clone()).map_err(unwritable)?;
    let header = header.finish().map_err(unwritable)?;
    let header_bytes = header.len();
    let write = move |events: &[UsageEvent]| -> std::io::Result<Vec<u8>> {
        let mut export = CsvExport::new(Vec::new(), names.clone())?;
        for event in events {
            export.push(event)?;
        }
        // Each part is written under a header of its own, which stands only once.
        Ok(export.finish()?.split_off(header_bytes))
    };
    Ok(streamed("text/csv", header, pages, write))
}

fn ndjson_lines(events: &[UsageEvent]) -> std::io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for event in events {
        write_ndjson_line(&mut lines, event)?;
    }
    lines.flush()?;
    Ok(lines)
}

/// An answer that is written as it is read, a page at a time in memory. If reading fails the
/// answer breaks off, so that nobody takes a part for the whole.
fn streamed(
    content_type: &'static str,
    first: Vec<u8>,
    pages: Pages,
    write: impl Fn(&[UsageEvent]) -> std::io::Result<Vec<u8>> + Send + Sync + 'static,
) -> Response {
    let write = Arc::new(write);
    let start = (Some(first), pages);
    let parts = try_unfold(start, move |(first, mut pages)| {
        let write = Arc::clone(&write);
        async move {
            if let Some(first) = first {
                return Ok(Some((Bytes::from(first), (None, pages))));
            }
            let events = pages.next().await.map_err(std::io::Error::other)?;
            let Some(events) = events else {
                return Ok(None);
            };
            Ok::<_, std::io::Error>(Some((Bytes::from(write(&events)?), (None, pages))))
        }
    });
    ([(CONTENT_TYPE, content_type)], Body::from_stream(parts)).into_response()
}
