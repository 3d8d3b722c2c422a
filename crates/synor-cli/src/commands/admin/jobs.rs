//! `synor admin jobs`: which node runs which job.

use serde::{Deserialize, Serialize};
use synor_engine::JobLease;

use crate::client::Session;
use crate::output::{Answer, Field, Table, number, text};

#[derive(Debug, Serialize, Deserialize)]
struct Jobs {
    items: Vec<JobLease>,
}

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let jobs: Jobs = session.get("/admin/jobs").await?;
    let mut table = Table::new(&[
        text("Job", "job"),
        text("Node", "holder"),
        number("For, ms", "left_ms"),
    ]);
    for job in &jobs.items {
        table.row([
            Field::from(job.job.clone()),
            Field::from(job.holder.clone()),
            Field::from(job.left_ms),
        ]);
    }
    let answer = Answer::new(&jobs)?;
    if table.is_empty() {
        return Ok(answer.line("No node runs a job.").table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
