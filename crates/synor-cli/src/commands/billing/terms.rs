//! `synor billing terms`, `synor billing redeem`

use serde_json::{Value, json};
use synor_economics::pricing::promotion::{PromoCode, Redemption};
use synor_economics::pricing::reserved::Commitment;

use crate::client::Session;
use crate::commands::admin::terms::off;
use crate::output::{Answer, Field, Table, text};

pub async fn show(session: &Session) -> anyhow::Result<Answer> {
    let terms: Value = session.get("/billing/terms").await?;
    let mut table = Table::new(&[
        text("What", "kind"),
        text("Terms", "description"),
        text("From", "first_month"),
        text("To", "last_month"),
    ]);
    let plan = terms["plan"].as_str().unwrap_or_default();
    table.row([
        Field::from("plan"),
        Field::from(plan),
        Field::from(""),
        Field::from(""),
    ]);
    let commitments: Vec<Commitment> = serde_json::from_value(terms["commitments"].clone())?;
    for commitment in commitments {
        table.row([
            Field::from("commitment"),
            Field::from(commitment.describe()),
            Field::from(commitment.starts.to_string()),
            Field::from(commitment.ends.to_string()),
        ]);
    }
    let redemptions: Vec<Redemption> = serde_json::from_value(terms["redemptions"].clone())?;
    for redemption in redemptions {
        table.row([
            Field::from("promotion"),
            Field::from(format!(
                "{}, {} off",
                redemption.code,
                off(&redemption.amount)
            )),
            Field::from(redemption.first_month.to_string()),
            Field::from(redemption.last_month.to_string()),
        ]);
    }
    let head = terms["account_id"].as_str().unwrap_or_default().to_owned();
    Ok(Answer::new(&terms)?.line(head).line("").table(table))
}

pub async fn redeem(code: &PromoCode, session: &Session) -> anyhow::Result<Answer> {
    let made: Redemption = session
        .post("/billing/promo-codes", &json!({"code": code}), None)
        .await?;
    let line = format!(
        "{}: {} off the invoices of {} to {}",
        made.code,
        off(&made.amount),
        made.first_month,
        made.last_month
    );
    Ok(Answer::new(&made)?.line(line))
}
