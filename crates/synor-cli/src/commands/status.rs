//! `synor` alone: where things stand, and the next step.

use serde_json::Value;
use synor_economics::money::MicroSynor;
use synor_engine::Balance;

use crate::args::Global;
use crate::client::{FOLDER, Session, items};
use crate::data_folder::DataFolder;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(global: &Global) -> anyhow::Result<()> {
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    if global.server.is_none() && !folder.file("book.sqlite").exists() {
        let path = folder.path().display();
        return Answer::new(&Value::Null)?
            .line(format!("Nothing is in {path} yet."))
            .line("")
            .line("  synor demo                     see a whole month, from usage to payout")
            .line("  synor serve                    start a server of your own")
            .line("  synor admin open-account ID    open the first account")
            .print(global.format);
    }
    let session = Session::connect(global).await?;
    let answer = if global.account.is_some() || global.api_key.is_some() {
        of_account(&session).await
    } else {
        of_platform(&session).await
    };
    session.close().await;
    answer?.print(global.format)
}

async fn of_account(session: &Session) -> anyhow::Result<Answer> {
    let balance: Balance = session.get("/billing/balance").await?;
    let current: Value = session.get("/billing/invoices/current").await?;
    let so_far: MicroSynor = serde_json::from_value(current["subtotal_micro_synor"].clone())?;
    let mut table = Table::new(&[text("", "what"), number("SYNOR", "amount_micro_synor")]);
    table.row([
        Field::from("Balance"),
        Field::from(balance.balance_micro_synor),
    ]);
    table.row([
        Field::from("Owed"),
        Field::from(balance.outstanding_micro_synor),
    ]);
    table.row([Field::from("This month so far"), Field::from(so_far)]);
    let next = if balance.open_invoices > 0 {
        "synor billing invoices         see what is owed"
    } else {
        "synor billing invoice --current  see what this month is made of"
    };
    let head = balance.account_id.to_string();
    Ok(Answer::new(&balance)?
        .line(head)
        .line("")
        .table(table)
        .line("")
        .line(format!("  {next}")))
}

async fn of_platform(session: &Session) -> anyhow::Result<Answer> {
    let accounts: Value = session.get("/admin/accounts").await?;
    let distributed: Value = session.get("/admin/distribution").await?;
    let collected: MicroSynor =
        serde_json::from_value(distributed["collected_micro_synor"].clone())?;
    let count = items(&accounts).len();
    let line = format!(
        "{count} accounts, {} collected and distributed",
        format::money(collected)
    );
    Ok(Answer::new(&accounts)?
        .line(line)
        .line("")
        .line("  synor --account ID             where an account stands")
        .line("  synor admin close-period YYYY-MM  make the invoices of a month")
        .line("  synor admin verify             prove the books"))
}
