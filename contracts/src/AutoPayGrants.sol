// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice What a payer lets the operator charge for an account.
struct Grant {
    /// The most that one invoice may take, in the token's smallest unit.
    uint128 maxPerInvoice;
    /// The most that one period may take.
    uint128 maxPerPeriod;
    /// What the running period has taken.
    uint128 charged;
    /// When the running period began, in Unix seconds.
    uint40 periodStart;
    /// When the grant ends, in Unix seconds.
    uint40 expiresAt;
    /// How long a period is. The first begins with the grant; each begins where the one before ended.
    uint32 periodSecs;
}

/// @title Standing permission to collect, within bounds that the payer set
/// @notice A grant moves nothing by itself and can be taken back at once. Coins stay in the payer's
/// wallet until an invoice is charged; the token's own allowance bounds all grants together.
abstract contract AutoPayGrants {
    using SafeCast for uint256;

    mapping(address payer => mapping(bytes32 account => Grant)) private _grants;

    /// @notice A payer granted, or replaced its grant; the periods begin anew.
    event GrantSet(
        address indexed payer,
        bytes32 indexed account,
        uint256 maxPerInvoice,
        uint256 maxPerPeriod,
        uint256 periodSecs,
        uint256 expiresAt
    );
    /// @notice A payer took its grant back.
    event GrantRevoked(address indexed payer, bytes32 indexed account);

    /// @notice A grant that would permit nothing, or name no account.
    error EmptyGrant();
    /// @notice The payer has granted nothing for the account, or its grant has ended.
    error NoGrant(address payer, bytes32 account);
    /// @notice More than the grant lets one invoice take.
    error OverInvoiceMaximum(uint256 amount, uint256 maximum);
    /// @notice More than is left of the period's maximum.
    error OverPeriodMaximum(uint256 amount, uint256 left);

    /// @notice Lets the operator charge the caller for an account. It replaces the caller's earlier
    /// grant for the same account.
    /// @param account Whose invoices.
    /// @param maxPerInvoice The most that one may take, in the token's smallest unit.
    /// @param maxPerPeriod The most that all of one period may take.
    /// @param periodSecs The length of a period. Periods are fixed windows that follow each other from
    /// now on, so any stretch of this length may take at most twice the maximum.
    /// @param expiresAt When the grant ends, in Unix seconds.
    function setGrant(
        bytes32 account,
        uint128 maxPerInvoice,
        uint128 maxPerPeriod,
        uint32 periodSecs,
        uint40 expiresAt
    ) public {
        bool permitsNothing = maxPerInvoice == 0 || maxPerPeriod == 0 || periodSecs == 0;
        if (account == bytes32(0) || permitsNothing || expiresAt <= block.timestamp) revert EmptyGrant();
        _grants[msg.sender][account] = Grant({
            maxPerInvoice: maxPerInvoice,
            maxPerPeriod: maxPerPeriod,
            charged: 0,
            periodStart: block.timestamp.toUint40(),
            expiresAt: expiresAt,
            periodSecs: periodSecs
        });
        emit GrantSet(msg.sender, account, maxPerInvoice, maxPerPeriod, periodSecs, expiresAt);
    }

    /// @notice Takes the caller's grant for an account back, at once. Works while paused.
    function revokeGrant(bytes32 account) external {
        if (_grants[msg.sender][account].expiresAt == 0) revert NoGrant(msg.sender, account);
        delete _grants[msg.sender][account];
        emit GrantRevoked(msg.sender, account);
    }

    /// @notice What a payer has granted for an account, as it was last charged; all zero if nothing.
    function grants(address payer, bytes32 account) external view returns (Grant memory) {
        return _grants[payer][account];
    }

    /// @notice The most that can be charged now: the smaller of the invoice's maximum and what is left
    /// of the period's. The wallet's balance and allowance may be less.
    function chargeable(address payer, bytes32 account) external view returns (uint256) {
        Grant memory grant = _grants[payer][account];
        if (block.timestamp >= grant.expiresAt) return 0;
        uint256 charged = block.timestamp < _periodEnd(grant) ? grant.charged : 0;
        uint256 left = grant.maxPerPeriod - charged;
        return left < grant.maxPerInvoice ? left : grant.maxPerInvoice;
    }

    /// @dev Counts a charge against its grant, or refuses it.
    function _useGrant(address payer, bytes32 account, uint256 amount) internal {
        Grant memory grant = _grants[payer][account];
        if (block.timestamp >= grant.expiresAt) revert NoGrant(payer, account);
        if (block.timestamp >= _periodEnd(grant)) {
            uint256 intoPeriod = (block.timestamp - grant.periodStart) % grant.periodSecs;
            grant.periodStart = (block.timestamp - intoPeriod).toUint40();
            grant.charged = 0;
        }
        if (amount > grant.maxPerInvoice) revert OverInvoiceMaximum(amount, grant.maxPerInvoice);
        uint256 left = grant.maxPerPeriod - grant.charged;
        if (amount > left) revert OverPeriodMaximum(amount, left);
        grant.charged += amount.toUint128();
        _grants[payer][account] = grant;
    }

    function _periodEnd(Grant memory grant) private pure returns (uint256) {
        return uint256(grant.periodStart) + grant.periodSecs;
    }
}
