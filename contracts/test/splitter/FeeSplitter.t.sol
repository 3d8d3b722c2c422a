// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pool} from "../../src/FeeTerms.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";
import {ExactTransfer} from "../../src/libraries/ExactTransfer.sol";
import {MicroSynor} from "../../src/libraries/MicroSynor.sol";
import {Fixture} from "../support/Fixture.sol";
import {FeeOnTransferToken} from "../support/OddTokens.sol";

contract FeeSplitterTest is Fixture {
    function test_service_fees_are_split_70_20_10() external {
        vm.expectEmit(address(splitter));
        emit FeeSplitter.ServiceFeeSplit(alice, 100 * SYNOR, 70 * SYNOR, 20 * SYNOR, 10 * SYNOR);
        serviceFee(100 * SYNOR);
        vm.assertEq(splitter.pools(Pool.Operators), 70 * SYNOR, "operators");
        vm.assertEq(splitter.pools(Pool.Treasury), 20 * SYNOR, "treasury");
        vm.assertEq(splitter.pools(Pool.Burn), 10 * SYNOR, "burn");
    }

    function test_transaction_fees_are_split_10_60_20_10() external {
        vm.expectEmit(address(splitter));
        emit FeeSplitter.TransactionFeesSplit(
            alice, 100 * SYNOR, 10 * SYNOR, 60 * SYNOR, 20 * SYNOR, 10 * SYNOR
        );
        vm.prank(alice);
        splitter.splitTransactionFees(100 * SYNOR);
        vm.assertEq(splitter.pools(Pool.Burn), 10 * SYNOR, "burn");
        vm.assertEq(splitter.pools(Pool.Stakers), 60 * SYNOR, "stakers");
        vm.assertEq(splitter.pools(Pool.Community), 20 * SYNOR, "community");
        vm.assertEq(splitter.pools(Pool.Validators), 10 * SYNOR, "validators");
    }

    function test_splitting_takes_from_the_caller_alone(uint256 any) external {
        uint256 amount = within(any, 1, 1_000 * SYNOR / MICRO) * MICRO;
        uint256 before = token.balanceOf(alice);
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = amount;
        vm.expectRevert();
        vm.prank(STRANGER);
        splitter.splitServiceFees(amounts);
        vm.expectRevert();
        vm.prank(STRANGER);
        splitter.splitTransactionFees(amount);
        vm.expectRevert();
        vm.prank(STRANGER);
        splitter.topUp(Pool.Operators, amount);
        vm.assertEq(token.balanceOf(alice), before, "Alice's allowance serves Alice");
        serviceFee(amount);
        vm.assertEq(splitter.held(), amount, "nothing lost");
        vm.assertEq(token.balanceOf(address(splitter)), amount, "and it is there");
    }

    function test_parts_of_a_micro_synor_are_refused() external {
        bytes memory refused = abi.encodeWithSelector(MicroSynor.NotWholeMicroSynor.selector, 150, MICRO);
        vm.expectRevert(refused);
        serviceFee(150);
        vm.expectRevert(refused);
        vm.prank(alice);
        splitter.splitTransactionFees(150);
        vm.expectRevert(refused);
        vm.prank(alice);
        splitter.topUp(Pool.Burn, 150);
    }

    function test_a_token_that_keeps_a_part_of_transfers_is_refused() external {
        FeeOnTransferToken greedy = new FeeOnTransferToken(alice);
        FeeSplitter other = new FeeSplitter(address(greedy), ADMIN, defaultTerms(), 0, 0);
        vm.prank(alice);
        greedy.approve(address(other), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ExactTransfer.TransferShortfall.selector, 1e18, 0.99e18));
        vm.prank(alice);
        other.splitTransactionFees(1e18);
    }

    function test_burning_reduces_the_supply() external {
        serviceFee(100 * SYNOR);
        uint256 supply = token.totalSupply();
        vm.expectEmit(address(splitter));
        emit FeeSplitter.Burnt(10 * SYNOR);
        vm.prank(DISTRIBUTOR);
        splitter.burn(10 * SYNOR);
        vm.assertEq(token.totalSupply(), supply - 10 * SYNOR, "supply");
        vm.expectRevert(abi.encodeWithSelector(FeeSplitter.PoolShort.selector, Pool.Burn, 1, 0));
        vm.prank(DISTRIBUTOR);
        splitter.burn(1);
    }

    function test_treasury_and_community_are_paid_from_their_pools() external {
        serviceFee(100 * SYNOR);
        vm.prank(alice);
        splitter.splitTransactionFees(100 * SYNOR);
        vm.expectEmit(address(splitter));
        emit FeeSplitter.Released(Pool.Treasury, TREASURY, 20 * SYNOR);
        release(Pool.Treasury, 20 * SYNOR);
        release(Pool.Community, 5 * SYNOR);
        vm.assertEq(token.balanceOf(TREASURY), 20 * SYNOR, "treasury");
        vm.assertEq(token.balanceOf(COMMUNITY), 5 * SYNOR, "community");
        vm.expectRevert(
            abi.encodeWithSelector(FeeSplitter.PoolShort.selector, Pool.Community, 16 * SYNOR, 15 * SYNOR)
        );
        release(Pool.Community, 16 * SYNOR);
    }

    function test_a_pool_for_many_is_not_released_to_one() external {
        serviceFee(100 * SYNOR);
        Pool[4] memory many = [Pool.Operators, Pool.Burn, Pool.Stakers, Pool.Validators];
        for (uint256 i; i < many.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(FeeSplitter.NotForOne.selector, many[i]));
            release(many[i], 1);
        }
    }

    function test_a_top_up_goes_to_one_pool_and_says_so() external {
        vm.expectEmit(address(splitter));
        emit FeeSplitter.ToppedUp(Pool.Stakers, alice, SYNOR);
        vm.prank(alice);
        splitter.topUp(Pool.Stakers, SYNOR);
        vm.assertEq(splitter.pools(Pool.Stakers), SYNOR, "stakers");
        vm.assertEq(splitter.held(), SYNOR, "and no other");
    }

    /// The reversal of a fee takes from each pool what the fee put in, for any amount.
    function test_a_reversal_undoes_a_split(uint256 any) external {
        uint256 amount = within(any, 1, 500 * SYNOR / MICRO) * MICRO;
        serviceFee(333 * MICRO);
        uint256[3] memory before =
            [splitter.pools(Pool.Operators), splitter.pools(Pool.Treasury), splitter.pools(Pool.Burn)];
        serviceFee(amount);
        vm.prank(address(billing));
        splitter.reverseServiceFee(amount);
        vm.assertEq(splitter.pools(Pool.Operators), before[0], "operators");
        vm.assertEq(splitter.pools(Pool.Treasury), before[1], "treasury");
        vm.assertEq(splitter.pools(Pool.Burn), before[2], "burn");
        vm.assertEq(token.balanceOf(address(billing)), amount, "returned");
    }

    function test_rescue_gives_away_strays_and_nothing_that_is_owed() external {
        serviceFee(100 * SYNOR);
        post(Pool.Operators, "root", 30 * SYNOR);
        vm.prank(alice);
        token.transfer(address(splitter), 7);
        vm.expectRevert(abi.encodeWithSelector(FeeSplitter.NotSurplus.selector, 8, 7));
        vm.prank(ADMIN);
        splitter.rescue(address(token), STRANGER, 8);
        vm.expectEmit(address(splitter));
        emit FeeSplitter.Rescued(address(token), STRANGER, 7);
        vm.prank(ADMIN);
        splitter.rescue(address(token), STRANGER, 7);
        vm.assertEq(token.balanceOf(address(splitter)), splitter.held(), "the rest is owed");

        FeeOnTransferToken stray = new FeeOnTransferToken(address(splitter));
        vm.prank(ADMIN);
        splitter.rescue(address(stray), STRANGER, 100);
        vm.assertEq(stray.balanceOf(STRANGER), 99, "another token");
    }

    function release(Pool pool, uint256 amount) private {
        vm.prank(DISTRIBUTOR);
        splitter.release(pool, amount);
    }
}
