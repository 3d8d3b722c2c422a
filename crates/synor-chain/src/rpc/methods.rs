//! The names of all JSON-RPC methods, and their parameters.

use serde::{Deserialize, Serialize};
use synor_economics::id::{Address, TxId};
use synor_economics::money::MicroSynor;

use crate::{Cursor, SignedTransaction};

/// The height of the tip. Publicly known.
pub const GET_BLOCK_COUNT: &str = "synor_getBlockCount";
/// A transaction with its confirmations, or null. Publicly known.
pub const GET_TRANSACTION: &str = "synor_getTransaction";
/// Hands in a signed transaction; gives its id.
pub const SEND_TRANSACTION: &str = "synor_sendTransaction";
/// A balance in soma.
pub const GET_BALANCE: &str = "synor_getBalance";
/// The nonce for an address's next transaction.
pub const GET_NEXT_NONCE: &str = "synor_getNextNonce";
/// What an owner lets a spender charge, or null.
pub const GET_GRANT: &str = "synor_getGrant";
/// The feed of transfers to an address.
pub const GET_TRANSFERS_TO: &str = "synor_getTransfersTo";
/// The name that signatures contain.
pub const GET_CHAIN_ID: &str = "synor_getChainId";
/// Coins from the faucet of a development chain.
pub const DEV_FAUCET: &str = "synor_devFaucet";
/// A reorganization of a development chain; its parameters are those of
/// [`crate::Reorganization`].
pub const DEV_REORGANIZE: &str = "synor_devReorganize";

#[derive(Serialize, Deserialize)]
pub(super) struct GetTransaction {
    #[serde(rename = "txId", alias = "tx_id")]
    pub tx_id: TxId,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SendTransaction {
    pub signed: SignedTransaction,
}

#[derive(Serialize, Deserialize)]
pub(super) struct OfAddress {
    pub address: Address,
}

#[derive(Serialize, Deserialize)]
pub(super) struct GetGrant {
    pub owner: Address,
    pub spender: Address,
}

#[derive(Serialize, Deserialize)]
pub(super) struct GetTransfersTo {
    pub address: Address,
    pub after: Cursor,
    pub limit: usize,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DevFaucet {
    pub address: Address,
    pub amount_micro_synor: MicroSynor,
}
