// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Pool} from "../../src/FeeTerms.sol";
import {Fixture} from "../support/Fixture.sol";

/// Who may call what, and what a pause stops. The terms' and epochs' own tests have the rest.
contract SplitterAccessTest is Fixture {
    function setUp() public override {
        super.setUp();
        serviceFee(100 * SYNOR);
    }

    function test_reverseServiceFee_is_billings_alone() external {
        bytes memory data = abi.encodeCall(splitter.reverseServiceFee, (SYNOR));
        onlyRoleMay(address(splitter), data, splitter.BILLING_ROLE());
    }

    function test_postEpoch_is_the_distributors_alone() external {
        bytes memory data = abi.encodeCall(splitter.postEpoch, (Pool.Operators, "root", SYNOR));
        onlyRoleMay(address(splitter), data, splitter.DISTRIBUTOR_ROLE());
    }

    function test_release_is_the_distributors_alone() external {
        bytes memory data = abi.encodeCall(splitter.release, (Pool.Treasury, SYNOR));
        onlyRoleMay(address(splitter), data, splitter.DISTRIBUTOR_ROLE());
    }

    function test_burning_the_pool_is_the_distributors_alone() external {
        bytes memory data = abi.encodeCall(splitter.burn, (SYNOR));
        onlyRoleMay(address(splitter), data, splitter.DISTRIBUTOR_ROLE());
    }

    function test_rescue_is_the_admins_alone() external {
        bytes memory data = abi.encodeCall(splitter.rescue, (address(token), STRANGER, 0));
        onlyRoleMay(address(splitter), data, splitter.DEFAULT_ADMIN_ROLE());
    }

    function test_pause_is_the_pausers_and_unpause_the_admins() external {
        onlyRoleMay(address(splitter), abi.encodeCall(splitter.pause, ()), splitter.PAUSER_ROLE());
        vm.prank(PAUSER);
        splitter.pause();
        onlyRoleMay(address(splitter), abi.encodeCall(splitter.unpause, ()), splitter.DEFAULT_ADMIN_ROLE());
        vm.prank(ADMIN);
        splitter.unpause();
        serviceFee(SYNOR);
    }

    function test_splitter_roles_are_the_admins() external {
        bytes32 role = splitter.DISTRIBUTOR_ROLE();
        bytes memory data = abi.encodeCall(splitter.grantRole, (role, STRANGER));
        onlyRoleMay(address(splitter), data, splitter.DEFAULT_ADMIN_ROLE());
        data = abi.encodeCall(splitter.revokeRole, (role, DISTRIBUTOR));
        onlyRoleMay(address(splitter), data, splitter.DEFAULT_ADMIN_ROLE());
        vm.expectRevert();
        vm.prank(STRANGER);
        splitter.renounceRole(role, DISTRIBUTOR);
    }

    function test_a_paused_splitter_moves_nothing() external {
        post(Pool.Operators, "root", SYNOR);
        vm.warp(block.timestamp + REVIEW_TIME);
        vm.prank(PAUSER);
        splitter.pause();
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = SYNOR;
        bytes32[] memory none;
        stopped(alice, abi.encodeCall(splitter.splitServiceFees, (amounts)));
        stopped(alice, abi.encodeCall(splitter.splitTransactionFees, (SYNOR)));
        stopped(alice, abi.encodeCall(splitter.topUp, (Pool.Burn, SYNOR)));
        stopped(alice, abi.encodeCall(splitter.claim, (0, 0, alice, SYNOR, none)));
        stopped(address(billing), abi.encodeCall(splitter.reverseServiceFee, (SYNOR)));
        stopped(DISTRIBUTOR, abi.encodeCall(splitter.postEpoch, (Pool.Operators, "root", SYNOR)));
        stopped(DISTRIBUTOR, abi.encodeCall(splitter.reclaimEpoch, (0)));
        stopped(DISTRIBUTOR, abi.encodeCall(splitter.release, (Pool.Treasury, SYNOR)));
        stopped(DISTRIBUTOR, abi.encodeCall(splitter.burn, (SYNOR)));
        stopped(ADMIN, abi.encodeCall(splitter.rescue, (address(token), ADMIN, 0)));
    }

    function test_an_epoch_can_be_cancelled_while_paused() external {
        post(Pool.Operators, "root", SYNOR);
        vm.prank(PAUSER);
        splitter.pause();
        vm.prank(GUARDIAN);
        splitter.cancelEpoch(0);
        vm.assertEq(token.balanceOf(address(splitter)), 100 * SYNOR, "no coin moved");
    }

    function stopped(address caller, bytes memory data) private {
        vm.prank(caller);
        (bool done, bytes memory answer) = address(splitter).call(data);
        vm.assertTrue(!done, "moved while paused");
        vm.assertEq(
            keccak256(answer),
            keccak256(abi.encodeWithSelector(Pausable.EnforcedPause.selector)),
            "refused for the pause"
        );
    }
}
