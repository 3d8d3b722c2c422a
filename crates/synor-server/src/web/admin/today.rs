//! What needs a person today.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use synor_economics::billing::{Invoice, InvoiceStatus, Payment, PaymentStatus};
use synor_economics::money::MicroSynor;
use synor_engine::{Engine, EngineError};
use synor_store::{Kind, ListQuery};

use crate::state::AppState;
use crate::web::format::{Money, count, short};
use crate::web::invoices::InvoiceRow;
use crate::web::page::{Failure, Frame, page};
use crate::web::viewer::Staff;

/// How much of each is shown; the page stays short however much there is.
const SHOWN: usize = 20;
/// How many payments are looked back on for those that failed.
const PAYMENTS_BACK: usize = 500;
/// How many open invoices are looked at for those that are overdue.
const OPEN_LOOKED_AT: usize = 2_000;

struct FailedRow {
    account: String,
    amount: Money,
    tx: String,
    why: String,
    seen: String,
}

struct SuspendedRow {
    account: String,
    since: String,
}

struct LetterRow {
    stream: String,
    entry: String,
    stored: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "admin/today.html")]
struct Today {
    frame: Frame,
    sees_books: bool,
    overdue: Vec<InvoiceRow>,
    overdue_count: String,
    overdue_total: Money,
    failed: Vec<FailedRow>,
    suspended: Vec<SuspendedRow>,
    letters: Vec<LetterRow>,
    worker: Option<String>,
    collected: Money,
    treasury: Money,
    burnt: Money,
}

impl Today {
    fn is_quiet(&self) -> bool {
        self.overdue.is_empty()
            && self.failed.is_empty()
            && self.suspended.is_empty()
            && self.letters.is_empty()
    }
}

/// `GET /admin`
pub async fn show(
    State(state): State<AppState>,
    Staff(viewer): Staff,
) -> Result<Response, Failure> {
    let engine = &state.engine;
    let sees_books = viewer.sees_books();
    let overdue = match sees_books {
        true => overdue(engine).await?,
        false => Vec::new(),
    };
    let owed = overdue.iter().map(Invoice::outstanding);
    let owed = owed.collect::<Result<Vec<_>, _>>();
    let owed = owed.and_then(MicroSynor::sum).map_err(EngineError::from)?;
    let rows = overdue.iter().take(SHOWN).map(InvoiceRow::of);
    let totals = engine.distribution(None).await?;
    let suspended = engine.suspensions().await?;
    let suspended = suspended.iter().take(SHOWN).map(|suspension| SuspendedRow {
        account: suspension.account_id.to_string(),
        since: suspension.since.to_string(),
    });
    page(&Today {
        frame: Frame::new("Today", "/admin", Some(&viewer)),
        overdue: rows.collect::<Result<_, _>>()?,
        overdue_count: count(u64::try_from(overdue.len()).unwrap_or(u64::MAX)),
        overdue_total: Money(owed),
        failed: match sees_books {
            true => failed(engine).await?,
            false => Vec::new(),
        },
        sees_books,
        suspended: suspended.collect(),
        letters: letters(&state).await?,
        worker: state.stream.worker.as_ref().map(|worker| {
            let status = worker.borrow();
            format!("{:?}", status.state)
        }),
        collected: Money(totals.collected_micro_synor),
        treasury: Money(totals.treasury_micro_synor),
        burnt: Money(totals.burn_micro_synor),
    })
}

async fn overdue(engine: &Engine) -> Result<Vec<Invoice>, EngineError> {
    let query = ListQuery {
        limit: OPEN_LOOKED_AT,
        ..ListQuery::all(Kind::Invoice).open()
    };
    let open = engine.store().list::<Invoice>(query).await?;
    let is_late = |invoice: &Invoice| invoice.status == InvoiceStatus::Overdue;
    Ok(open.items.into_iter().filter(is_late).collect())
}

async fn failed(engine: &Engine) -> Result<Vec<FailedRow>, EngineError> {
    let query = ListQuery {
        newest_first: true,
        limit: PAYMENTS_BACK,
        ..ListQuery::all(Kind::Payment)
    };
    let payments = engine.store().list::<Payment>(query).await?;
    let rows = payments.items.iter().filter_map(|payment| {
        let PaymentStatus::Failed { reason } = &payment.status else {
            return None;
        };
        let account = payment.account_id.as_ref();
        Some(FailedRow {
            account: account.map(ToString::to_string).unwrap_or_default(),
            amount: Money(payment.amount_micro_synor),
            tx: short(payment.tx_id.as_str()),
            why: reason.clone(),
            seen: payment.seen_at.to_string(),
        })
    });
    Ok(rows.take(SHOWN).collect())
}

async fn letters(state: &AppState) -> Result<Vec<LetterRow>, Failure> {
    let Some(letters) = &state.stream.dead_letters else {
        return Ok(Vec::new());
    };
    let found = letters.list(0, SHOWN).await.map_err(|error| {
        tracing::error!(?error, "dead letters cannot be read");
        Failure::from(crate::problem::Problem::internal())
    })?;
    let row = |letter: &synor_streams::DeadLetter| {
        let letter = letter.shown();
        LetterRow {
            stream: letter.stream,
            entry: letter.entry,
            stored: letter.stored_at.to_string(),
            reason: letter.reason,
        }
    };
    Ok(found.letters.iter().map(row).collect())
}
