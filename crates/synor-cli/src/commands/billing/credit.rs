//! `synor billing credits show`: what became of one credit.

use synor_economics::billing::CreditStatement;
use synor_economics::id::CreditId;

use crate::client::Session;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(id: CreditId, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/credits/{id}");
    let statement: CreditStatement = session.get(&path).await?;
    let mut table = Table::new(&[
        text("When", "at"),
        text("What", "what"),
        number("SYNOR", "amount_micro_synor"),
        number("Left", "left_micro_synor"),
    ]);
    for line in &statement.lines {
        table.row([
            Field::new(line.at.to_string(), line.at.secs()),
            Field::from(line.what.describe()),
            Field::from(line.amount_micro_synor),
            Field::from(line.left_micro_synor),
        ]);
    }
    table.total([
        Field::from("Can be used now"),
        Field::from(""),
        Field::from(""),
        Field::from(statement.available_micro_synor),
    ]);
    let credit = &statement.credit;
    let until = match credit.expires_at {
        Some(at) => format!("until {}", format::date(at)),
        None => "without an end".to_owned(),
    };
    let head = format!(
        "{}: {}, {until}",
        credit.account_id,
        credit.source.describe()
    );
    Ok(Answer::new(&statement)?.line(head).line("").table(table))
}
