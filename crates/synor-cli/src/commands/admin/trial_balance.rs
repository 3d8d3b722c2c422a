//! `synor admin trial-balance`

use clap::Args;
use synor_economics::period::Timestamp;
use synor_engine::TrialBalance;

use super::journal_time::day_end;
use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

/// At which moment.
#[derive(Debug, Args)]
pub struct Arguments {
    /// With what was posted up to the end of this day (2026-01-31), or before this instant
    /// (2026-01-31T12:00:00Z), in UTC [default: with everything].
    #[arg(long, value_name = "DATE", value_parser = day_end)]
    at: Option<Timestamp>,
    /// One row for all accounts of a kind.
    #[arg(long)]
    by_kind: bool,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut query = Vec::new();
    if let Some(at) = arguments.at {
        query.push(("at", at.secs().to_string()));
    }
    if arguments.by_kind {
        query.push(("by", "kind".to_owned()));
    }
    let trial: TrialBalance = session
        .get_with("/admin/ledger/trial-balance", &query)
        .await?;
    show(&trial, arguments.by_kind)
}

fn show(trial: &TrialBalance, by_kind: bool) -> anyhow::Result<Answer> {
    let mut columns = vec![text("Account", "account")];
    if by_kind {
        columns.push(number("Accounts", "accounts"));
    }
    columns.push(number("Debit, SYNOR", "debit_micro_synor"));
    columns.push(number("Credit, SYNOR", "credit_micro_synor"));
    let mut table = Table::new(&columns);
    let counted = |count: u64| by_kind.then(|| Field::from(count));
    for row in &trial.rows {
        let sides = [row.debit_micro_synor, row.credit_micro_synor].map(Field::from);
        let count = counted(row.accounts);
        table.row(
            [Field::from(row.account.clone())]
                .into_iter()
                .chain(count)
                .chain(sides),
        );
    }
    let all = trial.rows.iter().map(|row| row.accounts).sum();
    let sides = [trial.debit_micro_synor, trial.credit_micro_synor].map(Field::from);
    let name = format!("{} entries", trial.entries);
    table.total(
        [Field::from(name)]
            .into_iter()
            .chain(counted(all))
            .chain(sides),
    );
    Ok(Answer::new(trial)?.table(table))
}
