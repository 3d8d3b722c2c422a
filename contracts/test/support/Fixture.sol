// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Terms, Pool} from "../../src/FeeTerms.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";
import {Distribution, SynorBilling} from "../../src/SynorBilling.sol";
import {SynorToken} from "../../src/SynorToken.sol";
import {Test} from "./Test.sol";

/// The three contracts that move coins, deployed and with every role in another hand.
abstract contract Fixture is Test {
    uint64 internal constant START = 1_767_225_600; // 2026-01-01 00:00:00 UTC
    uint64 internal constant CHANGE_DELAY = 14 days;
    uint64 internal constant REVIEW_TIME = 1 days;
    uint8 internal constant DECIMALS = 8;
    /// One µSYNOR of a token with 8 decimals.
    uint256 internal constant MICRO = 100;
    uint256 internal constant SYNOR = 1_000_000 * MICRO;

    address internal constant ADMIN = address(0xAD);
    address internal constant MINTER = address(0xA1);
    address internal constant OPERATOR = address(0xA2);
    address internal constant REFUNDER = address(0xA3);
    address internal constant PAUSER = address(0xA4);
    address internal constant GOVERNOR = address(0xA5);
    address internal constant DISTRIBUTOR = address(0xA6);
    address internal constant GUARDIAN = address(0xA7);
    address internal constant TREASURY = address(0xB1);
    address internal constant COMMUNITY = address(0xB2);
    address internal constant STRANGER = address(0xC0FFEE);

    uint256 internal constant ALICE_KEY = 0xA11CE;
    address internal alice = vm.addr(ALICE_KEY);
    bytes32 internal constant INVOICE = "inv-1";
    bytes32 internal constant ACCOUNT = "acct-1";

    SynorToken internal token;
    FeeSplitter internal splitter;
    SynorBilling internal billing;

    function setUp() public virtual {
        vm.warp(START);
        token = new SynorToken(DECIMALS, ADMIN);
        splitter = new FeeSplitter(address(token), ADMIN, defaultTerms(), CHANGE_DELAY, REVIEW_TIME);
        billing = new SynorBilling(token, splitter, ADMIN);

        give(address(token), token.MINTER_ROLE(), MINTER);
        give(address(billing), billing.OPERATOR_ROLE(), OPERATOR);
        give(address(billing), billing.REFUNDER_ROLE(), REFUNDER);
        give(address(billing), billing.PAUSER_ROLE(), PAUSER);
        give(address(splitter), splitter.BILLING_ROLE(), address(billing));
        give(address(splitter), splitter.PAUSER_ROLE(), PAUSER);
        give(address(splitter), splitter.GOVERNOR_ROLE(), GOVERNOR);
        give(address(splitter), splitter.DISTRIBUTOR_ROLE(), DISTRIBUTOR);
        give(address(splitter), splitter.GUARDIAN_ROLE(), GUARDIAN);
        fund(alice, 1_000 * SYNOR);
    }

    function defaultTerms() internal pure returns (Terms memory) {
        return Terms({
            service: [uint16(7_000), 2_000, 1_000],
            transaction: [uint16(1_000), 6_000, 2_000, 1_000],
            treasury: TREASURY,
            community: COMMUNITY
        });
    }

    /// Coins in the wallet, approved to both contracts.
    function fund(address who, uint256 amount) internal {
        vm.prank(MINTER);
        token.mint(who, amount);
        vm.prank(who);
        token.approve(address(billing), type(uint256).max);
        vm.prank(who);
        token.approve(address(splitter), type(uint256).max);
    }

    function give(address target, bytes32 role, address to) internal {
        vm.prank(ADMIN);
        IAccessControl(target).grantRole(role, to);
    }

    function pay(bytes32 invoice, uint256 amount) internal {
        vm.prank(alice);
        billing.payInvoice(invoice, amount);
    }

    function grantForAMonth(uint256 perInvoice, uint256 perPeriod) internal {
        vm.prank(alice);
        billing.setGrant(
            ACCOUNT, uint128(perInvoice), uint128(perPeriod), 30 days, uint40(block.timestamp + 365 days)
        );
    }

    function distribute(bytes32 invoice, uint256 fromInvoice, bytes32 account, uint256 fromDeposit) internal {
        Distribution[] memory list = new Distribution[](1);
        list[0] = Distribution(invoice, account, fromInvoice, fromDeposit);
        vm.prank(OPERATOR);
        billing.distribute(list);
    }

    /// A service fee of Alice's in the pools.
    function serviceFee(uint256 amount) internal {
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = amount;
        vm.prank(alice);
        splitter.splitServiceFees(amounts);
    }

    function post(Pool pool, bytes32 root, uint256 total) internal returns (uint256) {
        vm.prank(DISTRIBUTOR);
        return splitter.postEpoch(pool, root, total);
    }

    function refusedRole(address caller, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role);
    }

    /// Nobody but the holder of `role` may call `target` with `data`: every other hand is refused by name.
    function onlyRoleMay(address target, bytes memory data, bytes32 role) internal {
        address[11] memory hands = [
            STRANGER,
            ADMIN,
            MINTER,
            OPERATOR,
            REFUNDER,
            PAUSER,
            GOVERNOR,
            DISTRIBUTOR,
            GUARDIAN,
            alice,
            address(billing)
        ];
        uint256 refused;
        for (uint256 i; i < hands.length; ++i) {
            if (IAccessControl(target).hasRole(role, hands[i])) continue;
            vm.prank(hands[i]);
            (bool done, bytes memory answer) = target.call(data);
            vm.assertTrue(!done, "somebody without the role may");
            vm.assertEq(keccak256(answer), keccak256(refusedRole(hands[i], role)), "refused for the role");
            ++refused;
        }
        vm.assertGe(refused, hands.length - 1, "at most one hand has the role");
    }
}
