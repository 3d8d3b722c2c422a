//! Invoices of all accounts, by month and status.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use synor_economics::billing::{Invoice, InvoiceStatus};
use synor_economics::period::Month;
use synor_engine::{Engine, EngineError};
use synor_store::{Cursor, Kind, ListQuery};

use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;
use crate::web::invoices::InvoiceRow;
use crate::web::page::{Failure, Frame, page};
use crate::web::viewer::Staff;
use crate::wire::{read_cursor, write_cursor};

const LISTED: usize = 50;
/// How many invoices one page looks at; what matches further back is on the next one.
const LOOKED_AT: usize = 5_000;
const STATES: [InvoiceStatus; 6] = [
    InvoiceStatus::Finalized,
    InvoiceStatus::Sent,
    InvoiceStatus::Overdue,
    InvoiceStatus::Paid,
    InvoiceStatus::Voided,
    InvoiceStatus::WrittenOff,
];

/// Which invoices.
#[derive(Deserialize)]
pub struct InvoicesParams {
    cursor: Option<String>,
    period: Option<String>,
    status: Option<String>,
}

struct StateChoice {
    name: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "admin/invoices.html")]
struct Invoices {
    frame: Frame,
    period: String,
    states: Vec<StateChoice>,
    invoices: Vec<InvoiceRow>,
    older: Option<String>,
    is_first: bool,
}

struct Filter {
    month: Option<Month>,
    status: Option<InvoiceStatus>,
}

impl Filter {
    fn takes(&self, invoice: &Invoice) -> bool {
        self.month.is_none_or(|month| invoice.month == month)
            && self.status.is_none_or(|status| invoice.status == status)
    }
}

/// `GET /admin/invoices`
pub async fn show(
    State(state): State<AppState>,
    Staff(viewer): Staff,
    Params(params): Params<InvoicesParams>,
) -> Result<Response, Failure> {
    viewer.require_books()?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (period, status) = (given(&params.period), given(&params.status));
    let month: Option<Month> = period
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(EngineError::from)?;
    let status = match &status {
        Some(name) => Some(
            STATES
                .into_iter()
                .find(|state| state.name() == name)
                .ok_or_else(|| Problem::invalid(format!("status: `{name}` is not a state")))?,
        ),
        None => None,
    };
    let filter = Filter { month, status };
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let is_first = after.is_none();
    let (found, next) = matching(&state.engine, &filter, after).await?;
    let rows = found.iter().map(InvoiceRow::of);
    let named = status.map(InvoiceStatus::name);
    let older = next.map(|cursor| {
        format!(
            "/admin/invoices?period={}&status={}&cursor={}",
            period.as_deref().unwrap_or_default(),
            named.unwrap_or_default(),
            write_cursor(&cursor)
        )
    });
    let states = STATES.map(|state| StateChoice {
        name: state.name(),
        is_chosen: Some(state.name()) == named,
    });
    page(&Invoices {
        frame: Frame::new("Invoices", "/admin/invoices", Some(&viewer)),
        period: period.unwrap_or_default(),
        states: states.into(),
        invoices: rows.collect::<Result<_, _>>()?,
        older,
        is_first,
    })
}

/// A page of the invoices that match, newest first, and where to go on.
async fn matching(
    engine: &Engine,
    filter: &Filter,
    mut after: Option<Cursor>,
) -> Result<(Vec<Invoice>, Option<Cursor>), EngineError> {
    let is_filtered = filter.month.is_some() || filter.status.is_some();
    let limit = if is_filtered { LISTED * 10 } else { LISTED };
    let mut found = Vec::new();
    let mut looked_at = 0_usize;
    loop {
        let query = ListQuery {
            newest_first: true,
            after,
            limit,
            ..ListQuery::all(Kind::Invoice)
        };
        let page = engine.store().list::<Invoice>(query).await?;
        looked_at = looked_at.saturating_add(page.items.len());
        found.extend(page.items.into_iter().filter(|i| filter.takes(i)));
        after = page.next;
        if after.is_none() || found.len() >= LISTED || looked_at >= LOOKED_AT {
            return Ok((found, after));
        }
    }
}
