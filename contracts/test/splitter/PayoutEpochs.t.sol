// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pool} from "../../src/FeeTerms.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";
import {Epoch, PayoutEpochs} from "../../src/PayoutEpochs.sol";
import {Distribution} from "../../src/SynorBilling.sol";
import {LargestRemainder} from "../../src/libraries/LargestRemainder.sol";
import {Fixture} from "../support/Fixture.sol";
import {PayoutTree} from "../support/PayoutTree.sol";

contract PayoutEpochsTest is Fixture {
    using PayoutTree for bytes32[];

    address private constant OPERATOR_A = address(0x1A);
    address private constant OPERATOR_B = address(0x1B);
    uint256 private constant TOTAL = 70 * SYNOR;
    bytes32[] private tree;

    function setUp() public override {
        super.setUp();
        serviceFee(100 * SYNOR);
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = PayoutTree.leafOf(0, 0, OPERATOR_A, 30 * SYNOR);
        leaves[1] = PayoutTree.leafOf(0, 1, OPERATOR_B, 40 * SYNOR);
        tree = leaves.build();
    }

    /// What OpenZeppelin's own JavaScript builds is what is claimed here, and what {PayoutTree} builds.
    function test_trees_are_openzeppelins_standard() external {
        string memory json = vm.readFile("test/data/payout.json");
        uint256 total = vm.parseJsonUint(json, ".total");
        bytes32 root = vm.parseJsonBytes32(json, ".root");
        fund(alice, 2 * total);
        vm.prank(alice);
        splitter.topUp(Pool.Operators, total);
        vm.assertEq(post(Pool.Operators, root, total), vm.parseJsonUint(json, ".epoch"), "epoch");
        vm.warp(block.timestamp + REVIEW_TIME);

        bytes32[] memory leaves = new bytes32[](7);
        for (uint256 i; i < leaves.length; ++i) {
            string memory entry = string.concat(".leaves[", vm.toString(i), "]");
            address account = vm.parseJsonAddress(json, string.concat(entry, ".account"));
            uint256 amount = vm.parseJsonUint(json, string.concat(entry, ".amount"));
            leaves[i] = vm.parseJsonBytes32(json, string.concat(entry, ".leaf"));
            vm.assertEq(PayoutTree.leafOf(0, i, account, amount), leaves[i], "leaf");
            splitter.claim(
                0, i, account, amount, vm.parseJsonBytes32Array(json, string.concat(entry, ".proof"))
            );
            vm.assertEq(token.balanceOf(account), amount, "paid");
        }
        vm.assertEq(splitter.reserved(), 0, "all of it");
        vm.assertEq(leaves.build()[0], root, "the same tree");
    }

    function test_anyone_may_submit_a_claim_and_the_account_is_paid_once() external {
        openEpoch();
        vm.expectEmit(address(splitter));
        emit PayoutEpochs.Claimed(0, 0, OPERATOR_A, 30 * SYNOR);
        claim(0, OPERATOR_A, 30 * SYNOR);
        vm.assertEq(token.balanceOf(OPERATOR_A), 30 * SYNOR, "paid");
        vm.assertEq(token.balanceOf(STRANGER), 0, "whoever submitted it");
        vm.assertTrue(splitter.isClaimed(0, 0), "and marked");
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(0, 0, OPERATOR_A, 30 * SYNOR));
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.AlreadyClaimed.selector, 0, 0));
        splitter.claim(0, 0, OPERATOR_A, 30 * SYNOR, proof);
    }

    function test_a_claim_that_differs_from_its_leaf_in_anything_is_refused(uint256 amount) external {
        openEpoch();
        vm.assume(amount <= TOTAL && amount != 30 * SYNOR);
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(0, 0, OPERATOR_A, 30 * SYNOR));
        bytes memory wrong = abi.encodeWithSelector(PayoutEpochs.WrongProof.selector, 0, 0);
        vm.expectRevert(wrong);
        splitter.claim(0, 0, OPERATOR_A, amount, proof);
        vm.expectRevert(wrong);
        splitter.claim(0, 0, STRANGER, 30 * SYNOR, proof);
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.WrongProof.selector, 0, 1));
        splitter.claim(0, 1, OPERATOR_A, 30 * SYNOR, proof);
        vm.expectRevert(wrong);
        splitter.claim(0, 0, OPERATOR_A, 30 * SYNOR, new bytes32[](0));
    }

    function test_a_proof_of_one_epoch_claims_nothing_of_the_next() external {
        openEpoch();
        serviceFee(100 * SYNOR);
        post(Pool.Operators, tree[0], TOTAL);
        vm.warp(block.timestamp + REVIEW_TIME);
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(0, 0, OPERATOR_A, 30 * SYNOR));
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.WrongProof.selector, 1, 0));
        splitter.claim(1, 0, OPERATOR_A, 30 * SYNOR, proof);
    }

    function test_nothing_is_claimed_during_the_review() external {
        post(Pool.Operators, tree[0], TOTAL);
        vm.warp(START + REVIEW_TIME - 1);
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(0, 0, OPERATOR_A, 30 * SYNOR));
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.EpochNotOpen.selector, 0, START + REVIEW_TIME));
        splitter.claim(0, 0, OPERATOR_A, 30 * SYNOR, proof);
        bytes32[] memory none;
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.EpochClosed.selector, 1));
        splitter.claim(1, 0, OPERATOR_A, 30 * SYNOR, none);
    }

    function test_a_tree_that_promises_more_than_its_total_takes_nothing_from_others() external {
        uint256 total = 50 * SYNOR;
        post(Pool.Operators, tree[0], total);
        vm.warp(block.timestamp + REVIEW_TIME);
        claim(0, OPERATOR_A, 30 * SYNOR);
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(0, 1, OPERATOR_B, 40 * SYNOR));
        vm.expectRevert(
            abi.encodeWithSelector(PayoutEpochs.EpochExhausted.selector, 0, 40 * SYNOR, 20 * SYNOR)
        );
        splitter.claim(0, 1, OPERATOR_B, 40 * SYNOR, proof);
    }

    function test_an_epoch_reserves_its_total_and_no_more_than_its_pool_holds() external {
        vm.expectEmit(address(splitter));
        emit PayoutEpochs.EpochPosted(0, Pool.Operators, tree[0], TOTAL, START + REVIEW_TIME);
        post(Pool.Operators, tree[0], TOTAL);
        vm.assertEq(splitter.pools(Pool.Operators), 0, "reserved");
        vm.assertEq(splitter.held(), 100 * SYNOR, "and still here");
        vm.expectRevert(abi.encodeWithSelector(FeeSplitter.PoolShort.selector, Pool.Operators, MICRO, 0));
        post(Pool.Operators, tree[0], MICRO);
        vm.expectRevert(PayoutEpochs.EmptyEpoch.selector);
        post(Pool.Operators, bytes32(0), MICRO);
        vm.expectRevert(PayoutEpochs.EmptyEpoch.selector);
        post(Pool.Operators, tree[0], 0);
    }

    function test_pools_with_one_receiver_have_no_epochs() external {
        Pool[3] memory one = [Pool.Treasury, Pool.Burn, Pool.Community];
        for (uint256 i; i < one.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.NotForMany.selector, one[i]));
            post(one[i], tree[0], MICRO);
        }
        vm.prank(alice);
        splitter.splitTransactionFees(100 * SYNOR);
        post(Pool.Stakers, tree[0], 60 * SYNOR);
        post(Pool.Validators, tree[0], 10 * SYNOR);
    }

    function test_a_guardian_cancels_before_the_epoch_opens_and_not_after() external {
        post(Pool.Operators, tree[0], TOTAL);
        bytes memory data = abi.encodeCall(splitter.cancelEpoch, (0));
        onlyRoleMay(address(splitter), data, splitter.GUARDIAN_ROLE());
        vm.expectEmit(address(splitter));
        emit PayoutEpochs.EpochCancelled(0, TOTAL);
        cancel(0);
        vm.assertEq(splitter.pools(Pool.Operators), TOTAL, "back in the pool");
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.EpochClosed.selector, 0));
        cancel(0);

        post(Pool.Operators, tree[0], TOTAL);
        vm.warp(block.timestamp + REVIEW_TIME);
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.EpochOpen.selector, 1));
        cancel(1);
        bytes32[] memory none;
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.EpochClosed.selector, 0));
        splitter.claim(0, 0, OPERATOR_A, 30 * SYNOR, none);
    }

    function test_what_nobody_claims_in_two_years_goes_back_to_its_pool() external {
        openEpoch();
        claim(0, OPERATOR_A, 30 * SYNOR);
        uint64 until = START + REVIEW_TIME + 730 days;
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.StillClaimable.selector, 0, until));
        reclaim();
        vm.warp(until);
        bytes memory data = abi.encodeCall(splitter.reclaimEpoch, (0));
        onlyRoleMay(address(splitter), data, splitter.DISTRIBUTOR_ROLE());
        vm.expectEmit(address(splitter));
        emit PayoutEpochs.EpochReclaimed(0, 40 * SYNOR);
        reclaim();
        vm.assertEq(splitter.pools(Pool.Operators), 40 * SYNOR, "to operators again, and nobody else");
        vm.assertEq(splitter.reserved(), 0, "owed no more");
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(0, 1, OPERATOR_B, 40 * SYNOR));
        vm.expectRevert(abi.encodeWithSelector(PayoutEpochs.EpochClosed.selector, 0));
        splitter.claim(0, 1, OPERATOR_B, 40 * SYNOR, proof);
    }

    /// A month: distributed fees of odd amounts, 500 operators by weights, every proof on chain, and a
    /// refund afterwards.
    function test_a_month_of_500_operators_adds_up_to_the_last_unit() external {
        uint256 distributed = splitter.held();
        for (uint256 i; i < 20; ++i) {
            uint256 amount = (1_000_003 + 77_777 * i) * MICRO;
            pay(bytes32(i + 1), amount);
            distribute(bytes32(i + 1), amount, "", 0);
            distributed += amount;
        }
        uint256 total = splitter.pools(Pool.Operators);
        uint256[] memory amounts = byWeights(total, 500);
        bytes32[] memory leaves = new bytes32[](500);
        for (uint256 i; i < 500; ++i) {
            leaves[i] = PayoutTree.leafOf(0, i, operatorAt(i), amounts[i]);
        }
        bytes32[] memory month = leaves.build();
        post(Pool.Operators, month[0], total);
        vm.warp(block.timestamp + REVIEW_TIME);

        uint256 paid;
        for (uint256 i; i < 500; ++i) {
            bytes32 leaf = PayoutTree.leafOf(0, i, operatorAt(i), amounts[i]);
            splitter.claim(0, i, operatorAt(i), amounts[i], month.proof(leaf));
            paid += token.balanceOf(operatorAt(i));
        }
        uint256 treasury = splitter.pools(Pool.Treasury);
        uint256 burn = splitter.pools(Pool.Burn);
        vm.assertEq(paid + treasury + burn, distributed, "to the last unit");

        // The operators' part is paid out; the treasury lends it until the next month's fees come in.
        uint256 back = 1_000_003 * MICRO;
        vm.prank(alice);
        splitter.topUp(Pool.Operators, back);
        vm.prank(OPERATOR);
        billing.reverseDistribution(Distribution(bytes32(uint256(1)), "", back, 0));
        vm.prank(REFUNDER);
        billing.refund(bytes32(uint256(1)), alice, back);
        vm.assertEq(paid + splitter.held(), distributed, "the refund came out of the pools");
        vm.assertEq(token.balanceOf(address(splitter)), splitter.held(), "and everything is there");
    }

    function byWeights(uint256 total, uint256 count) private pure returns (uint256[] memory amounts) {
        amounts = new uint256[](count);
        uint256 weights;
        for (uint256 i; i < count; ++i) {
            weights += 1 + i * i;
        }
        uint256 left = total;
        for (uint256 i = 1; i < count; ++i) {
            amounts[i] = total * (1 + i * i) / weights / MICRO * MICRO;
            left -= amounts[i];
        }
        amounts[0] = left;
    }

    function operatorAt(uint256 index) private pure returns (address) {
        return address(uint160(0x500000 + index));
    }

    function openEpoch() private {
        post(Pool.Operators, tree[0], TOTAL);
        vm.warp(block.timestamp + REVIEW_TIME);
    }

    function claim(uint256 index, address account, uint256 amount) private {
        bytes32[] memory proof = tree.proof(PayoutTree.leafOf(0, index, account, amount));
        vm.prank(STRANGER);
        splitter.claim(0, index, account, amount, proof);
    }

    function cancel(uint256 epoch) private {
        vm.prank(GUARDIAN);
        splitter.cancelEpoch(epoch);
    }

    function reclaim() private {
        vm.prank(DISTRIBUTOR);
        splitter.reclaimEpoch(0);
    }
}
