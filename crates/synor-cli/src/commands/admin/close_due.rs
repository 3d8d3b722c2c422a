//! `synor admin close-due`: what the server also does by itself every minute.

use serde_json::{Value, json};

use crate::client::{Session, items};
use crate::output::Answer;

pub async fn run(session: &Session) -> anyhow::Result<Answer> {
    let path = "/admin/periods/close-due";
    let closed: Value = session.post(path, &json!({}), None).await?;
    let mut answer = Answer::new(&closed)?;
    let mut made = 0;
    for month in items(&closed) {
        let count = month["invoice_count"].as_u64().unwrap_or_default();
        made += count;
        let failed = month["failed_count"].as_u64().unwrap_or_default();
        let name = month["month"].as_str().unwrap_or_default();
        answer = answer.line(format!("{name}: {count} invoices made, {failed} failed"));
    }
    if made == 0 {
        answer = answer.line("nothing was due");
    }
    Ok(answer)
}
