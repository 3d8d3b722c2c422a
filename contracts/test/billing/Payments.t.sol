// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";
import {Holding, Permit, SynorBilling} from "../../src/SynorBilling.sol";
import {ExactTransfer} from "../../src/libraries/ExactTransfer.sol";
import {MicroSynor} from "../../src/libraries/MicroSynor.sol";
import {Fixture} from "../support/Fixture.sol";
import {CallbackToken, CoarseToken, FeeOnTransferToken} from "../support/OddTokens.sol";
import {permitDigest} from "../support/Permits.sol";

contract PaymentsTest is Fixture {
    function test_a_payment_is_held_under_its_reference_and_says_so() external {
        vm.expectEmit(address(billing));
        emit SynorBilling.InvoicePaid(INVOICE, alice, 5 * SYNOR);
        pay(INVOICE, 5 * SYNOR);
        vm.assertEq(billing.invoices(INVOICE).held, 5 * SYNOR, "held");
        vm.assertEq(billing.deposits(INVOICE).held, 0, "an invoice is no account");
        vm.assertEq(billing.totalHeld(), 5 * SYNOR, "over all");
    }

    function test_partial_and_duplicate_payments_add_up() external {
        pay(INVOICE, 2 * SYNOR);
        pay(INVOICE, 3 * SYNOR);
        pay(INVOICE, 5 * SYNOR);
        vm.assertEq(billing.invoices(INVOICE).held, 10 * SYNOR, "the book says what becomes of them");
    }

    function test_a_deposit_is_held_for_its_account_and_says_so() external {
        vm.expectEmit(address(billing));
        emit SynorBilling.Deposited(ACCOUNT, alice, 100 * SYNOR);
        vm.prank(alice);
        billing.deposit(ACCOUNT, 100 * SYNOR);
        vm.assertEq(billing.deposits(ACCOUNT).held, 100 * SYNOR, "held");
        vm.assertEq(billing.invoices(ACCOUNT).held, 0, "an account is no invoice");
    }

    function test_a_permit_pays_and_deposits_without_an_allowance() external {
        withoutAllowance();
        Permit memory signed = permitOf(3 * SYNOR, 0);
        vm.prank(alice);
        billing.payWithPermit(INVOICE, 3 * SYNOR, signed);
        vm.assertEq(billing.invoices(INVOICE).held, 3 * SYNOR, "paid");
        signed = permitOf(4 * SYNOR, 1);
        vm.prank(alice);
        billing.depositWithPermit(ACCOUNT, 4 * SYNOR, signed);
        vm.assertEq(billing.deposits(ACCOUNT).held, 4 * SYNOR, "deposited");
        vm.assertEq(token.allowance(alice, address(billing)), 0, "and nothing more");
    }

    function test_a_permit_that_somebody_submitted_first_does_not_stop_the_payment() external {
        withoutAllowance();
        Permit memory signed = permitOf(3 * SYNOR, 0);
        vm.prank(STRANGER);
        token.permit(alice, address(billing), 3 * SYNOR, signed.deadline, signed.v, signed.r, signed.s);
        vm.prank(alice);
        billing.payWithPermit(INVOICE, 3 * SYNOR, signed);
        vm.assertEq(billing.invoices(INVOICE).held, 3 * SYNOR, "paid");
    }

    function test_a_permit_of_another_pays_nothing() external {
        withoutAllowance();
        Permit memory signed = permitOf(3 * SYNOR, 0);
        bytes memory refused = abi.encodeWithSelector(SynorBilling.PermitRefused.selector, 3 * SYNOR, 0);
        vm.expectRevert(refused);
        vm.prank(STRANGER);
        billing.payWithPermit(INVOICE, 3 * SYNOR, signed);
        vm.expectRevert(refused);
        vm.prank(STRANGER);
        billing.depositWithPermit(ACCOUNT, 3 * SYNOR, signed);
        vm.assertEq(token.allowance(alice, address(billing)), 0, "the permit is unused");
    }

    function test_paying_takes_from_the_caller_alone(uint256 any) external {
        uint256 amount = within(any, 1, 1_000 * SYNOR / MICRO) * MICRO;
        uint256 before = token.balanceOf(alice);
        vm.expectRevert();
        vm.prank(STRANGER);
        billing.payInvoice(INVOICE, amount);
        vm.expectRevert();
        vm.prank(STRANGER);
        billing.deposit(ACCOUNT, amount);
        vm.assertEq(token.balanceOf(alice), before, "Alice's allowance serves Alice");
        pay(INVOICE, amount);
        vm.assertEq(token.balanceOf(alice), before - amount, "and pays what she said");
    }

    function test_what_is_no_whole_number_of_micro_synor_is_refused(uint256 any) external {
        uint256 amount = within(any, 0, 100 * SYNOR);
        if (amount % MICRO == 0) amount += 1;
        bytes memory refused = abi.encodeWithSelector(MicroSynor.NotWholeMicroSynor.selector, amount, MICRO);
        vm.expectRevert(refused);
        pay(INVOICE, amount);
        vm.expectRevert(refused);
        vm.prank(alice);
        billing.deposit(ACCOUNT, amount);
    }

    function test_nothing_is_no_payment_and_zero_no_reference() external {
        vm.expectRevert(abi.encodeWithSelector(MicroSynor.NotWholeMicroSynor.selector, 0, MICRO));
        pay(INVOICE, 0);
        vm.expectRevert(SynorBilling.NoReference.selector);
        pay(bytes32(0), SYNOR);
        vm.expectRevert(SynorBilling.NoReference.selector);
        vm.prank(alice);
        billing.deposit(bytes32(0), SYNOR);
    }

    function test_a_token_that_keeps_a_part_of_transfers_is_refused() external {
        FeeOnTransferToken greedy = new FeeOnTransferToken(alice);
        SynorBilling other = billingFor(address(greedy));
        vm.prank(alice);
        greedy.approve(address(other), type(uint256).max);
        uint256 amount = 1e18;
        bytes memory refused =
            abi.encodeWithSelector(ExactTransfer.TransferShortfall.selector, amount, amount - amount / 100);
        vm.expectRevert(refused);
        vm.prank(alice);
        other.payInvoice(INVOICE, amount);
        vm.expectRevert(refused);
        vm.prank(alice);
        other.deposit(ACCOUNT, amount);
    }

    function test_a_payment_inside_a_payment_is_refused() external {
        CallbackToken callback = new CallbackToken(alice);
        SynorBilling other = billingFor(address(callback));
        callback.aim(other, abi.encodeCall(other.payInvoice, ("inv-2", 1e18)));
        vm.prank(alice);
        callback.approve(address(other), type(uint256).max);
        vm.prank(alice);
        other.payInvoice(INVOICE, 1e18);
        vm.assertTrue(callback.refused(), "the inner one");
        vm.assertEq(other.invoices("inv-2").held, 0, "nothing counted twice");
        vm.assertEq(other.totalHeld(), 1e18, "held");
    }

    function test_a_coarse_token_and_a_splitter_of_another_token_are_refused() external {
        address coarse = address(new CoarseToken());
        vm.expectRevert(abi.encodeWithSelector(MicroSynor.TooFewDecimals.selector, 5));
        new FeeSplitter(coarse, ADMIN, defaultTerms(), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(SynorBilling.OtherToken.selector, address(token)));
        new SynorBilling(IERC20(coarse), splitter, ADMIN);
    }

    function billingFor(address other) private returns (SynorBilling) {
        FeeSplitter fees = new FeeSplitter(other, ADMIN, defaultTerms(), 0, 0);
        return new SynorBilling(IERC20(other), fees, ADMIN);
    }

    function withoutAllowance() private {
        vm.prank(alice);
        token.approve(address(billing), 0);
    }

    function permitOf(uint256 amount, uint256 nonce) private view returns (Permit memory) {
        bytes32 digest = permitDigest(token, alice, address(billing), amount, nonce, block.timestamp);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE_KEY, digest);
        return Permit(block.timestamp, v, r, s);
    }
}
