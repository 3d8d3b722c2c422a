//! Credits: what is available, what expires soon, and what became of each.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use synor_economics::billing::{CreditEntry, CreditSource};
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::{DAY_SECS, Timestamp, Zone};
use synor_engine::EngineError;

use super::chart::Share;
use super::format::{Money, date};
use super::overview::height;
use super::page::{Failure, Frame, page};
use super::viewer::OfAccount;
use crate::state::AppState;

/// What expires within so many days expires soon.
const SOON_DAYS: i64 = 30;

struct CreditRow {
    what: String,
    since: String,
    expires: String,
    amount: Money,
    left: Money,
    share: Share,
}

#[derive(Template)]
#[template(path = "credits.html")]
struct Credits {
    frame: Frame,
    available: Money,
    prepaid: Money,
    granted: Money,
    soon: Money,
    open: Vec<CreditRow>,
    closed: Vec<CreditRow>,
}

/// `GET /credits`
pub async fn show(State(state): State<AppState>, of: OfAccount) -> Result<Response, Failure> {
    of.viewer.require_money()?;
    let engine = &state.engine;
    let zone = engine.account(&of.account).await?.time_zone;
    let balance = engine.balance(&of.account).await?;
    let now = engine.now();
    let mut credits = engine.credits(&of.account).await?;
    // What is used next stands first.
    credits.sort_by_key(|c| (c.expires_at.map_or(i64::MAX, Timestamp::secs), c.created_at));
    let (open, closed): (Vec<_>, Vec<_>) = credits
        .into_iter()
        .partition(|credit| credit.available_at(now).is_positive());
    page(&Credits {
        frame: Frame::new("Credits", "/credits", Some(&of.viewer)).in_zone(&zone),
        available: Money(balance.balance_micro_synor),
        prepaid: Money(balance.prepaid_micro_synor),
        granted: Money(balance.credit_micro_synor),
        soon: Money(expiring(&open, now).map_err(EngineError::from)?),
        open: open.iter().map(|credit| row(credit, &zone)).collect(),
        closed: closed.iter().map(|credit| row(credit, &zone)).collect(),
    })
}

fn expiring(open: &[CreditEntry], now: Timestamp) -> Result<MicroSynor, MoneyError> {
    let until = now.plus_secs(SOON_DAYS * DAY_SECS);
    let soon = open
        .iter()
        .filter(|credit| credit.expires_at.is_some_and(|at| at <= until));
    MicroSynor::sum(soon.map(|credit| credit.available_at(now)))
}

fn row(credit: &CreditEntry, zone: &Zone) -> CreditRow {
    let whole = height(credit.amount_micro_synor).max(f64::MIN_POSITIVE);
    CreditRow {
        what: source(&credit.source),
        since: date(credit.created_at, zone),
        expires: credit
            .expires_at
            .map_or_else(|| "never".to_owned(), |at| date(at, zone)),
        amount: Money(credit.amount_micro_synor),
        left: Money(credit.remaining_micro_synor),
        share: Share {
            percent: 100.0 * height(credit.remaining_micro_synor) / whole,
            class: "",
        },
    }
}

fn source(source: &CreditSource) -> String {
    match source {
        CreditSource::Prepaid { .. } => "Deposit".to_owned(),
        CreditSource::Promotional { campaign } => format!("Promotion {campaign}"),
        CreditSource::Referral { referred_by } => format!("Referral, {referred_by}"),
        CreditSource::SlaCredit { incident_id } => format!("Compensation for {incident_id}"),
        CreditSource::Manual { reason, .. } => reason.clone(),
        CreditSource::Refund { .. } | CreditSource::CreditNote { .. } => {
            "Given back by a credit note".to_owned()
        }
        CreditSource::Correction { .. } => "Correction of an invoice".to_owned(),
    }
}
