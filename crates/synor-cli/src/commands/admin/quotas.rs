//! `synor admin set-quota|remove-quota`: what limits an account's usage.

use clap::Args;
use serde_json::json;
use synor_economics::id::AccountId;
use synor_economics::metering::{MeteringUnit, ResourceType};
use synor_economics::money::{Exact, MoneyError};
use synor_economics::quota::{Quota, QuotaEffect, QuotaPeriod};

use crate::client::Session;
use crate::output::Answer;

/// Of what, in which stretch of time.
#[derive(Debug, Args)]
pub struct Which {
    /// Which account.
    account_id: AccountId,
    /// What to limit, such as network.egress.
    resource: ResourceType,
    /// In each day or month of the account's time zone.
    #[arg(long, default_value = "month", value_parser = str::parse::<QuotaPeriod>)]
    per: QuotaPeriod,
}

/// The quota to set.
#[derive(Debug, Args)]
pub struct SetArguments {
    #[command(flatten)]
    which: Which,
    /// How much, such as 500.
    #[arg(value_parser = decimal)]
    quantity: String,
    /// In which unit, such as GB.
    unit: MeteringUnit,
    /// What happens when it is used up: warn (it shows) or stop (events are refused).
    #[arg(long, default_value = "warn", value_parser = str::parse::<QuotaEffect>)]
    effect: QuotaEffect,
}

fn decimal(text: &str) -> Result<String, MoneyError> {
    Exact::parse_decimal(text).map(|_| text.to_owned())
}

pub async fn set(arguments: SetArguments, session: &Session) -> anyhow::Result<Answer> {
    let Which {
        account_id,
        resource,
        per,
    } = arguments.which;
    let new = json!({
        "resource": resource,
        "per": per,
        "quantity": arguments.quantity,
        "unit": arguments.unit,
        "effect": arguments.effect,
    });
    let path = format!("/admin/accounts/{account_id}/quotas");
    let quota: Quota = session.post(&path, &new, None).await?;
    let then = match quota.effect {
        QuotaEffect::Warn => "then it shows",
        QuotaEffect::Stop => "then events are refused",
    };
    let line = format!(
        "{account_id} may use {} of {resource} a {per}; {then}",
        quota.shown()
    );
    Ok(Answer::new(&quota)?.line(line))
}

pub async fn remove(which: Which, session: &Session) -> anyhow::Result<Answer> {
    let Which {
        account_id,
        resource,
        per,
    } = which;
    let path = format!("/admin/accounts/{account_id}/quotas?resource={resource}&per={per}");
    let removed: Quota = session.delete(&path).await?;
    let line = format!(
        "{account_id} is no longer held to {} of {resource} a {per}",
        removed.shown()
    );
    Ok(Answer::new(&removed)?.line(line))
}
