//! `synor billing email`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Session;
use crate::output::Answer;

/// Where to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The new address; without it, the one there is.
    address: Option<String>,
    /// Send no e-mail any more.
    #[arg(long, conflicts_with = "address")]
    remove: bool,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let found: Value = if arguments.remove || arguments.address.is_some() {
        let order = json!({ "email": arguments.address });
        session.post("/billing/contact", &order, None).await?
    } else {
        session.get("/billing/contact").await?
    };
    let told = match found["email"].as_str() {
        Some(address) => format!("invoices are sent to {address}"),
        None => "invoices are not sent by e-mail".to_owned(),
    };
    Ok(Answer::new(&found)?.line(told))
}
