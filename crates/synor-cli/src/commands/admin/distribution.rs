//! `synor admin distribution`

use synor_economics::period::Month;
use synor_engine::DistributionTotals;

use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(period: Option<Month>, session: &Session) -> anyhow::Result<Answer> {
    let query = period.map_or_else(String::new, |month| format!("?period={month}"));
    let totals: DistributionTotals = session.get(&format!("/admin/distribution{query}")).await?;
    show(&totals)
}

/// Who earned what.
pub fn show(totals: &DistributionTotals) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[
        text("To", "recipient"),
        number("Invoices", "invoices"),
        number("SYNOR", "amount_micro_synor"),
    ]);
    for operator in &totals.operators {
        table.row([
            Field::from(operator.provider.to_string()),
            Field::from(operator.invoices as u64),
            Field::from(operator.amount_micro_synor),
        ]);
    }
    let all = totals.invoices as u64;
    table.row([
        Field::from("treasury"),
        Field::from(all),
        Field::from(totals.treasury_micro_synor),
    ]);
    table.row([
        Field::from("burn"),
        Field::from(all),
        Field::from(totals.burn_micro_synor),
    ]);
    table.total([
        Field::from("Collected and distributed"),
        Field::from(all),
        Field::from(totals.collected_micro_synor),
    ]);
    let answer = Answer::new(totals)?;
    if totals.invoices == 0 {
        return Ok(answer
            .line("No invoice has been paid yet.")
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
