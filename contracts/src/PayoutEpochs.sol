// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {Pool} from "./FeeTerms.sol";

/// @notice One payout to many: a Merkle tree of who gets what.
struct Epoch {
    /// Of the tree, as OpenZeppelin's StandardMerkleTree builds it.
    bytes32 root;
    /// What the leaves add up to.
    uint128 total;
    /// What was claimed of it.
    uint128 paid;
    /// From when on it can be claimed, in Unix seconds.
    uint64 opensAt;
    /// Which pool it was taken from, and what is left goes back to.
    Pool pool;
    /// Cancelled or reclaimed: nothing can be claimed.
    bool closed;
}

/// @title Payouts to many, claimed one by one
/// @notice A leaf is `keccak256(bytes.concat(keccak256(abi.encode(epoch, index, account, amount))))`
/// over `(uint256, uint256, address, uint256)`. The epoch is in it, so that no proof serves twice.
/// Between posting and opening lies the review time, in which anyone can rebuild the tree and a
/// guardian can cancel it.
abstract contract PayoutEpochs is AccessControl, Pausable {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using BitMaps for BitMaps.BitMap;

    /// @notice May post epochs, and pay out and burn what has one receiver.
    bytes32 public constant DISTRIBUTOR_ROLE = keccak256("DISTRIBUTOR_ROLE");
    /// @notice May cancel an epoch before it opens.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice How long an epoch can be claimed; after that the rest can go back to its pool.
    uint64 public constant CLAIM_TIME = 730 days;
    /// @notice Seconds between the posting of an epoch and its opening.
    uint64 public immutable reviewTime;
    /// @notice How many epochs were posted. They are numbered from zero.
    uint256 public epochCount;
    /// @notice What posted epochs still owe, over all of them.
    uint256 public reserved;

    mapping(uint256 epoch => Epoch) private _epochs;
    mapping(uint256 epoch => BitMaps.BitMap) private _claimed;

    /// @notice An epoch was posted and can be reviewed.
    event EpochPosted(uint256 indexed epoch, Pool indexed pool, bytes32 root, uint256 total, uint64 opensAt);
    /// @notice A guardian found an epoch wrong; its total is back in the pool.
    event EpochCancelled(uint256 indexed epoch, uint256 total);
    /// @notice Nobody claimed the rest in time; it is back in the pool.
    event EpochReclaimed(uint256 indexed epoch, uint256 rest);
    /// @notice An account was paid.
    event Claimed(uint256 indexed epoch, uint256 indexed index, address indexed account, uint256 amount);

    /// @notice The pool is not paid out to many.
    error NotForMany(Pool pool);
    /// @notice An epoch without a root or a total.
    error EmptyEpoch();
    /// @notice There is no such epoch, or it was closed.
    error EpochClosed(uint256 epoch);
    /// @notice The epoch is still under review.
    error EpochNotOpen(uint256 epoch, uint64 opensAt);
    /// @notice The epoch's review is over.
    error EpochOpen(uint256 epoch);
    /// @notice The epoch can still be claimed.
    error StillClaimable(uint256 epoch, uint64 until);
    /// @notice This leaf was paid before.
    error AlreadyClaimed(uint256 epoch, uint256 index);
    /// @notice The proof does not lead to the epoch's root.
    error WrongProof(uint256 epoch, uint256 index);
    /// @notice The tree's leaves add up to more than the epoch's total.
    error EpochExhausted(uint256 epoch, uint256 amount, uint256 left);

    constructor(uint64 reviewTime_) {
        reviewTime = reviewTime_;
    }

    /// @notice Reserves a total of a pool for the leaves of a tree.
    /// @param pool Operators, stakers or validators.
    /// @param root Of the tree.
    /// @param total What its leaves add up to, in the token's smallest unit.
    /// @return epoch The number that the leaves carry.
    function postEpoch(Pool pool, bytes32 root, uint256 total)
        external
        onlyRole(DISTRIBUTOR_ROLE)
        whenNotPaused
        returns (uint256 epoch)
    {
        if (pool != Pool.Operators && pool != Pool.Stakers && pool != Pool.Validators) {
            revert NotForMany(pool);
        }
        if (root == bytes32(0) || total == 0) revert EmptyEpoch();
        _takeFromPool(pool, total);
        reserved += total;
        epoch = epochCount++;
        uint64 opensAt = uint64(block.timestamp) + reviewTime;
        _epochs[epoch] = Epoch(root, total.toUint128(), 0, opensAt, pool, false);
        emit EpochPosted(epoch, pool, root, total, opensAt);
    }

    /// @notice Cancels an epoch under review; its total goes back to its pool. Works while paused: it
    /// moves no coin, and a pause is when it is needed.
    function cancelEpoch(uint256 epoch) external onlyRole(GUARDIAN_ROLE) {
        Epoch storage it = _live(epoch);
        if (block.timestamp >= it.opensAt) revert EpochOpen(epoch);
        emit EpochCancelled(epoch, _close(it));
    }

    /// @notice Returns what nobody claimed within {CLAIM_TIME} to the pool it came from, for a later
    /// epoch.
    function reclaimEpoch(uint256 epoch) external onlyRole(DISTRIBUTOR_ROLE) whenNotPaused {
        Epoch storage it = _live(epoch);
        uint64 until = it.opensAt + CLAIM_TIME;
        if (block.timestamp < until) revert StillClaimable(epoch, until);
        emit EpochReclaimed(epoch, _close(it));
    }

    /// @notice Pays a leaf to its account. Anyone may submit it.
    /// @param epoch Which payout.
    /// @param index The leaf's number in it.
    /// @param account Who is paid.
    /// @param amount How much, in the token's smallest unit.
    /// @param proof From the leaf to the root.
    function claim(uint256 epoch, uint256 index, address account, uint256 amount, bytes32[] calldata proof)
        external
        whenNotPaused
    {
        Epoch storage it = _live(epoch);
        if (block.timestamp < it.opensAt) revert EpochNotOpen(epoch, it.opensAt);
        if (_claimed[epoch].get(index)) revert AlreadyClaimed(epoch, index);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(epoch, index, account, amount))));
        if (!MerkleProof.verifyCalldata(proof, it.root, leaf)) revert WrongProof(epoch, index);
        uint256 left = it.total - it.paid;
        if (amount > left) revert EpochExhausted(epoch, amount, left);

        _claimed[epoch].set(index);
        it.paid += amount.toUint128();
        reserved -= amount;
        emit Claimed(epoch, index, account, amount);
        _token().safeTransfer(account, amount);
    }

    /// @notice One epoch; all zero if there is none.
    function epochs(uint256 epoch) external view returns (Epoch memory) {
        return _epochs[epoch];
    }

    /// @notice Whether a leaf was paid.
    function isClaimed(uint256 epoch, uint256 index) external view returns (bool) {
        return _claimed[epoch].get(index);
    }

    function _token() internal view virtual returns (IERC20);

    function _takeFromPool(Pool pool, uint256 amount) internal virtual;

    function _giveToPool(Pool pool, uint256 amount) internal virtual;

    function _live(uint256 epoch) private view returns (Epoch storage it) {
        it = _epochs[epoch];
        if (it.root == bytes32(0) || it.closed) revert EpochClosed(epoch);
    }

    function _close(Epoch storage it) private returns (uint256 rest) {
        rest = it.total - it.paid;
        it.closed = true;
        reserved -= rest;
        _giveToPool(it.pool, rest);
    }
}
