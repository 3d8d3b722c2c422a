// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {FeeTerms, Pool, Terms} from "./FeeTerms.sol";
import {PayoutEpochs} from "./PayoutEpochs.sol";
import {IServiceFees} from "./interfaces/IServiceFees.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {LargestRemainder} from "./libraries/LargestRemainder.sol";
import {MicroSynor} from "./libraries/MicroSynor.sol";

/// @title Who earned what was collected
/// @notice Fees come in and are split into pools, in whole µSYNOR and without losing one; pools go out
/// to many by Merkle epochs, to the treasury and the community by transfer, and out of existence by
/// burning. What came in = the pools + what epochs owe + what went out, always.
contract FeeSplitter is IServiceFees, FeeTerms, PayoutEpochs, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using ExactTransfer for IERC20;
    using MicroSynor for uint256;

    /// @notice May take back what it split: the billing contract, when it undoes a distribution.
    bytes32 public constant BILLING_ROLE = keccak256("BILLING_ROLE");
    /// @notice May stop every movement of coins. Starting again is the admin's.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @inheritdoc IServiceFees
    address public immutable token;
    /// @notice One µSYNOR in the token's smallest unit.
    uint256 public immutable unit;
    /// @notice What is in each pool, not yet paid out or reserved by an epoch.
    mapping(Pool pool => uint256) public pools;

    /// @notice A service fee was split.
    event ServiceFeeSplit(
        address indexed payer, uint256 amount, uint256 operators, uint256 treasury, uint256 burnt
    );
    /// @notice The split of a service fee was undone.
    event ServiceFeeReversed(
        address indexed payer, uint256 amount, uint256 operators, uint256 treasury, uint256 burnt
    );
    /// @notice Transaction fees were split.
    event TransactionFeesSplit(
        address indexed payer,
        uint256 amount,
        uint256 burnt,
        uint256 stakers,
        uint256 community,
        uint256 validators
    );
    /// @notice Somebody gave coins to one pool.
    event ToppedUp(Pool indexed pool, address indexed payer, uint256 amount);
    /// @notice A pool with one receiver paid it.
    event Released(Pool indexed pool, address indexed receiver, uint256 amount);
    /// @notice Coins of the burn pool exist no more.
    event Burnt(uint256 amount);
    /// @notice Coins that nobody was owed were given away.
    event Rescued(address indexed token, address indexed to, uint256 amount);

    /// @notice A pool holds less than is asked of it.
    error PoolShort(Pool pool, uint256 needed, uint256 available);
    /// @notice The pool has no single receiver.
    error NotForOne(Pool pool);
    /// @notice More than what nobody is owed.
    error NotSurplus(uint256 amount, uint256 surplus);

    /// @param token_ The SYNOR token.
    /// @param admin Grants the roles, unpauses, rescues strays.
    /// @param terms_ Shares and receivers.
    /// @param changeDelay_ Seconds before changed terms hold; zero fixes them for ever.
    /// @param reviewTime_ Seconds before an epoch can be claimed.
    constructor(address token_, address admin, Terms memory terms_, uint64 changeDelay_, uint64 reviewTime_)
        FeeTerms(terms_, changeDelay_)
        PayoutEpochs(reviewTime_)
    {
        token = token_;
        unit = MicroSynor.unitOf(token_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IServiceFees
    function splitServiceFees(uint256[] calldata amounts) external whenNotPaused nonReentrant {
        uint16[] memory shares = _serviceShares();
        uint256 total;
        for (uint256 i; i < amounts.length; ++i) {
            uint256[] memory parts = _split(amounts[i], shares);
            total += amounts[i];
            pools[Pool.Operators] += parts[0];
            pools[Pool.Treasury] += parts[1];
            pools[Pool.Burn] += parts[2];
            emit ServiceFeeSplit(msg.sender, amounts[i], parts[0], parts[1], parts[2]);
        }
        IERC20(token).pull(msg.sender, total);
    }

    /// @inheritdoc IServiceFees
    function reverseServiceFee(uint256 amount) external onlyRole(BILLING_ROLE) whenNotPaused nonReentrant {
        uint256[] memory parts = _split(amount, _serviceShares());
        _takeFromPool(Pool.Operators, parts[0]);
        _takeFromPool(Pool.Treasury, parts[1]);
        _takeFromPool(Pool.Burn, parts[2]);
        emit ServiceFeeReversed(msg.sender, amount, parts[0], parts[1], parts[2]);
        IERC20(token).safeTransfer(msg.sender, amount);
    }

    /// @notice Takes transaction fees from the caller and splits them.
    /// @param amount In whole µSYNOR.
    function splitTransactionFees(uint256 amount) external whenNotPaused nonReentrant {
        uint256[] memory parts = _split(amount, _transactionShares());
        pools[Pool.Burn] += parts[0];
        pools[Pool.Stakers] += parts[1];
        pools[Pool.Community] += parts[2];
        pools[Pool.Validators] += parts[3];
        emit TransactionFeesSplit(msg.sender, amount, parts[0], parts[1], parts[2], parts[3]);
        IERC20(token).pull(msg.sender, amount);
    }

    /// @notice Gives coins of the caller to one pool, such as a pool that is short of what a reversal
    /// takes back.
    /// @param pool Which.
    /// @param amount In whole µSYNOR.
    function topUp(Pool pool, uint256 amount) external whenNotPaused nonReentrant {
        amount.requireWhole(unit);
        pools[pool] += amount;
        emit ToppedUp(pool, msg.sender, amount);
        IERC20(token).pull(msg.sender, amount);
    }

    /// @notice Pays the receiver of a pool that has one.
    /// @param pool Treasury or community.
    /// @param amount At most what is in it.
    function release(Pool pool, uint256 amount)
        external
        onlyRole(DISTRIBUTOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        address receiver = _receiverOf(pool);
        if (receiver == address(0)) revert NotForOne(pool);
        _takeFromPool(pool, amount);
        emit Released(pool, receiver, amount);
        IERC20(token).safeTransfer(receiver, amount);
    }

    /// @notice Burns coins of the burn pool. They leave the token's total supply.
    /// @param amount At most what is in it.
    function burn(uint256 amount) external onlyRole(DISTRIBUTOR_ROLE) whenNotPaused nonReentrant {
        _takeFromPool(Pool.Burn, amount);
        emit Burnt(amount);
        ERC20Burnable(token).burn(amount);
    }

    /// @notice Gives away what came here without a split: another token, or SYNOR above what the pools
    /// and epochs hold.
    function rescue(address token_, address to, uint256 amount)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
        whenNotPaused
        nonReentrant
    {
        if (token_ == token) {
            uint256 surplus = IERC20(token).balanceOf(address(this)) - held();
            if (amount > surplus) revert NotSurplus(amount, surplus);
        }
        emit Rescued(token_, to, amount);
        IERC20(token_).safeTransfer(to, amount);
    }

    /// @notice Stops every movement of coins.
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @notice Lets coins move again.
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /// @notice What the pools hold and epochs owe, in the token's smallest unit.
    function held() public view returns (uint256 sum) {
        sum = reserved;
        for (uint256 i; i <= uint256(type(Pool).max); ++i) {
            sum += pools[Pool(i)];
        }
    }

    function _split(uint256 amount, uint16[] memory shares) private view returns (uint256[] memory parts) {
        amount.requireWhole(unit);
        parts = LargestRemainder.split(amount / unit, shares);
        for (uint256 i; i < parts.length; ++i) {
            parts[i] *= unit;
        }
    }

    function _token() internal view override returns (IERC20) {
        return IERC20(token);
    }

    function _takeFromPool(Pool pool, uint256 amount) internal override {
        uint256 available = pools[pool];
        if (amount > available) revert PoolShort(pool, amount, available);
        pools[pool] = available - amount;
    }

    function _giveToPool(Pool pool, uint256 amount) internal override {
        pools[pool] += amount;
    }
}
