//! `synor billing pay`: the wallet signs, the chain confirms, the books follow.

use clap::Args;
use serde_json::json;
use synor_chain::{Chain, Soma, Wallet};
use synor_economics::billing::PaymentStatus;
use synor_engine::InvoicePayment;

use super::{invoice, link, settle};
use crate::args::Global;
use crate::client::Session;
use crate::commands::wallet;
use crate::error::{error, error_with_help};
use crate::format;
use crate::output::Answer;

/// Which invoice.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Its number (INV-000001) or id (inv_…).
    invoice: String,
    /// Return at once instead of waiting for the confirmations.
    #[arg(long)]
    no_wait: bool,
    /// Show the link and the code that a wallet pays by, instead of paying from this machine's
    /// wallet.
    #[arg(long)]
    link: bool,
}

pub async fn run(
    arguments: Arguments,
    session: &Session,
    global: &Global,
) -> anyhow::Result<Answer> {
    let path = format!("/billing/invoices/{}", arguments.invoice);
    // Refuses what is not payable before the passphrase is asked for.
    let asked: InvoicePayment = session
        .post(&format!("{path}/pay"), &json!({}), None)
        .await?;
    let can_link = asked.request.as_ref().and_then(link::uri_of).is_some();
    if arguments.link || can_link {
        let request = asked.request.as_ref();
        let request = request.ok_or_else(|| error("nothing is owed on this invoice"))?;
        return link::shown(&asked, request);
    }
    let pending = asked
        .payments
        .iter()
        .find(|p| p.status == PaymentStatus::Pending);
    if let Some(pending) = pending {
        let message = format!("a payment of it waits for confirmations: {}", pending.tx_id);
        return Err(error_with_help(
            message,
            "wait for it; nothing was sent now",
        ));
    }
    let wallet = wallet::unlock(global).await?;
    let paid = pay(session, &wallet, &arguments.invoice, !arguments.no_wait).await?;
    if arguments.no_wait {
        return Ok(Answer::new(&paid)?.line("the payment is on its way"));
    }
    invoice::finalized(&arguments.invoice, session).await
}

/// Pays what is owed on an invoice, and waits until it counts.
pub async fn pay(
    session: &Session,
    wallet: &Wallet,
    invoice: &str,
    wait: bool,
) -> anyhow::Result<InvoicePayment> {
    let path = format!("/billing/invoices/{invoice}");
    let asked: InvoicePayment = session
        .post(&format!("{path}/pay"), &json!({}), None)
        .await?;
    let request = asked
        .request
        .ok_or_else(|| error("nothing is owed on this invoice"))?;
    let chain = session.chain()?;
    let (chain_id, nonce) = (
        chain.chain_id().await?,
        chain.next_nonce(wallet.address()).await?,
    );
    let amount = Soma::from_micro(request.amount_micro_synor)?;
    let signed = wallet.sign_transfer(
        &chain_id,
        nonce,
        &request.pay_to,
        amount,
        &request.reference,
    )?;
    let tx = signed.tx_id();
    let body = json!({"signed_transfer": signed});
    let sent: InvoicePayment = session.post(&format!("{path}/pay"), &body, None).await?;
    if !wait {
        return Ok(sent);
    }
    let payment_path = format!("{path}/payment");
    settle::counted(session, &tx, request.confirmations_required, async || {
        let now: InvoicePayment = session.get(&payment_path).await?;
        Ok(now.payments)
    })
    .await?;
    tracing::debug!(amount = %format::money(request.amount_micro_synor), "paid");
    session.get(&payment_path).await
}
