//! `synor billing hold show`

use clap::Args;
use synor_economics::billing::Hold;
use synor_economics::id::HoldId;

use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

/// Which hold.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The hold (hld_…).
    hold: HoldId,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/billing/holds/{}", arguments.hold);
    let hold: Hold = session.get(&path).await?;
    let mut table = Table::new(&[text("", "what"), number("SYNOR", "amount_micro_synor")]);
    for (title, name, amount) in [
        ("Captured", "captured", hold.captured_micro_synor),
        ("Released", "released", hold.released_micro_synor),
        ("On hold", "on_hold", hold.left()?),
    ] {
        table.row([Field::new(title, name), Field::from(amount)]);
    }
    table.total([Field::from("Amount"), Field::from(hold.amount_micro_synor)]);
    let head = format!(
        "{}  ·  {}  ·  {}",
        hold.hold_id, hold.account_id, hold.status
    );
    let until = format!("{}, until {}", hold.reason, hold.expires_at);
    let answer = Answer::new(&hold)?.line(head).line(until);
    Ok(answer.line("").table(table))
}
