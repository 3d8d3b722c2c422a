//! `synor billing auto-pay`: the wallet signs a bounded grant, and invoices are collected from it.

use clap::Subcommand;
use serde_json::{Value, json};
use synor_chain::{Chain, Soma};
use synor_economics::id::Address;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;

use crate::args::Global;
use crate::client::Session;
use crate::commands::wallet;
use crate::error::{error, error_with_help};
use crate::format;
use crate::output::{Answer, Field, Table, number, text};

/// How many invoices of the maximum a grant covers unless told otherwise: a year of them.
const INVOICES_GRANTED: i64 = 12;

/// On, off, or how it stands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign a grant and have invoices collected.
    Enable {
        /// The most that is taken for one invoice, in SYNOR.
        #[arg(long, value_name = "SYNOR", allow_hyphen_values = true)]
        max: String,
        /// The most that is taken in all, in SYNOR [default: twelve times the maximum].
        #[arg(long, value_name = "SYNOR", allow_hyphen_values = true)]
        allowance: Option<String>,
        /// The wallet that pays, on a chain where it has granted by itself (`setGrant`).
        #[arg(long, value_name = "ADDRESS", conflicts_with = "allowance")]
        from: Option<Address>,
    },
    /// Stop collecting, and revoke the grant.
    Disable,
    /// Go on after it was paused.
    Resume,
    /// How it stands, and which charges it has announced.
    #[command(alias = "status")]
    Show,
}

impl Command {
    /// The same, if its amounts can be read.
    pub fn checked(self) -> anyhow::Result<Self> {
        if let Self::Enable { max, allowance, .. } = &self {
            synor_amount(max)?;
            allowance.as_deref().map(synor_amount).transpose()?;
        }
        Ok(self)
    }
}

/// An amount of SYNOR, with or without the word.
pub fn synor_amount(text: &str) -> anyhow::Result<MicroSynor> {
    let number = text.trim().strip_suffix("SYNOR").unwrap_or(text);
    let amount = MicroSynor::parse_bare(number)?;
    if amount.is_positive() {
        Ok(amount)
    } else {
        Err(error(format!("`{text}` is not above zero")))
    }
}

pub async fn run(command: Command, session: &Session, global: &Global) -> anyhow::Result<Answer> {
    let state: Value = match command {
        Command::Show => session.get("/billing/auto-pay").await?,
        Command::Resume => {
            let path = "/billing/auto-pay/resume";
            session.post(path, &json!({}), None).await?
        }
        Command::Enable {
            max,
            from: Some(from),
            ..
        } => {
            let order = json!({
                "enabled": true,
                "max_per_invoice_micro_synor": synor_amount(&max)?,
                "funding_source": from,
            });
            session.post("/billing/auto-pay", &order, None).await?
        }
        Command::Enable { max, allowance, .. } => {
            let max = synor_amount(&max)?;
            let allowance = match allowance {
                Some(text) => synor_amount(&text)?,
                None => MicroSynor::new(max.micro().saturating_mul(INVOICES_GRANTED)),
            };
            let grant = sign_grant(session, global, max, allowance).await?;
            let order = json!({
                "enabled": true,
                "max_per_invoice_micro_synor": max,
                "signed_grant": grant,
            });
            session.post("/billing/auto-pay", &order, None).await?
        }
        Command::Disable if account_reference(session).await?.is_some() => {
            let order = json!({"enabled": false});
            session.post("/billing/auto-pay", &order, None).await?
        }
        Command::Disable => {
            let grant = sign_grant(session, global, MicroSynor::ZERO, MicroSynor::ZERO).await?;
            let order = json!({"enabled": false, "signed_grant": grant});
            session.post("/billing/auto-pay", &order, None).await?
        }
    };
    let line = match (state["enabled"].as_bool(), state["funding_source"].as_str()) {
        (Some(true), Some(wallet)) => {
            let max: MicroSynor =
                serde_json::from_value(state["max_per_invoice_micro_synor"].clone())?;
            format!(
                "on: at most {} an invoice, from {wallet}",
                format::money(max)
            )
        }
        _ if state["account_reference"].is_string() => format!(
            "off: let your wallet call setGrant of {} for the account {}, then `synor billing \
             auto-pay enable --max 500 --from WALLET`",
            state["spender"].as_str().unwrap_or_default(),
            state["account_reference"].as_str().unwrap_or_default()
        ),
        _ => "off: `synor billing auto-pay enable --max 500` switches it on".to_owned(),
    };
    let mut answer = Answer::new(&state)?.line(format!("auto-pay is {line}"));
    if let Some(reason) = state["paused"]["reason"].as_str() {
        answer = answer
            .line(format!(
                "paused after {} failures: {reason}",
                state["paused"]["failures"]
            ))
            .line("`synor billing auto-pay resume` goes on");
    }
    let table = charges(&state)?;
    if table.is_empty() {
        return Ok(answer.table_only_in_csv(table));
    }
    Ok(answer.line("").table(table))
}

/// The charges that were announced, newest first.
fn charges(state: &Value) -> anyhow::Result<Table> {
    let mut table = Table::new(&[
        text("Invoice", "invoice_id"),
        text("Charge at", "charge_at"),
        number("SYNOR", "amount_micro_synor"),
        text("State", "state"),
        number("Failures", "failures"),
        text("Last reason", "reason"),
    ]);
    for charge in state["charges"].as_array().into_iter().flatten() {
        let at: Timestamp = serde_json::from_value(charge["charge_at"].clone())?;
        let amount: MicroSynor = serde_json::from_value(charge["amount_micro_synor"].clone())?;
        let failures = charge["failures"].as_array().map_or(&[][..], Vec::as_slice);
        let last = failures.last().and_then(|f| f["reason"].as_str());
        let reason = charge["given_up"].as_str().or(last).unwrap_or_default();
        table.row([
            Field::from(charge["invoice_id"].as_str().unwrap_or_default()),
            Field::new(at.to_string(), at.secs()),
            Field::from(amount),
            Field::from(charge["state"].as_str().unwrap_or_default()),
            Field::from(u64::try_from(failures.len())?),
            Field::from(reason),
        ]);
    }
    Ok(table)
}

/// How a grant names the account, on a chain where it does.
async fn account_reference(session: &Session) -> anyhow::Result<Option<String>> {
    let state: Value = session.get("/billing/auto-pay").await?;
    Ok(state["account_reference"].as_str().map(str::to_owned))
}

async fn sign_grant(
    session: &Session,
    global: &Global,
    max: MicroSynor,
    allowance: MicroSynor,
) -> anyhow::Result<Value> {
    let state: Value = session.get("/billing/auto-pay").await?;
    let spender: Address = serde_json::from_value(state["spender"].clone())?;
    if state["account_reference"].is_string() {
        return Err(error_with_help(
            "on this chain the wallet grants by itself",
            "name it with --from ADDRESS; `synor billing auto-pay show` says what to grant",
        ));
    }
    let wallet = wallet::unlock(global).await?;
    let chain = session.chain()?;
    let (chain_id, nonce) = (
        chain.chain_id().await?,
        chain.next_nonce(wallet.address()).await?,
    );
    let (max, allowance) = (Soma::from_micro(max)?, Soma::from_micro(allowance)?);
    let signed = wallet.sign_grant(&chain_id, nonce, &spender, max, allowance)?;
    Ok(serde_json::to_value(signed)?)
}
