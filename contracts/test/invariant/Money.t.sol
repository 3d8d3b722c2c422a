// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pool} from "../../src/FeeTerms.sol";
import {Fixture} from "../support/Fixture.sol";
import {Count, Hands, MoneyHandler, Violations} from "./MoneyHandler.sol";

/// What holds after any steps of anyone, in any order.
contract MoneyInvariantTest is Fixture {
    MoneyHandler private handler;
    uint256 private minted;

    function setUp() public override {
        super.setUp();
        Hands memory hands = Hands(ADMIN, OPERATOR, REFUNDER, PAUSER, DISTRIBUTOR, GUARDIAN);
        handler = new MoneyHandler(token, billing, splitter, hands);
        for (uint256 i; i < 3; ++i) {
            address payer = handler.payerAt(i);
            vm.prank(MINTER);
            token.mint(payer, 1_000_000 * SYNOR);
        }
        minted = token.totalSupply();
        aimAt(address(handler));
    }

    function invariant_what_came_in_is_held_refunded_or_distributed() external view {
        Count memory c = handler.count();
        vm.assertEq(
            c.paid + c.deposited + c.charged + c.reversed,
            billing.totalHeld() + c.refunded + c.distributed,
            "billing"
        );
        vm.assertEq(billing.totalHeld(), handler.heldUnderReferences(), "over all references");
        vm.assertEq(token.balanceOf(address(billing)), billing.totalHeld() + c.billingStrays, "balance");
    }

    function invariant_what_was_split_is_in_pools_owed_or_paid_out() external view {
        Count memory c = handler.count();
        vm.assertEq(c.splitIn, splitter.held() + c.released + c.claimed + c.burnt + c.reversed, "splitter");
        vm.assertEq(token.balanceOf(address(splitter)), splitter.held() + c.splitterStrays, "balance");
        vm.assertEq(token.totalSupply(), minted - c.burnt, "burnt coins are gone");
    }

    function invariant_no_charge_beyond_a_grant_no_replay_no_move_while_paused() external view {
        Violations memory v = handler.violations();
        vm.assertEq(v.beyondGrant, 0, "charged beyond a grant");
        vm.assertEq(v.replayed, 0, "charged or claimed twice");
        vm.assertEq(v.movedWhilePaused, 0, "moved while paused");
        vm.assertEq(v.wrongOutcome, 0, "refused or permitted wrongly");
    }

    /// A campaign in which nothing happens proves nothing: of random steps like its own, every function
    /// of the contracts does its work many times, and is refused many times.
    function test_random_steps_do_and_refuse_everything() external {
        for (uint256 i; i < 4_000; ++i) {
            randomStep(i);
        }
        bytes4[14] memory selectors = [
            billing.payInvoice.selector,
            billing.deposit.selector,
            billing.charge.selector,
            billing.refund.selector,
            billing.refundDeposit.selector,
            billing.distribute.selector,
            billing.reverseDistribution.selector,
            splitter.splitServiceFees.selector,
            splitter.splitTransactionFees.selector,
            splitter.topUp.selector,
            splitter.postEpoch.selector,
            splitter.release.selector,
            splitter.burn.selector,
            splitter.claim.selector
        ];
        for (uint256 i; i < selectors.length; ++i) {
            vm.assertGe(handler.done(selectors[i]), 10, "done");
            vm.assertGe(handler.refused(selectors[i]), 5, "refused");
        }
        vm.assertEq(handler.violations().wrongOutcome, 0, "refused or permitted wrongly");
    }

    function randomStep(uint256 i) private {
        uint256 a = uint256(keccak256(abi.encode(i, "a")));
        uint256 b = uint256(keccak256(abi.encode(i, "b")));
        uint256 c = uint256(keccak256(abi.encode(i, "c")));
        uint256 d = uint256(keccak256(abi.encode(i, "d")));
        uint256 kind = a >> 128 & 15;
        if (kind == 0) handler.pay(a, b, c);
        if (kind == 1) handler.deposit(a, b, c);
        if (kind == 2) handler.setGrant(a, b, c, d, a >> 64, b >> 64);
        if (kind == 3) handler.revokeGrant(a, b);
        if (kind == 4) handler.stray(a, b, c % 2 == 0);
        if (kind == 5 || kind == 6) handler.charge(a, b, c, d);
        if (kind == 7) handler.refund(a, b, c, d % 2 == 0);
        if (kind == 8) handler.distribute(a, b, c, d);
        if (kind == 9) handler.reverseDistribution(a, b);
        if (kind == 10) handler.rescue(a, b % 2 == 0);
        if (kind == 11) handler.splitFees(a, b, c);
        if (kind == 12) handler.payOut(a, b);
        if (kind == 13) handler.releaseOrBurn(a, b);
        if (kind == 14) handler.pass(a);
        if (kind == 15) handler.pause(a);
    }
}
