// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PriceOracle, Report} from "../../src/PriceOracle.sol";
import {Test} from "../support/Test.sol";

/// Submits rounds, good and bad, and judges each by its own reckoning. It remembers every accepted round.
contract OracleHandler is Test {
    bytes32 private constant SOURCES = keccak256("answers of the sources");
    address private immutable GUARDIAN;
    address private immutable ADMIN;
    PriceOracle private immutable ORACLE;
    uint256 private immutable FIRST_KEY;

    uint64[] private _prices;
    uint256[] private _times;
    uint64 private _approvedRound;
    uint64 private _approvedLow;
    uint64 private _approvedHigh;

    /// What must never be above zero.
    uint256 public wrongOutcome;
    uint256 public replayed;
    uint256 public movedWhilePaused;
    uint256 public refused;

    constructor(PriceOracle oracle, uint256 firstKey, address guardian, address admin) {
        (ORACLE, FIRST_KEY, GUARDIAN, ADMIN) = (oracle, firstKey, guardian, admin);
    }

    /// A round of `count` reports around the last price, or far from it.
    function update(uint256 count, uint256 price, uint256 spread, uint256 age) external {
        count = within(count, 2, 5);
        uint64 base = priceNear(price);
        uint64 step = uint64(base * within(spread, 0, 60) / 10_000);
        // Mostly fresh, sometimes too old.
        uint64 timestamp = uint64(block.timestamp - within(age, 0, 330));
        Report[] memory reports = new Report[](count);
        for (uint256 i; i < count; ++i) {
            reports[i] = signed(i, base + uint64(i) * step, timestamp, ORACLE.latestRound() + 1);
        }
        bool fits =
            count >= 3 && block.timestamp - timestamp <= 300 && agrees(reports) && smooth(medianOf(reports));
        submit(reports, fits);
    }

    /// Reports signed for an earlier round, submitted as the next.
    function replay(uint256 which) external {
        uint64 latest = ORACLE.latestRound();
        if (latest == 0) return;
        uint64 round = uint64(within(which, 1, latest));
        uint64 price = _prices[round - 1];
        Report[] memory reports = new Report[](3);
        for (uint256 i; i < 3; ++i) {
            reports[i] = signed(i, price, uint64(block.timestamp), round);
        }
        (bool again,) = address(ORACLE).call(abi.encodeCall(ORACLE.update, (round, reports)));
        (bool next,) = address(ORACLE).call(abi.encodeCall(ORACLE.update, (latest + 1, reports)));
        if (again || next) ++replayed;
    }

    function approve(uint256 low, uint256 high) external {
        (_approvedRound, _approvedLow) = (ORACLE.latestRound() + 1, uint64(within(low, 1, 2e6)));
        _approvedHigh = uint64(within(high, _approvedLow, 4e6));
        vm.prank(GUARDIAN);
        ORACLE.approveJump(_approvedRound, _approvedLow, _approvedHigh);
    }

    function pass(uint256 secs) external {
        vm.warp(block.timestamp + within(secs, 1, secs % 8 == 0 ? 100_000 : 600));
    }

    function pauseOrNot(uint256 which) external {
        if (ORACLE.paused()) {
            vm.prank(ADMIN);
            ORACLE.unpause();
        } else if (which % 4 == 0) {
            vm.prank(GUARDIAN);
            ORACLE.pause();
        }
    }

    function rounds() external view returns (uint256) {
        return _prices.length;
    }

    function roundAt(uint256 index) external view returns (uint64 price, uint256 time) {
        return (_prices[index], _times[index]);
    }

    function submit(Report[] memory reports, bool fits) private {
        bool paused = ORACLE.paused();
        uint64 round = ORACLE.latestRound() + 1;
        (bool done,) = address(ORACLE).call(abi.encodeCall(ORACLE.update, (round, reports)));
        if (done && paused) ++movedWhilePaused;
        if (done != (fits && !paused)) ++wrongOutcome;
        if (!done) {
            ++refused;
            return;
        }
        _prices.push(medianOf(reports));
        _times.push(block.timestamp);
    }

    /// Mostly within the jump limit of the last price, sometimes beyond, sometimes anything.
    function priceNear(uint256 any) private view returns (uint64) {
        if (_prices.length == 0 || any % 16 == 0) return uint64(within(any, 1, 2e6));
        uint256 last = _prices[_prices.length - 1];
        return uint64(last * within(any, 8_900, 11_050) / 10_000 + 1);
    }

    function agrees(Report[] memory reports) private pure returns (bool) {
        uint256 difference = reports[reports.length - 1].price - reports[0].price;
        return difference * 10_000 <= uint256(medianOf(reports)) * 200;
    }

    function smooth(uint64 price) private view returns (bool) {
        uint256 count = _prices.length;
        if (count == 0) return true;
        uint256 last = _prices[count - 1];
        uint256 difference = price > last ? price - last : last - price;
        bool approved = _approvedRound == count + 1 && _approvedLow <= price && price <= _approvedHigh;
        return difference * 10 <= last || block.timestamp - _times[count - 1] >= 86_400 || approved;
    }

    function medianOf(Report[] memory reports) private pure returns (uint64) {
        uint256 last = reports.length - 1;
        return uint64((uint256(reports[last / 2].price) + reports[(last + 1) / 2].price) / 2);
    }

    function signed(uint256 signer, uint64 price, uint64 timestamp, uint64 round)
        private
        view
        returns (Report memory)
    {
        bytes32 digest = ORACLE.reportDigest(round, timestamp, price, SOURCES);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(FIRST_KEY + signer, digest);
        return Report(price, timestamp, SOURCES, abi.encodePacked(r, s, v));
    }
}
