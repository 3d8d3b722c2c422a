// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {OracleSigners} from "./OracleSigners.sol";
import {AggregatorV3Interface} from "./interfaces/AggregatorV3Interface.sol";
import {Observation, ObservationRing} from "./libraries/ObservationRing.sol";

/// @notice What one signer says a SYNOR is worth.
struct Report {
    /// In millionths of a dollar.
    uint64 price;
    /// When the signer observed it, in Unix seconds.
    uint64 timestamp;
    /// Of the sources' answers behind it, so that the signer can be held to them.
    bytes32 sourceHash;
    /// EIP-712 signature of `PriceReport(round,timestamp,price,sourceHash)`, 65 bytes.
    bytes signature;
}

/// @notice What a round is refused for.
struct Limits {
    /// A report older than this does not count.
    uint32 reportAgeSecs;
    /// A price that was not renewed for this long is no price.
    uint32 priceAgeSecs;
    /// After this long without a round, any jump is accepted.
    uint32 jumpTimeoutSecs;
    /// The most that a round may differ from the one before, in hundredths of a percent of it.
    uint16 jumpBasisPoints;
    /// The most that the reports of a round may differ, in hundredths of a percent of their median.
    uint16 spreadBasisPoints;
}

/// @notice A jump that a guardian has looked at.
struct ApprovedJump {
    /// For this round only.
    uint64 round;
    /// The least it may come to.
    uint64 low;
    /// The most it may come to.
    uint64 high;
}

/// @title The price of SYNOR in US dollars, as a quorum of signers reports it
/// @notice A round is the median of reports signed for it, and anyone may submit it. It is refused, not
/// corrected, when reports are stale, too few or far apart, or when it jumps. Reading functions refuse
/// while the oracle is paused; {price} and {twap} also when the price is stale.
contract PriceOracle is AggregatorV3Interface, OracleSigners, EIP712, Pausable {
    using ObservationRing for ObservationRing.Ring;
    using SafeCast for uint256;

    /// @notice May approve a jump, and stop the oracle. Starting again is the admin's.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice What signers sign, by EIP-712.
    bytes32 public constant REPORT_TYPEHASH =
        keccak256("PriceReport(uint64 round,uint64 timestamp,uint64 price,bytes32 sourceHash)");
    /// @notice How far a signer's clock may be ahead of the chain's.
    uint256 public constant AHEAD_SECS = 60;
    uint256 private constant WHOLE = 10_000;

    /// @notice How many rounds are remembered.
    uint256 public immutable capacity;
    /// @notice The jump that a guardian has approved; its round may be past.
    ApprovedJump public approvedJump;

    Limits private _limits;
    ObservationRing.Ring private _ring;

    /// @notice A round was accepted.
    /// @param oldestReport When the oldest of its reports was made, in Unix seconds.
    event PriceUpdated(uint64 indexed round, uint64 price, uint64 oldestReport, uint256 reports);
    /// @notice A signer's part in a round.
    event Reported(
        uint64 indexed round, address indexed signer, uint64 price, uint64 timestamp, bytes32 sourceHash
    );
    /// @notice A guardian approved a jump.
    event JumpApproved(uint64 indexed round, uint64 low, uint64 high);
    /// @notice The limits changed.
    event LimitsSet(Limits limits);

    /// @notice A limit is zero, or the ring holds nothing.
    error LimitsUnfit();
    /// @notice The round is not the next.
    error WrongRound(uint64 round, uint64 next);
    /// @notice Fewer reports than the quorum.
    error TooFewReports(uint256 reports, uint256 quorum);
    /// @notice Reports are to come in order of their price.
    error ReportsUnsorted(uint256 index);
    /// @notice The signature is of nobody who is a signer.
    error UnknownSigner(address signer);
    /// @notice A signer reported twice.
    error SignedTwice(address signer);
    /// @notice The report is too old, or from the future.
    error ReportUntimely(uint64 timestamp, uint256 blockTime);
    /// @notice A price of zero.
    error ZeroPrice();
    /// @notice The reports are too far apart.
    error Disagreement(uint64 low, uint64 high);
    /// @notice The price differs too much from the last.
    error PriceJump(uint64 from, uint64 to);
    /// @notice The price was not renewed in time.
    error StalePrice(uint256 updatedAt);
    /// @notice A window of no length, or longer than time itself.
    error WindowUnfit(uint256 window);

    /// @param admin Sets signers and limits, grants the guardian's role, unpauses.
    /// @param signers_ In their places from zero on.
    /// @param quorum_ More than half of them.
    /// @param limits_ What a round is refused for.
    /// @param capacity_ How many rounds to remember.
    constructor(
        address admin,
        address[] memory signers_,
        uint8 quorum_,
        Limits memory limits_,
        uint16 capacity_
    ) OracleSigners(signers_, quorum_) EIP712("Synor Price Oracle", "1") {
        if (capacity_ == 0) revert LimitsUnfit();
        capacity = capacity_;
        _setLimits(limits_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Stores the median of signed reports as the next round.
    /// @param round The latest round's number plus one; every signature is for it alone.
    /// @param reports In order of price, at least the quorum, of different signers.
    function update(uint64 round, Report[] calldata reports) external whenNotPaused {
        if (round != _ring.latest + 1) revert WrongRound(round, _ring.latest + 1);
        uint64 oldest = _verify(round, reports);
        uint64 median = _median(reports);
        _requireAgreement(reports[0].price, reports[reports.length - 1].price, median);
        if (round > 1) _requireNoJump(round, median);
        uint256 age = block.timestamp > oldest ? block.timestamp - oldest : 0;
        _ring.push(capacity, median, age.toUint24());
        emit PriceUpdated(round, median, oldest, reports.length);
    }

    /// @notice Accepts a jump in one round, within bounds.
    function approveJump(uint64 round, uint64 low, uint64 high) external onlyRole(GUARDIAN_ROLE) {
        if (round != _ring.latest + 1) revert WrongRound(round, _ring.latest + 1);
        approvedJump = ApprovedJump(round, low, high);
        emit JumpApproved(round, low, high);
    }

    /// @notice Sets what a round is refused for.
    function setLimits(Limits calldata next) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setLimits(next);
    }

    /// @notice Stops updates and answers.
    function pause() external onlyRole(GUARDIAN_ROLE) {
        _pause();
    }

    /// @notice Lets updates and answers go on.
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /// @notice The latest price, in millionths of a dollar; refuses if it is stale.
    function price() external view returns (uint64) {
        return _fresh().price;
    }

    /// @notice The time-weighted mean price from `window` seconds ago until now, rounded down; refuses
    /// if the price is stale or the ring does not reach back so far.
    function twap(uint32 window) external view returns (uint64) {
        _fresh();
        if (window == 0 || window > block.timestamp) revert WindowUnfit(window);
        uint128 end = _ring.cumulativeAt(capacity, block.timestamp);
        uint128 start = _ring.cumulativeAt(capacity, block.timestamp - window);
        return uint64((end - start) / window);
    }

    /// @notice Seconds times price from the first round until each of these times, as in Uniswap V3:
    /// the difference of two, by the seconds between, is the mean price between.
    function observe(uint32[] calldata secondsAgo) external view returns (uint128[] memory cumulatives) {
        _requireNotPaused();
        cumulatives = new uint128[](secondsAgo.length);
        for (uint256 i; i < secondsAgo.length; ++i) {
            if (secondsAgo[i] > block.timestamp) revert WindowUnfit(secondsAgo[i]);
            cumulatives[i] = _ring.cumulativeAt(capacity, block.timestamp - secondsAgo[i]);
        }
    }

    /// @inheritdoc AggregatorV3Interface
    /// @dev Of the last {capacity} rounds; also while paused, since it is history.
    function getRoundData(uint80 roundId) external view returns (uint80, int256, uint256, uint256, uint80) {
        return _answer(roundId, _ring.get(capacity, roundId));
    }

    /// @inheritdoc AggregatorV3Interface
    /// @dev Does not refuse a stale price: by the interface's custom, readers look at `updatedAt`.
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        _requireNotPaused();
        return _answer(_ring.latest, _ring.last(capacity));
    }

    /// @inheritdoc AggregatorV3Interface
    function decimals() external pure returns (uint8) {
        return 6;
    }

    /// @inheritdoc AggregatorV3Interface
    function description() external pure returns (string memory) {
        return "SYNOR / USD";
    }

    /// @inheritdoc AggregatorV3Interface
    function version() external pure returns (uint256) {
        return 1;
    }

    /// @notice The number of the latest round; zero before the first.
    function latestRound() external view returns (uint64) {
        return _ring.latest;
    }

    /// @notice What a round is refused for.
    function limits() external view returns (Limits memory) {
        return _limits;
    }

    /// @notice What a signer signs for a report.
    function reportDigest(uint64 round, uint64 timestamp, uint64 price_, bytes32 sourceHash)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPEHASH, round, timestamp, price_, sourceHash)));
    }

    /// @dev Checks every report and returns the time of the oldest. At most as many as there are signers
    /// can pass, since each may sign once.
    function _verify(uint64 round, Report[] calldata reports) private returns (uint64 oldest) {
        uint256 count = reports.length;
        if (count < quorum) revert TooFewReports(count, quorum);
        if (reports[0].price == 0) revert ZeroPrice();
        oldest = type(uint64).max;
        uint256 seen;
        for (uint256 i; i < count; ++i) {
            Report calldata it = reports[i];
            if (i > 0 && it.price < reports[i - 1].price) revert ReportsUnsorted(i);
            bool tooOld = uint256(it.timestamp) + _limits.reportAgeSecs < block.timestamp;
            if (tooOld || it.timestamp > block.timestamp + AHEAD_SECS) {
                revert ReportUntimely(it.timestamp, block.timestamp);
            }
            if (it.timestamp < oldest) oldest = it.timestamp;
            address signer =
                ECDSA.recover(reportDigest(round, it.timestamp, it.price, it.sourceHash), it.signature);
            uint256 bit = _bitOf(signer);
            if (bit == 0) revert UnknownSigner(signer);
            if (seen & bit != 0) revert SignedTwice(signer);
            seen |= bit;
            emit Reported(round, signer, it.price, it.timestamp, it.sourceHash);
        }
    }

    /// @dev Of an even number, the mean of the two in the middle, rounded down.
    function _median(Report[] calldata reports) private pure returns (uint64) {
        uint256 middle = reports.length / 2;
        uint64 upper = reports[middle].price;
        if (reports.length % 2 == 1) return upper;
        return uint64((uint256(reports[middle - 1].price) + upper) / 2);
    }

    function _requireAgreement(uint64 low, uint64 high, uint64 median) private view {
        if (uint256(high - low) * WHOLE > uint256(median) * _limits.spreadBasisPoints) {
            revert Disagreement(low, high);
        }
    }

    function _requireNoJump(uint64 round, uint64 to) private view {
        Observation memory last = _ring.last(capacity);
        uint256 difference = to > last.price ? to - last.price : last.price - to;
        if (difference * WHOLE <= uint256(last.price) * _limits.jumpBasisPoints) return;
        if (block.timestamp - last.timestamp >= _limits.jumpTimeoutSecs) return;
        ApprovedJump memory jump = approvedJump;
        if (jump.round == round && jump.low <= to && to <= jump.high) return;
        revert PriceJump(last.price, to);
    }

    function _fresh() private view returns (Observation memory last) {
        _requireNotPaused();
        last = _ring.last(capacity);
        if (block.timestamp - last.timestamp > _limits.priceAgeSecs) revert StalePrice(last.timestamp);
    }

    function _answer(uint80 round, Observation memory it)
        private
        pure
        returns (uint80, int256, uint256, uint256, uint80)
    {
        int256 answer = int256(uint256(it.price));
        return (round, answer, uint256(it.timestamp) - it.age, it.timestamp, round);
    }

    function _setLimits(Limits memory next) private {
        bool anyZero = next.reportAgeSecs == 0 || next.priceAgeSecs == 0 || next.jumpTimeoutSecs == 0
            || next.jumpBasisPoints == 0 || next.spreadBasisPoints == 0;
        // A report's age is kept in 24 bits.
        if (anyZero || next.reportAgeSecs > type(uint24).max) revert LimitsUnfit();
        _limits = next;
        emit LimitsSet(next);
    }
}
