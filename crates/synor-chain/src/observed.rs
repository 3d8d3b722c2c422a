//! What an observer of the chain sees of a transfer.

use serde::{Deserialize, Serialize};
use synor_economics::id::{Address, TxId};

use crate::Soma;

/// A transfer as the chain shows it at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedTransfer {
    /// The transaction that moves the coins.
    pub tx_id: TxId,
    /// Whose coins; for a charge the owner.
    pub from: Address,
    /// Who receives.
    pub to: Address,
    /// How much, in soma. Zero for a grant, which is shown as a transfer of nothing to its spender.
    pub amount: Soma,
    /// The reference the sender gave.
    pub memo: String,
    /// The block it is in, if it is in one.
    pub height: Option<u64>,
    /// How many blocks confirm it: 1 in the tip block, 0 when it is in no block.
    pub confirmations: u64,
    /// The time of its block, Unix seconds UTC.
    pub block_time: Option<i64>,
    /// Where it stands.
    pub status: TransferStatus,
}

/// Where a transfer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TransferStatus {
    /// In no block, and waiting for one; also after a reorganization gave it back to the mempool.
    Pending,
    /// Executed in a block: the coins have moved.
    Included,
    /// A reorganization took it back and it waits for no block. It may be submitted again.
    Retracted,
    /// Executed in a block without effect: no coins moved, but the sender's nonce is used up.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A place in a feed. Zero is before its first item.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cursor(pub u64);

/// Some items of a feed, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, oldest first. Fewer than asked for means there are no more now.
    pub items: Vec<T>,
    /// What to pass as `after` next time; unchanged when there were no items.
    pub next: Cursor,
}
