//! What the billing engine has the chain do: a transaction that its wallet signed, or an order to the
//! backend that holds the key of a contract.

use serde::{Deserialize, Serialize};
use synor_economics::billing::PaymentTarget;
use synor_economics::id::{AccountId, Address, TxId};
use synor_economics::money::MicroSynor;
use uuid::Uuid;

use crate::SignedTransaction;

/// What is written down before it is handed to the chain, so that it is carried out once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Instruction {
    /// Signed by the billing wallet.
    Signed(SignedTransaction),
    /// To be signed by the chain's backend.
    Ordered(Order),
}

impl Instruction {
    /// What [`crate::Chain::transfer`] finds it under.
    pub fn tx_id(&self) -> TxId {
        match self {
            Self::Signed(signed) => signed.tx_id(),
            Self::Ordered(order) => order.id().clone(),
        }
    }
}

/// Something to be done once. Its transaction may be replaced by one with a higher fee; the order's id
/// stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Collect from a wallet within its grant.
    Charge {
        /// Which order.
        id: TxId,
        /// Whose coins.
        owner: Address,
        /// For whose account the grant is.
        account: AccountId,
        /// What is paid.
        target: PaymentTarget,
        /// How much, in µSYNOR.
        amount_micro_synor: MicroSynor,
    },
    /// Send back what an invoice or a deposit brought in.
    Refund {
        /// Which order.
        id: TxId,
        /// What brought it in.
        target: PaymentTarget,
        /// Who receives.
        to: Address,
        /// How much, in µSYNOR.
        amount_micro_synor: MicroSynor,
    },
}

impl Order {
    /// A new order to collect.
    pub fn charge(
        owner: Address,
        account: AccountId,
        target: PaymentTarget,
        amount_micro_synor: MicroSynor,
    ) -> Self {
        Self::Charge {
            id: fresh_id("charge"),
            owner,
            account,
            target,
            amount_micro_synor,
        }
    }

    /// A new order to send back.
    pub fn refund(target: PaymentTarget, to: Address, amount_micro_synor: MicroSynor) -> Self {
        Self::Refund {
            id: fresh_id("refund"),
            target,
            to,
            amount_micro_synor,
        }
    }

    /// Which order it is.
    pub const fn id(&self) -> &TxId {
        match self {
            Self::Charge { id, .. } | Self::Refund { id, .. } => id,
        }
    }
}

fn fresh_id(what: &str) -> TxId {
    format!("{what}:{}", Uuid::now_v7().simple())
        .parse()
        .expect("a word, a colon and hex digits are a transaction id")
}
