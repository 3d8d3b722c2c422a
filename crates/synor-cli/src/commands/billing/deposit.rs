//! `synor billing deposit`: announced to the server, signed by the wallet, counted by the chain.

use clap::Args;
use serde_json::json;
use synor_chain::{Chain, Soma, Wallet};
use synor_economics::money::MicroSynor;
use synor_engine::{Balance, DepositState};
use uuid::Uuid;

use super::{link, settle};
use crate::args::Global;
use crate::client::Session;
use crate::commands::wallet;
use crate::error::error;
use crate::format;
use crate::output::Answer;

/// How much.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How much, such as `100 SYNOR`.
    #[arg(num_args = 1..=2, required = true, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
    amount: Vec<String>,
    /// Names the deposit, so that repeating the command does not deposit twice.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Return at once instead of waiting for the confirmations.
    #[arg(long)]
    no_wait: bool,
}

impl Arguments {
    /// The same, if the amount can be read.
    pub fn checked(self) -> anyhow::Result<Self> {
        self.micro()?;
        Ok(self)
    }

    fn micro(&self) -> anyhow::Result<MicroSynor> {
        Ok(MicroSynor::parse_positive(&self.amount.join(" "))?)
    }
}

pub async fn run(
    arguments: Arguments,
    session: &Session,
    global: &Global,
) -> anyhow::Result<Answer> {
    let amount = arguments.micro()?;
    let key = arguments
        .idempotency_key
        .unwrap_or_else(|| Uuid::now_v7().to_string());
    // Before anything is announced: with a wallet that does not open, nothing has happened.
    if link::is_how_the_chain_is_paid(session).await? {
        let body = json!({"amount_micro_synor": amount});
        let announced: DepositState = session.post("/billing/deposit", &body, Some(&key)).await?;
        return link::shown(&announced, &announced.request);
    }
    let wallet = wallet::unlock(global).await?;
    let state = deposit(session, &wallet, amount, &key, !arguments.no_wait).await?;
    if arguments.no_wait {
        let line = format!(
            "{} is on its way: {}",
            format::money(amount),
            state.deposit.deposit_id
        );
        return Ok(Answer::new(&state)?.line(line));
    }
    let balance: Balance = session.get("/billing/balance").await?;
    Ok(Answer::new(&state)?
        .line(format!(
            "deposited {}",
            format::money(state.credited_micro_synor)
        ))
        .line(format!(
            "balance   {}",
            format::money(balance.balance_micro_synor)
        )))
}

/// Announces a deposit, signs its transfer, hands it in and waits until it counts.
pub async fn deposit(
    session: &Session,
    wallet: &Wallet,
    amount: MicroSynor,
    key: &str,
    wait: bool,
) -> anyhow::Result<DepositState> {
    let body = json!({"amount_micro_synor": amount});
    let announced: DepositState = session.post("/billing/deposit", &body, Some(key)).await?;
    let chain = session.chain()?;
    let (chain_id, nonce) = (
        chain.chain_id().await?,
        chain.next_nonce(wallet.address()).await?,
    );
    let request = &announced.request;
    let signed = wallet.sign_transfer(
        &chain_id,
        nonce,
        &request.pay_to,
        Soma::from_micro(amount)?,
        &request.reference,
    )?;
    let path = format!("/billing/deposits/{}", announced.deposit.deposit_id);
    let (transfer, body) = (
        format!("{path}/transfer"),
        json!({"signed_transfer": signed}),
    );
    let state: DepositState = session.post(&transfer, &body, None).await?;
    if !wait {
        return Ok(state);
    }
    let tx = state
        .deposit
        .tx_id
        .as_ref()
        .ok_or_else(|| error("the server has no transfer"))?;
    settle::counted(session, tx, request.confirmations_required, async || {
        let state: DepositState = session.get(&path).await?;
        Ok(state.payments)
    })
    .await?;
    session.get(&path).await
}
