// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Limits, PriceOracle, Report} from "../../src/PriceOracle.sol";
import {OracleSigners} from "../../src/OracleSigners.sol";
import {OracleFixture} from "../support/OracleFixture.sol";

/// Who may call what, who signs, and what a pause stops.
contract OracleAccessTest is OracleFixture {
    function test_anyone_may_submit_a_round_and_nobody_without_the_signatures() external {
        agree(250_000);
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        for (uint256 i; i < 3; ++i) {
            reports[i] = signed(SIGNERS + i, 250_000, START);
        }
        refused(reports, abi.encodeWithSelector(PriceOracle.UnknownSigner.selector, vm.addr(keyOf(SIGNERS))));
    }

    function test_signers_are_set_by_the_admin_alone() external {
        onlyFor(oracle.DEFAULT_ADMIN_ROLE(), abi.encodeCall(oracle.setSigner, (5, STRANGER, 4)));
    }

    function test_limits_are_set_by_the_admin_alone() external {
        onlyFor(oracle.DEFAULT_ADMIN_ROLE(), abi.encodeCall(oracle.setLimits, (limits())));
    }

    function test_jumps_are_approved_by_the_guardian_alone() external {
        onlyFor(oracle.GUARDIAN_ROLE(), abi.encodeCall(oracle.approveJump, (1, 1, 2)));
    }

    function test_pause_is_the_guardians_and_unpause_the_admins() external {
        onlyFor(oracle.GUARDIAN_ROLE(), abi.encodeCall(oracle.pause, ()));
        vm.prank(GUARDIAN);
        oracle.pause();
        onlyFor(oracle.DEFAULT_ADMIN_ROLE(), abi.encodeCall(oracle.unpause, ()));
        vm.prank(ADMIN);
        oracle.unpause();
        agree(250_000);
    }

    function test_oracle_roles_are_the_admins() external {
        bytes32 role = oracle.GUARDIAN_ROLE();
        onlyFor(oracle.DEFAULT_ADMIN_ROLE(), abi.encodeCall(oracle.grantRole, (role, STRANGER)));
        onlyFor(oracle.DEFAULT_ADMIN_ROLE(), abi.encodeCall(oracle.revokeRole, (role, GUARDIAN)));
        vm.expectRevert();
        vm.prank(STRANGER);
        oracle.renounceRole(role, GUARDIAN);
    }

    function test_a_paused_oracle_takes_and_gives_no_price() external {
        agree(250_000);
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        vm.prank(GUARDIAN);
        oracle.pause();
        bytes memory paused = abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        refused(reports, paused);
        vm.expectRevert(paused);
        oracle.price();
        vm.expectRevert(paused);
        oracle.twap(0);
        vm.expectRevert(paused);
        oracle.observe(new uint32[](1));
        vm.expectRevert(paused);
        oracle.latestRoundData();
        (, int256 answer,,,) = oracle.getRoundData(1);
        vm.assertEq(uint256(answer), 250_000, "history stays");
    }

    function test_a_place_changes_hands_and_the_old_signer_counts_no_more() external {
        address next = vm.addr(keyOf(SIGNERS));
        vm.expectEmit(address(oracle));
        emit OracleSigners.SignerSet(0, next, 3);
        set(0, next, 3);
        vm.assertTrue(!oracle.isSigner(vm.addr(keyOf(0))) && oracle.isSigner(next), "replaced");
        vm.assertEq(oracle.signerCount(), 5, "still five");
        refused(
            reportsOf(three(250_000, 250_000, 250_000)),
            abi.encodeWithSelector(PriceOracle.UnknownSigner.selector, vm.addr(keyOf(0)))
        );
        Report[] memory reports = reportsOf(three(250_000, 250_000, 250_000));
        reports[0] = signed(SIGNERS, 250_000, START);
        update(reports);
    }

    function test_the_quorum_is_a_majority_and_no_more_than_all() external {
        setRefused(5, STRANGER, 3, abi.encodeWithSelector(OracleSigners.QuorumUnfit.selector, 3, 6));
        setRefused(5, STRANGER, 7, abi.encodeWithSelector(OracleSigners.QuorumUnfit.selector, 7, 6));
        set(5, STRANGER, 4);
        setRefused(5, address(0), 6, abi.encodeWithSelector(OracleSigners.QuorumUnfit.selector, 6, 5));
        set(5, address(0), 5);
        vm.assertEq(oracle.quorum(), 5, "all");
    }

    function test_a_signer_has_one_place_of_those_there_are() external {
        address first = vm.addr(keyOf(0));
        setRefused(1, first, 3, abi.encodeWithSelector(OracleSigners.SignerKnown.selector, first));
        setRefused(32, STRANGER, 4, abi.encodeWithSelector(OracleSigners.NoSuchPlace.selector, 32));
        set(0, first, 4);
        vm.assertEq(oracle.signers()[0], first, "its own place it may keep");
    }

    function test_all_places_count() external {
        for (uint8 place = 5; place < 32; ++place) {
            set(place, vm.addr(keyOf(place)), (place + 1) / 2 + 1);
        }
        uint64[] memory prices = new uint64[](32);
        for (uint256 i; i < 32; ++i) {
            prices[i] = uint64(250_000 + i);
        }
        update(reportsOf(prices));
        vm.assertEq(oracle.price(), 250_015, "of 250,015 and 250,016, rounded down");
    }

    function test_limits_of_nothing_and_a_ring_of_nothing_are_refused() external {
        for (uint256 i; i < 6; ++i) {
            Limits memory next = limits();
            if (i == 0) next.reportAgeSecs = 0;
            if (i == 1) next.priceAgeSecs = 0;
            if (i == 2) next.jumpTimeoutSecs = 0;
            if (i == 3) next.jumpBasisPoints = 0;
            if (i == 4) next.spreadBasisPoints = 0;
            if (i == 5) next.reportAgeSecs = uint32(type(uint24).max) + 1;
            vm.expectRevert(PriceOracle.LimitsUnfit.selector);
            vm.prank(ADMIN);
            oracle.setLimits(next);
        }
        vm.expectRevert(PriceOracle.LimitsUnfit.selector);
        newOracle(0);
    }

    function set(uint8 place, address signer, uint8 quorum) private {
        vm.prank(ADMIN);
        oracle.setSigner(place, signer, quorum);
    }

    function setRefused(uint8 place, address signer, uint8 quorum, bytes memory why) private {
        vm.expectRevert(why);
        set(place, signer, quorum);
    }

    function onlyFor(bytes32 role, bytes memory data) private {
        address[4] memory hands = [STRANGER, ADMIN, GUARDIAN, vm.addr(keyOf(0))];
        for (uint256 i; i < hands.length; ++i) {
            if (oracle.hasRole(role, hands[i])) continue;
            vm.prank(hands[i]);
            (bool done, bytes memory answer) = address(oracle).call(data);
            bytes memory why = abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, hands[i], role
            );
            vm.assertTrue(!done && keccak256(answer) == keccak256(why), "refused for the role");
        }
    }
}
