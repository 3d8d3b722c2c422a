//! `synor spot withdraw`

use clap::Args;
use serde_json::{Value, json};
use synor_economics::id::{AskId, BidId};
use synor_economics::period::Timestamp;

use crate::client::Session;
use crate::error::error;
use crate::output::Answer;

/// Which order.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Its id (ask_… or bid_…).
    order: String,
}

impl Arguments {
    /// The same, if it is an order's id.
    pub fn checked(self) -> anyhow::Result<Self> {
        if self.order.starts_with("ask_") {
            self.order.parse::<AskId>()?;
        } else if self.order.starts_with("bid_") {
            self.order.parse::<BidId>()?;
        } else {
            let message = format!("`{}` is not the id of an ask or a bid", self.order);
            return Err(error(message));
        }
        Ok(self)
    }
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let order = &arguments.order;
    let side = if order.starts_with("ask_") {
        "asks"
    } else {
        "bids"
    };
    let path = format!("/spot/{side}/{order}/withdraw");
    let withdrawn: Value = session.post(&path, &json!({}), None).await?;
    let end: Timestamp = serde_json::from_value(withdrawn["valid"]["end"].clone())?;
    Ok(Answer::new(&withdrawn)?.line(format!("{order} stands until {end} and no longer")))
}
