//! `synor admin set-plan|commit|refer|create-promotion|promotions`: what accounts pay less for.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::metering::{ResourceType, ServiceType};
use synor_economics::money::{Exact, MICRO_PER_SYNOR, MicroSynor, MoneyError};
use synor_economics::period::{Month, Timestamp};
use synor_economics::plan::Plan;
use synor_economics::pricing::PriceUnit;
use synor_economics::pricing::discounts::{DiscountAmount, DiscountScope};
use synor_economics::pricing::promotion::{PromoCode, Promotion};
use synor_economics::pricing::reserved::{Commitment, Committed};
use synor_engine::{Clock, SystemClock};
use uuid::Uuid;

use crate::client::{Session, items};
use crate::error::error;
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// The plan to change to.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Which account.
    account_id: AccountId,
    /// free, standard, premium or enterprise.
    plan: Plan,
    /// From when on, such as 2026-01-15T00:00:00Z [default: now].
    #[arg(long, value_parser = Timestamp::parse)]
    from: Option<Timestamp>,
}

pub async fn set_plan(arguments: PlanArguments, session: &Session) -> anyhow::Result<Answer> {
    let body = json!({"plan": arguments.plan, "from": arguments.from});
    let path = format!("/admin/accounts/{}/plan", arguments.account_id);
    let account: Account = session.post(&path, &body, None).await?;
    let line = match account.plan_changes.last() {
        Some(last) => format!(
            "{} is on plan {} from {}",
            account.account_id, last.plan, last.from
        ),
        None => format!("{} is on plan free", account.account_id),
    };
    Ok(Answer::new(&account)?.line(line))
}

/// What an account commits to: an amount at a discount, or a capacity at a rate.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["amount", "resource"])))]
pub struct CommitArguments {
    /// Which account.
    account_id: AccountId,
    /// To spend this much a month, such as `100 SYNOR`, after the discount.
    #[arg(long, requires = "discount", value_parser = MicroSynor::parse_positive)]
    amount: Option<MicroSynor>,
    /// Per cent off the price list.
    #[arg(long, value_parser = Exact::parse_decimal)]
    discount: Option<Exact>,
    /// Only on this service, such as compute [default: on everything].
    #[arg(long, value_parser = service, conflicts_with = "resource")]
    service: Option<ServiceType>,
    /// To take a capacity of this resource, such as compute.cpu.
    #[arg(long, requires_all = ["units", "per", "rate"])]
    resource: Option<ResourceType>,
    /// How much of it a month.
    #[arg(long, value_parser = Exact::parse_decimal)]
    units: Option<Exact>,
    /// In which unit, such as core-hour.
    #[arg(long)]
    per: Option<PriceUnit>,
    /// At which price for each, such as `0.015 SYNOR`.
    #[arg(long, value_parser = rate)]
    rate: Option<Exact>,
    /// Only with this dimension, such as gpu_model=rtx4090.
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = dimension)]
    dimensions: Vec<(String, String)>,
    /// Its first month.
    #[arg(long)]
    starts: Month,
    /// Its last month.
    #[arg(long)]
    ends: Month,
    /// Names the commitment, so that repeating the command does not make a second one.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

pub fn service(text: &str) -> Result<ServiceType, String> {
    let found = ServiceType::ALL
        .into_iter()
        .find(|service| service.name() == text);
    found.ok_or_else(|| "there are storage, hosting, database, compute, network".to_owned())
}

fn dimension(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it as gpu_model=rtx4090")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A price in µSYNOR, of any number of decimals.
fn rate(text: &str) -> Result<Exact, MoneyError> {
    let number = text
        .strip_suffix(" SYNOR")
        .ok_or_else(|| MoneyError::NoCurrency(text.to_owned()))?;
    Exact::parse_decimal(number)?.checked_mul(Exact::from_integer(i128::from(MICRO_PER_SYNOR)))
}

pub async fn commit(arguments: CommitArguments, session: &Session) -> anyhow::Result<Answer> {
    let committed = match (arguments.amount, arguments.discount, arguments.resource) {
        (Some(amount_micro_synor), Some(discount_percent), _) => Committed::Amount {
            amount_micro_synor,
            discount_percent,
            scope: arguments
                .service
                .map_or(DiscountScope::Everything, DiscountScope::Service),
        },
        (_, _, Some(resource)) => match (arguments.units, arguments.per, arguments.rate) {
            (Some(units), Some(per), Some(rate_micro_synor)) => Committed::Capacity {
                resource,
                dimensions: arguments.dimensions.into_iter().collect(),
                units,
                per,
                rate_micro_synor,
            },
            _ => return Err(error("a capacity needs --units, --per and --rate")),
        },
        _ => return Err(error("an amount needs --discount")),
    };
    let body = json!({"committed": committed, "starts": arguments.starts, "ends": arguments.ends});
    let path = format!("/admin/accounts/{}/commitments", arguments.account_id);
    let key = arguments
        .idempotency_key
        .unwrap_or_else(|| Uuid::now_v7().to_string());
    let made: Commitment = session.post(&path, &body, Some(&key)).await?;
    let line = format!(
        "{}: {}, {} to {}",
        made.account_id,
        made.describe(),
        made.starts,
        made.ends
    );
    Ok(Answer::new(&made)?
        .line(line)
        .line(made.commitment_id.to_string()))
}

pub async fn refer(
    account: &AccountId,
    by: &AccountId,
    session: &Session,
) -> anyhow::Result<Answer> {
    let path = format!("/admin/accounts/{account}/referral");
    let made: Value = session
        .post(&path, &json!({"referrer_id": by}), None)
        .await?;
    let line = format!("{account} was referred by {by}; both get a credit once {account} has paid");
    Ok(Answer::new(&made)?.line(line))
}

/// The code to make.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("off").required(true).args(["percent", "amount"])))]
pub struct PromotionArguments {
    /// The code: letters, digits and `-`.
    code: PromoCode,
    /// Per cent off each invoice.
    #[arg(long, value_parser = Exact::parse_decimal)]
    percent: Option<Exact>,
    /// An amount off each invoice, such as `5 SYNOR`.
    #[arg(long, value_parser = MicroSynor::parse_positive)]
    amount: Option<MicroSynor>,
    /// Only on this service.
    #[arg(long, value_parser = service, conflicts_with = "resource")]
    service: Option<ServiceType>,
    /// Only on this resource.
    #[arg(long)]
    resource: Option<ResourceType>,
    /// From when on it can be redeemed [default: now].
    #[arg(long, value_parser = Timestamp::parse)]
    starts: Option<Timestamp>,
    /// From when on it cannot be redeemed any more.
    #[arg(long, value_parser = Timestamp::parse)]
    expires: Option<Timestamp>,
    /// How many accounts may redeem it.
    #[arg(long)]
    limit: Option<u64>,
    /// Only for these accounts.
    #[arg(long = "for", value_name = "ACCOUNT")]
    accounts: Vec<AccountId>,
    /// For how many months' invoices it counts.
    #[arg(long, default_value_t = 1)]
    months: u32,
    /// It counts beside other promotions.
    #[arg(long)]
    stacks: bool,
}

pub async fn create_promotion(
    arguments: PromotionArguments,
    session: &Session,
) -> anyhow::Result<Answer> {
    let amount = match (arguments.percent, arguments.amount) {
        (Some(percent), _) => DiscountAmount::Percent(percent),
        (None, Some(amount)) => DiscountAmount::Fixed(amount),
        (None, None) => return Err(error("say how much it takes off: --percent or --amount")),
    };
    let scope = match (arguments.service, arguments.resource) {
        (Some(service), _) => DiscountScope::Service(service),
        (None, Some(resource)) => DiscountScope::Resource(resource),
        (None, None) => DiscountScope::Everything,
    };
    let promotion = Promotion {
        code: arguments.code,
        amount,
        scope,
        starts_at: arguments.starts.unwrap_or_else(|| SystemClock.now()),
        expires_at: arguments.expires,
        max_redemptions: arguments.limit,
        accounts: arguments.accounts,
        months: arguments.months,
        stacks: arguments.stacks,
        redeemed: 0,
    };
    let made: Promotion = session.post("/admin/promotions", &promotion, None).await?;
    let line = format!("{}: {} off", made.code, off(&made.amount));
    Ok(Answer::new(&made)?
        .line(line)
        .line(format!("synor billing redeem {}", made.code)))
}

/// How much a promotion takes off, for people.
pub fn off(amount: &DiscountAmount) -> String {
    match amount {
        DiscountAmount::Percent(percent) => format!("{} %", percent.to_decimal(4)),
        DiscountAmount::Fixed(amount) => format::money(*amount),
        DiscountAmount::OfLines(_) => "–".to_owned(),
    }
}

pub async fn promotions(session: &Session) -> anyhow::Result<Answer> {
    let all: Value = session.get("/admin/promotions").await?;
    let mut table = Table::new(&[
        text("Code", "code"),
        number("Off", "amount"),
        text("From", "starts_at"),
        text("Until", "expires_at"),
        number("Redeemed", "redeemed"),
        number("Limit", "max_redemptions"),
        number("Months", "months"),
    ]);
    for item in items(&all) {
        let promotion: Promotion = serde_json::from_value(item)?;
        let until = promotion
            .expires_at
            .map_or_else(|| "–".to_owned(), format::date);
        let limit = promotion
            .max_redemptions
            .map_or_else(|| "–".to_owned(), format::count);
        table.row([
            Field::from(promotion.code.to_string()),
            Field::from(off(&promotion.amount)),
            Field::new(
                format::date(promotion.starts_at),
                promotion.starts_at.secs(),
            ),
            Field::from(until),
            Field::from(promotion.redeemed),
            Field::from(limit),
            Field::from(u64::from(promotion.months)),
        ]);
    }
    let answer = Answer::new(&all)?;
    if table.is_empty() {
        let next = "`synor admin create-promotion CODE --percent 10` makes one";
        return Ok(answer
            .line(format!("No promo codes yet; {next}."))
            .table_only_in_csv(table));
    }
    Ok(answer.table(table))
}
