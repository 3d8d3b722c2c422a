//! Charging a wallet that has granted it: whether the grant covers an amount, signing, sending, and
//! what the chain has made of it. What is charged for is decided and written down elsewhere.

use synor_chain::{
    ChainError, Instruction, Order, Payload, SignedTransaction, Soma, TransferStatus,
};
use synor_economics::billing::{AutoPayConfig, Payment, PaymentStatus, PaymentTarget};
use synor_economics::id::TxId;
use synor_economics::money::MicroSynor;

use crate::engine::{BillingKey, Engine};
use crate::error::EngineError;

/// Whether a wallet's grant covers a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// It does.
    Covered,
    /// The grant waits for a block.
    Waiting,
    /// It does not, and why.
    Short(String),
}

/// What came of handing a charge to the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The chain has it.
    Taken,
    /// It could not be handed over; the same again, later.
    Later,
    /// Another transaction has its place; it can never count, and must be signed again.
    Replaced,
    /// It is refused, and why.
    Refused(String),
}

/// Where a charge that the chain had taken stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The books have counted it.
    Counted,
    /// It waits for a block or confirmations.
    Waiting,
    /// The chain does not know it any more; the same may be handed over again.
    Lost,
    /// It was executed without effect, and why.
    Failed(String),
}

impl Engine {
    /// Whether the grant of an account's wallet covers an amount.
    pub(crate) async fn covers(
        &self,
        config: &AutoPayConfig,
        amount: MicroSynor,
    ) -> Result<Coverage, EngineError> {
        let owner = &config.funding_source;
        let account = &config.account_id;
        let grant = self.chain.grant_for(owner, self.pay_to(), account).await?;
        let asked = Soma::from_micro(amount)?;
        let most = grant.map_or(Soma::ZERO, |g| g.max_per_charge.min(g.remaining));
        if asked <= most {
            return Ok(Coverage::Covered);
        }
        if let Some(tx) = &config.grant_tx
            && let Some(seen) = self.chain.transfer(tx).await?
            && seen.status == TransferStatus::Pending
        {
            return Ok(Coverage::Waiting);
        }
        Ok(Coverage::Short(format!(
            "the grant of {owner} covers {} at most, not {amount}",
            most.to_micro()?
        )))
    }

    /// Signs a charge, or orders it where the chain's key signs. The billing wallet's next place is
    /// taken only when it is sent, so hold `charging` from here to there.
    pub(crate) async fn sign_charge(
        &self,
        config: &AutoPayConfig,
        amount: MicroSynor,
        reference: &str,
    ) -> Result<Instruction, EngineError> {
        let BillingKey::Wallet(wallet) = &self.billing_key else {
            return Ok(Instruction::Ordered(Order::charge(
                config.funding_source.clone(),
                config.account_id.clone(),
                PaymentTarget::from_memo(reference),
                amount,
            )));
        };
        let chain_id = self.chain.chain_id().await?;
        let nonce = self.chain.next_nonce(self.pay_to()).await?;
        Ok(Instruction::Signed(wallet.sign_charge(
            &chain_id,
            nonce,
            &config.funding_source,
            self.pay_to(),
            Soma::from_micro(amount)?,
            reference,
        )?))
    }

    /// Hands a signed charge to the chain; again, if that is not known to have happened.
    pub(crate) async fn send_charge(&self, signed: &Instruction) -> Sent {
        match self.chain.carry_out(signed).await {
            Ok(_) => Sent::Taken,
            Err(ChainError::NonceUsed { .. } | ChainError::NonceTooHigh { .. }) => Sent::Replaced,
            Err(error) if error.is_passing() => Sent::Later,
            Err(error) => Sent::Refused(error.to_string()),
        }
    }

    /// Where a charge stands that the chain had taken.
    pub(crate) async fn standing(&self, tx: &TxId) -> Result<Standing, EngineError> {
        let seen = self.chain.transfer(tx).await?;
        // Where the chain's key signs, what was ordered is found under the id of its transaction.
        let counted_as = seen.as_ref().map_or(tx, |transfer| &transfer.tx_id);
        let payment: Option<Payment> = self.store.find(counted_as.as_str()).await?;
        if payment.is_some_and(|p| p.status == PaymentStatus::Confirmed) {
            return Ok(Standing::Counted);
        }
        Ok(match seen.map(|transfer| transfer.status) {
            Some(TransferStatus::Pending | TransferStatus::Included) => Standing::Waiting,
            Some(TransferStatus::Failed { reason }) => Standing::Failed(reason),
            Some(TransferStatus::Retracted) | None => Standing::Lost,
        })
    }
}

/// The most one charge may take under a signed grant.
pub(crate) fn grant_limit(grant: &SignedTransaction) -> Option<Soma> {
    match &grant.payload {
        Payload::Grant {
            max_per_charge,
            allowance,
            ..
        } => Some(*max_per_charge.min(allowance)),
        _ => None,
    }
}
