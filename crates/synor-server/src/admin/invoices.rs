//! Bill runs, and voiding what they made.

use axum::Json;
use axum::extract::State;
use synor_economics::billing::Invoice;
use synor_economics::id::InvoiceId;
use synor_economics::period::Month;
use synor_engine::ClosedPeriod;

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::Part;
use crate::state::AppState;

/// `POST /admin/periods/{month}/close`: repeating it makes no second invoice.
pub async fn close_period(
    State(state): State<AppState>,
    _: Admin,
    Part(month): Part<Month>,
) -> Result<Json<ClosedPeriod>, Problem> {
    Ok(Json(state.engine.close_period(month, &|_, _| {}).await?))
}

/// `POST /admin/invoices/{id}/void`
pub async fn void(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<InvoiceId>,
) -> Result<Json<Invoice>, Problem> {
    Ok(Json(state.engine.void_invoice(id).await?))
}
