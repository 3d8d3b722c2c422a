//! Payment links: what a wallet reads to fill in a transaction (EIP-681).

use alloy_primitives::{Address, B256, U256};

/// A link to call a function of the billing contract with a reference and an amount. The wallet must
/// have approved the amount to the contract first: [`approval`] is the link to that.
pub(super) fn call(
    billing: Address,
    chain_id: u64,
    function: &str,
    reference: B256,
    amount: U256,
) -> String {
    format!("ethereum:{billing}@{chain_id}/{function}?bytes32={reference}&uint256={amount}")
}

/// A link to let the billing contract take an amount of a token.
pub(super) fn approval(token: Address, chain_id: u64, billing: Address, amount: U256) -> String {
    format!("ethereum:{token}@{chain_id}/approve?address={billing}&uint256={amount}")
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn a_link_names_contract_chain_function_and_arguments() {
        let billing = address!("5fbdb2315678afecb367f032d93f642f64180aa3");
        let reference = B256::repeat_byte(0x11);
        let amount = U256::from(1_500_000);
        let link = call(billing, 31_337, "payInvoice", reference, amount);
        let expected = "ethereum:0x5FbDB2315678afecb367f032d93F642f64180aa3@31337/payInvoice\
            ?bytes32=0x1111111111111111111111111111111111111111111111111111111111111111\
            &uint256=1500000";
        assert_eq!(link, expected);
        let approval = approval(billing, 1, billing, U256::from(7));
        assert_eq!(
            approval,
            "ethereum:0x5FbDB2315678afecb367f032d93F642f64180aa3@1/approve\
             ?address=0x5FbDB2315678afecb367f032d93F642f64180aa3&uint256=7"
        );
    }
}
