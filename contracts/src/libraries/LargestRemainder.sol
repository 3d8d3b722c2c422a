// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Splitting an amount without losing any of it
/// @notice Hamilton's method: every part gets the floor of its share; the units left over go to the
/// largest remainders, ties to the earlier recipient. The book splits by the same rule.
library LargestRemainder {
    /// @notice Hundredths of a percent in the whole.
    uint256 internal constant WHOLE = 10_000;

    /// @notice The shares are not a whole.
    /// @param sum What they add up to, in basis points.
    error SharesNotWhole(uint256 sum);

    /// @dev Refuses shares that do not sum to 10,000 basis points. Few shares: the callers' are fixed.
    function requireWhole(uint16[] memory shares) internal pure {
        uint256 sum;
        for (uint256 i; i < shares.length; ++i) {
            sum += shares[i];
        }
        if (sum != WHOLE) revert SharesNotWhole(sum);
    }

    /// @dev Splits `amount`, whose smallest part is one. `shares` sum to 10,000.
    function split(uint256 amount, uint16[] memory shares) internal pure returns (uint256[] memory parts) {
        uint256 count = shares.length;
        parts = new uint256[](count);
        uint256[] memory remainders = new uint256[](count);
        uint256 left = amount;
        for (uint256 i; i < count; ++i) {
            parts[i] = Math.mulDiv(amount, shares[i], WHOLE);
            remainders[i] = mulmod(amount, shares[i], WHOLE);
            left -= parts[i];
        }
        // Fewer units are left than there are parts with a remainder, so no part gets two.
        for (; left > 0; --left) {
            uint256 largest;
            for (uint256 i = 1; i < count; ++i) {
                if (remainders[i] > remainders[largest]) largest = i;
            }
            parts[largest] += 1;
            remainders[largest] = 0;
        }
    }
}
