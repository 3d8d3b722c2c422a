//! The journal, newest entries first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use synor_engine::{Engine, EngineError};

use crate::request::Params;
use crate::state::AppState;
use crate::web::format::{Money, count};
use crate::web::page::{Failure, Frame, page};
use crate::web::viewer::Staff;

const LISTED: u64 = 20;

/// From where on.
#[derive(Deserialize)]
pub struct JournalParams {
    /// Only entries before this one.
    before: Option<u64>,
}

struct PostingRow {
    account: String,
    debit: Option<Money>,
    credit: Option<Money>,
}

struct EntryRow {
    sequence: String,
    posted: String,
    description: String,
    postings: Vec<PostingRow>,
}

#[derive(Template)]
#[template(path = "admin/journal.html")]
struct Journal {
    frame: Frame,
    entries: Vec<EntryRow>,
    older: Option<u64>,
    is_first: bool,
}

/// `GET /admin/journal`
pub async fn show(
    State(state): State<AppState>,
    Staff(viewer): Staff,
    Params(params): Params<JournalParams>,
) -> Result<Response, Failure> {
    viewer.require_books()?;
    let engine = &state.engine;
    let end = match params.before {
        // The store counts in signed numbers.
        Some(before) => before.min(1 << 62),
        None => end_of(engine).await?.saturating_add(1),
    };
    let after = end.saturating_sub(LISTED.saturating_add(1));
    let limit = usize::try_from(LISTED).unwrap_or(usize::MAX);
    let lines = engine.store().journal(after, limit).await;
    let mut lines = lines.map_err(EngineError::from)?;
    lines.retain(|line| line.sequence < end);
    let older = lines
        .first()
        .map(|line| line.sequence)
        .filter(|first| *first > 1);
    let mut entries = Vec::new();
    for line in lines.iter().rev() {
        let mut postings = Vec::new();
        for posting in &line.entry.postings {
            let amount = posting.amount_micro_synor;
            let minus = amount.checked_neg().map_err(EngineError::from)?;
            postings.push(PostingRow {
                account: posting.account.to_string(),
                debit: amount.is_positive().then_some(Money(amount)),
                credit: amount.is_negative().then_some(Money(minus)),
            });
        }
        entries.push(EntryRow {
            sequence: count(line.sequence),
            posted: line.entry.posted_at.to_string(),
            description: line.entry.description.clone(),
            postings,
        });
    }
    page(&Journal {
        frame: Frame::new("Journal", "/admin/journal", Some(&viewer)),
        entries,
        older,
        is_first: params.before.is_none(),
    })
}

/// The last entry's place. The store lists entries only from the first on, so it is found by halving.
async fn end_of(engine: &Engine) -> Result<u64, EngineError> {
    let has_after = async |at: u64| -> Result<bool, EngineError> {
        Ok(!engine.store().journal(at, 1).await?.is_empty())
    };
    let mut beyond = 1_u64;
    while has_after(beyond).await? {
        beyond = beyond.saturating_mul(2);
    }
    let mut below = beyond / 2;
    while below < beyond {
        let middle = below.midpoint(beyond);
        if has_after(middle).await? {
            below = middle.saturating_add(1);
        } else {
            beyond = middle;
        }
    }
    Ok(beyond)
}
