// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PriceOracle} from "../../src/PriceOracle.sol";
import {ObservationRing} from "../../src/libraries/ObservationRing.sol";
import {OracleFixture} from "../support/OracleFixture.sol";

/// What the oracle answers: price, history, time-weighted mean.
contract ReadingTest is OracleFixture {
    /// Uniswap v3-core, Oracle.spec: tick 2 at t = 5, tick 6 after 13 s, observed 5 s later. Prices here
    /// for their ticks.
    function test_cumulatives_as_in_uniswap_v3() external {
        observe(2);
        vm.warp(START + 13);
        observe(6);
        vm.warp(START + 18);
        uint32[] memory ago = new uint32[](6);
        (ago[0], ago[1], ago[2], ago[3], ago[4], ago[5]) = (0, 3, 8, 13, 15, 18);
        uint128[6] memory expected = [uint128(56), 38, 20, 10, 6, 0];
        uint128[] memory sums = oracle.observe(ago);
        for (uint256 i; i < 6; ++i) {
            vm.assertEq(sums[i], expected[i], "tick cumulative");
        }
        vm.assertEq(oracle.twap(18), 3, "56 / 18 = 3.11, rounded down");
        vm.assertEq(oracle.twap(5), 6, "the last five seconds");
    }

    /// Uniswap v3-periphery, OracleLibrary.spec: a difference of 5 over 3 s is a mean of 1. A price is
    /// never negative, so that its other cases do not arise.
    function test_the_mean_rounds_down() external {
        observe(1);
        vm.warp(START + 1);
        observe(2);
        vm.warp(START + 3);
        vm.assertEq(oracle.twap(3), 1, "(1 + 2 + 2) / 3");
    }

    /// Whoever holds ten times the price for one block of twelve seconds moves the hour's mean by 3 %.
    function test_a_spike_moves_the_mean_by_no_more_than_its_time() external {
        observe(250_000);
        vm.warp(START + 3_588);
        observe(2_500_000);
        vm.warp(START + 3_600);
        observe(250_000);
        vm.assertEq(oracle.twap(3_600), (uint64(250_000) * 3_588 + uint64(2_500_000) * 12) / 3_600, "mean");
        vm.assertLe(oracle.twap(3_600), 257_500, "3 %");
    }

    /// The ring's binary search against a sum second by second, for any history and any window.
    function test_twap_is_the_mean_second_by_second(uint256 seed) external {
        uint64[] memory bySecond = new uint64[](600);
        uint256 first = block.timestamp;
        uint256 rounds = within(seed, 1, 12);
        uint64 price;
        for (uint256 i; i < rounds; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            price = uint64(within(random, 1, 1e12));
            observe(price);
            uint256 held = within(random >> 64, 0, 40);
            for (uint256 s; s < held; ++s) {
                bySecond[block.timestamp - first + s] = price;
            }
            vm.warp(block.timestamp + held);
        }
        uint256 length = block.timestamp - first;
        if (length == 0) return;
        uint256 window = within(seed >> 128, 1, length);
        uint256 sum;
        for (uint256 s = length - window; s < length; ++s) {
            sum += bySecond[s];
        }
        vm.assertEq(oracle.twap(uint32(window)), sum / window, "mean");
    }

    function test_the_ring_forgets_the_oldest_and_says_so() external {
        oracle = newOracle(4);
        for (uint64 i; i < 6; ++i) {
            agree(250_000 + i);
            vm.warp(block.timestamp + 10);
        }
        vm.assertEq(oracle.twap(40), 250_003, "the last four: 250,002 to 250,005, 250,003.5 rounded down");
        vm.expectRevert(
            abi.encodeWithSelector(ObservationRing.BeforeHistory.selector, START + 19, START + 20)
        );
        oracle.twap(41);
        vm.expectRevert(abi.encodeWithSelector(ObservationRing.NoSuchRound.selector, 2, 3, 6));
        oracle.getRoundData(2);
        vm.expectRevert(abi.encodeWithSelector(ObservationRing.NoSuchRound.selector, 7, 3, 6));
        oracle.getRoundData(7);
        (uint80 id, int256 answer,, uint256 updatedAt, uint80 answeredIn) = oracle.getRoundData(3);
        vm.assertEq(id, 3, "id");
        vm.assertEq(uint256(answer), 250_002, "answer");
        vm.assertEq(updatedAt, START + 20, "updated");
        vm.assertEq(answeredIn, 3, "answered in");
    }

    function test_a_stale_price_is_no_price_but_the_feed_says_its_age() external {
        agree(250_000);
        vm.warp(START + 3_600);
        vm.assertEq(oracle.price(), 250_000, "just fresh");
        vm.warp(START + 3_601);
        bytes memory stale = abi.encodeWithSelector(PriceOracle.StalePrice.selector, START);
        vm.expectRevert(stale);
        oracle.price();
        vm.expectRevert(stale);
        oracle.twap(60);
        (uint80 id, int256 answer,, uint256 updatedAt,) = oracle.latestRoundData();
        vm.assertEq(id, 1, "id");
        vm.assertEq(uint256(answer), 250_000, "by the interface's custom");
        vm.assertEq(updatedAt, START, "readers look at this");
    }

    function test_before_the_first_round_there_is_nothing() external {
        vm.expectRevert(ObservationRing.NoObservations.selector);
        oracle.price();
        vm.expectRevert(ObservationRing.NoObservations.selector);
        oracle.latestRoundData();
        vm.expectRevert(ObservationRing.NoObservations.selector);
        oracle.twap(1);
    }

    function test_a_window_of_no_length_or_before_time_is_refused() external {
        agree(250_000);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.WindowUnfit.selector, 0));
        oracle.twap(0);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.WindowUnfit.selector, type(uint32).max));
        oracle.twap(type(uint32).max);
    }

    function test_the_feed_describes_itself() external view {
        vm.assertEq(oracle.decimals(), 6, "decimals");
        vm.assertEq(keccak256(bytes(oracle.description())), keccak256("SYNOR / USD"), "description");
        vm.assertEq(oracle.version(), 1, "version");
    }

    /// A round of any price: a guardian approves whatever jump it is.
    function observe(uint64 price) private {
        uint64 round = oracle.latestRound() + 1;
        vm.prank(GUARDIAN);
        oracle.approveJump(round, price, price);
        agree(price);
    }
}
