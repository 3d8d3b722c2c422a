//! `synor admin issue-key`, `synor admin grant-credit`

use clap::Args;
use serde_json::{Value, json};
use synor_economics::billing::CreditEntry;
use synor_economics::id::AccountId;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use uuid::Uuid;

use crate::client::Session;
use crate::format;
use crate::output::Answer;

pub async fn issue(account: &AccountId, label: &str, session: &Session) -> anyhow::Result<Answer> {
    let path = format!("/admin/accounts/{account}/keys");
    let key: Value = session.post(&path, &json!({"label": label}), None).await?;
    let secret = key["secret"].as_str().unwrap_or_default();
    Ok(Answer::new(&key)?.line(secret.to_owned()).line(format!(
        "for {account}; it is shown this once: export SYNOR_API_KEY={secret}"
    )))
}

/// The credit to grant.
#[derive(Debug, Args)]
pub struct CreditArguments {
    /// To which account.
    account_id: AccountId,
    /// How much, such as `20 SYNOR`.
    #[arg(num_args = 1..=2, required = true, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
    amount: Vec<String>,
    /// Why it is granted.
    #[arg(long, conflicts_with_all = ["campaign", "referral", "incident"])]
    reason: Option<String>,
    /// By whom, with a reason.
    #[arg(long, default_value = "cli", requires = "reason")]
    admin: String,
    /// The promotion that it belongs to.
    #[arg(long, conflicts_with_all = ["referral", "incident"])]
    campaign: Option<String>,
    /// Who referred the account.
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "incident")]
    referral: Option<AccountId>,
    /// The incident that it makes up for; an account gets one credit for each.
    #[arg(long)]
    incident: Option<String>,
    /// When it expires, such as 2026-12-31T00:00:00Z.
    #[arg(long, value_parser = Timestamp::parse)]
    expires: Option<Timestamp>,
    /// Names the grant, so that repeating the command does not grant twice.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl CreditArguments {
    /// The same, if the amount can be read.
    pub fn checked(self) -> anyhow::Result<Self> {
        MicroSynor::parse_positive(&self.amount.join(" "))?;
        Ok(self)
    }
}

pub async fn grant(arguments: CreditArguments, session: &Session) -> anyhow::Result<Answer> {
    let amount = MicroSynor::parse_positive(&arguments.amount.join(" "))?;
    let source = match (arguments.campaign, arguments.referral, arguments.incident) {
        (Some(campaign), ..) => json!({"type": "promotional", "campaign": campaign}),
        (_, Some(account), _) => json!({"type": "referral", "referred_by": account}),
        (.., Some(incident)) => json!({"type": "sla_credit", "incident_id": incident}),
        _ => json!({
            "type": "manual",
            "reason": arguments.reason.unwrap_or_else(|| "goodwill".to_owned()),
            "admin": arguments.admin,
        }),
    };
    let body = json!({
        "amount_micro_synor": amount,
        "source": source,
        "expires_at": arguments.expires,
    });
    let path = format!("/admin/accounts/{}/credits", arguments.account_id);
    let key = arguments
        .idempotency_key
        .unwrap_or_else(|| Uuid::now_v7().to_string());
    let credit: CreditEntry = session.post(&path, &body, Some(&key)).await?;
    let granted = format::money(credit.amount_micro_synor);
    Ok(Answer::new(&credit)?
        .line(format!("granted {granted} to {}", credit.account_id))
        .line(credit.credit_id.to_string()))
}
