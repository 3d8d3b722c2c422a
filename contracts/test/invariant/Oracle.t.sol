// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OracleFixture} from "../support/OracleFixture.sol";
import {OracleHandler} from "./OracleHandler.sol";

/// What holds after any rounds, good and bad, in any order.
contract OracleInvariantTest is OracleFixture {
    uint256 private constant CAPACITY = 8;
    OracleHandler private handler;

    function setUp() public override {
        super.setUp();
        // A small ring, so that it wraps.
        oracle = newOracle(uint16(CAPACITY));
        bytes32 role = oracle.GUARDIAN_ROLE();
        vm.prank(ADMIN);
        oracle.grantRole(role, GUARDIAN);
        handler = new OracleHandler(oracle, keyOf(0), GUARDIAN, ADMIN);
        aimAt(address(handler));
    }

    function invariant_only_what_should_makes_a_round() external view {
        vm.assertEq(handler.wrongOutcome(), 0, "refused or accepted wrongly");
        vm.assertEq(handler.replayed(), 0, "replayed");
        vm.assertEq(handler.movedWhilePaused(), 0, "accepted while paused");
        vm.assertEq(oracle.latestRound(), handler.rounds(), "rounds");
    }

    /// The history is what was accepted, and the mean over all that is remembered is the mean of it.
    function invariant_history_and_mean_are_of_what_was_accepted() external view {
        uint256 rounds = handler.rounds();
        if (rounds == 0 || oracle.paused()) return;
        uint256 first = rounds > CAPACITY ? rounds - CAPACITY : 0;
        uint256 sum;
        (, uint256 began) = handler.roundAt(first);
        for (uint256 i = first; i < rounds; ++i) {
            (uint64 price, uint256 time) = handler.roundAt(i);
            (, int256 answer,, uint256 updatedAt,) = oracle.getRoundData(uint80(i + 1));
            vm.assertEq(uint256(answer), price, "price");
            vm.assertEq(updatedAt, time, "time");
            uint256 until = block.timestamp;
            if (i + 1 < rounds) (, until) = handler.roundAt(i + 1);
            sum += price * (until - time);
        }
        uint32[] memory ago = new uint32[](2);
        ago[1] = uint32(block.timestamp - began);
        uint128[] memory sums = oracle.observe(ago);
        vm.assertEq(sums[0] - sums[1], sum, "time-weighted sum");
    }

    /// A campaign in which nothing happens proves nothing.
    function test_random_rounds_are_accepted_and_refused() external {
        for (uint256 i; i < 1_500; ++i) {
            uint256 a = uint256(keccak256(abi.encode(i)));
            uint256 kind = i % 8;
            if (kind < 4) handler.update(a, a >> 32, a >> 64, a >> 96);
            if (kind == 4) handler.replay(a);
            if (kind == 5) handler.approve(a, a >> 64);
            if (kind == 6) handler.pass(a);
            if (kind == 7) handler.pauseOrNot(a);
        }
        vm.assertGe(handler.rounds(), 100, "accepted");
        vm.assertGe(handler.refused(), 100, "refused");
        vm.assertEq(handler.wrongOutcome(), 0, "refused or accepted wrongly");
    }
}
