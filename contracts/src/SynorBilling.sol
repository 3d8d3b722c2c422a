// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {AutoPayGrants} from "./AutoPayGrants.sol";
import {IServiceFees} from "./interfaces/IServiceFees.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {MicroSynor} from "./libraries/MicroSynor.sol";

/// @notice What one reference brought in: held here, or distributed as fees.
struct Holding {
    /// Not refunded and not distributed, in the token's smallest unit.
    uint120 held;
    /// Sent on to be split.
    uint120 distributed;
    /// An auto-pay charge was made for this invoice; there is no second.
    bool charged;
}

/// @notice What one invoice is settled with: coins paid on it, and coins of an account's deposits.
struct Distribution {
    /// The invoice's reference.
    bytes32 invoice;
    /// The account's reference; zero if no deposit is used.
    bytes32 account;
    /// Of what was paid on the invoice.
    uint256 fromInvoice;
    /// Of what the account deposited.
    uint256 fromDeposit;
}

/// @notice An EIP-2612 approval of exactly the amount that is paid.
struct Permit {
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @title Invoices paid, balances deposited, auto-pay charged
/// @notice Coins come in under a reference that only the book can read, and leave as a refund of what
/// that reference brought in, or to the fee splitter. There is no other way out. Amounts are in the
/// token's smallest unit and whole µSYNOR.
contract SynorBilling is AutoPayGrants, AccessControl, Pausable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using ExactTransfer for IERC20;
    using MicroSynor for uint256;
    using SafeCast for uint256;

    /// @notice May charge within grants, and distribute what is held as fees. Cannot send coins anywhere
    /// else.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice May refund what is held.
    bytes32 public constant REFUNDER_ROLE = keccak256("REFUNDER_ROLE");
    /// @notice May stop every movement of coins. Starting again is the admin's.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");
    /// @notice The most distributions in one transaction.
    uint256 public constant DISTRIBUTIONS_MAX = 256;

    /// @notice The SYNOR token.
    IERC20 public immutable token;
    /// @notice The fee splitter.
    IServiceFees public immutable fees;
    /// @notice One µSYNOR in the token's smallest unit.
    uint256 public immutable unit;
    /// @notice What is held over all references.
    uint256 public totalHeld;

    mapping(bytes32 invoice => Holding) private _invoices;
    mapping(bytes32 account => Holding) private _deposits;

    /// @notice Somebody paid on an invoice.
    event InvoicePaid(bytes32 indexed invoice, address indexed payer, uint256 amount);
    /// @notice Somebody deposited for an account.
    event Deposited(bytes32 indexed account, address indexed payer, uint256 amount);
    /// @notice An invoice was charged within a grant.
    event Charged(bytes32 indexed invoice, bytes32 indexed account, address indexed payer, uint256 amount);
    /// @notice Coins paid on an invoice went back.
    event Refunded(bytes32 indexed invoice, address indexed to, uint256 amount);
    /// @notice Coins deposited for an account went back.
    event DepositRefunded(bytes32 indexed account, address indexed to, uint256 amount);
    /// @notice An invoice was distributed: its coins went to the fee splitter.
    event Distributed(
        bytes32 indexed invoice, bytes32 indexed account, uint256 fromInvoice, uint256 fromDeposit
    );
    /// @notice A distribution was undone, in part or whole: coins came back from the fee splitter.
    event DistributionReversed(
        bytes32 indexed invoice, bytes32 indexed account, uint256 fromInvoice, uint256 fromDeposit
    );
    /// @notice Coins that nobody was owed were given away.
    event Rescued(address indexed token, address indexed to, uint256 amount);

    /// @notice The reference is zero.
    error NoReference();
    /// @notice The fee splitter is for another token.
    error OtherToken(address token);
    /// @notice The invoice was charged before.
    error AlreadyCharged(bytes32 invoice);
    /// @notice More than is held under the reference.
    error HoldsLess(bytes32 ref, uint256 amount, uint256 held);
    /// @notice More than was distributed under the reference.
    error DistributedLess(bytes32 ref, uint256 amount, uint256 distributed);
    /// @notice More distributions than one transaction takes.
    error TooManyDistributions(uint256 count, uint256 maximum);
    /// @notice The permit does not hold, and the allowance is short without it.
    error PermitRefused(uint256 amount, uint256 allowance);
    /// @notice More than what nobody is owed.
    error NotSurplus(uint256 amount, uint256 surplus);

    /// @param token_ The SYNOR token, with at least six decimals.
    /// @param fees_ The fee splitter: the only address that distributed coins can go to.
    /// @param admin Grants the roles, unpauses, rescues strays.
    constructor(IERC20 token_, IServiceFees fees_, address admin) {
        if (fees_.token() != address(token_)) revert OtherToken(fees_.token());
        token = token_;
        fees = fees_;
        unit = MicroSynor.unitOf(address(token_));
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Pays on an invoice from the caller's wallet, which has approved the amount.
    /// @param invoice The invoice's reference.
    /// @param amount Any: the book says what becomes of too little and too much.
    function payInvoice(bytes32 invoice, uint256 amount) public whenNotPaused nonReentrant {
        _receive(_invoices[invoice], invoice, amount);
        emit InvoicePaid(invoice, msg.sender, amount);
        token.pull(msg.sender, amount);
    }

    /// @notice Approves and pays in one transaction.
    /// @param permit The caller's signed approval of the amount to this contract.
    function payWithPermit(bytes32 invoice, uint256 amount, Permit calldata permit) external {
        _permit(amount, permit);
        payInvoice(invoice, amount);
    }

    /// @notice Deposits to an account's prepaid balance from the caller's wallet.
    /// @param account The account's reference.
    function deposit(bytes32 account, uint256 amount) public whenNotPaused nonReentrant {
        _receive(_deposits[account], account, amount);
        emit Deposited(account, msg.sender, amount);
        token.pull(msg.sender, amount);
    }

    /// @notice Approves and deposits in one transaction.
    /// @param permit The caller's signed approval of the amount to this contract.
    function depositWithPermit(bytes32 account, uint256 amount, Permit calldata permit) external {
        _permit(amount, permit);
        deposit(account, amount);
    }

    /// @notice Grants and approves in one transaction.
    /// @param allowance How much of the caller's wallet all its grants together may take.
    /// @param permit The caller's signed approval of the allowance to this contract.
    function setGrantWithPermit(
        bytes32 account,
        uint128 maxPerInvoice,
        uint128 maxPerPeriod,
        uint32 periodSecs,
        uint40 expiresAt,
        uint256 allowance,
        Permit calldata permit
    ) external {
        _permit(allowance, permit);
        setGrant(account, maxPerInvoice, maxPerPeriod, periodSecs, expiresAt);
    }

    /// @notice Charges an invoice to a payer, within its grant for the account. Once per invoice,
    /// whatever became of the coins since.
    function charge(address payer, bytes32 account, bytes32 invoice, uint256 amount)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        Holding storage it = _invoices[invoice];
        if (it.charged) revert AlreadyCharged(invoice);
        it.charged = true;
        _useGrant(payer, account, amount);
        _receive(it, invoice, amount);
        emit Charged(invoice, account, payer, amount);
        token.pull(payer, amount);
    }

    /// @notice Sends back coins that an invoice brought in and that are still held.
    function refund(bytes32 invoice, address to, uint256 amount)
        external
        onlyRole(REFUNDER_ROLE)
        whenNotPaused
        nonReentrant
    {
        _release(_invoices[invoice], invoice, amount);
        emit Refunded(invoice, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @notice Sends back coins that an account deposited and that are still held.
    function refundDeposit(bytes32 account, address to, uint256 amount)
        external
        onlyRole(REFUNDER_ROLE)
        whenNotPaused
        nonReentrant
    {
        _release(_deposits[account], account, amount);
        emit DepositRefunded(account, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @notice Sends what invoices are settled with to the fee splitter, which splits each by itself.
    function distribute(Distribution[] calldata distributions)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        uint256 count = distributions.length;
        if (count > DISTRIBUTIONS_MAX) revert TooManyDistributions(count, DISTRIBUTIONS_MAX);
        uint256[] memory amounts = new uint256[](count);
        uint256 total;
        for (uint256 i; i < count; ++i) {
            Distribution calldata it = distributions[i];
            _distribute(_invoices[it.invoice], it.invoice, it.fromInvoice);
            _distribute(_deposits[it.account], it.account, it.fromDeposit);
            amounts[i] = it.fromInvoice + it.fromDeposit;
            total += amounts[i];
            emit Distributed(it.invoice, it.account, it.fromInvoice, it.fromDeposit);
        }
        totalHeld -= total;
        token.forceApprove(address(fees), total);
        fees.splitServiceFees(amounts);
    }

    /// @notice Undoes a distribution, in part or whole: the fee splitter's pools give the coins back, and
    /// they can be refunded. It fails when a pool has paid out too much since.
    function reverseDistribution(Distribution calldata it)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        _reverse(_invoices[it.invoice], it.invoice, it.fromInvoice);
        _reverse(_deposits[it.account], it.account, it.fromDeposit);
        uint256 total = it.fromInvoice + it.fromDeposit;
        totalHeld += total;
        emit DistributionReversed(it.invoice, it.account, it.fromInvoice, it.fromDeposit);
        uint256 before = token.balanceOf(address(this));
        fees.reverseServiceFee(total);
        token.requireArrived(before, total);
    }

    /// @notice Gives away what came here outside of this contract's functions: another token, or SYNOR
    /// above what is held.
    function rescue(address token_, address to, uint256 amount)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
        whenNotPaused
        nonReentrant
    {
        if (token_ == address(token)) {
            uint256 surplus = token.balanceOf(address(this)) - totalHeld;
            if (amount > surplus) revert NotSurplus(amount, surplus);
        }
        emit Rescued(token_, to, amount);
        IERC20(token_).safeTransfer(to, amount);
    }

    /// @notice Stops every movement of coins. Grants can still be taken back.
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @notice Lets coins move again.
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /// @notice What an invoice brought in.
    function invoices(bytes32 invoice) external view returns (Holding memory) {
        return _invoices[invoice];
    }

    /// @notice What an account's deposits brought in.
    function deposits(bytes32 account) external view returns (Holding memory) {
        return _deposits[account];
    }

    function _receive(Holding storage it, bytes32 ref, uint256 amount) private {
        if (ref == bytes32(0)) revert NoReference();
        amount.requireWhole(unit);
        it.held = (it.held + amount).toUint120();
        totalHeld += amount;
    }

    function _release(Holding storage it, bytes32 ref, uint256 amount) private {
        amount.requireWhole(unit);
        uint256 available = it.held;
        if (amount > available) revert HoldsLess(ref, amount, available);
        it.held = (available - amount).toUint120();
        totalHeld -= amount;
    }

    function _distribute(Holding storage it, bytes32 ref, uint256 amount) private {
        if (amount == 0) return;
        amount.requireWhole(unit);
        uint256 available = it.held;
        if (amount > available) revert HoldsLess(ref, amount, available);
        it.held = (available - amount).toUint120();
        it.distributed = (it.distributed + amount).toUint120();
    }

    function _reverse(Holding storage it, bytes32 ref, uint256 amount) private {
        if (amount == 0) return;
        amount.requireWhole(unit);
        uint256 available = it.distributed;
        if (amount > available) revert DistributedLess(ref, amount, available);
        it.distributed = (available - amount).toUint120();
        it.held = (it.held + amount).toUint120();
    }

    /// @dev Anyone can submit a signed permit first. That must not stop the payer, whose allowance then
    /// stands already.
    function _permit(uint256 amount, Permit calldata permit) private {
        try IERC20Permit(address(token))
            .permit(msg.sender, address(this), amount, permit.deadline, permit.v, permit.r, permit.s) {}
        catch {
            uint256 allowance = token.allowance(msg.sender, address(this));
            if (allowance < amount) revert PermitRefused(amount, allowance);
        }
    }
}
