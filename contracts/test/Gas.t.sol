// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pool} from "../src/FeeTerms.sol";
import {Limits, PriceOracle, Report} from "../src/PriceOracle.sol";
import {Distribution, Permit} from "../src/SynorBilling.sol";
import {Fixture} from "./support/Fixture.sol";
import {PayoutTree} from "./support/PayoutTree.sol";
import {permitDigest} from "./support/Permits.sol";

/// What each call costs as a transaction of its own, with its base cost and cold storage. The numbers are
/// in snapshots/, and a change of one fails the check.
/// forge-config: default.isolate = true
contract GasTest is Fixture {
    using PayoutTree for bytes32[];

    string private constant GROUP = "gas";

    function test_gas_of_a_plain_transfer() external {
        vm.prank(alice);
        token.transfer(STRANGER, SYNOR);
        snap("00 ERC-20 transfer to a new holder");
        vm.prank(alice);
        token.transfer(STRANGER, SYNOR);
        snap("01 ERC-20 transfer to a holder");
    }

    function test_gas_of_paying() external {
        pay("a", SYNOR);
        snap("10 payInvoice, the first ever");
        pay(INVOICE, SYNOR);
        snap("11 payInvoice");
        pay(INVOICE, SYNOR);
        snap("12 payInvoice, a second payment on it");
    }

    function test_gas_of_paying_with_a_permit() external {
        pay("a", SYNOR);
        bytes32 digest = permitDigest(token, alice, address(billing), SYNOR, 0, block.timestamp);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE_KEY, digest);
        vm.prank(alice);
        billing.payWithPermit(INVOICE, SYNOR, Permit(block.timestamp, v, r, s));
        snap("13 payWithPermit");
    }

    function test_gas_of_depositing() external {
        pay("a", SYNOR);
        vm.prank(alice);
        billing.deposit(ACCOUNT, SYNOR);
        snap("20 deposit, the account's first");
        vm.prank(alice);
        billing.deposit(ACCOUNT, SYNOR);
        snap("21 deposit");
    }

    function test_gas_of_auto_pay() external {
        pay("a", SYNOR);
        grantForAMonth(500 * SYNOR, 800 * SYNOR);
        snap("30 setGrant");
        vm.prank(OPERATOR);
        billing.charge(alice, ACCOUNT, INVOICE, SYNOR);
        snap("31 charge, the grant's first");
        vm.prank(OPERATOR);
        billing.charge(alice, ACCOUNT, "inv-2", SYNOR);
        snap("32 charge");
        vm.prank(alice);
        billing.revokeGrant(ACCOUNT);
        snap("33 revokeGrant");
    }

    function test_gas_of_distributing_and_refunding() external {
        Distribution[] memory list = new Distribution[](100);
        for (uint256 i; i < 100; ++i) {
            pay(bytes32(i + 1), 2 * SYNOR);
            list[i] = Distribution(bytes32(i + 1), "", SYNOR, 0);
        }
        distribute(bytes32(uint256(1)), SYNOR, "", 0);
        distribute(bytes32(uint256(2)), SYNOR, "", 0);
        snap("40 distribute, one invoice");
        list[0] = Distribution(bytes32(uint256(3)), "", SYNOR, 0);
        list[1] = Distribution(bytes32(uint256(4)), "", SYNOR, 0);
        list[2].fromInvoice = list[3].fromInvoice = MICRO;
        vm.prank(OPERATOR);
        billing.distribute(list);
        snap("41 distribute, a hundred invoices");
        vm.prank(REFUNDER);
        billing.refund(bytes32(uint256(1)), alice, SYNOR / 2);
        snap("42 refund");
    }

    function test_gas_of_payouts() external {
        serviceFee(1_000 * SYNOR / 10);
        uint256 total = 512 * MICRO;
        bytes32[] memory leaves = new bytes32[](512);
        for (uint256 i; i < 512; ++i) {
            leaves[i] = PayoutTree.leafOf(1, i, operatorAt(i), MICRO);
        }
        bytes32[] memory tree = leaves.build();
        post(Pool.Operators, "root", MICRO);
        post(Pool.Operators, tree[0], total);
        snap("50 postEpoch");
        vm.warp(block.timestamp + REVIEW_TIME);
        claim(tree, 7);
        claim(tree, 8);
        snap("51 claim, of 512, a new holder");
        vm.prank(DISTRIBUTOR);
        splitter.burn(SYNOR);
        snap("52 burn");
        vm.prank(DISTRIBUTOR);
        splitter.release(Pool.Treasury, SYNOR);
        snap("53 release to the treasury");
    }

    function test_gas_of_a_price() external {
        address[] memory signers = new address[](5);
        for (uint256 i; i < 5; ++i) {
            signers[i] = vm.addr(0x5160 + i);
        }
        PriceOracle oracle = new PriceOracle(ADMIN, signers, 3, Limits(300, 3_600, 86_400, 1_000, 200), 1_024);
        oracle.update(1, reportsOf(oracle, 1, 3));
        oracle.update(2, reportsOf(oracle, 2, 3));
        snap("60 price update, 3 reports");
        oracle.update(3, reportsOf(oracle, 3, 5));
        snap("61 price update, 5 reports");
        vm.warp(block.timestamp + 600);
        oracle.twap(600);
        snap("62 twap of 3 rounds, called from outside");
    }

    function reportsOf(PriceOracle oracle, uint64 round, uint256 count)
        private
        view
        returns (Report[] memory reports)
    {
        reports = new Report[](count);
        for (uint256 i; i < count; ++i) {
            bytes32 digest = oracle.reportDigest(round, uint64(block.timestamp), 250_000, "sources");
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(0x5160 + i, digest);
            reports[i] = Report(250_000, uint64(block.timestamp), "sources", abi.encodePacked(r, s, v));
        }
    }

    function claim(bytes32[] memory tree, uint256 index) private {
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(1, index, operatorAt(index), MICRO));
        splitter.claim(1, index, operatorAt(index), MICRO, proof);
    }

    function operatorAt(uint256 index) private pure returns (address) {
        return address(uint160(0x500000 + index));
    }

    function snap(string memory name) private {
        vm.snapshotGasLastCall(GROUP, name);
    }
}
