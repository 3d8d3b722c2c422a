// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Taking tokens, and nothing less than was asked for
library ExactTransfer {
    using SafeERC20 for IERC20;

    /// @notice The token kept a part of the transfer for itself.
    /// @param expected What was to arrive.
    /// @param received What arrived.
    error TransferShortfall(uint256 expected, uint256 received);

    /// @dev Takes `amount` from `from`, who has approved this contract, and measures what arrives: a
    /// token with a fee on transfer would leave the books above the balance. Callers are guarded
    /// against reentrancy, which could make one arrival count twice.
    function pull(IERC20 token, address from, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        requireArrived(token, before, amount);
    }

    /// @dev Refuses a balance that did not grow by `amount` since it was `before`.
    function requireArrived(IERC20 token, uint256 before, uint256 amount) internal view {
        uint256 balance = token.balanceOf(address(this));
        uint256 received = balance > before ? balance - before : 0;
        if (received != amount) revert TransferShortfall(amount, received);
    }
}
