//! `synor admin run-dunning`, `synor admin suspensions`

use serde_json::{Value, json};
use synor_engine::DunningRun;

use crate::client::{Session, items};
use crate::format;
use crate::output::{Answer, Field, Table, text};

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let run: DunningRun = session.post("/admin/dunning", &json!({}), None).await?;
    let line = format!(
        "{} became overdue, {} steps were taken, {} suspensions were lifted",
        run.became_overdue, run.steps_taken, run.suspensions_lifted
    );
    Ok(Answer::new(&run)?.line(line))
}

pub async fn suspensions(session: &Session) -> anyhow::Result<Answer> {
    let found: Value = session.get("/admin/suspensions").await?;
    let mut table = Table::new(&[
        text("Account", "account_id"),
        text("Since", "since"),
        text("For", "invoice_id"),
    ]);
    for item in items(&found) {
        let since = serde_json::from_value(item["since"].clone())?;
        let shown = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        table.row([
            Field::from(shown("account_id")),
            Field::new(format::date(since), since.secs()),
            Field::from(shown("invoice_id")),
        ]);
    }
    let answer = Answer::new(&found)?;
    if items(&found).is_empty() {
        return Ok(answer
            .line("No account is suspended.")
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
