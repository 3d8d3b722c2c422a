//! `synor admin accounts`, `synor admin open-account`

use clap::Args;
use serde_json::{Value, json};
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::period::Zone;

use crate::client::{Session, items};
use crate::format;
use crate::output::{Answer, Field, Table, text};

/// The account to open.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Its name: letters, digits, `.`, `_`, `-`, `:`.
    account: AccountId,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// In whose days its months are counted.
    #[arg(long, default_value = "UTC")]
    time_zone: Zone,
}

pub async fn open(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let body = json!({
        "account_id": arguments.account,
        "name": arguments.name,
        "time_zone": arguments.time_zone,
    });
    let account: Account = session.post("/admin/accounts", &body, None).await?;
    let line = format!(
        "opened {}, months in {}",
        account.account_id, account.time_zone
    );
    Ok(Answer::new(&account)?.line(line))
}

pub async fn list(session: &Session) -> anyhow::Result<Answer> {
    let all: Value = session.get("/admin/accounts").await?;
    let mut table = Table::new(&[
        text("Account", "account_id"),
        text("Name", "name"),
        text("Time zone", "time_zone"),
        text("Since", "created_at"),
    ]);
    for item in items(&all) {
        let account: Account = serde_json::from_value(item)?;
        table.row([
            Field::from(account.account_id.to_string()),
            Field::from(account.name),
            Field::from(account.time_zone.to_string()),
            Field::new(format::date(account.created_at), account.created_at.secs()),
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        return Ok(answer
            .line("No accounts yet; `synor admin open-account ID` opens one.")
            .table(table));
    }
    Ok(answer.table(table))
}
