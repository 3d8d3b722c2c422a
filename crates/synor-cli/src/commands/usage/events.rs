//! `synor usage events`

use clap::Args;
use synor_economics::period::Month;
use synor_usage::{LoggedEvent, Page};

use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

/// Which events.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only of this month, such as 2026-01.
    #[arg(long)]
    period: Option<Month>,
    /// Only of this resource, such as compute.cpu.
    #[arg(long)]
    resource: Option<synor_economics::metering::ResourceType>,
    /// Only those after this position of the log.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// The most to list.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10000))]
    limit: u16,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut path = format!(
        "/billing/usage/events?after={}&limit={}",
        arguments.after, arguments.limit
    );
    if let Some(month) = arguments.period {
        path.push_str(&format!("&period={month}"));
    }
    if let Some(resource) = arguments.resource {
        path.push_str(&format!("&resource={resource}"));
    }
    let page: Page<LoggedEvent> = session.get(&path).await?;
    let mut table = Table::new(&[
        number("Position", "position"),
        text("Time", "time"),
        text("Resource", "resource"),
        number("Quantity", "quantity"),
        text("Unit", "unit"),
        text("Provider", "provider"),
        text("Source", "source"),
        text("Id", "id"),
        number("Withdrawn at", "withdrawn"),
    ]);
    for LoggedEvent {
        position,
        withdrawn,
        event,
    } in &page.items
    {
        table.row([
            Field::from(*position),
            Field::new(event.time.to_string(), event.time.secs()),
            Field::from(event.resource.to_string()),
            Field::from(event.quantity.to_string()),
            Field::from(event.unit().name()),
            Field::from(event.provider.as_ref().map_or("", |p| p.as_str())),
            Field::from(event.identity.source.clone()),
            Field::from(event.identity.id.clone()),
            withdrawn.map_or_else(|| Field::from(""), Field::from),
        ]);
    }
    let answer = Answer::new(&page)?.table(table);
    Ok(match page.next {
        Some(next) => answer.line(format!("there are more: --after {next}")),
        None => answer,
    })
}
