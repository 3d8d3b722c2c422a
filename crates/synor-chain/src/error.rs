//! Why the chain, a connection to it or a wallet refused.

use serde::{Deserialize, Serialize};
use synor_economics::id::{Address, TxId};
use thiserror::Error;

use crate::Soma;

/// What failed, and for what. It crosses JSON-RPC whole, so that a client sees the same error as
/// one in the node's own process.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChainError {
    /// Not an address of this chain.
    #[error("`{text}` is not a SYNOR address: {reason}")]
    BadAddress {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An amount that must be above zero is zero.
    #[error("the amount is zero")]
    AmountZero,
    /// An amount below zero.
    #[error("{micro_synor} µSYNOR is below zero")]
    NegativeAmount {
        /// The amount in µSYNOR.
        micro_synor: i64,
    },
    /// An amount that the chain's integers cannot hold.
    #[error("the amount is too large for the chain")]
    AmountOverflow,
    /// An amount finer than a µSYNOR.
    #[error("{amount} is not a whole number of µSYNOR")]
    NotWholeMicro {
        /// The amount.
        amount: Soma,
    },
    /// A memo over the limit.
    #[error("the memo has {bytes} bytes, the limit is {max}")]
    MemoTooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// Signed for another chain.
    #[error("the transaction is for chain `{found}`, this is `{expected}`")]
    WrongChain {
        /// This chain.
        expected: String,
        /// The transaction's chain.
        found: String,
    },
    /// The signature does not belong to the transaction and key.
    #[error("the signature of transaction {tx} is not valid")]
    BadSignature {
        /// The transaction.
        tx: TxId,
    },
    /// Less is there than would be moved.
    #[error("{address} has {available}, {required} are required")]
    InsufficientBalance {
        /// Whose coins.
        address: Address,
        /// What is there after all transactions that wait before this one, in soma.
        available: Soma,
        /// What would be moved, in soma.
        required: Soma,
    },
    /// Another transaction of the sender has this nonce.
    #[error("nonce {found} of {address} is used, the next is {expected}")]
    NonceUsed {
        /// The sender.
        address: Address,
        /// The next free nonce.
        expected: u64,
        /// The transaction's nonce.
        found: u64,
    },
    /// The nonce is too far ahead to wait for the ones before it.
    #[error("nonce {found} of {address} is too far ahead, the next is {expected}")]
    NonceTooHigh {
        /// The sender.
        address: Address,
        /// The next free nonce.
        expected: u64,
        /// The transaction's nonce.
        found: u64,
    },
    /// A charge without a grant.
    #[error("{owner} has granted {spender} nothing")]
    NoGrant {
        /// Whose coins.
        owner: Address,
        /// Who wanted to charge.
        spender: Address,
    },
    /// A charge beyond its grant.
    #[error(
        "a charge of {amount} exceeds the grant: at most {max_per_charge} each, {remaining} left"
    )]
    GrantExceeded {
        /// What would be charged, in soma.
        amount: Soma,
        /// The most for one charge, in soma.
        max_per_charge: Soma,
        /// What is left for all charges, in soma.
        remaining: Soma,
    },
    /// Too many transactions wait for a block.
    #[error("the mempool is full with {transactions} transactions")]
    MempoolFull {
        /// How many.
        transactions: usize,
    },
    /// More than the faucet gives at once.
    #[error("the faucet gives at most {limit} at once, not {amount}")]
    FaucetLimit {
        /// What was asked for, in soma.
        amount: Soma,
        /// The most, in soma.
        limit: Soma,
    },
    /// A reorganization of no blocks, or of more than there are or may be taken back.
    #[error("cannot reorganize {depth} blocks: at least 1, at most {max}")]
    ReorganizationDepth {
        /// What was asked for, in blocks.
        depth: u64,
        /// The most now, in blocks.
        max: u64,
    },
    /// A transaction that should be dropped is in none of the blocks that are taken back.
    #[error("transaction {tx} is in none of the last {depth} blocks")]
    NotInBlocks {
        /// The transaction.
        tx: TxId,
        /// How many blocks were to be taken back.
        depth: u64,
    },
    /// The chain has been stopped.
    #[error("the chain is stopped")]
    Stopped,
    /// The chain's file belongs to another chain, process or version.
    #[error("cannot open the chain in {path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The chain's database failed.
    #[error("the chain's database failed while {doing}: {reason}")]
    Storage {
        /// What was being done.
        doing: String,
        /// The database's words.
        reason: String,
    },
    /// The chain's own books do not agree; nothing was committed.
    #[error("the chain's books do not agree: {what}")]
    Inconsistent {
        /// What disagrees.
        what: String,
    },
    /// No node answers there.
    #[error("no chain node answers at {url}: {reason}")]
    RpcUnreachable {
        /// The endpoint.
        url: String,
        /// The transport's words.
        reason: String,
    },
    /// A node answered, but not with what was asked for.
    #[error("the chain node at {url} gave an unusable answer: {reason}")]
    RpcAnswer {
        /// The endpoint.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two endpoints of one chain tell different things, so neither is believed.
    #[error("{first} and {second} disagree about {what}; nothing is followed until they agree")]
    RpcDisagree {
        /// The one endpoint.
        first: String,
        /// The other.
        second: String,
        /// About what.
        what: String,
    },
    /// A reorganization goes back further than blocks are remembered.
    #[error("the chain was reorganized below block {height}, further back than it is remembered")]
    ReorganizedTooDeep {
        /// The lowest block that was remembered.
        height: u64,
    },
    /// A contract refused a transaction.
    #[error("the contract refused: {reason}")]
    Reverted {
        /// Its reason.
        reason: String,
    },
    /// The network asks for more than the configuration allows.
    #[error("a unit of gas costs {asked} wei now, more than the {allowed} wei allowed")]
    FeeTooHigh {
        /// What is asked for, in wei.
        asked: u128,
        /// What is allowed, in wei.
        allowed: u128,
    },
    /// An amount of a token that is finer than a µSYNOR.
    #[error("{units} of the token's units is not a whole number of µSYNOR, each {per_micro}")]
    NotWholeUnits {
        /// The amount in the token's smallest unit.
        units: String,
        /// One µSYNOR in that unit.
        per_micro: String,
    },
    /// The contract at an address is not the one that it should be.
    #[error("the contract at {address} is not what it should be: {reason}")]
    OtherContract {
        /// Where.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What this chain has not, or not in this way.
    #[error("{what} is not supported by this chain")]
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// A key cannot be protected by nothing.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The passphrase does not open the wallet.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// There is a file already, and it may be the only copy of a key.
    #[error("{path} exists already and is not overwritten")]
    WalletExists {
        /// The file.
        path: String,
    },
    /// The wallet file was damaged or is none.
    #[error("the wallet file {path} is damaged: {reason}")]
    WalletCorrupt {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The wallet file cannot be read or written.
    #[error("cannot use the wallet file {path}: {reason}")]
    WalletFile {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
}

impl ChainError {
    /// Whether the same may well succeed a little later: nothing was refused for what it is.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::RpcUnreachable { .. }
                | Self::Stopped
                | Self::Storage { .. }
                | Self::MempoolFull { .. }
                | Self::RpcDisagree { .. }
                | Self::RpcAnswer { .. }
                | Self::FeeTooHigh { .. }
        )
    }
}
