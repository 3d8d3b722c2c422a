// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LargestRemainder} from "../../src/libraries/LargestRemainder.sol";
import {Test} from "../support/Test.sol";

contract LargestRemainderTest is Test {
    /// Numscript's allocation of 15 over 80/8/12 % gives 13/1/1 (the remainder to the earliest); by
    /// largest remainder it is 12/1/2, as in the book. Both lose nothing.
    function test_numscripts_case_by_largest_remainder() external pure {
        same(LargestRemainder.split(15, shares(8_000, 800, 1_200, 0)), [uint256(12), 1, 2, 0]);
    }

    /// NMoneys: 34 in four equal parts.
    function test_nmoneys_case_ties_go_to_the_earlier() external pure {
        same(LargestRemainder.split(34, shares(2_500, 2_500, 2_500, 2_500)), [uint256(9), 9, 8, 8]);
    }

    function test_the_default_terms_on_small_amounts() external pure {
        same(LargestRemainder.split(1, shares(7_000, 2_000, 1_000, 0)), [uint256(1), 0, 0, 0]);
        same(LargestRemainder.split(5, shares(7_000, 2_000, 1_000, 0)), [uint256(4), 1, 0, 0]);
        same(LargestRemainder.split(9, shares(7_000, 2_000, 1_000, 0)), [uint256(6), 2, 1, 0]);
        same(LargestRemainder.split(7, shares(1_000, 6_000, 2_000, 1_000)), [uint256(1), 4, 1, 1]);
    }

    /// The same cases are held against the book's `money::split`, in its own tests.
    function test_splits_are_the_books() external view {
        string memory json = vm.readFile("test/data/splits.json");
        uint256 count;
        for (;; ++count) {
            string memory entry = string.concat(".cases[", vm.toString(count), "]");
            if (!vm.keyExistsJson(json, entry)) break;
            uint256 amount = vm.parseJsonUint(json, string.concat(entry, ".amount"));
            uint256[] memory basisPoints = vm.parseJsonUintArray(json, string.concat(entry, ".shares"));
            uint256[] memory expected = vm.parseJsonUintArray(json, string.concat(entry, ".parts"));
            uint16[] memory list = new uint16[](basisPoints.length);
            for (uint256 i; i < list.length; ++i) {
                list[i] = uint16(basisPoints[i]);
            }
            uint256[] memory parts = LargestRemainder.split(amount, list);
            for (uint256 i; i < list.length; ++i) {
                vm.assertEq(parts[i], expected[i], "part");
            }
        }
        vm.assertEq(count, 119, "cases");
    }

    function test_a_part_without_a_share_gets_nothing(uint256 amount) external pure {
        uint256[] memory parts = LargestRemainder.split(amount, shares(3_333, 0, 6_667, 0));
        vm.assertEq(parts[1] + parts[3], 0, "no share");
    }

    /// Nothing is lost, and every part is its exact share rounded down or up.
    function test_splits_lose_nothing(uint256 amount, uint16 a, uint16 b, uint16 c) external pure {
        uint16[] memory list = anyShares(a, b, c);
        uint256[] memory parts = LargestRemainder.split(amount, list);
        uint256 sum;
        for (uint256 i; i < 4; ++i) {
            uint256 floor = amount / 10_000 * list[i] + amount % 10_000 * list[i] / 10_000;
            vm.assertTrue(parts[i] == floor || parts[i] == floor + 1, "its share, rounded");
            sum += parts[i];
        }
        vm.assertEq(sum, amount, "sum");
    }

    /// Hamilton's rule, said another way: who was rounded up has no smaller remainder than who was not,
    /// and among equals came earlier.
    function test_units_left_over_go_to_the_largest_remainders(uint64 amount, uint16 a, uint16 b, uint16 c)
        external
        pure
    {
        uint16[] memory list = anyShares(a, b, c);
        uint256[] memory parts = LargestRemainder.split(amount, list);
        for (uint256 i; i < 4; ++i) {
            for (uint256 j; j < 4; ++j) {
                bool iUp = parts[i] > uint256(amount) * list[i] / 10_000;
                bool jUp = parts[j] > uint256(amount) * list[j] / 10_000;
                uint256 iLeft = uint256(amount) * list[i] % 10_000;
                uint256 jLeft = uint256(amount) * list[j] % 10_000;
                if (iUp && !jUp) {
                    vm.assertTrue(iLeft > jLeft || (iLeft == jLeft && i < j), "in order");
                }
            }
        }
    }

    function test_shares_that_are_no_whole_are_refused() external {
        vm.expectRevert(abi.encodeWithSelector(LargestRemainder.SharesNotWhole.selector, 9_999));
        this.requireWhole(shares(7_000, 2_000, 999, 0));
        vm.expectRevert(abi.encodeWithSelector(LargestRemainder.SharesNotWhole.selector, 10_001));
        this.requireWhole(shares(7_000, 2_000, 1_001, 0));
    }

    function requireWhole(uint16[] memory list) external pure {
        LargestRemainder.requireWhole(list);
    }

    function anyShares(uint16 a, uint16 b, uint16 c) private pure returns (uint16[] memory) {
        uint256 first = within(a, 0, 10_000);
        uint256 second = within(b, 0, 10_000 - first);
        uint256 third = within(c, 0, 10_000 - first - second);
        return shares(uint16(first), uint16(second), uint16(third), uint16(10_000 - first - second - third));
    }

    function shares(uint16 a, uint16 b, uint16 c, uint16 d) private pure returns (uint16[] memory list) {
        list = new uint16[](4);
        (list[0], list[1], list[2], list[3]) = (a, b, c, d);
    }

    function same(uint256[] memory parts, uint256[4] memory expected) private pure {
        for (uint256 i; i < 4; ++i) {
            vm.assertEq(parts[i], expected[i], "part");
        }
    }
}
