//! Waiting until the chain has confirmed a transfer and the books have counted it.

use std::time::Duration;

use synor_chain::Chain;
use synor_economics::billing::{Payment, PaymentStatus};
use synor_economics::id::TxId;

use crate::client::Session;
use crate::error::error;
use crate::progress;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until `payments` shows the transfer as counted.
pub async fn counted<F>(
    session: &Session,
    tx: &TxId,
    required: u64,
    mut payments: impl FnMut() -> F,
) -> anyhow::Result<Payment>
where
    F: Future<Output = anyhow::Result<Vec<Payment>>>,
{
    let chain = session.chain()?;
    let spinner = progress::waiting(String::new());
    loop {
        let confirmations = chain.transfer(tx).await?.map_or(0, |t| t.confirmations);
        spinner.set_message(format!("{confirmations} of {required} confirmations"));
        let found = payments().await?.into_iter().find(|p| p.tx_id == *tx);
        match found {
            Some(payment) if payment.status == PaymentStatus::Confirmed => {
                spinner.finish_and_clear();
                return Ok(payment);
            }
            Some(Payment {
                status: PaymentStatus::Failed { reason },
                ..
            }) => {
                spinner.finish_and_clear();
                return Err(error(format!("the transfer {tx} does not count: {reason}")));
            }
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
