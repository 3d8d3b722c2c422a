// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Limits, PriceOracle, Report} from "../../src/PriceOracle.sol";
import {Test} from "./Test.sol";

/// An oracle of five signers, three of whom make a price.
abstract contract OracleFixture is Test {
    uint64 internal constant START = 1_767_225_600; // 2026-01-01 00:00:00 UTC
    address internal constant ADMIN = address(0xAD);
    address internal constant GUARDIAN = address(0xA7);
    address internal constant STRANGER = address(0xC0FFEE);
    uint256 internal constant SIGNERS = 5;
    bytes32 internal constant SOURCES = keccak256("answers of the sources");

    PriceOracle internal oracle;

    function setUp() public virtual {
        vm.warp(START);
        oracle = newOracle(64);
        bytes32 role = oracle.GUARDIAN_ROLE();
        vm.prank(ADMIN);
        oracle.grantRole(role, GUARDIAN);
    }

    function newOracle(uint16 capacity) internal returns (PriceOracle) {
        return new PriceOracle(ADMIN, signers(), 3, limits(), capacity);
    }

    /// Reports count for 5 minutes, a price for an hour; a tenth is a jump, for a day; 2 % a disagreement.
    function limits() internal pure returns (Limits memory) {
        return Limits({
            reportAgeSecs: 300,
            priceAgeSecs: 3_600,
            jumpTimeoutSecs: 86_400,
            jumpBasisPoints: 1_000,
            spreadBasisPoints: 200
        });
    }

    function signers() internal pure returns (address[] memory list) {
        list = new address[](SIGNERS);
        for (uint256 i; i < SIGNERS; ++i) {
            list[i] = vm.addr(keyOf(i));
        }
    }

    function keyOf(uint256 signer) internal pure returns (uint256) {
        return 0x5160 + signer;
    }

    /// Signed by the first signers for the next round, all at this time and these prices, in order.
    function reportsOf(uint64[] memory prices) internal view returns (Report[] memory reports) {
        reports = new Report[](prices.length);
        for (uint256 i; i < prices.length; ++i) {
            reports[i] = signed(i, prices[i], uint64(block.timestamp));
        }
    }

    function signed(uint256 signer, uint64 price, uint64 timestamp) internal view returns (Report memory) {
        bytes32 digest = oracle.reportDigest(oracle.latestRound() + 1, timestamp, price, SOURCES);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(signer), digest);
        return Report(price, timestamp, SOURCES, abi.encodePacked(r, s, v));
    }

    function update(Report[] memory reports) internal {
        uint64 round = oracle.latestRound() + 1;
        vm.prank(STRANGER);
        oracle.update(round, reports);
    }

    /// A round in which three signers agree.
    function agree(uint64 price) internal {
        update(reportsOf(three(price, price, price)));
    }

    function three(uint64 a, uint64 b, uint64 c) internal pure returns (uint64[] memory list) {
        list = new uint64[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function refused(Report[] memory reports, bytes memory why) internal {
        uint64 round = oracle.latestRound() + 1;
        vm.expectRevert(why);
        vm.prank(STRANGER);
        oracle.update(round, reports);
    }
}
