// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Limits, PriceOracle, Report} from "../../src/PriceOracle.sol";
import {OracleFixture} from "../support/OracleFixture.sol";

/// What makes a round, and what it is refused for.
contract RoundsTest is OracleFixture {
    function test_the_price_is_the_median_of_the_reports() external {
        vm.expectEmit(address(oracle));
        emit PriceOracle.PriceUpdated(1, 250_000, START, 3);
        update(reportsOf(three(249_000, 250_000, 252_000)));
        vm.assertEq(oracle.price(), 250_000, "median");
        vm.assertEq(oracle.latestRound(), 1, "round");
    }

    function test_of_an_even_number_it_is_the_mean_of_the_middle_two_rounded_down() external {
        uint64[] memory prices = new uint64[](4);
        (prices[0], prices[1], prices[2], prices[3]) = (248_000, 250_000, 250_003, 251_000);
        update(reportsOf(prices));
        vm.assertEq(oracle.price(), 250_001, "of 250,000 and 250,003");
    }

    function test_each_report_is_on_record() external {
        vm.expectEmit(address(oracle));
        emit PriceOracle.Reported(1, vm.addr(keyOf(0)), 250_000, START, SOURCES);
        agree(250_000);
    }

    /// With a quorum of three of five, two liars decide nothing: the median lies between honest reports.
    function test_a_minority_cannot_move_the_median_out_of_the_honest_range(uint256 seed) external {
        Limits memory wide = limits();
        wide.spreadBasisPoints = type(uint16).max;
        vm.prank(ADMIN);
        oracle.setLimits(wide);
        uint64[] memory prices = new uint64[](5);
        for (uint256 i; i < 3; ++i) {
            prices[i] = uint64(within(uint256(keccak256(abi.encode(seed, i))), 249_000, 251_000));
        }
        prices[3] = uint64(within(seed, 100_000, 400_000));
        prices[4] = uint64(within(seed >> 64, 100_000, 400_000));
        uint64[] memory sorted = sort(prices);
        update(reportsOf(sorted));
        vm.assertGe(oracle.price(), 249_000, "not below the honest");
        vm.assertLe(oracle.price(), 251_000, "not above the honest");
    }

    function test_fewer_reports_than_the_quorum_are_refused() external {
        uint64[] memory two = new uint64[](2);
        (two[0], two[1]) = (250_000, 250_000);
        refused(reportsOf(two), abi.encodeWithSelector(PriceOracle.TooFewReports.selector, 2, 3));
        refused(new Report[](0), abi.encodeWithSelector(PriceOracle.TooFewReports.selector, 0, 3));
    }

    function test_a_signer_counts_once() external {
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        reports[2] = signed(0, 250_001, START);
        refused(reports, abi.encodeWithSelector(PriceOracle.SignedTwice.selector, vm.addr(keyOf(0))));
    }

    function test_only_signers_count() external {
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        reports[1] = signed(SIGNERS, 250_000, START);
        refused(reports, abi.encodeWithSelector(PriceOracle.UnknownSigner.selector, vm.addr(keyOf(SIGNERS))));
        reports[1].signature = hex"00";
        refused(reports, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 1));
    }

    /// Whatever of a report is changed after signing, it is no longer its signer's.
    function test_a_changed_report_is_refused(uint64 price, uint64 age, bytes32 sources) external {
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        uint64 newPrice = uint64(within(price, 250_000, 254_000));
        uint64 newTime = START - uint64(within(age, 0, 300));
        vm.assume(newPrice != 250_000 || newTime != START || sources != SOURCES);
        (reports[2].price, reports[2].timestamp, reports[2].sourceHash) = (newPrice, newTime, sources);
        uint64 round = 1;
        vm.expectRevert();
        oracle.update(round, reports);
        vm.assertEq(oracle.latestRound(), 0, "no round");
    }

    function test_a_round_is_not_replayed_nor_signed_for_another_oracle() external {
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        update(reports);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.WrongRound.selector, 1, 2));
        oracle.update(1, reports);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.WrongRound.selector, 3, 2));
        oracle.update(3, reports);
        vm.expectRevert();
        oracle.update(2, reports);

        PriceOracle other = newOracle(64);
        vm.expectRevert();
        other.update(1, reports);
    }

    function test_stale_and_future_reports_are_refused() external {
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        reports[1] = signed(1, 250_000, START - 301);
        refused(reports, abi.encodeWithSelector(PriceOracle.ReportUntimely.selector, START - 301, START));
        reports[1] = signed(1, 250_000, START + 61);
        refused(reports, abi.encodeWithSelector(PriceOracle.ReportUntimely.selector, START + 61, START));
        reports[1] = signed(1, 250_000, START + 60);
        reports[2] = signed(2, 250_000, START - 300);
        update(reports);
        (,, uint256 startedAt, uint256 updatedAt,) = oracle.latestRoundData();
        vm.assertEq(startedAt, START - 300, "as old as its oldest report");
        vm.assertEq(updatedAt, START, "accepted now");
    }

    function test_reports_come_in_order_and_have_a_price() external {
        refused(
            reportsOf(three(250_000, 249_000, 251_000)),
            abi.encodeWithSelector(PriceOracle.ReportsUnsorted.selector, 1)
        );
        refused(reportsOf(three(0, 1, 1)), abi.encodeWithSelector(PriceOracle.ZeroPrice.selector));
    }

    function test_reports_far_apart_make_no_price() external {
        refused(
            reportsOf(three(249_000, 250_000, 254_001)),
            abi.encodeWithSelector(PriceOracle.Disagreement.selector, 249_000, 254_001)
        );
        update(reportsOf(three(249_000, 250_000, 254_000)));
    }

    function test_a_jump_is_refused_in_both_directions_to_the_last_unit() external {
        agree(250_000);
        refused(
            reportsOf(three(275_001, 275_001, 275_001)),
            abi.encodeWithSelector(PriceOracle.PriceJump.selector, 250_000, 275_001)
        );
        refused(
            reportsOf(three(224_999, 224_999, 224_999)),
            abi.encodeWithSelector(PriceOracle.PriceJump.selector, 250_000, 224_999)
        );
        agree(275_000);
    }

    function test_a_jump_is_accepted_after_the_timeout() external {
        agree(250_000);
        vm.warp(START + 86_399);
        refused(
            reportsOf(three(500_000, 500_000, 500_000)),
            abi.encodeWithSelector(PriceOracle.PriceJump.selector, 250_000, 500_000)
        );
        vm.warp(START + 86_400);
        agree(500_000);
        vm.assertEq(oracle.price(), 500_000, "the world has moved");
    }

    function test_a_guardian_approves_a_jump_for_one_round_within_bounds() external {
        agree(250_000);
        vm.expectEmit(address(oracle));
        emit PriceOracle.JumpApproved(2, 300_000, 520_000);
        approve(2, 300_000, 520_000);
        refused(
            reportsOf(three(520_001, 520_001, 520_001)),
            abi.encodeWithSelector(PriceOracle.PriceJump.selector, 250_000, 520_001)
        );
        agree(500_000);
        refused(
            reportsOf(three(400_000, 400_000, 400_000)),
            abi.encodeWithSelector(PriceOracle.PriceJump.selector, 500_000, 400_000)
        );
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.WrongRound.selector, 4, 3));
        approve(4, 1, 2);
    }

    function approve(uint64 round, uint64 low, uint64 high) private {
        vm.prank(GUARDIAN);
        oracle.approveJump(round, low, high);
    }

    function sort(uint64[] memory list) private pure returns (uint64[] memory) {
        for (uint256 i = 1; i < list.length; ++i) {
            for (uint256 j = i; j > 0 && list[j - 1] > list[j]; --j) {
                (list[j - 1], list[j]) = (list[j], list[j - 1]);
            }
        }
        return list;
    }
}
