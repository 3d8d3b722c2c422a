// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pool} from "../../src/FeeTerms.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";
import {Distribution, SynorBilling} from "../../src/SynorBilling.sol";
import {MicroSynor} from "../../src/libraries/MicroSynor.sol";
import {Fixture} from "../support/Fixture.sol";

contract DistributionsTest is Fixture {
    function test_a_refund_returns_what_is_held_and_no_more(uint256 any) external {
        pay(INVOICE, 10 * SYNOR);
        pay("inv-2", 10 * SYNOR);
        uint256 back = within(any, 1, 10 * SYNOR / MICRO) * MICRO;
        vm.expectEmit(address(billing));
        emit SynorBilling.Refunded(INVOICE, STRANGER, back);
        refund(INVOICE, back);
        vm.assertEq(token.balanceOf(STRANGER), back, "returned");

        uint256 left = 10 * SYNOR - back;
        vm.expectRevert(abi.encodeWithSelector(SynorBilling.HoldsLess.selector, INVOICE, left + MICRO, left));
        refund(INVOICE, left + MICRO);
        vm.assertEq(billing.invoices("inv-2").held, 10 * SYNOR, "another reference pays for nothing");
    }

    function test_a_deposit_is_refunded_as_far_as_it_is_held() external {
        vm.prank(alice);
        billing.deposit(ACCOUNT, 10 * SYNOR);
        distribute(INVOICE, 0, ACCOUNT, 4 * SYNOR);
        vm.expectRevert(
            abi.encodeWithSelector(SynorBilling.HoldsLess.selector, ACCOUNT, 7 * SYNOR, 6 * SYNOR)
        );
        vm.prank(REFUNDER);
        billing.refundDeposit(ACCOUNT, alice, 7 * SYNOR);
        vm.expectEmit(address(billing));
        emit SynorBilling.DepositRefunded(ACCOUNT, alice, 6 * SYNOR);
        vm.prank(REFUNDER);
        billing.refundDeposit(ACCOUNT, alice, 6 * SYNOR);
        vm.assertEq(billing.totalHeld(), 0, "all gone");
    }

    function test_distributing_sends_payments_and_deposits_to_the_pools() external {
        pay(INVOICE, 10 * SYNOR);
        vm.prank(alice);
        billing.deposit(ACCOUNT, 10 * SYNOR);
        vm.expectEmit(address(billing));
        emit SynorBilling.Distributed(INVOICE, ACCOUNT, 6 * SYNOR, 4 * SYNOR);
        vm.expectEmit(address(splitter));
        emit FeeSplitter.ServiceFeeSplit(address(billing), 10 * SYNOR, 7 * SYNOR, 2 * SYNOR, SYNOR);
        distribute(INVOICE, 6 * SYNOR, ACCOUNT, 4 * SYNOR);
        vm.assertEq(billing.invoices(INVOICE).held, 4 * SYNOR, "an overpayment stays");
        vm.assertEq(billing.invoices(INVOICE).distributed, 6 * SYNOR, "of the payment");
        vm.assertEq(billing.deposits(ACCOUNT).distributed, 4 * SYNOR, "of the deposit");
        vm.assertEq(splitter.held(), 10 * SYNOR, "in the pools");
        vm.assertEq(token.allowance(address(billing), address(splitter)), 0, "no allowance stays");
    }

    /// The book splits each invoice in whole µSYNOR: two of 5 µSYNOR are 2 × (4 + 1 + 0), one of 10 is 7 + 2 + 1.
    function test_each_distribution_is_split_by_itself() external {
        pay("a", 5 * MICRO);
        pay("b", 5 * MICRO);
        Distribution[] memory list = new Distribution[](2);
        list[0] = Distribution("a", "", 5 * MICRO, 0);
        list[1] = Distribution("b", "", 5 * MICRO, 0);
        vm.prank(OPERATOR);
        billing.distribute(list);
        vm.assertEq(splitter.pools(Pool.Operators), 8 * MICRO, "operators");
        vm.assertEq(splitter.pools(Pool.Treasury), 2 * MICRO, "treasury");
        vm.assertEq(splitter.pools(Pool.Burn), 0, "burn");
    }

    function test_nothing_is_distributed_twice_or_beyond_what_is_held() external {
        pay(INVOICE, 10 * SYNOR);
        distribute(INVOICE, 10 * SYNOR, "", 0);
        vm.expectRevert(abi.encodeWithSelector(SynorBilling.HoldsLess.selector, INVOICE, MICRO, 0));
        distribute(INVOICE, MICRO, "", 0);
        vm.expectRevert(abi.encodeWithSelector(SynorBilling.HoldsLess.selector, INVOICE, MICRO, 0));
        refund(INVOICE, MICRO);
    }

    function test_parts_of_a_micro_synor_are_not_distributed() external {
        pay(INVOICE, SYNOR);
        vm.prank(alice);
        billing.deposit(ACCOUNT, SYNOR);
        vm.expectRevert(abi.encodeWithSelector(MicroSynor.NotWholeMicroSynor.selector, MICRO / 2, MICRO));
        distribute(INVOICE, MICRO / 2, ACCOUNT, MICRO / 2);
    }

    function test_one_transaction_takes_so_many_distributions() external {
        Distribution[] memory list = new Distribution[](257);
        vm.expectRevert(abi.encodeWithSelector(SynorBilling.TooManyDistributions.selector, 257, 256));
        vm.prank(OPERATOR);
        billing.distribute(list);
    }

    function test_a_reversed_distribution_can_be_refunded() external {
        pay(INVOICE, 10 * SYNOR);
        distribute(INVOICE, 10 * SYNOR, "", 0);
        vm.expectEmit(address(billing));
        emit SynorBilling.DistributionReversed(INVOICE, "", 3 * SYNOR, 0);
        reverse(INVOICE, 3 * SYNOR);
        vm.assertEq(splitter.pools(Pool.Operators), 4.9e8, "70 % of 7");
        vm.assertEq(splitter.pools(Pool.Treasury), 1.4e8, "20 % of 7");
        vm.assertEq(splitter.pools(Pool.Burn), 0.7e8, "10 % of 7");
        refund(INVOICE, 3 * SYNOR);
        vm.expectRevert(
            abi.encodeWithSelector(SynorBilling.DistributedLess.selector, INVOICE, 8 * SYNOR, 7 * SYNOR)
        );
        reverse(INVOICE, 8 * SYNOR);
    }

    function test_a_distribution_whose_pools_were_paid_out_is_not_reversed_until_topped_up() external {
        pay(INVOICE, 10 * SYNOR);
        distribute(INVOICE, 10 * SYNOR, "", 0);
        vm.prank(DISTRIBUTOR);
        splitter.burn(SYNOR);
        vm.expectRevert(abi.encodeWithSelector(FeeSplitter.PoolShort.selector, Pool.Burn, SYNOR, 0));
        reverse(INVOICE, 10 * SYNOR);
        vm.prank(alice);
        splitter.topUp(Pool.Burn, SYNOR);
        reverse(INVOICE, 10 * SYNOR);
        vm.assertEq(splitter.held(), 0, "nothing stays behind");
        vm.assertEq(billing.invoices(INVOICE).held, 10 * SYNOR, "held again");
    }

    function test_rescue_gives_away_strays_and_nothing_that_is_owed() external {
        pay(INVOICE, 10 * SYNOR);
        vm.prank(alice);
        token.transfer(address(billing), 3);
        bytes memory data = abi.encodeCall(billing.rescue, (address(token), STRANGER, 3));
        onlyRoleMay(address(billing), data, billing.DEFAULT_ADMIN_ROLE());
        vm.expectRevert(abi.encodeWithSelector(SynorBilling.NotSurplus.selector, 4, 3));
        vm.prank(ADMIN);
        billing.rescue(address(token), STRANGER, 4);
        vm.expectEmit(address(billing));
        emit SynorBilling.Rescued(address(token), STRANGER, 3);
        vm.prank(ADMIN);
        billing.rescue(address(token), STRANGER, 3);
        vm.assertEq(token.balanceOf(address(billing)), billing.totalHeld(), "the rest is owed");
    }

    function refund(bytes32 invoice, uint256 amount) private {
        vm.prank(REFUNDER);
        billing.refund(invoice, STRANGER, amount);
    }

    function reverse(bytes32 invoice, uint256 amount) private {
        vm.prank(OPERATOR);
        billing.reverseDistribution(Distribution(invoice, "", amount, 0));
    }
}
