//! What an operator does about an invoice after it was finalized, and about accounts that do not
//! pay: credit notes, refunds, write-offs, sending, taxes, dunning.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::billing::{CreditNote, CreditNoteLine, Invoice, RefundTo, TaxChange};
use synor_economics::id::{AccountId, Address, InvoiceId};
use synor_economics::money::MicroSynor;
use synor_economics::period::Month;
use synor_engine::{ClosedPeriod, DunningRun, NewInvoiceCredit, NewRefund};
use synor_store::Suspension;

use crate::auth::Admin;
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{Body, Part};
use crate::state::AppState;
use crate::wire::positive_amount;

/// What to credit: one amount, or lines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditNoteRequest {
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
    #[serde(default)]
    lines: Vec<CreditNoteLine>,
    reason: String,
}

/// `POST /admin/invoices/{id}/credit-notes`
pub async fn credit_note(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<InvoiceId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<CreditNoteRequest>,
) -> Result<(StatusCode, Json<CreditNote>), Problem> {
    let reason = request.reason;
    let lines = if request.lines.is_empty() {
        let amount = positive_amount(request.amount.as_deref(), request.amount_micro_synor)?;
        vec![CreditNoteLine {
            description: reason.clone(),
            amount_micro_synor: amount,
        }]
    } else if request.amount.is_some() || request.amount_micro_synor.is_some() {
        let detail = "give either lines or one amount";
        return Err(Problem::invalid(detail));
    } else {
        request.lines
    };
    let new = NewInvoiceCredit { lines, reason };
    let note = state.engine.credit_invoice(id, new, &key).await?;
    Ok((StatusCode::CREATED, Json(note)))
}

/// What to refund, and where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
    #[serde(default)]
    to: Option<Address>,
    reason: String,
}

/// `POST /admin/invoices/{id}/refund`: to an address, or into the prepaid balance.
pub async fn refund(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<InvoiceId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(request): Body<RefundRequest>,
) -> Result<(StatusCode, Json<CreditNote>), Problem> {
    let new = NewRefund {
        amount_micro_synor: positive_amount(request.amount.as_deref(), request.amount_micro_synor)?,
        to: request.to.map_or(RefundTo::Prepaid, RefundTo::Address),
        reason: request.reason,
    };
    let note = state.engine.refund_invoice(id, new, &key).await?;
    Ok((StatusCode::CREATED, Json(note)))
}

/// Why an invoice is given up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteOffRequest {
    reason: String,
}

/// `POST /admin/invoices/{id}/write-off`
pub async fn write_off(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<InvoiceId>,
    Body(request): Body<WriteOffRequest>,
) -> Result<Json<Invoice>, Problem> {
    let reason = request.reason;
    Ok(Json(state.engine.write_off_invoice(id, &reason).await?))
}

/// `POST /admin/invoices/{id}/send`: marks it; repeating it changes nothing.
pub async fn send(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<InvoiceId>,
) -> Result<Json<Invoice>, Problem> {
    Ok(Json(state.engine.mark_sent(id).await?))
}

/// `POST /admin/accounts/{id}/taxes`
pub async fn set_taxes(
    State(state): State<AppState>,
    _: Admin,
    Part(account): Part<AccountId>,
    Body(change): Body<TaxChange>,
) -> Result<Json<Account>, Problem> {
    Ok(Json(state.engine.set_taxes(&account, change).await?))
}

/// `POST /admin/dunning`: what the server also does by itself.
pub async fn dun(State(state): State<AppState>, _: Admin) -> Result<Json<DunningRun>, Problem> {
    Ok(Json(state.engine.dun().await?))
}

/// The suspensions in force.
#[derive(Serialize)]
pub struct Suspensions {
    items: Vec<Suspension>,
}

/// `GET /admin/suspensions`
pub async fn suspensions(
    State(state): State<AppState>,
    _: Admin,
) -> Result<Json<Suspensions>, Problem> {
    let items = state.engine.suspensions().await?;
    Ok(Json(Suspensions { items }))
}

/// A month that was closed for some accounts.
#[derive(Serialize)]
pub struct ClosedMonth {
    month: Month,
    #[serde(flatten)]
    closed: ClosedPeriod,
}

/// The months that were closed.
#[derive(Serialize)]
pub struct ClosedMonths {
    items: Vec<ClosedMonth>,
}

/// `POST /admin/periods/close-due`: what the server also does by itself.
pub async fn close_due(
    State(state): State<AppState>,
    _: Admin,
) -> Result<Json<ClosedMonths>, Problem> {
    let closed = state.engine.close_due().await?.into_iter();
    let items = closed.map(|(month, closed)| ClosedMonth { month, closed });
    Ok(Json(ClosedMonths {
        items: items.collect(),
    }))
}
