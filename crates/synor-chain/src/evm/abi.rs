//! What of the contracts is called and read; `contracts/src` says what each means.
#![allow(missing_docs, reason = "the contracts' own documentation says it")]

use alloy_sol_types::{SolInterface, sol};

sol! {
    #[derive(Debug, PartialEq, Eq)]
    struct AutoPayGrant {
        uint128 maxPerInvoice;
        uint128 maxPerPeriod;
        uint128 charged;
        uint40 periodStart;
        uint40 expiresAt;
        uint32 periodSecs;
    }

    event InvoicePaid(bytes32 indexed invoice, address indexed payer, uint256 amount);
    event Deposited(bytes32 indexed account, address indexed payer, uint256 amount);
    event Charged(bytes32 indexed invoice, bytes32 indexed account, address indexed payer, uint256 amount);
    event Transfer(address indexed from, address indexed to, uint256 value);

    function payInvoice(bytes32 invoice, uint256 amount) external;
    function deposit(bytes32 account, uint256 amount) external;
    function setGrant(bytes32 account, uint128 maxPerInvoice, uint128 maxPerPeriod, uint32 periodSecs, uint40 expiresAt) external;
    function revokeGrant(bytes32 account) external;
    function charge(address payer, bytes32 account, bytes32 invoice, uint256 amount) external;
    function refund(bytes32 invoice, address to, uint256 amount) external;
    function refundDeposit(bytes32 account, address to, uint256 amount) external;
    function grants(address payer, bytes32 account) external view returns (AutoPayGrant memory);
    function chargeable(address payer, bytes32 account) external view returns (uint256);
    function token() external view returns (address);
    function fees() external view returns (address);
    function paused() external view returns (bool);

    function decimals() external view returns (uint8);
    function symbol() external view returns (string memory);
    function balanceOf(address account) external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
    function approve(address spender, uint256 value) external returns (bool);
    function transfer(address to, uint256 value) external returns (bool);
    function mint(address to, uint256 value) external;

    function grantRole(bytes32 role, address account) external;
    function hasRole(bytes32 role, address account) external view returns (bool);

    #[derive(Debug)]
    interface Refusals {
        error NoReference();
        error AlreadyCharged(bytes32 invoice);
        error HoldsLess(bytes32 ref, uint256 amount, uint256 held);
        error EmptyGrant();
        error NoGrant(address payer, bytes32 account);
        error OverInvoiceMaximum(uint256 amount, uint256 maximum);
        error OverPeriodMaximum(uint256 amount, uint256 left);
        error NotWholeMicroSynor(uint256 amount, uint256 unit);
        error EnforcedPause();
        error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        error Error(string reason);
    }
}

/// What a contract said when it refused, in words.
pub(super) fn refusal(data: &[u8]) -> String {
    match Refusals::RefusalsErrors::abi_decode(data) {
        Ok(Refusals::RefusalsErrors::Error(said)) => said.reason,
        Ok(refusal) => format!("{refusal:?}"),
        Err(_) if data.is_empty() => "it gave no reason".to_owned(),
        Err(_) => format!("0x{}", hex::encode(data)),
    }
}
