//! Sources on an EVM chain, read by `eth_call`.

mod abi;
mod chainlink;
mod rpc;
mod uniswap;

pub use abi::price_report_hash;
pub use chainlink::Chainlink;
pub use rpc::EvmRpc;
pub use uniswap::{UniswapV2, UniswapV3};

use alloy_primitives::Address;

/// Reads an address of a configuration.
pub(crate) fn address(field: &str, text: &str) -> Result<Address, String> {
    text.parse()
        .map_err(|_| format!("{field}: `{text}` is not an address such as 0x5fb…aa3"))
}
