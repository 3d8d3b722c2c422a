// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What readers of Chainlink feeds call
/// @dev The five functions of Chainlink's interface of this name.
interface AggregatorV3Interface {
    /// @notice How many decimals an answer has.
    function decimals() external view returns (uint8);

    /// @notice What the answer is a price of.
    function description() external view returns (string memory);

    /// @notice Of the feed.
    function version() external view returns (uint256);

    /// @notice One round.
    function getRoundData(uint80 roundId)
        external
        view
        returns (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);

    /// @notice The latest round.
    function latestRoundData()
        external
        view
        returns (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
