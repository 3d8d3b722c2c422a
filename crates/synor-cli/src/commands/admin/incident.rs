//! `synor admin incident report|list|show`: services that were not there as promised, and what that
//! gave to whom.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use synor_economics::id::AccountId;
use synor_economics::metering::ServiceType;
use synor_economics::money::{Exact, MicroSynor, MoneyError};
use synor_economics::period::Timestamp;
use synor_economics::sla::Incident;

use super::terms::service;
use crate::client::{Session, items};
use crate::output::{Answer, Field, Table, number, text};

/// What to do about incidents.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report an incident; reporting the same one again changes nothing.
    Report(ReportArguments),
    /// The incidents, newest first.
    List,
    /// One of them: whom it gave what, and how that came to be.
    Show {
        /// Which.
        incident: String,
    },
}

/// The incident to report.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// What to call it, such as 2026-014.
    incident: String,
    /// Which service, such as network.
    #[arg(long, value_parser = service)]
    service: ServiceType,
    /// From when on, such as 2026-01-20T10:00:00Z.
    #[arg(long, value_parser = Timestamp::parse)]
    start: Timestamp,
    /// Until when.
    #[arg(long, value_parser = Timestamp::parse)]
    end: Timestamp,
    /// How many seconds of it the service was not there [default: all].
    #[arg(long, value_name = "SECONDS", conflicts_with = "availability")]
    downtime: Option<i64>,
    /// The availability that was measured over it, in per cent.
    #[arg(long, value_name = "PERCENT", value_parser = decimal)]
    availability: Option<String>,
    /// Only these accounts [default: all that use the service in the month].
    #[arg(long = "account-hit", value_name = "ACCOUNT")]
    accounts: Vec<AccountId>,
    /// What people read.
    #[arg(long, default_value = "")]
    note: String,
}

fn decimal(text: &str) -> Result<String, MoneyError> {
    Exact::parse_decimal(text).map(|_| text.to_owned())
}

pub async fn run(command: Command, session: &Session) -> anyhow::Result<Answer> {
    match command {
        Command::Report(arguments) => report(arguments, session).await,
        Command::List => list(session).await,
        Command::Show { incident } => show(&incident, session).await,
    }
}

async fn report(arguments: ReportArguments, session: &Session) -> anyhow::Result<Answer> {
    let mut new = json!({
        "incident_id": arguments.incident,
        "service": arguments.service,
        "start": arguments.start,
        "end": arguments.end,
        "accounts": arguments.accounts,
        "note": arguments.note,
    });
    if let Some(secs) = arguments.downtime {
        new["downtime_secs"] = json!(secs);
    }
    if let Some(percent) = arguments.availability {
        new["availability_percent"] = json!(percent);
    }
    let made: Value = session.post("/admin/incidents", &new, None).await?;
    let id = made["incident_id"].as_str().unwrap_or_default();
    let line = format!(
        "incident {id}: {} was not there for {} seconds; who is owed for it gets a credit once the \
         month is billed",
        made["service"].as_str().unwrap_or_default(),
        made["downtime_secs"]
    );
    let next = format!("synor admin incident show {id}");
    Ok(Answer::new(&made)?.line(line).line(next))
}

async fn list(session: &Session) -> anyhow::Result<Answer> {
    let all: Value = session.get("/admin/incidents").await?;
    let mut table = Table::new(&[
        text("Incident", "incident_id"),
        text("Service", "service"),
        text("From", "period_start"),
        text("Until", "period_end"),
        number("Down (s)", "downtime_secs"),
        text("Settled", "settled_at"),
    ]);
    for item in items(&all) {
        let incident: Incident = serde_json::from_value(item)?;
        let (start, end) = (incident.period.start(), incident.period.end());
        let settled = match incident.settled_at {
            Some(at) => Field::new(at.to_string(), at.secs()),
            None => Field::new("waits for its month's invoices", ""),
        };
        table.row([
            Field::from(incident.incident_id),
            Field::from(incident.service.name()),
            Field::new(start.to_string(), start.secs()),
            Field::new(end.to_string(), end.secs()),
            Field::new(incident.downtime_secs.to_string(), incident.downtime_secs),
            settled,
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        return Ok(answer.line("No incidents.").table_only_in_csv(table));
    }
    Ok(answer.table(table))
}

async fn show(id: &str, session: &Session) -> anyhow::Result<Answer> {
    let shown: Value = session.get(&format!("/admin/incidents/{id}")).await?;
    let mut table = Table::new(&[
        text("Account", "account_id"),
        text("Plan", "plan"),
        number("Credit", "amount_micro_synor"),
        text("Because", "explanation"),
    ]);
    let outcomes = shown["outcomes"].as_array().into_iter().flatten();
    for outcome in outcomes {
        let credit: MicroSynor = serde_json::from_value(outcome["amount_micro_synor"].clone())?;
        let word = |field: &str| Field::from(outcome[field].as_str().unwrap_or_default());
        table.row([
            word("account_id"),
            word("plan"),
            Field::from(credit),
            word("explanation"),
        ]);
    }
    let mut incident = shown.clone();
    if let Some(fields) = incident.as_object_mut() {
        fields.remove("outcomes");
    }
    let incident: Incident = serde_json::from_value(incident)?;
    let head = format!(
        "incident {}: {} from {} to {}, not there for {} seconds",
        incident.incident_id,
        incident.service,
        incident.period.start(),
        incident.period.end(),
        incident.downtime_secs
    );
    let answer = Answer::new(&shown)?.line(head);
    let state = match incident.settled_at {
        Some(at) => format!("settled at {at}"),
        None => "it waits for its month's invoices".to_owned(),
    };
    let answer = answer.line(state);
    if table.is_empty() {
        return Ok(answer.table_only_in_csv(table));
    }
    Ok(answer.line("").table(table))
}
