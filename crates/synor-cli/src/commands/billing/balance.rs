//! `synor billing balance`

use synor_engine::Balance;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let balance: Balance = session.get("/billing/balance").await?;
    let mut table = Table::new(&[text("", "what"), number("SYNOR", "amount_micro_synor")]);
    table.row([
        Field::new("Prepaid", "prepaid"),
        Field::from(balance.prepaid_micro_synor),
    ]);
    table.row([
        Field::new("Granted credit", "credit"),
        Field::from(balance.credit_micro_synor),
    ]);
    table.total([
        Field::from("Balance"),
        Field::from(balance.balance_micro_synor),
    ]);
    if balance.on_hold_micro_synor.is_positive() {
        table.total([
            Field::from("On hold besides"),
            Field::from(balance.on_hold_micro_synor),
        ]);
    }
    table.total([
        Field::from("Owed on open invoices"),
        Field::from(balance.outstanding_micro_synor),
    ]);
    let head = balance.account_id.to_string();
    let mut answer = Answer::new(&balance)?.line(head).line("").table(table);
    if let Some(since) = balance.suspended_since {
        let since = format::date(since);
        answer = answer.line("").line(format!(
            "suspended since {since}, until nothing is overdue any more"
        ));
    }
    if balance.open_invoices > 0 {
        answer = answer
            .line("")
            .line("`synor billing invoices` lists what is owed");
    }
    Ok(answer)
}
