//! `synor cost forecast`

use synor_economics::calculator::Projection;
use synor_economics::metering::MeteringUnit;
use synor_economics::money::Exact;
use synor_economics::period::DAY_SECS;
use synor_economics::quantity::Quantity;
use synor_engine::Forecast;

use super::answer::usd;
use crate::args::Global;
use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(global: &Global) -> anyhow::Result<()> {
    let session = Session::connect(global).await?;
    let forecast: anyhow::Result<Forecast> = session.get("/cost/forecast").await;
    session.close().await;
    show(&forecast?)?.print(global.format)
}

fn show(forecast: &Forecast) -> anyhow::Result<Answer> {
    let mut usage = Table::new(&[
        text("Resource", "resource"),
        text("Dimensions", "dimensions"),
        number("So far", "so_far"),
        number("Low", "low"),
        number("Expected", "expected"),
        number("High", "high"),
        text("Unit", "unit"),
    ]);
    for kind in &forecast.usage {
        let dimensions: Vec<_> = kind
            .dimensions
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let shown = |quantity| quantity_field(kind, quantity, month_secs(forecast));
        usage.row([
            Field::from(kind.resource.to_string()),
            Field::from(dimensions.join(" ")),
            shown(kind.so_far),
            shown(kind.low),
            shown(kind.expected),
            shown(kind.high),
            Field::new(
                kind.resource.spec().display_unit,
                kind.resource.spec().base_unit,
            ),
        ]);
    }
    let mut bill = Table::new(&[text("", "what"), number("SYNOR", "total_micro_synor")]);
    for (label, estimate) in [
        ("So far", &forecast.so_far),
        ("Low", &forecast.low),
        ("Expected", &forecast.expected),
        ("High", &forecast.high),
    ] {
        bill.row([Field::from(label), Field::from(estimate.total_micro_synor)]);
    }
    let days_left = Exact::new(i128::from(forecast.rest_secs), i128::from(DAY_SECS));
    let days_left = days_left.unwrap_or(Exact::ZERO).rounded(1)?;
    let mut answer = Answer::new(forecast)?
        .line(format!(
            "{}  ·  {}  ·  {days_left} days to come",
            forecast.account_id, forecast.month
        ))
        .line("")
        .table(bill);
    if let Some(micro) = forecast.expected_micro_usd {
        answer = answer.line(format!("expected: {} USD", usd(micro)?));
    }
    if !usage.is_empty() {
        answer = answer.line("").table(usage).line("");
    }
    let days = match forecast.days {
        0 => return Ok(answer.line("There is no full day to go by yet; only levels go on.")),
        1 => "1 full day, too few for a band".to_owned(),
        days => format!("{days} full days"),
    };
    Ok(answer.line(format!(
        "Amounts go on at the mean of the last {days}; levels stay where they are.\n\
         The band is ±1.28·s·√(r + r²/n), with s the standard deviation of those n days and r the \
         days to come:\n80 % if days are independent."
    )))
}

fn month_secs(forecast: &Forecast) -> i64 {
    let utc = synor_economics::period::Zone::utc();
    forecast
        .month
        .period(&utc)
        .map_or(30 * DAY_SECS, |period| period.secs())
}

fn quantity_field(kind: &Projection, quantity: Quantity, month_secs: i64) -> Field {
    let unit: Option<MeteringUnit> = kind.resource.spec().display_unit.parse().ok();
    let shown = unit
        .and_then(|unit| unit.base_units(Some(month_secs)).ok())
        .and_then(|base| Exact::new(quantity.get(), base))
        .and_then(|exact| exact.rounded(3).ok())
        .unwrap_or_else(|| quantity.to_string());
    Field::new(format::decimal(&shown), quantity)
}
