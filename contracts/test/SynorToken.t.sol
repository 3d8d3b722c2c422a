// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SynorToken} from "../src/SynorToken.sol";
import {Fixture} from "./support/Fixture.sol";
import {permitDigest} from "./support/Permits.sol";

contract SynorTokenTest is Fixture {
    function test_decimals_are_what_the_deployer_says() external {
        vm.assertEq(token.decimals(), 8, "as on the L1");
        vm.assertEq(new SynorToken(18, ADMIN).decimals(), 18, "as wallets expect");
    }

    function test_nobody_is_born_with_coins() external {
        vm.assertEq(new SynorToken(8, ADMIN).totalSupply(), 0, "supply");
    }

    function test_mint_is_the_minters_alone() external {
        bytes memory data = abi.encodeCall(token.mint, (STRANGER, 1));
        onlyRoleMay(address(token), data, token.MINTER_ROLE());
        vm.prank(MINTER);
        token.mint(STRANGER, 7);
        vm.assertEq(token.balanceOf(STRANGER), 7, "minted");
    }

    function test_token_roles_are_the_admins() external {
        bytes32 role = token.MINTER_ROLE();
        bytes memory data = abi.encodeCall(token.grantRole, (role, STRANGER));
        onlyRoleMay(address(token), data, token.DEFAULT_ADMIN_ROLE());
        data = abi.encodeCall(token.revokeRole, (role, MINTER));
        onlyRoleMay(address(token), data, token.DEFAULT_ADMIN_ROLE());
    }

    function test_a_role_is_renounced_by_its_holder_alone() external {
        bytes32 role = token.MINTER_ROLE();
        vm.expectRevert();
        vm.prank(STRANGER);
        token.renounceRole(role, MINTER);
        vm.prank(MINTER);
        token.renounceRole(role, MINTER);
        vm.assertTrue(!token.hasRole(role, MINTER), "renounced");
    }

    function test_burn_takes_from_the_caller_alone() external {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, STRANGER, 0, 1)
        );
        vm.prank(STRANGER);
        token.burn(1);
        uint256 supply = token.totalSupply();
        vm.prank(alice);
        token.burn(SYNOR);
        vm.assertEq(token.totalSupply(), supply - SYNOR, "supply");
    }

    function test_coins_of_others_move_only_by_allowance() external {
        bytes memory refused =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, STRANGER, 0, 1);
        vm.expectRevert(refused);
        vm.prank(STRANGER);
        token.transferFrom(alice, STRANGER, 1);
        vm.expectRevert(refused);
        vm.prank(STRANGER);
        token.burnFrom(alice, 1);
    }

    function test_transfer_takes_from_the_caller_alone(uint256 any) external {
        uint256 amount = within(any, 0, token.balanceOf(alice));
        uint256 before = token.balanceOf(alice);
        vm.prank(alice);
        token.transfer(STRANGER, amount);
        vm.assertEq(token.balanceOf(alice) + token.balanceOf(STRANGER), before, "nothing lost");
    }

    function test_approve_is_for_the_callers_own_coins() external {
        vm.prank(STRANGER);
        token.approve(OPERATOR, 5);
        vm.assertEq(token.allowance(STRANGER, OPERATOR), 5, "own");
        vm.assertEq(token.allowance(alice, OPERATOR), 0, "not Alice's");
    }

    function test_permit_needs_the_owners_signature_and_serves_once() external {
        bytes32 digest = permitDigest(token, alice, STRANGER, 9, 0, block.timestamp);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE_KEY + 1, digest);
        vm.expectRevert(
            abi.encodeWithSelector(ERC20Permit.ERC2612InvalidSigner.selector, vm.addr(ALICE_KEY + 1), alice)
        );
        token.permit(alice, STRANGER, 9, block.timestamp, v, r, s);

        (v, r, s) = vm.sign(ALICE_KEY, digest);
        token.permit(alice, STRANGER, 9, block.timestamp, v, r, s);
        vm.assertEq(token.allowance(alice, STRANGER), 9, "permitted");
        vm.expectRevert();
        token.permit(alice, STRANGER, 9, block.timestamp, v, r, s);
    }
}
