//! Auto-pay: standing permission to collect invoices, what it has announced, and how that went.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use synor_economics::billing::{AutoPayConfig, AutoPayPause};
use synor_economics::id::{AccountId, Address, InvoiceId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_engine::{AutoPayCharge, AutoPayOrder, ChargeFailure, ChargeState};

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::AppState;

/// Whether auto-pay collects.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Off,
    On,
    Paused,
}

/// A charge, without its signed transaction.
#[derive(Serialize)]
pub struct ShownCharge {
    invoice_id: InvoiceId,
    state: ChargeState,
    amount_micro_synor: MicroSynor,
    announced_at: Timestamp,
    charge_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_id: Option<TxId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<ChargeFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_up: Option<String>,
}

impl From<AutoPayCharge> for ShownCharge {
    fn from(charge: AutoPayCharge) -> Self {
        Self {
            state: charge.state(),
            invoice_id: charge.invoice_id,
            amount_micro_synor: charge.amount_micro_synor,
            announced_at: charge.created_at,
            charge_at: charge.charge_at,
            tx_id: charge.tx_id,
            failures: charge.failures,
            given_up: charge.refused,
        }
    }
}

/// An account's auto-pay, and whom a grant must name.
#[derive(Serialize)]
pub struct AutoPayState {
    enabled: bool,
    state: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    funding_source: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_invoice_micro_synor: Option<MicroSynor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<AutoPayPause>,
    spender: Address,
    /// How a grant names the account, on a chain where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_reference: Option<String>,
    lead_secs: i64,
    retry_days: Vec<u32>,
    charges: Vec<ShownCharge>,
}

impl AutoPayState {
    async fn of(
        state: &AppState,
        account: &AccountId,
        config: Option<AutoPayConfig>,
    ) -> Result<Self, Problem> {
        let engine = &state.engine;
        let mut charges = engine.auto_pay_charges(account).await?;
        charges.reverse();
        let policy = engine.auto_pay_policy();
        let config = config.as_ref();
        let paused = config.and_then(|c| c.paused.clone());
        let enabled = config.is_some_and(|c| c.enabled);
        Ok(Self {
            enabled,
            state: match (enabled, &paused) {
                (false, _) => Standing::Off,
                (true, None) => Standing::On,
                (true, Some(_)) => Standing::Paused,
            },
            max_per_invoice_micro_synor: config.map(|c| c.max_per_invoice_micro_synor),
            funding_source: config.map(|c| c.funding_source.clone()),
            paused,
            spender: engine.pay_to().clone(),
            account_reference: engine.chain().account_reference(account),
            lead_secs: policy.lead_secs,
            retry_days: policy.retry_days.clone(),
            charges: charges.into_iter().map(ShownCharge::from).collect(),
        })
    }
}

/// `POST /billing/auto-pay`
pub async fn configure(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(order): Body<AutoPayOrder>,
) -> Result<Json<AutoPayState>, Problem> {
    let config = state.engine.configure_auto_pay(&account, order).await?;
    let shown = AutoPayState::of(&state, &account, Some(config)).await?;
    Ok(Json(shown))
}

/// `POST /billing/auto-pay/resume`
pub async fn resume(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<AutoPayState>, Problem> {
    let config = state.engine.resume_auto_pay(&account).await?;
    let shown = AutoPayState::of(&state, &account, Some(config)).await?;
    Ok(Json(shown))
}

/// `GET /billing/auto-pay`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<AutoPayState>, Problem> {
    let config = state.engine.auto_pay(&account).await?;
    Ok(Json(AutoPayState::of(&state, &account, config).await?))
}
