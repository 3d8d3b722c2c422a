//! Auto top-up: how it is set up, and what came of it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use synor_economics::billing::{TopUpConfig, TopUpDecision};
use synor_economics::id::{AccountId, DepositId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Timestamp};
use synor_engine::{NewTopUp, TopUp, TopUpEnd, TopUpState};

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::AppState;

/// A top-up, without its signed transaction.
#[derive(Serialize)]
pub struct ShownTopUp {
    number: u64,
    deposit_id: DepositId,
    amount_micro_synor: MicroSynor,
    balance_micro_synor: MicroSynor,
    month: Month,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_id: Option<TxId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<TopUpEnd>,
}

impl From<TopUp> for ShownTopUp {
    fn from(top_up: TopUp) -> Self {
        Self {
            number: top_up.number,
            deposit_id: top_up.deposit_id,
            amount_micro_synor: top_up.amount_micro_synor,
            balance_micro_synor: top_up.balance_micro_synor,
            month: top_up.month,
            created_at: top_up.created_at,
            tx_id: top_up.tx_id,
            end: top_up.end,
        }
    }
}

/// An account's auto top-up.
#[derive(Serialize)]
pub struct ShownTopUps {
    account_id: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<TopUpConfig>,
    now: TopUpDecision,
    this_month_micro_synor: MicroSynor,
    top_ups: Vec<ShownTopUp>,
}

impl ShownTopUps {
    fn new(account_id: AccountId, state: TopUpState) -> Self {
        Self {
            account_id,
            config: state.config,
            now: state.now,
            this_month_micro_synor: state.this_month_micro_synor,
            top_ups: state.top_ups.into_iter().map(ShownTopUp::from).collect(),
        }
    }
}

/// `GET /billing/top-up`
pub async fn show(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<ShownTopUps>, Problem> {
    let found = state.engine.top_up_state(&account).await?;
    Ok(Json(ShownTopUps::new(account, found)))
}

/// `POST /billing/top-up`
pub async fn configure(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(new): Body<NewTopUp>,
) -> Result<Json<ShownTopUps>, Problem> {
    state.engine.configure_top_up(&account, new).await?;
    let found = state.engine.top_up_state(&account).await?;
    Ok(Json(ShownTopUps::new(account, found)))
}
