//! Auto-pay: standing permission to collect invoices.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use synor_economics::billing::AutoPayConfig;
use synor_economics::id::{AccountId, Address};
use synor_economics::money::MicroSynor;
use synor_engine::{AutoPayOrder, Engine};

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::AppState;

/// An account's auto-pay, and whom a grant must name.
#[derive(Serialize)]
pub struct AutoPayState {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    funding_source: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_invoice_micro_synor: Option<MicroSynor>,
    spender: Address,
    /// How a grant names the account, on a chain where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_reference: Option<String>,
}

impl AutoPayState {
    fn new(config: Option<AutoPayConfig>, account: &AccountId, engine: &Engine) -> Self {
        Self {
            enabled: config.as_ref().is_some_and(|c| c.enabled),
            max_per_invoice_micro_synor: config.as_ref().map(|c| c.max_per_invoice_micro_synor),
            funding_source: config.map(|c| c.funding_source),
            spender: engine.pay_to().clone(),
            account_reference: engine.chain().account_reference(account),
        }
    }
}

/// `POST /billing/auto-pay`
pub async fn configure(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(order): Body<AutoPayOrder>,
) -> Result<Json<AutoPayState>, Problem> {
    let config = state.engine.configure_auto_pay(&account, order).await?;
    Ok(Json(AutoPayState::new(
        Some(config),
        &account,
        &state.engine,
    )))
}

/// `GET /billing/auto-pay`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<AutoPayState>, Problem> {
    let config = state.engine.auto_pay(&account).await?;
    Ok(Json(AutoPayState::new(config, &account, &state.engine)))
}
