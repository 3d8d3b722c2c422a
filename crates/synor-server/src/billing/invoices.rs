//! Invoices: the running one, the list, and one of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use synor_economics::billing::{Draft, Invoice, InvoiceNumber, InvoiceStatus};
use synor_economics::id::{AccountId, InvoiceId};
use synor_economics::money::MicroSynor;
use synor_engine::{Engine, EngineError};
use synor_notify::{InvoiceFacts, invoice_pdf};
use synor_store::{Kind, ListQuery};

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::{Params, Part};
use crate::state::AppState;
use crate::wire::{ListPage, read_cursor, write_cursor};

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 1_000;

/// Which part of the list.
#[derive(Deserialize)]
pub struct ListParams {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// An invoice with what is still owed on it.
#[derive(Serialize)]
pub struct ShownInvoice {
    #[serde(flatten)]
    invoice: Invoice,
    amount_due_micro_synor: MicroSynor,
}

impl ShownInvoice {
    fn of(invoice: Invoice) -> Result<Self, Problem> {
        Ok(Self {
            amount_due_micro_synor: invoice.outstanding().map_err(EngineError::from)?,
            invoice,
        })
    }
}

/// `GET /billing/invoices`: newest first.
pub async fn list(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<ListParams>,
) -> Result<Json<ListPage<ShownInvoice>>, Problem> {
    state.engine.account(&account).await?;
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid(format!(
            "limit: `{limit}` is not from 1 to {LIMIT_MAX}"
        )));
    }
    let query = ListQuery {
        newest_first: true,
        after: params.cursor.as_deref().map(read_cursor).transpose()?,
        limit,
        ..ListQuery::of(Kind::Invoice, &account)
    };
    let page = state
        .engine
        .store()
        .list::<Invoice>(query)
        .await
        .map_err(EngineError::from)?;
    let next_cursor = page.next.as_ref().map(write_cursor);
    let items = page.items.into_iter().map(ShownInvoice::of);
    Ok(Json(ListPage {
        items: items.collect::<Result<_, _>>()?,
        next_cursor,
    }))
}

/// The running invoice, with what it comes to so far.
#[derive(Serialize)]
pub struct CurrentInvoice {
    #[serde(flatten)]
    draft: Draft,
    status: InvoiceStatus,
    available_credit_micro_synor: MicroSynor,
    total_due_micro_synor: MicroSynor,
}

/// `GET /billing/invoices/current`
pub async fn current(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<CurrentInvoice>, Problem> {
    let draft = state.engine.current_invoice(&account).await?;
    let credit = state.engine.balance(&account).await?.balance_micro_synor;
    let gross = draft.gross().map_err(EngineError::from)?;
    let due = gross
        .checked_sub(credit.min(gross))
        .map_err(EngineError::from)?;
    Ok(Json(CurrentInvoice {
        draft,
        status: InvoiceStatus::Draft,
        available_credit_micro_synor: credit,
        total_due_micro_synor: due,
    }))
}

/// An invoice by its id (`inv_…`) or number (`INV-000001`).
pub async fn resolve(engine: &Engine, account: &AccountId, text: &str) -> Result<Invoice, Problem> {
    if let Ok(number) = text.parse::<InvoiceNumber>() {
        return Ok(engine.invoice_by_number(account, number).await?);
    }
    let id: InvoiceId = text.parse().map_err(|_| {
        let detail = format!("`{text}` is neither an invoice id (inv_…) nor a number (INV-000001)");
        Problem::invalid(detail)
    })?;
    Ok(engine.invoice(account, id).await?)
}

/// `GET /billing/invoices/{id}`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
) -> Result<Json<ShownInvoice>, Problem> {
    let invoice = resolve(&state.engine, &account, &id).await?;
    Ok(Json(ShownInvoice::of(invoice)?))
}

/// `GET /billing/invoices/{id}/pdf`
pub async fn pdf(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
) -> Result<impl IntoResponse, Problem> {
    let invoice = resolve(&state.engine, &account, &id).await?;
    let disposition = format!("inline; filename=\"{}.pdf\"", invoice.number);
    let is_payable = invoice.status.is_payable();
    let payment = is_payable.then(|| state.engine.payment_request(&invoice));
    let payment = payment.transpose()?;
    let facts = InvoiceFacts {
        account_name: state.engine.account(&account).await?.name,
        invoice,
        payment,
    };
    let operator = Arc::clone(&state.operator);
    let made = tokio::task::spawn_blocking(move || invoice_pdf(&facts, &operator)).await;
    match made {
        Ok(Ok(pdf)) => Ok((
            [
                (CONTENT_TYPE, "application/pdf".to_owned()),
                (CONTENT_DISPOSITION, disposition),
            ],
            pdf,
        )),
        Ok(Err(error)) => {
            tracing::error!(%error, invoice = id, "no PDF");
            Err(Problem::internal())
        }
        Err(error) => {
            tracing::error!(%error, invoice = id, "no PDF");
            Err(Problem::internal())
        }
    }
}
