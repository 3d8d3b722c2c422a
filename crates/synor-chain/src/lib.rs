//! The chain that SYNOR lives on, as the billing engine sees it.
//!
//! [`Chain`] is the seam: submit a signed transaction, look a transfer up, follow the transfers to
//! an address including those that a reorganization takes back. Its first backend is [`DevChain`],
//! a whole chain in one SQLite file; [`RpcChain`] reaches any node that speaks the JSON-RPC of
//! [`RpcServer`]; with the feature `evm`, `EvmChain` follows an ERC-20 token's payments. [`Wallet`]
//! holds the keys that sign.
//!
//! Amounts here are in [`Soma`], the chain's smallest unit. They become µSYNOR only at this
//! boundary, and only if they do so exactly.

pub mod address;
pub mod amount;
pub mod chain;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod dev;
pub mod error;
#[cfg(feature = "evm")]
pub mod evm;
pub mod observed;
pub mod order;
pub mod rpc;
pub mod transaction;
pub mod wallet;

pub use address::parse_address;
pub use amount::Soma;
pub use chain::{Chain, PaymentLink};
pub use dev::{DevChain, DevChainConfig, DevControls, Reorganization, Reorganized};
pub use error::ChainError;
pub use observed::{Cursor, ObservedTransfer, Page, TransferStatus};
pub use order::{Instruction, Order};
pub use rpc::{RpcChain, RpcServer};
pub use transaction::{Grant, MEMO_MAX_BYTES, Payload, SignedTransaction, Transfer};
pub use wallet::Wallet;
