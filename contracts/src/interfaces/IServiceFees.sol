// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Where distributed service fees go, and come back from when a distribution is undone
interface IServiceFees {
    /// @notice The token that fees are paid in.
    function token() external view returns (address);

    /// @notice Takes service fees from the caller, who has approved their sum, and splits each by
    /// itself into the pools.
    /// @param amounts Of the fees, each in whole µSYNOR, in the token's smallest unit.
    function splitServiceFees(uint256[] calldata amounts) external;

    /// @notice Takes out of the pools what a fee of this amount puts into them, and returns it to the
    /// caller.
    /// @param amount In whole µSYNOR, in the token's smallest unit.
    function reverseServiceFee(uint256 amount) external;
}
