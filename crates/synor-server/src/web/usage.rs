//! Usage: one meter over a month, kept apart by what one wants to see, compared with the month before,
//! as a chart, a table and a file; and live.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use synor_economics::id::AccountId;
use synor_economics::metering::ResourceType;
use synor_economics::period::{DAY_SECS, Month, Zone};
use synor_economics::quantity::Quantity;
use synor_engine::{Engine, EngineError};
use synor_usage::{Series, SeriesLine, SeriesQuery, SplitBy, Step};

use super::chart::{Bar, Bars, Label, Part};
use super::format::decimal;
use super::page::{Failure, Frame, page};
use super::viewer::OfAccount;
use crate::auth::ForAccount;
use crate::billing::usage::display_quantity;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;
use crate::usage::stream::{StreamParams, stream};

/// Groups that have a colour of their own; the rest is shown together.
const COLOURS: usize = 5;
/// What usage can be kept apart by here.
const GROUPS: [(&str, &str); 5] = [
    ("", "nothing"),
    ("provider", "operator"),
    ("region", "region"),
    ("gpu_model", "GPU model"),
    ("bucket", "bucket"),
];

/// What to show.
#[derive(Deserialize, Default)]
pub struct UsageParams {
    meter: Option<String>,
    period: Option<Month>,
    group: Option<String>,
    compare: Option<String>,
}

/// A thing to choose.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

struct DayRow {
    date: String,
    parts: Vec<String>,
    total: String,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "usage.html")]
struct Usage {
    frame: Frame,
    title: String,
    unit: &'static str,
    month: String,
    meters: Vec<Choice>,
    groups: Vec<Choice>,
    is_compared: bool,
    chart: Option<Bars>,
    names: Vec<String>,
    days: Vec<DayRow>,
    total: String,
    total_before: Option<String>,
    download: String,
    stream: String,
}

/// A month of an account.
struct Span<'a> {
    engine: &'a Engine,
    account: &'a AccountId,
    zone: &'a Zone,
    month: Month,
}

impl Span<'_> {
    async fn series(
        &self,
        resource: Option<ResourceType>,
        group: Option<&str>,
    ) -> Result<Series, EngineError> {
        let query = SeriesQuery {
            account: self.account.clone(),
            period: self.month.period(self.zone)?,
            step: Step::Day,
            zone: self.zone.clone(),
            resource,
            split: group.map(SplitBy::named),
        };
        Ok(self.engine.usage().series(query).await?)
    }

    fn secs(&self) -> Result<i64, EngineError> {
        Ok(self.month.period(self.zone)?.secs())
    }

    fn before(&self) -> Result<Self, EngineError> {
        let start = self.month.period(self.zone)?.start();
        let month = Month::containing(start.plus_secs(-DAY_SECS), self.zone)?;
        Ok(Self { month, ..*self })
    }
}

/// `GET /usage`
pub async fn show(
    State(state): State<AppState>,
    of: OfAccount,
    Params(params): Params<UsageParams>,
) -> Result<Response, Failure> {
    let engine = &state.engine;
    let zone = engine.account(&of.account).await?.time_zone;
    let running = Month::containing(engine.now(), &zone).map_err(EngineError::from)?;
    let span = Span {
        engine,
        account: &of.account,
        zone: &zone,
        month: params.period.unwrap_or(running),
    };
    let all = span.series(None, None).await?;
    let meter = meter_of(&params, &all)?;
    let group = params.group.as_deref().filter(|group| !group.is_empty());
    let shown = span.series(Some(meter), group).await?;
    let is_compared = params
        .compare
        .as_deref()
        .is_some_and(|month| !month.is_empty());
    let before = match is_compared {
        true => Some(span.before()?.series(Some(meter), None).await?),
        false => None,
    };
    let frame = Frame::new("Usage", "/usage", Some(&of.viewer)).in_zone(&zone);
    let shape = Shape {
        meter,
        month_secs: span.secs()?,
        // What is held goes on past now in the log; a chart of what was used ends today.
        days: shown
            .steps
            .iter()
            .filter(|day| day.start() <= engine.now())
            .count(),
        lines: grouped(&shown.lines, shown.steps.len())?,
        before: before.map(|series| sum_of(&series)).transpose()?,
    };
    let spec = meter.spec();
    let query = format!(
        "meter={meter}&period={}&group={}",
        span.month,
        group.unwrap_or_default()
    );
    let total = shape.total(&shape.lines)?;
    let total_before = match &shape.before {
        Some(before) => Some(
            shape.shown(
                before
                    .iter()
                    .copied()
                    .try_fold(Quantity::ZERO, |sum, day| {
                        sum.checked_add(day).map_err(EngineError::from)
                    })?,
            ),
        ),
        None => None,
    };
    page(&Usage {
        title: spec.title.to_owned(),
        unit: spec.display_unit,
        month: span.month.to_string(),
        meters: meters(&all, meter),
        groups: groups(group),
        is_compared,
        chart: (!shape.lines.is_empty()).then(|| shape.chart(&shown, &zone, engine.now())),
        names: shape.lines.iter().map(|(name, _)| name.clone()).collect(),
        days: shape.rows(&shown, &zone)?,
        total,
        total_before,
        download: frame.path(&format!("/usage.csv?{query}")),
        stream: frame.path(&format!("/usage/live?resource={meter}")),
        frame,
    })
}

/// The meter that is asked for, or the first that shows usage.
fn meter_of(params: &UsageParams, all: &Series) -> Result<ResourceType, Problem> {
    match params.meter.as_deref().filter(|meter| !meter.is_empty()) {
        Some(meter) => meter
            .parse()
            .map_err(|error| Problem::invalid(format!("meter: {error}"))),
        None => Ok(all
            .lines
            .first()
            .map_or(ResourceType::StorageStoredData, |line| line.resource)),
    }
}

/// All meters, those with usage first.
fn meters(all: &Series, chosen: ResourceType) -> Vec<Choice> {
    let is_used = |resource| all.lines.iter().any(|line| line.resource == resource);
    let mut specs: Vec<_> = ResourceType::all().collect();
    specs.sort_by_key(|spec| !is_used(spec.resource));
    let choice = |spec: &&synor_economics::metering::ResourceSpec| Choice {
        value: spec.resource.to_string(),
        label: format!(
            "{}, {}{}",
            spec.title,
            spec.resource.service(),
            if is_used(spec.resource) {
                ""
            } else {
                " (none)"
            }
        ),
        is_chosen: spec.resource == chosen,
    };
    specs.iter().map(choice).collect()
}

fn groups(chosen: Option<&str>) -> Vec<Choice> {
    let choice = |(value, label): (&str, &str)| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        is_chosen: value == chosen.unwrap_or_default(),
    };
    GROUPS.map(choice).into()
}

type Line = (String, Vec<Quantity>);

fn added(sum: &mut [Quantity], more: &[Quantity]) -> Result<(), EngineError> {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.checked_add(*more)?;
    }
    Ok(())
}

fn sum_of(series: &Series) -> Result<Vec<Quantity>, EngineError> {
    let mut sum = vec![Quantity::ZERO; series.steps.len()];
    for line in &series.lines {
        added(&mut sum, &line.quantities)?;
    }
    Ok(sum)
}

/// The lines with the most usage, the others together as the last one.
fn grouped(lines: &[SeriesLine], steps: usize) -> Result<Vec<Line>, EngineError> {
    let mut named = Vec::new();
    for line in lines {
        let name = line.group.clone().unwrap_or_else(|| "all".to_owned());
        let mut total = Quantity::ZERO;
        for quantity in &line.quantities {
            total = total.checked_add(*quantity)?;
        }
        named.push((total, (name, line.quantities.clone())));
    }
    named.sort_by_key(|(total, _)| std::cmp::Reverse(total.get()));
    let mut shown: Vec<Line> = named.into_iter().map(|(_, line)| line).collect();
    if shown.len() > COLOURS {
        let rest = shown.split_off(COLOURS.saturating_sub(1));
        let mut sum = vec![Quantity::ZERO; steps];
        for (_, quantities) in &rest {
            added(&mut sum, quantities)?;
        }
        shown.push((format!("{} others", rest.len()), sum));
    }
    Ok(shown)
}

/// One meter's month as it is drawn.
struct Shape {
    meter: ResourceType,
    month_secs: i64,
    days: usize,
    lines: Vec<Line>,
    before: Option<Vec<Quantity>>,
}

impl Shape {
    fn shown(&self, quantity: Quantity) -> String {
        decimal(&display_quantity(self.meter, quantity, self.month_secs))
    }

    fn height(&self, quantity: Quantity) -> f64 {
        let text = display_quantity(self.meter, quantity, self.month_secs);
        text.parse::<f64>().unwrap_or_default().max(0.0)
    }

    fn at(&self, quantities: &[Quantity], day: usize) -> Quantity {
        quantities.get(day).copied().unwrap_or_default()
    }

    fn total(&self, lines: &[Line]) -> Result<String, EngineError> {
        let mut sum = Quantity::ZERO;
        for (_, quantities) in lines {
            for quantity in quantities.iter().take(self.days) {
                sum = sum.checked_add(*quantity)?;
            }
        }
        Ok(self.shown(sum))
    }

    fn chart(&self, series: &Series, zone: &Zone, now: synor_economics::period::Timestamp) -> Bars {
        let mut bars = Vec::new();
        for (at, day) in series.steps.iter().take(self.days).enumerate() {
            let date = day.start().date_in(zone);
            let mut says = vec![date.clone()];
            let mut parts = Vec::new();
            for (place, (name, quantities)) in self.lines.iter().enumerate() {
                let quantity = self.at(quantities, at);
                says.push(format!("{name} {}", self.shown(quantity)));
                parts.push(Part {
                    class: format!("c{place}"),
                    value: self.height(quantity),
                });
            }
            if let Some(before) = &self.before {
                says.push(format!("month before {}", self.shown(self.at(before, at))));
            }
            let number = date.get(8..).unwrap_or_default().trim_start_matches('0');
            let has_tick = at == 0 || at.saturating_add(1).is_multiple_of(5);
            bars.push(Bar {
                tick: if has_tick {
                    number.to_owned()
                } else {
                    String::new()
                },
                parts,
                says,
                is_incomplete: day.end() > now,
            });
        }
        let labels = self.lines.iter().enumerate().rev();
        let labels = labels.map(|(place, (name, _))| Label {
            class: format!("c{place}"),
            text: cut(name),
        });
        let before = self.before.iter().flatten().take(self.days);
        let before = before.map(|quantity| self.height(*quantity));
        Bars {
            title: format!("{} a day", self.meter.spec().title),
            labels: labels.collect(),
            before: before.collect(),
            ahead: Vec::new(),
            bars,
        }
    }

    fn rows(&self, series: &Series, zone: &Zone) -> Result<Vec<DayRow>, EngineError> {
        let mut rows = Vec::new();
        for (at, day) in series.steps.iter().take(self.days).enumerate() {
            let mut sum = Quantity::ZERO;
            let mut parts = Vec::new();
            for (_, quantities) in &self.lines {
                let quantity = self.at(quantities, at);
                sum = sum.checked_add(quantity)?;
                parts.push(self.shown(quantity));
            }
            let before = self.before.as_ref();
            rows.push(DayRow {
                date: day.start().date_in(zone),
                parts,
                total: self.shown(sum),
                before: before.map(|before| self.shown(self.at(before, at))),
            });
        }
        Ok(rows)
    }
}

/// A name that fits beside a chart.
fn cut(name: &str) -> String {
    match name.char_indices().nth(18) {
        Some((at, _)) => format!("{}…", name.get(..at).unwrap_or(name)),
        None => name.to_owned(),
    }
}

/// `GET /usage.csv`: what the page shows, in base units, which are exact.
pub async fn download(
    State(state): State<AppState>,
    of: OfAccount,
    Params(params): Params<UsageParams>,
) -> Result<Response, Failure> {
    let engine = &state.engine;
    let zone = engine.account(&of.account).await?.time_zone;
    let running = Month::containing(engine.now(), &zone).map_err(EngineError::from)?;
    let span = Span {
        engine,
        account: &of.account,
        zone: &zone,
        month: params.period.unwrap_or(running),
    };
    let resource = params.meter.as_deref().filter(|meter| !meter.is_empty());
    let resource: Option<ResourceType> = resource
        .map(str::parse)
        .transpose()
        .map_err(|error| Problem::invalid(format!("meter: {error}")))?;
    let group = params.group.as_deref().filter(|group| !group.is_empty());
    let series = span.series(resource, group).await?;
    let text = written(&series, &zone).map_err(|error| {
        tracing::error!(%error, "a table cannot be written");
        Failure::from(Problem::internal())
    })?;
    let name = format!(
        "attachment; filename=\"usage-{}-{}.csv\"",
        of.account, span.month
    );
    let kind = "text/csv; charset=utf-8".to_owned();
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], text).into_response())
}

fn written(series: &Series, zone: &Zone) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["date", "resource", "group", "quantity", "unit"])?;
    for line in &series.lines {
        for (day, quantity) in series.steps.iter().zip(&line.quantities) {
            writer.write_record([
                day.start().date_in(zone),
                line.resource.to_string(),
                line.group.clone().unwrap_or_default(),
                quantity.to_string(),
                line.resource.spec().base_unit.name().to_owned(),
            ])?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

/// `GET /usage/live`: the account's events as they are acknowledged.
pub async fn live(
    state: State<AppState>,
    of: OfAccount,
    params: Params<StreamParams>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let events = stream(state, ForAccount(of.account), params, headers).await?;
    Ok(events.into_response())
}
