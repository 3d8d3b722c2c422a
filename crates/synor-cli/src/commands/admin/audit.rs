//! `synor admin audit`: who changed what, the latest first.

use clap::Args;
use serde_json::Value;
use synor_economics::period::Timestamp;

use crate::client::{Session, items};
use crate::output::{Answer, Table, text};

/// Which part of the audit log.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only what was changed since, such as 2026-01-31T00:00:00Z.
    #[arg(long, value_parser = Timestamp::parse)]
    since: Option<Timestamp>,
    /// Where to go on: `next_cursor` of the answer before.
    #[arg(long)]
    cursor: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut query = vec![("limit", arguments.limit.to_string())];
    let since = arguments.since.map(|at| at.secs().to_string());
    // Of one account where `--account` says so, as everywhere.
    for (name, value) in [("since", since), ("cursor", arguments.cursor)] {
        query.extend(value.map(|value| (name, value)));
    }
    let log: Value = session.get_with("/admin/audit", &query).await?;
    let mut table = Table::new(&[
        text("when", "at"),
        text("who", "actor"),
        text("role", "role"),
        text("from", "address"),
        text("what", "operation"),
        text("changed", "changed"),
    ]);
    for entry in items(&log) {
        let actor = &entry["actor"];
        let of = |name: &str| actor[name].as_str().unwrap_or_default().to_owned();
        let who = match of("key_id") {
            key if key.is_empty() => of("kind"),
            key => key,
        };
        let at = Timestamp::from_secs(entry["at"].as_i64().unwrap_or_default());
        table.row([
            at.to_string().into(),
            who.into(),
            of("role").into(),
            of("address").into(),
            of("operation").into(),
            changed(&entry).into(),
        ]);
    }
    let mut answer = Answer::new(&log)?.table(table);
    if let Some(next) = log["next_cursor"].as_str() {
        answer = answer.line(format!("there is more: --cursor {next}"));
    }
    Ok(answer)
}

/// The documents that were changed, the first few of them.
fn changed(entry: &Value) -> String {
    let changes = entry["changes"].as_array().map_or(&[][..], Vec::as_slice);
    let name = |change: &Value| {
        let of = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", of("kind"), of("id"))
    };
    let shown: Vec<_> = changes.iter().take(3).map(name).collect();
    let rest = changes.len().saturating_sub(shown.len());
    match rest {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
