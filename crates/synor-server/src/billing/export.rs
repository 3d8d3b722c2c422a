//! Export: a month's usage and cost, line by line.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use synor_economics::billing::{InvoiceNumber, InvoiceStatus, LineItem};
use synor_economics::id::AccountId;
use synor_economics::period::Month;

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

/// Which month.
#[derive(Deserialize)]
pub struct ExportParams {
    period: Month,
}

/// A month of an account.
#[derive(Serialize)]
pub struct Export {
    account_id: AccountId,
    period: Month,
    status: InvoiceStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice_number: Option<InvoiceNumber>,
    line_items: Vec<LineItem>,
}

/// `GET /billing/export`: the invoice's lines, or the draft's if the month is not closed.
pub async fn export(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<ExportParams>,
) -> Result<Json<Export>, Problem> {
    let period = params.period;
    let invoices = state.engine.invoices_of(&account).await?;
    if let Some(invoice) = invoices.into_iter().find(|invoice| invoice.month == period) {
        return Ok(Json(Export {
            account_id: account,
            period,
            status: invoice.status,
            invoice_number: Some(invoice.number),
            line_items: invoice.line_items,
        }));
    }
    let draft = state.engine.draft_of(&account, period).await?;
    Ok(Json(Export {
        account_id: account,
        period,
        status: InvoiceStatus::Draft,
        invoice_number: None,
        line_items: draft.line_items,
    }))
}
