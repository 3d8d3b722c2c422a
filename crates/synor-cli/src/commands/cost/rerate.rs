//! `synor cost estimate --price-list FILE` about all accounts: who pays more or less.

use synor_engine::{EstimateRequest, RerateRequest, Rerated};

use crate::args::Global;
use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

pub async fn run(request: EstimateRequest, global: &Global) -> anyhow::Result<()> {
    let request = RerateRequest {
        price_list: request.price_list,
        plan: request.plan,
        period: request.period,
        account_id: global.account.clone(),
    };
    let session = Session::connect(global).await?;
    let rerated: anyhow::Result<Rerated> = session.post("/cost/rerate", &request, None).await;
    session.close().await;
    show(&rerated?)?.print(global.format)
}

fn show(rerated: &Rerated) -> anyhow::Result<Answer> {
    let mut table = Table::new(&[
        text("Account", "account_id"),
        number("Now", "now_micro_synor"),
        number("Then", "then_micro_synor"),
        number("Difference", "difference_micro_synor"),
        number("%", "percent"),
    ]);
    for item in &rerated.items {
        let percent = item.percent.clone().unwrap_or_else(|| "–".to_owned());
        table.row([
            Field::from(item.account_id.to_string()),
            Field::from(item.now_micro_synor),
            Field::from(item.then_micro_synor),
            Field::from(item.difference_micro_synor),
            Field::new(percent, item.percent.as_deref().unwrap_or_default()),
        ]);
    }
    let mut answer = Answer::new(rerated)?;
    if table.is_empty() {
        answer = answer.line(format!("No account used anything in {}.", rerated.period));
    } else {
        table.total([
            Field::from(format!("Total for {}", rerated.period)),
            Field::from(rerated.now_micro_synor),
            Field::from(rerated.then_micro_synor),
            Field::from(rerated.difference_micro_synor),
            Field::from(""),
        ]);
    }
    answer = answer.table(table);
    for failed in &rerated.failed {
        let line = format!("{} cannot be billed: {}", failed.account_id, failed.reason);
        answer = answer.line(line);
    }
    Ok(answer)
}
