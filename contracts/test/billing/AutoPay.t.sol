// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AutoPayGrants, Grant} from "../../src/AutoPayGrants.sol";
import {Permit, SynorBilling} from "../../src/SynorBilling.sol";
import {Fixture} from "../support/Fixture.sol";
import {permitDigest} from "../support/Permits.sol";

contract AutoPayTest is Fixture {
    function test_a_charge_within_the_grant_is_held_and_says_so() external {
        grantForAMonth(500 * SYNOR, 800 * SYNOR);
        vm.expectEmit(address(billing));
        emit SynorBilling.Charged(INVOICE, ACCOUNT, alice, 120 * SYNOR);
        charge(INVOICE, 120 * SYNOR);
        vm.assertEq(billing.invoices(INVOICE).held, 120 * SYNOR, "held");
        vm.assertTrue(billing.invoices(INVOICE).charged, "and never again");
        vm.assertEq(billing.grants(alice, ACCOUNT).charged, 120 * SYNOR, "counted");
    }

    function test_no_charge_takes_more_than_the_maximum_per_invoice(uint256 any) external {
        uint256 maximum = 50 * SYNOR;
        grantForAMonth(maximum, 800 * SYNOR);
        uint256 amount = within(any, maximum / MICRO + 1, 900 * SYNOR / MICRO) * MICRO;
        vm.expectRevert(abi.encodeWithSelector(AutoPayGrants.OverInvoiceMaximum.selector, amount, maximum));
        charge(INVOICE, amount);
        charge(INVOICE, maximum);
    }

    function test_charges_of_a_period_take_no_more_than_its_maximum() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        charge("a", 50 * SYNOR);
        charge("b", 50 * SYNOR);
        vm.assertEq(billing.chargeable(alice, ACCOUNT), 20 * SYNOR, "left");
        vm.expectRevert(
            abi.encodeWithSelector(AutoPayGrants.OverPeriodMaximum.selector, 50 * SYNOR, 20 * SYNOR)
        );
        charge("c", 50 * SYNOR);
        charge("c", 20 * SYNOR);
        vm.assertEq(billing.chargeable(alice, ACCOUNT), 0, "used up");
    }

    function test_a_period_begins_where_the_one_before_ended() external {
        grantForAMonth(50 * SYNOR, 50 * SYNOR);
        vm.warp(START + 30 days - 1);
        charge("a", 50 * SYNOR);
        vm.warp(START + 30 days);
        vm.assertEq(billing.chargeable(alice, ACCOUNT), 50 * SYNOR, "the second period");
        charge("b", 50 * SYNOR);
        // Three periods later, ten days in: the window is the grant's, not the charge's.
        vm.warp(START + 100 days);
        charge("c", 50 * SYNOR);
        vm.assertEq(billing.grants(alice, ACCOUNT).periodStart, START + 90 days, "anchored");
        vm.warp(START + 120 days - 1);
        vm.expectRevert(abi.encodeWithSelector(AutoPayGrants.OverPeriodMaximum.selector, MICRO, 0));
        charge("d", MICRO);
    }

    function test_an_invoice_is_charged_once_whatever_became_of_it() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        charge(INVOICE, 10 * SYNOR);
        bytes memory again = abi.encodeWithSelector(SynorBilling.AlreadyCharged.selector, INVOICE);
        vm.expectRevert(again);
        charge(INVOICE, 10 * SYNOR);
        vm.prank(REFUNDER);
        billing.refund(INVOICE, alice, 10 * SYNOR);
        vm.expectRevert(again);
        charge(INVOICE, 10 * SYNOR);
    }

    function test_another_payers_grant_does_not_charge_an_invoice_again() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        fund(STRANGER, 50 * SYNOR);
        vm.prank(STRANGER);
        billing.setGrant(ACCOUNT, uint128(SYNOR), uint128(SYNOR), 1 days, uint40(block.timestamp + 1 days));
        charge(INVOICE, SYNOR);
        vm.expectRevert(abi.encodeWithSelector(SynorBilling.AlreadyCharged.selector, INVOICE));
        vm.prank(OPERATOR);
        billing.charge(STRANGER, ACCOUNT, INVOICE, SYNOR);
    }

    function test_a_charge_may_complete_an_invoice_that_was_paid_in_part() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        pay(INVOICE, 3 * SYNOR);
        charge(INVOICE, 7 * SYNOR);
        vm.assertEq(billing.invoices(INVOICE).held, 10 * SYNOR, "both");
    }

    function test_a_grant_is_for_one_account() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        bytes32 other = "acct-2";
        vm.expectRevert(abi.encodeWithSelector(AutoPayGrants.NoGrant.selector, alice, other));
        vm.prank(OPERATOR);
        billing.charge(alice, other, INVOICE, SYNOR);
    }

    function test_revoking_holds_at_once() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        charge("a", SYNOR);
        vm.expectEmit(address(billing));
        emit AutoPayGrants.GrantRevoked(alice, ACCOUNT);
        vm.prank(alice);
        billing.revokeGrant(ACCOUNT);
        vm.expectRevert(abi.encodeWithSelector(AutoPayGrants.NoGrant.selector, alice, ACCOUNT));
        charge("b", SYNOR);
        vm.assertEq(billing.chargeable(alice, ACCOUNT), 0, "nothing");
        vm.expectRevert(abi.encodeWithSelector(AutoPayGrants.NoGrant.selector, alice, ACCOUNT));
        vm.prank(alice);
        billing.revokeGrant(ACCOUNT);
    }

    function test_a_grant_ends_when_it_says() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        vm.warp(START + 365 days - 1);
        charge("a", SYNOR);
        vm.warp(START + 365 days);
        vm.expectRevert(abi.encodeWithSelector(AutoPayGrants.NoGrant.selector, alice, ACCOUNT));
        charge("b", SYNOR);
    }

    function test_a_new_grant_replaces_the_old_and_begins_anew() external {
        grantForAMonth(50 * SYNOR, 50 * SYNOR);
        charge("a", 50 * SYNOR);
        vm.expectEmit(address(billing));
        emit AutoPayGrants.GrantSet(
            alice, ACCOUNT, 10 * SYNOR, 20 * SYNOR, 30 days, block.timestamp + 365 days
        );
        grantForAMonth(10 * SYNOR, 20 * SYNOR);
        vm.expectRevert(
            abi.encodeWithSelector(AutoPayGrants.OverInvoiceMaximum.selector, 11 * SYNOR, 10 * SYNOR)
        );
        charge("b", 11 * SYNOR);
        charge("b", 10 * SYNOR);
    }

    function test_a_grant_that_permits_nothing_is_refused() external {
        uint40 end = uint40(block.timestamp + 1);
        setGrantRefused("", 1, 1, 1, end);
        setGrantRefused(ACCOUNT, 0, 1, 1, end);
        setGrantRefused(ACCOUNT, 1, 0, 1, end);
        setGrantRefused(ACCOUNT, 1, 1, 0, end);
        setGrantRefused(ACCOUNT, 1, 1, 1, uint40(block.timestamp));
    }

    function test_grants_are_the_callers_own() external {
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        vm.prank(STRANGER);
        billing.setGrant(ACCOUNT, 1, 1, 1, uint40(block.timestamp + 1));
        vm.prank(STRANGER);
        billing.revokeGrant(ACCOUNT);
        Grant memory grant = billing.grants(alice, ACCOUNT);
        vm.assertEq(grant.maxPerInvoice, 50 * SYNOR, "Alice's stands");
    }

    function test_a_permit_funds_a_grant_in_one_transaction() external {
        vm.prank(alice);
        token.approve(address(billing), 0);
        bytes32 digest = permitDigest(token, alice, address(billing), 90 * SYNOR, 0, block.timestamp);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE_KEY, digest);
        Permit memory signed = Permit(block.timestamp, v, r, s);
        uint40 end = uint40(block.timestamp + 365 days);
        uint128 maximum = uint128(50 * SYNOR);

        vm.expectRevert(abi.encodeWithSelector(SynorBilling.PermitRefused.selector, 90 * SYNOR, 0));
        vm.prank(STRANGER);
        billing.setGrantWithPermit(ACCOUNT, maximum, maximum, 1 days, end, 90 * SYNOR, signed);
        vm.prank(alice);
        billing.setGrantWithPermit(ACCOUNT, maximum, maximum, 1 days, end, 90 * SYNOR, signed);
        charge("a", 50 * SYNOR);
        vm.warp(block.timestamp + 1 days);
        // The wallet's allowance bounds all grants together.
        vm.expectRevert();
        charge("b", 50 * SYNOR);
        charge("b", 40 * SYNOR);
    }

    /// Whatever is charged and whenever, no window of the grant takes more than its maximum.
    function test_any_series_of_charges_stays_within_every_window(uint256 seed) external {
        uint256 perInvoice = within(seed, 1, 1_000) * MICRO;
        uint256 perPeriod = within(seed >> 16, 1, 3_000) * MICRO;
        grantForAMonth(perInvoice, perPeriod);
        uint256[12] memory taken;
        for (uint256 i; i < 24; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            vm.warp(block.timestamp + random % 14 days);
            uint256 window = (block.timestamp - START) / 30 days;
            uint256 amount = within(random >> 64, 1, 1_200) * MICRO;
            vm.prank(OPERATOR);
            try billing.charge(alice, ACCOUNT, bytes32(i + 1), amount) {
                taken[window] += amount;
                vm.assertLe(amount, perInvoice, "per invoice");
            } catch {
                bool fits = amount <= perInvoice && taken[window] + amount <= perPeriod;
                vm.assertTrue(!fits, "refused although it fits");
            }
            vm.assertLe(taken[window], perPeriod, "per period");
        }
    }

    function charge(bytes32 invoice, uint256 amount) private {
        vm.prank(OPERATOR);
        billing.charge(alice, ACCOUNT, invoice, amount);
    }

    function setGrantRefused(bytes32 account, uint128 one, uint128 all, uint32 secs, uint40 end) private {
        vm.expectRevert(AutoPayGrants.EmptyGrant.selector);
        vm.prank(alice);
        billing.setGrant(account, one, all, secs, end);
    }
}
