//! An EVM chain, where SYNOR is an ERC-20 token and everything is paid through the contract
//! `SynorBilling` (`contracts/`).
//!
//! [`EvmChain`] follows the contract's payments, shows what a payer granted, and charges within it.
//! Payers' transactions are signed by their own wallets and sent to any node: nothing is submitted
//! here but what the engine's own key signs. A token transfer straight to the contract carries no
//! reference and is no payment; the contract's admin can give it back.

mod abi;
mod by_hand;
mod chain;
pub mod deploy;
mod endpoints;
mod fees;
mod follow;
mod key;
mod link;
mod memory;
mod outbox;
mod payments;
mod reference;
mod rpc;
mod sender;
mod units;

pub use chain::{EvmChain, EvmConfig, EvmStatus};
pub use key::EvmKey;
pub use reference::{account_reference, reference_of};
pub use sender::SendRules;
pub use units::Units;

/// The contracts' functions, for those who call them themselves.
pub mod calls {
    pub use super::abi::{
        approveCall, balanceOfCall, chargeCall, depositCall, mintCall, payInvoiceCall, refundCall,
        revokeGrantCall, setGrantCall,
    };
}

/// What addresses, hashes and integers of this chain are.
pub use alloy_primitives as primitives;
/// How calls are encoded.
pub use alloy_sol_types as sol_types;
