//! The accounts, a page at a time, and finding one by its id.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_engine::EngineError;
use synor_store::{Kind, ListQuery};

use crate::request::Params;
use crate::state::AppState;
use crate::web::page::{Failure, Frame, page};
use crate::web::viewer::Staff;
use crate::wire::{read_cursor, write_cursor};

const LISTED: usize = 50;

/// From where on, or which.
#[derive(Deserialize)]
pub struct AccountsParams {
    cursor: Option<String>,
    id: Option<String>,
}

struct AccountRow {
    id: String,
    name: String,
    zone: String,
    since: String,
    plan: &'static str,
}

#[derive(Template)]
#[template(path = "admin/accounts.html")]
struct Accounts {
    frame: Frame,
    asked: String,
    is_unknown: bool,
    accounts: Vec<AccountRow>,
    next: Option<String>,
    is_first: bool,
}

/// `GET /admin/accounts`
pub async fn show(
    State(state): State<AppState>,
    Staff(viewer): Staff,
    Params(params): Params<AccountsParams>,
) -> Result<Response, Failure> {
    let engine = &state.engine;
    let asked = params.id.unwrap_or_default().trim().to_owned();
    let id: Option<AccountId> = asked.parse().ok();
    if let Some(id) = id
        && engine.account(&id).await.is_ok()
    {
        return Ok(Redirect::to(&format!("/overview?account={id}")).into_response());
    }
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let is_first = after.is_none();
    let query = ListQuery {
        newest_first: true,
        after,
        limit: LISTED,
        ..ListQuery::all(Kind::Account)
    };
    let found = engine.store().list::<Account>(query).await;
    let found = found.map_err(EngineError::from)?;
    let now = engine.now();
    let row = |account: &Account| {
        let plan = account.plan_changes.iter().rev();
        let plan = plan.into_iter().find(|change| change.from <= now);
        AccountRow {
            id: account.account_id.to_string(),
            name: account.name.clone(),
            zone: account.time_zone.name().to_owned(),
            since: account.created_at.date_in(&account.time_zone),
            plan: plan.map_or("free", |change| change.plan.name()),
        }
    };
    let next = found.next.as_ref().map(write_cursor);
    page(&Accounts {
        frame: Frame::new("Accounts", "/admin/accounts", Some(&viewer)),
        is_unknown: !asked.is_empty(),
        asked,
        accounts: found.items.iter().map(row).collect(),
        next: next.map(|cursor| format!("/admin/accounts?cursor={cursor}")),
        is_first,
    })
}
