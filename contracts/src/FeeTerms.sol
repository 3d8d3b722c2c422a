// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {LargestRemainder} from "./libraries/LargestRemainder.sol";

/// @notice A part of the fees, by whom it is for.
enum Pool {
    Operators,
    Treasury,
    Burn,
    Stakers,
    Community,
    Validators
}

/// @notice How fees are shared, in basis points that sum to 10,000 in each list, and who receives the
/// parts that have one receiver.
struct Terms {
    /// Of service fees: operators, treasury, burn.
    uint16[3] service;
    /// Of transaction fees: burn, stakers, community, validators.
    uint16[4] transaction;
    /// Receives the treasury's pool.
    address treasury;
    /// Receives the community's pool.
    address community;
}

/// @title The terms by which fees are shared
/// @notice Fixed for ever when deployed with a delay of zero. Otherwise a change is announced and holds
/// only after the delay, so that whoever earns by the old terms can see it coming.
abstract contract FeeTerms is AccessControl {
    /// @notice May announce new terms, and withdraw what it announced.
    bytes32 public constant GOVERNOR_ROLE = keccak256("GOVERNOR_ROLE");
    /// @notice The shortest delay that a contract whose terms can change may have.
    uint64 public constant CHANGE_DELAY_MIN = 7 days;
    /// @notice Seconds between the announcement of new terms and their beginning. Zero: never.
    uint64 public immutable changeDelay;
    /// @notice When the announced terms may begin, in Unix seconds. Zero: nothing is announced.
    uint64 public announcedFrom;

    Terms private _terms;
    Terms private _announced;

    /// @notice New terms will hold from a time on.
    event TermsAnnounced(Terms terms, uint64 from);
    /// @notice The announced terms will not come.
    event TermsWithdrawn();
    /// @notice These terms hold from now on.
    event TermsBegun(Terms terms);

    /// @notice This contract's terms never change.
    error TermsFixed();
    /// @notice Participants would have no time to see a change coming.
    error ChangeDelayTooShort(uint64 delay, uint64 minimum);
    /// @notice No terms are announced.
    error NothingAnnounced();
    /// @notice The announced terms do not hold yet.
    error NotYet(uint64 from);
    /// @notice A receiver is missing.
    error NoReceiver();

    constructor(Terms memory terms_, uint64 changeDelay_) {
        if (changeDelay_ != 0 && changeDelay_ < CHANGE_DELAY_MIN) {
            revert ChangeDelayTooShort(changeDelay_, CHANGE_DELAY_MIN);
        }
        _check(terms_);
        changeDelay = changeDelay_;
        _terms = terms_;
        emit TermsBegun(terms_);
    }

    /// @notice The terms that hold.
    function terms() external view returns (Terms memory) {
        return _terms;
    }

    /// @notice The terms that are announced; all zero when none are.
    function announcedTerms() external view returns (Terms memory) {
        return _announced;
    }

    /// @notice Announces new terms; replaces those announced before and starts the delay anew.
    function announceTerms(Terms calldata next) external onlyRole(GOVERNOR_ROLE) {
        if (changeDelay == 0) revert TermsFixed();
        _check(next);
        uint64 from = uint64(block.timestamp) + changeDelay;
        _announced = next;
        announcedFrom = from;
        emit TermsAnnounced(next, from);
    }

    /// @notice Takes the announcement back.
    function withdrawTerms() external onlyRole(GOVERNOR_ROLE) {
        if (announcedFrom == 0) revert NothingAnnounced();
        delete _announced;
        announcedFrom = 0;
        emit TermsWithdrawn();
    }

    /// @notice Lets the announced terms hold, after their delay. Anyone may: it was announced.
    function beginTerms() external {
        uint64 from = announcedFrom;
        if (from == 0) revert NothingAnnounced();
        if (block.timestamp < from) revert NotYet(from);
        Terms memory next = _announced;
        _terms = next;
        delete _announced;
        announcedFrom = 0;
        emit TermsBegun(next);
    }

    function _serviceShares() internal view returns (uint16[] memory) {
        return _list(_terms.service);
    }

    function _transactionShares() internal view returns (uint16[] memory) {
        return _list(_terms.transaction);
    }

    function _receiverOf(Pool pool) internal view returns (address) {
        if (pool == Pool.Treasury) return _terms.treasury;
        if (pool == Pool.Community) return _terms.community;
        return address(0);
    }

    function _check(Terms memory candidate) private pure {
        LargestRemainder.requireWhole(_list(candidate.service));
        LargestRemainder.requireWhole(_list(candidate.transaction));
        if (candidate.treasury == address(0) || candidate.community == address(0)) revert NoReceiver();
    }

    function _list(uint16[3] memory shares) private pure returns (uint16[] memory list) {
        list = new uint16[](3);
        for (uint256 i; i < 3; ++i) {
            list[i] = shares[i];
        }
    }

    function _list(uint16[4] memory shares) private pure returns (uint16[] memory list) {
        list = new uint16[](4);
        for (uint256 i; i < 4; ++i) {
            list[i] = shares[i];
        }
    }
}
