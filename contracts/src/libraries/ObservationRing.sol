// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A price and when it began to hold, in one slot.
struct Observation {
    /// Seconds times price, from the first observation to the beginning of this one.
    uint128 cumulative;
    /// In millionths of a dollar.
    uint64 price;
    /// When it was observed: the block's time, in Unix seconds.
    uint40 timestamp;
    /// How old the oldest report behind it was then, in seconds.
    uint24 age;
}

/// @title The last rounds, and the time-weighted sum of their prices
/// @notice A price holds from its observation until the next. Round r lies at r modulo the capacity.
library ObservationRing {
    /// @notice Nothing was observed yet.
    error NoObservations();
    /// @notice The ring does not remember the round, or it was not yet.
    error NoSuchRound(uint256 round, uint256 oldest, uint256 latest);
    /// @notice The time lies before what the ring remembers.
    error BeforeHistory(uint256 timestamp, uint256 oldest);

    struct Ring {
        /// The number of the latest round; rounds are numbered from one.
        uint64 latest;
        mapping(uint256 position => Observation) observations;
    }

    /// @dev Appends a round and returns its number.
    function push(Ring storage ring, uint256 capacity, uint64 price, uint24 age)
        internal
        returns (uint64 round)
    {
        round = ring.latest;
        uint128 sum;
        if (round > 0) sum = _extend(ring.observations[round % capacity], block.timestamp);
        round += 1;
        ring.latest = round;
        ring.observations[round % capacity] = Observation(sum, price, uint40(block.timestamp), age);
    }

    /// @dev The latest observation.
    function last(Ring storage ring, uint256 capacity) internal view returns (Observation memory) {
        if (ring.latest == 0) revert NoObservations();
        return ring.observations[ring.latest % capacity];
    }

    /// @dev One round that is still remembered.
    function get(Ring storage ring, uint256 capacity, uint256 round)
        internal
        view
        returns (Observation memory)
    {
        uint256 first = oldest(ring, capacity);
        if (round < first || round > ring.latest) revert NoSuchRound(round, first, ring.latest);
        return ring.observations[round % capacity];
    }

    /// @dev The first round that is still remembered.
    function oldest(Ring storage ring, uint256 capacity) internal view returns (uint256) {
        uint256 latest = ring.latest;
        if (latest == 0) revert NoObservations();
        return latest > capacity ? latest - capacity + 1 : 1;
    }

    /// @dev Seconds times price from the first observation to `timestamp`, which is not after now.
    function cumulativeAt(Ring storage ring, uint256 capacity, uint256 timestamp)
        internal
        view
        returns (uint128)
    {
        uint256 low = oldest(ring, capacity);
        uint256 high = ring.latest;
        uint256 first = ring.observations[low % capacity].timestamp;
        if (timestamp < first) revert BeforeHistory(timestamp, first);
        // The last round that began at or before `timestamp`: rounds are in order of time.
        while (low < high) {
            uint256 middle = (low + high + 1) / 2;
            if (ring.observations[middle % capacity].timestamp <= timestamp) low = middle;
            else high = middle - 1;
        }
        return _extend(ring.observations[low % capacity], timestamp);
    }

    /// @dev The sum if `from`'s price holds until `timestamp`. It cannot overflow: 64 bits of price times
    /// 40 bits of seconds.
    function _extend(Observation memory from, uint256 timestamp) private pure returns (uint128) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return from.cumulative + uint128(timestamp - from.timestamp) * from.price;
    }
}
