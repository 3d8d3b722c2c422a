// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FeeTerms, Pool, Terms} from "../../src/FeeTerms.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";
import {LargestRemainder} from "../../src/libraries/LargestRemainder.sol";
import {Fixture} from "../support/Fixture.sol";

contract FeeTermsTest is Fixture {
    function test_terms_without_a_delay_are_fixed_for_ever() external {
        FeeSplitter fixed_ = new FeeSplitter(address(token), ADMIN, defaultTerms(), 0, 0);
        give(address(fixed_), fixed_.GOVERNOR_ROLE(), GOVERNOR);
        vm.expectRevert(FeeTerms.TermsFixed.selector);
        vm.prank(GOVERNOR);
        fixed_.announceTerms(otherTerms());
        vm.expectRevert(FeeTerms.NothingAnnounced.selector);
        fixed_.beginTerms();
    }

    function test_a_delay_that_nobody_would_notice_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(FeeTerms.ChangeDelayTooShort.selector, 7 days - 1, 7 days));
        new FeeSplitter(address(token), ADMIN, defaultTerms(), 7 days - 1, 0);
    }

    function test_announced_terms_hold_after_their_delay_and_not_before() external {
        announce();
        serviceFee(100 * SYNOR);
        vm.assertEq(splitter.pools(Pool.Operators), 70 * SYNOR, "the old ones hold");
        uint64 from = START + CHANGE_DELAY;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(FeeTerms.NotYet.selector, from));
        splitter.beginTerms();
        vm.warp(from);
        vm.expectEmit(address(splitter));
        emit FeeTerms.TermsBegun(otherTerms());
        vm.prank(STRANGER);
        splitter.beginTerms();
        serviceFee(100 * SYNOR);
        vm.assertEq(splitter.pools(Pool.Operators), 130 * SYNOR, "60 % of the second hundred");
        vm.expectRevert(FeeTerms.NothingAnnounced.selector);
        splitter.beginTerms();
    }

    function test_a_second_announcement_starts_the_delay_anew() external {
        announce();
        vm.warp(START + CHANGE_DELAY - 1);
        announce();
        vm.warp(START + CHANGE_DELAY);
        vm.expectRevert();
        splitter.beginTerms();
    }

    function test_withdrawn_terms_never_begin() external {
        announce();
        vm.expectEmit(address(splitter));
        emit FeeTerms.TermsWithdrawn();
        vm.prank(GOVERNOR);
        splitter.withdrawTerms();
        vm.warp(START + 365 days);
        vm.expectRevert(FeeTerms.NothingAnnounced.selector);
        splitter.beginTerms();
        vm.expectRevert(FeeTerms.NothingAnnounced.selector);
        vm.prank(GOVERNOR);
        splitter.withdrawTerms();
    }

    function test_terms_that_lose_coins_or_have_no_receiver_are_refused() external {
        Terms memory terms = defaultTerms();
        terms.service[0] -= 1;
        announceRefused(terms, abi.encodeWithSelector(LargestRemainder.SharesNotWhole.selector, 9_999));
        terms = defaultTerms();
        terms.transaction[3] += 1;
        announceRefused(terms, abi.encodeWithSelector(LargestRemainder.SharesNotWhole.selector, 10_001));
        terms = defaultTerms();
        terms.treasury = address(0);
        announceRefused(terms, abi.encodeWithSelector(FeeTerms.NoReceiver.selector));
        terms = defaultTerms();
        terms.community = address(0);
        announceRefused(terms, abi.encodeWithSelector(FeeTerms.NoReceiver.selector));
    }

    function test_terms_are_announced_and_withdrawn_by_the_governor_alone() external {
        bytes memory data = abi.encodeCall(splitter.announceTerms, (otherTerms()));
        onlyRoleMay(address(splitter), data, splitter.GOVERNOR_ROLE());
        announce();
        data = abi.encodeCall(splitter.withdrawTerms, ());
        onlyRoleMay(address(splitter), data, splitter.GOVERNOR_ROLE());
    }

    function otherTerms() private pure returns (Terms memory terms) {
        terms = defaultTerms();
        terms.service = [uint16(6_000), 3_000, 1_000];
    }

    function announce() private {
        vm.expectEmit(address(splitter));
        emit FeeTerms.TermsAnnounced(otherTerms(), uint64(block.timestamp) + CHANGE_DELAY);
        vm.prank(GOVERNOR);
        splitter.announceTerms(otherTerms());
    }

    function announceRefused(Terms memory terms, bytes memory why) private {
        vm.expectRevert(why);
        vm.prank(GOVERNOR);
        splitter.announceTerms(terms);
    }
}
