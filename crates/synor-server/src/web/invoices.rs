//! The list of invoices, and one of them with the working of each line.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use synor_economics::billing::{Invoice, InvoiceStatus, LineItem};
use synor_economics::id::AccountId;
use synor_economics::money::{Exact, MICRO_PER_SYNOR, MicroSynor, MoneyError};
use synor_engine::{Engine, EngineError};
use synor_store::{Cursor, Kind, ListQuery, Page};

use super::format::{Money, count, date, decimal, short};
use super::overview::priced;
use super::page::{Failure, Frame, page};
use super::viewer::OfAccount;
use crate::billing::invoices::resolve;
use crate::problem::Problem;
use crate::request::{Params, Part};
use crate::state::AppState;
use crate::wire::{read_cursor, write_cursor};

/// How many invoices a page lists.
const LISTED: usize = 50;
/// Decimals of an exact amount of SYNOR that are shown.
const EXACT_DECIMALS: u32 = 12;

/// An invoice in a list.
pub struct InvoiceRow {
    /// Its number.
    pub number: String,
    /// Whose it is.
    pub account: AccountId,
    /// The month.
    pub month: String,
    /// Its state in a word.
    pub status: &'static str,
    /// What the state looks like.
    pub class: &'static str,
    /// When it is due.
    pub due: String,
    /// What was due.
    pub total: Money,
    /// What is still owed.
    pub owed: Money,
}

impl InvoiceRow {
    /// The row of an invoice.
    pub fn of(invoice: &Invoice) -> Result<Self, EngineError> {
        Ok(Self {
            number: invoice.number.to_string(),
            account: invoice.account_id.clone(),
            month: invoice.month.to_string(),
            status: invoice.status.name(),
            class: class_of(invoice.status),
            due: date(invoice.due_date, &invoice.time_zone),
            total: Money(invoice.total_due_micro_synor),
            owed: Money(invoice.outstanding()?),
        })
    }

    /// The page of the invoice. Staff who look at all accounts are led to its account's.
    pub fn href(&self, frame: &Frame) -> String {
        let path = format!("/invoices/{}", self.number);
        if frame.is_for_all() {
            format!("{path}?account={}", self.account)
        } else {
            frame.path(&path)
        }
    }
}

/// What a state looks like: its shape and colour.
pub fn class_of(status: InvoiceStatus) -> &'static str {
    match status {
        InvoiceStatus::Finalized | InvoiceStatus::Sent => "open",
        other => other.name(),
    }
}

/// A page of invoices of an account, or of all, newest first.
pub async fn listed(
    engine: &Engine,
    account: Option<&AccountId>,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page<Invoice>, EngineError> {
    let query = ListQuery {
        account: account.cloned(),
        newest_first: true,
        after,
        limit,
        ..ListQuery::all(Kind::Invoice)
    };
    Ok(engine.store().list(query).await?)
}

/// The newest invoices as rows.
pub async fn newest(
    engine: &Engine,
    account: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<InvoiceRow>, EngineError> {
    let page = listed(engine, account, None, limit).await?;
    page.items.iter().map(InvoiceRow::of).collect()
}

/// From where on.
#[derive(Deserialize)]
pub struct ListParams {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "invoices.html")]
struct Invoices {
    frame: Frame,
    owed: Money,
    open_invoices: usize,
    next_due: Option<NextDue>,
    invoices: Vec<InvoiceRow>,
    older: Option<String>,
    is_first: bool,
}

struct NextDue {
    date: String,
    number: String,
    pay: String,
}

/// `GET /invoices`
pub async fn list(
    State(state): State<AppState>,
    of: OfAccount,
    Params(params): Params<ListParams>,
) -> Result<Response, Failure> {
    of.viewer.require_money()?;
    let engine = &state.engine;
    let zone = engine.account(&of.account).await?.time_zone;
    let frame = Frame::new("Invoices", "/invoices", Some(&of.viewer)).in_zone(&zone);
    let balance = engine.balance(&of.account).await?;
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let is_first = after.is_none();
    let found = listed(engine, Some(&of.account), after, LISTED).await?;
    let open = engine
        .store()
        .list::<Invoice>(ListQuery::of(Kind::Invoice, &of.account).open())
        .await
        .map_err(EngineError::from)?;
    let first = open.items.iter().min_by_key(|invoice| invoice.due_date);
    let next_due = first.map(|invoice| NextDue {
        date: date(invoice.due_date, &zone),
        number: invoice.number.to_string(),
        pay: frame.path(&format!("/invoices/{}/pay", invoice.number)),
    });
    let rows = found.items.iter().map(InvoiceRow::of);
    let older = found
        .next
        .map(|next| frame.path(&format!("/invoices?cursor={}", write_cursor(&next))));
    page(&Invoices {
        owed: Money(balance.outstanding_micro_synor),
        open_invoices: balance.open_invoices,
        next_due,
        invoices: rows.collect::<Result<_, _>>()?,
        older,
        is_first,
        frame,
    })
}

/// A step of a line's working.
struct StepRow {
    label: String,
    units: String,
    price: String,
    cost: String,
}

/// A line with its working.
struct LineRow {
    description: String,
    /// The service, where the line is the first of it.
    service: Option<&'static str>,
    quantity: String,
    price: String,
    amount: Money,
    measured: String,
    served_by: Vec<(String, String)>,
    version: String,
    steps: Vec<StepRow>,
    exact: String,
}

/// A named sum below the lines.
struct SumRow {
    label: String,
    amount: Money,
}

#[derive(Template)]
#[template(path = "invoice.html")]
struct InvoicePage {
    frame: Frame,
    head: InvoiceRow,
    id: String,
    short_id: String,
    period: String,
    made: String,
    paid: Option<String>,
    transfer: Option<String>,
    lines: Vec<LineRow>,
    fees: Vec<SumRow>,
    subtotal: Money,
    less: Vec<SumRow>,
    is_payable: bool,
    pay: String,
    position: String,
}

/// `GET /invoices/{number}`
pub async fn show(
    State(state): State<AppState>,
    of: OfAccount,
    Part(number): Part<String>,
) -> Result<Response, Failure> {
    of.viewer.require_money()?;
    let invoice = resolve(&state.engine, &of.account, &number).await?;
    let zone = &invoice.time_zone;
    let title = invoice.number.to_string();
    let frame = Frame::new(title, "/invoices", Some(&of.viewer)).in_zone(zone);
    let id = invoice.invoice_id.to_string();
    let last = invoice.period.end().plus_secs(-1);
    page(&InvoicePage {
        head: InvoiceRow::of(&invoice)?,
        short_id: short(&id),
        id,
        period: format!(
            "{} to {}",
            date(invoice.period.start(), zone),
            date(last, zone)
        ),
        made: date(invoice.created_at, zone),
        paid: invoice.paid_at.map(|at| date(at, zone)),
        transfer: invoice.payment_tx.as_ref().map(ToString::to_string),
        lines: lines(&invoice.line_items).map_err(money)?,
        fees: invoice
            .fees
            .iter()
            .map(|fee| SumRow {
                label: fee.description.clone(),
                amount: Money(fee.amount_micro_synor),
            })
            .collect(),
        subtotal: Money(invoice.subtotal_micro_synor),
        less: sums(&invoice).map_err(money)?,
        is_payable: invoice.status.is_payable(),
        pay: frame.path(&format!("/invoices/{}/pay", invoice.number)),
        position: count(invoice.usage_log_position),
        frame,
    })
}

fn money(error: MoneyError) -> Failure {
    Problem::from(EngineError::from(error)).into()
}

/// What stands between the subtotal and what is due, in the order in which it is reckoned.
fn sums(invoice: &Invoice) -> Result<Vec<SumRow>, MoneyError> {
    let mut rows = Vec::new();
    let mut less = |label: String, amount: MicroSynor| -> Result<(), MoneyError> {
        rows.push(SumRow {
            label,
            amount: Money(amount),
        });
        Ok(())
    };
    for discount in &invoice.discounts {
        less(
            discount.description.clone(),
            discount.amount_micro_synor.checked_neg()?,
        )?;
    }
    for tax in &invoice.taxes {
        if tax.tax.is_inclusive {
            // Contained in the lines already.
            continue;
        }
        less(tax.tax.name.clone(), tax.amount_micro_synor)?;
    }
    if invoice.credits_applied_micro_synor.is_positive() {
        let applied = invoice.credits_applied_micro_synor.checked_neg()?;
        less("Credits".to_owned(), applied)?;
    }
    Ok(rows)
}

fn lines(items: &[LineItem]) -> Result<Vec<LineRow>, MoneyError> {
    let mut rows = Vec::with_capacity(items.len());
    let mut service = None;
    for line in items {
        let is_new = service != Some(line.service);
        service = Some(line.service);
        let served = line.served_by.iter().map(|part| {
            let who = part.provider.as_ref();
            let who = who.map_or("no operator named", |id| id.as_str()).to_owned();
            (who, decimal(&part.quantity.to_string()))
        });
        let price = match line.unit_price_micro_synor {
            Some(price) => synor(price)?,
            None => "by steps".to_owned(),
        };
        rows.push(LineRow {
            description: line.description.clone(),
            service: is_new.then(|| line.service.name()),
            quantity: priced(line),
            price,
            amount: Money(line.net()?),
            measured: format!("{} {}", decimal(&line.quantity.to_string()), line.unit),
            served_by: served.collect(),
            version: line.price_list_version.clone(),
            steps: steps(line)?,
            exact: line.exact_micro_synor.to_string(),
        });
    }
    Ok(rows)
}

fn steps(line: &LineItem) -> Result<Vec<StepRow>, MoneyError> {
    let step = |step: &synor_economics::pricing::Step| {
        Ok(StepRow {
            label: step.label.clone(),
            units: decimal(&step.units.to_decimal(9)),
            price: synor(step.amount)?,
            cost: synor(step.cost)?,
        })
    };
    line.steps.iter().map(step).collect()
}

/// An exact amount of µSYNOR in SYNOR.
fn synor(micro: Exact) -> Result<String, MoneyError> {
    let whole = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
    Ok(decimal(
        &micro.checked_div(whole)?.to_decimal(EXACT_DECIMALS),
    ))
}
