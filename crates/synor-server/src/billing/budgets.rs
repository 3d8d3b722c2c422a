//! Budgets and their alerts: what an account means to spend, use or keep, and when it crossed that.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synor_economics::budget::{Alert, Budget, BudgetSubject, Threshold};
use synor_economics::id::AccountId;
use synor_economics::metering::{MeteringUnit, ResourceType, ServiceType};
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::quota::QuotaEffect;
use synor_engine::{BudgetState, NewBudget};

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::{Body, Params};
use crate::state::AppState;
use crate::wire::{ListPage, positive_amount, read_cursor, write_cursor};

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 1_000;

/// What a budget is about, as it is written.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum On {
    Spend,
    Forecast,
    Usage,
    Balance,
}

/// A budget as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetRequest {
    name: String,
    on: On,
    #[serde(default)]
    service: Option<ServiceType>,
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_micro_synor: Option<MicroSynor>,
    #[serde(default)]
    resource: Option<ResourceType>,
    /// A plain decimal number of `unit`.
    #[serde(default)]
    quantity: Option<String>,
    #[serde(default)]
    unit: Option<MeteringUnit>,
    thresholds: Vec<Threshold>,
    effect: QuotaEffect,
}

impl BudgetRequest {
    fn read(self) -> Result<NewBudget, Problem> {
        let is_usage = matches!(self.on, On::Usage);
        let of_usage = self.resource.is_some() || self.quantity.is_some() || self.unit.is_some();
        let of_money = self.amount.is_some() || self.amount_micro_synor.is_some();
        if is_usage && (of_money || self.service.is_some()) || !is_usage && of_usage {
            let detail = "a budget on usage has resource, quantity and unit; the others an amount";
            return Err(Problem::invalid(detail));
        }
        if matches!(self.on, On::Balance) && self.service.is_some() {
            return Err(Problem::invalid("a balance is of no service"));
        }
        let amount = || positive_amount(self.amount.as_deref(), self.amount_micro_synor);
        let subject = match self.on {
            On::Spend => BudgetSubject::Spend {
                service: self.service,
                limit_micro_synor: amount()?,
            },
            On::Forecast => BudgetSubject::Forecast {
                service: self.service,
                limit_micro_synor: amount()?,
            },
            On::Balance => BudgetSubject::Balance {
                limit_micro_synor: amount()?,
            },
            On::Usage => match (self.resource, self.quantity, self.unit) {
                (Some(resource), Some(quantity), Some(unit)) => BudgetSubject::Usage {
                    resource,
                    quantity: Exact::parse_decimal(&quantity)
                        .map_err(|error| Problem::invalid(format!("quantity: {error}")))?,
                    unit,
                },
                _ => {
                    let detail = "a budget on usage needs resource, quantity and unit";
                    return Err(Problem::invalid(detail));
                }
            },
        };
        Ok(NewBudget {
            name: self.name,
            subject,
            thresholds: self.thresholds,
            effect: self.effect,
        })
    }
}

/// An account's budgets.
#[derive(Serialize)]
pub struct Budgets {
    account_id: AccountId,
    items: Vec<BudgetState>,
}

/// `GET /billing/budgets`
pub async fn list(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Budgets>, Problem> {
    Ok(Json(Budgets {
        items: state.engine.budgets_of(&account).await?,
        account_id: account,
    }))
}

/// `POST /billing/budgets`
pub async fn set(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(request): Body<BudgetRequest>,
) -> Result<(StatusCode, Json<Budget>), Problem> {
    let budget = state.engine.set_budget(&account, request.read()?).await?;
    Ok((StatusCode::CREATED, Json(budget)))
}

/// Which budget.
#[derive(Deserialize)]
pub struct BudgetParams {
    name: String,
}

/// `DELETE /billing/budgets`
pub async fn remove(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(which): Params<BudgetParams>,
) -> Result<Json<Budget>, Problem> {
    Ok(Json(
        state.engine.remove_budget(&account, &which.name).await?,
    ))
}

/// Which alerts.
#[derive(Deserialize)]
pub struct AlertParams {
    #[serde(default)]
    firing: bool,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /billing/alerts`: newest first.
pub async fn alerts(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<AlertParams>,
) -> Result<Json<ListPage<Alert>>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid(format!(
            "limit: `{limit}` is not from 1 to {LIMIT_MAX}"
        )));
    }
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let page = state
        .engine
        .alerts(&account, params.firing, after, limit)
        .await?;
    Ok(Json(ListPage {
        next_cursor: page.next.as_ref().map(write_cursor),
        items: page.items,
    }))
}
