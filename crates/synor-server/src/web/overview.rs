//! The first screen: what is owed, what the month will cost, and what drives it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use synor_economics::billing::LineItem;
use synor_economics::budget::{Alert, BudgetSubject};
use synor_economics::id::AccountId;
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::{DAY_SECS, Month, Timestamp, Zone};
use synor_economics::quantity::Quantity;
use synor_engine::{Balance, BudgetState, DailySpend, Engine, EngineError, Forecast};

use super::chart::{Ahead, Bar, Bars, Label, Part, Share};
use super::format::{Money, date, decimal, plain, usd};
use super::invoices::{InvoiceRow, newest};
use super::page::{Failure, Frame, page};
use super::viewer::OfAccount;
use crate::request::Params;
use crate::state::AppState;

const DRIVERS: usize = 5;
const INVOICES: usize = 5;
const ALERTS: usize = 10;
/// Below every which day of the month its number stands.
const TICK_DAYS: usize = 5;

/// Which month.
#[derive(Deserialize)]
pub struct OverviewParams {
    month: Option<Month>,
}

/// What the month will come to.
struct Expected {
    so_far: Money,
    expected: Money,
    /// The ends of the band, where it has a width.
    band: Option<(Money, Money)>,
    usd: Option<String>,
}

/// A line that costs much.
struct Driver {
    description: String,
    service: &'static str,
    quantity: String,
    amount: Money,
    percent: String,
    share: Share,
}

/// A day in the table behind the chart.
struct DayRow {
    date: String,
    parts: Vec<Money>,
    total: Money,
}

/// A budget and how it stands.
struct BudgetRow {
    name: String,
    value: String,
    limit: String,
    unit: String,
    percent: String,
    share: Share,
}

struct AlertRow {
    budget: String,
    threshold: String,
    fired: String,
    month: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    month: String,
    before: String,
    after: Option<String>,
    is_running: bool,
    balance: Money,
    prepaid: Money,
    granted: Money,
    owed: Money,
    open_invoices: usize,
    total: Money,
    expected: Option<Expected>,
    chart: Bars,
    services: Vec<&'static str>,
    days: Vec<DayRow>,
    drivers: Vec<Driver>,
    invoices: Vec<InvoiceRow>,
    budgets: Vec<BudgetRow>,
    alerts: Vec<AlertRow>,
}

/// `GET /overview`
pub async fn show(
    State(state): State<AppState>,
    of: OfAccount,
    Params(params): Params<OverviewParams>,
) -> Result<Response, Failure> {
    of.viewer.require_money()?;
    let engine = &state.engine;
    let account = &of.account;
    let Balance {
        balance_micro_synor,
        prepaid_micro_synor,
        credit_micro_synor,
        outstanding_micro_synor,
        open_invoices,
        ..
    } = engine.balance(account).await?;
    let spend = engine.daily_spend(account, params.month).await?;
    let zone = &spend.time_zone;
    let running = Month::containing(engine.now(), zone).map_err(EngineError::from)?;
    let is_running = spend.month == running;
    let forecast = match is_running {
        true => Some(engine.forecast(account).await?),
        false => None,
    };
    let start = spend.month.period(zone).map_err(EngineError::from)?.start();
    let before = Month::containing(start.plus_secs(-DAY_SECS), zone).map_err(EngineError::from)?;
    let after = spend.month.next().map_err(EngineError::from)?;
    let frame = Frame::new("Overview", "/overview", Some(&of.viewer)).in_zone(zone);
    let page_of = |month: Month| frame.path(&format!("/overview?month={month}"));
    let total = MicroSynor::sum(spend.line_items.iter().map(|line| line.amount_micro_synor))
        .map_err(EngineError::from)?;
    page(&Overview {
        month: spend.month.to_string(),
        before: page_of(before),
        after: (!is_running && after <= running).then(|| page_of(after)),
        is_running,
        balance: Money(balance_micro_synor),
        prepaid: Money(prepaid_micro_synor),
        granted: Money(credit_micro_synor),
        owed: Money(outstanding_micro_synor),
        open_invoices,
        total: Money(total),
        chart: chart(&spend, forecast.as_ref(), engine.now()),
        services: spend
            .services
            .keys()
            .map(|service| service.name())
            .collect(),
        days: days(&spend).map_err(EngineError::from)?,
        drivers: drivers(&spend.line_items, total),
        expected: forecast.map(expected),
        budgets: budgets(&engine.budgets_of(account).await?),
        alerts: alerts(engine, account, zone).await?,
        invoices: newest(engine, Some(account), INVOICES).await?,
        frame,
    })
}

fn expected(forecast: Forecast) -> Expected {
    let low = forecast.low.total_micro_synor;
    let high = forecast.high.total_micro_synor;
    Expected {
        so_far: Money(forecast.so_far.total_micro_synor),
        expected: Money(forecast.expected.total_micro_synor),
        band: (low != high).then_some((Money(low), Money(high))),
        usd: forecast.expected_micro_usd.map(usd),
    }
}

fn budgets(states: &[BudgetState]) -> Vec<BudgetRow> {
    let row = |state: &BudgetState| {
        let percent = state.value_percent.parse::<f64>().unwrap_or_default();
        // What is kept is the other way round: there, little is bad.
        let is_kept = matches!(state.budget.subject, BudgetSubject::Balance { .. });
        let is_over = if is_kept {
            percent < 100.0
        } else {
            percent >= 100.0
        };
        let class = match (is_over, state.crossed.is_empty()) {
            (true, _) => "over",
            (false, false) => "near",
            (false, true) => "",
        };
        BudgetRow {
            name: state.budget.name.clone(),
            value: reading(state.value, &state.read_in),
            limit: reading(state.limit, &state.read_in),
            unit: match state.read_in.as_str() {
                "micro_synor" => "SYNOR".to_owned(),
                unit => unit.to_owned(),
            },
            percent: format!("{percent:.0} %"),
            share: Share { percent, class },
        }
    };
    states.iter().map(row).collect()
}

/// What a budget reads, in SYNOR or its resource's base unit.
fn reading(value: Quantity, unit: &str) -> String {
    let amount = i64::try_from(value.get()).ok().map(MicroSynor::new);
    match amount.filter(|_| unit == "micro_synor") {
        Some(amount) => plain(amount),
        None => decimal(&value.to_string()),
    }
}

async fn alerts(
    engine: &Engine,
    account: &AccountId,
    zone: &Zone,
) -> Result<Vec<AlertRow>, EngineError> {
    let firing = engine.alerts(account, true, None, ALERTS).await?;
    let row = |alert: Alert| AlertRow {
        threshold: alert.threshold.to_string(),
        fired: alert.fired_at.date_in(zone),
        month: alert.month.to_string(),
        budget: alert.budget,
    };
    Ok(firing.items.into_iter().map(row).collect())
}

/// An amount as a height. A chart needs no more digits than a float has.
pub fn height(amount: MicroSynor) -> f64 {
    amount.to_decimal().parse().unwrap_or_default()
}

fn chart(spend: &DailySpend, forecast: Option<&Forecast>, now: Timestamp) -> Bars {
    let zone = &spend.time_zone;
    let mut bars = Vec::new();
    for (at, day) in spend.days.iter().enumerate() {
        let mut says = vec![day.start().date_in(zone)];
        let mut parts = Vec::new();
        for (service, amounts) in &spend.services {
            let amount = amounts.get(at).copied().unwrap_or_default();
            if amount.is_positive() {
                says.push(format!("{service} {}", plain(amount)));
            }
            parts.push(Part {
                class: service.name().to_owned(),
                value: height(amount),
            });
        }
        if says.len() == 1 {
            says.push("nothing".to_owned());
        }
        bars.push(Bar {
            tick: tick(at, day.start(), zone),
            parts,
            says,
            is_incomplete: forecast.is_some() && day.end() > now,
        });
    }
    let labels = spend.services.iter().rev().map(|(service, amounts)| {
        let sum = MicroSynor::sum(amounts.iter().copied()).unwrap_or_default();
        Label {
            class: service.name().to_owned(),
            text: format!("{service} {}", short_amount(sum)),
        }
    });
    Bars {
        title: format!("SYNOR a day in {}, by service", spend.month),
        ahead: ahead(spend, forecast, bars.len()),
        before: Vec::new(),
        labels: labels.collect(),
        bars,
    }
}

/// The number below a day, where there is room for one.
fn tick(at: usize, day: Timestamp, zone: &Zone) -> String {
    if at > 0 && !at.saturating_add(1).is_multiple_of(TICK_DAYS) {
        return String::new();
    }
    let date = date(day, zone);
    date.get(8..)
        .map(|day| day.trim_start_matches('0').to_owned())
        .unwrap_or_default()
}

/// An amount with two decimals, for a label.
fn short_amount(amount: MicroSynor) -> String {
    decimal(&format!("{:.2}", height(amount)))
}

/// What is expected of the days to come: the rest of the month in equal parts.
fn ahead(spend: &DailySpend, forecast: Option<&Forecast>, past: usize) -> Vec<Ahead> {
    let Some(forecast) = forecast else {
        return Vec::new();
    };
    let Ok(whole) = spend.month.period(&spend.time_zone) else {
        return Vec::new();
    };
    let days = usize::try_from(whole.secs().saturating_add(DAY_SECS / 2) / DAY_SECS);
    let left = days.unwrap_or_default().saturating_sub(past);
    let Ok(parts) = u32::try_from(left) else {
        return Vec::new();
    };
    let so_far = height(forecast.so_far.subtotal_micro_synor);
    let a_day = |end: &MicroSynor| ((height(*end) - so_far) / f64::from(parts.max(1))).max(0.0);
    let one = Ahead {
        low: a_day(&forecast.low.subtotal_micro_synor),
        expected: a_day(&forecast.expected.subtotal_micro_synor),
        high: a_day(&forecast.high.subtotal_micro_synor),
    };
    vec![one; left]
}

fn days(spend: &DailySpend) -> Result<Vec<DayRow>, MoneyError> {
    let mut rows = Vec::new();
    for (at, day) in spend.days.iter().enumerate() {
        let parts: Vec<_> = spend
            .services
            .values()
            .map(|amounts| amounts.get(at).copied().unwrap_or_default())
            .collect();
        rows.push(DayRow {
            date: day.start().date_in(&spend.time_zone),
            total: Money(MicroSynor::sum(parts.iter().copied())?),
            parts: parts.into_iter().map(Money).collect(),
        });
    }
    Ok(rows)
}

fn drivers(lines: &[LineItem], total: MicroSynor) -> Vec<Driver> {
    let mut lines: Vec<_> = lines
        .iter()
        .filter(|line| line.amount_micro_synor.is_positive())
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.amount_micro_synor));
    let whole = height(total);
    let driver = |line: &LineItem| {
        let percent = 100.0 * height(line.amount_micro_synor) / whole.max(f64::MIN_POSITIVE);
        Driver {
            description: line.description.clone(),
            service: line.service.name(),
            quantity: priced(line),
            amount: Money(line.amount_micro_synor),
            percent: format!("{percent:.0} %"),
            share: Share { percent, class: "" },
        }
    };
    lines.into_iter().take(DRIVERS).map(driver).collect()
}

/// How much of what a line is for.
pub fn priced(line: &LineItem) -> String {
    if line.adjusts.is_some() {
        return decimal(&line.priced_quantity);
    }
    let (count, unit) = (decimal(&line.priced_quantity), line.price_unit.to_string());
    // `8.2 × 1M requests`, but `975 GB`.
    if unit.starts_with(|c: char| c.is_ascii_digit()) {
        format!("{count} × {unit}")
    } else {
        format!("{count} {unit}")
    }
}
