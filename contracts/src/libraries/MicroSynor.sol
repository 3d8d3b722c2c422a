// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title The book's unit of account on the token
/// @notice The book counts whole µSYNOR (1 SYNOR = 1,000,000 µSYNOR). What is not a whole number of
/// them is refused at the door, so that chain and book agree to the last unit.
library MicroSynor {
    /// @notice The token's smallest unit is coarser than a µSYNOR.
    /// @param decimals How many decimals the token has.
    error TooFewDecimals(uint8 decimals);
    /// @notice The amount is zero or no whole number of µSYNOR.
    /// @param amount What was given, in the token's smallest unit.
    /// @param unit One µSYNOR in the token's smallest unit.
    error NotWholeMicroSynor(uint256 amount, uint256 unit);

    /// @dev One µSYNOR in the token's smallest unit.
    function unitOf(address token) internal view returns (uint256) {
        uint8 decimals = IERC20Metadata(token).decimals();
        if (decimals < 6) revert TooFewDecimals(decimals);
        return 10 ** (decimals - 6);
    }

    /// @dev Refuses zero and what does not convert exactly.
    function requireWhole(uint256 amount, uint256 unit) internal pure {
        if (amount == 0 || amount % unit != 0) revert NotWholeMicroSynor(amount, unit);
    }
}
