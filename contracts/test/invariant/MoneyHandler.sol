// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pool} from "../../src/FeeTerms.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";
import {Distribution, SynorBilling} from "../../src/SynorBilling.sol";
import {SynorToken} from "../../src/SynorToken.sol";
import {LargestRemainder} from "../../src/libraries/LargestRemainder.sol";
import {PayoutTree} from "../support/PayoutTree.sol";
import {Test} from "../support/Test.sol";

/// A grant as the handler remembers that the payer gave it.
struct Remembered {
    bool live;
    uint256 maxPerInvoice;
    uint256 maxPerPeriod;
    uint256 periodSecs;
    uint256 since;
    uint256 until;
    /// Which grant of all: charges are summed per grant and window.
    uint256 serial;
}

/// The hands that the contracts name.
struct Hands {
    address admin;
    address operator;
    address refunder;
    address pauser;
    address distributor;
    address guardian;
}

/// What came in and went out, in all, by the handler's own count.
struct Count {
    uint256 paid;
    uint256 deposited;
    uint256 charged;
    uint256 refunded;
    uint256 distributed;
    uint256 reversed;
    uint256 splitIn;
    uint256 released;
    uint256 claimed;
    uint256 burnt;
    uint256 billingStrays;
    uint256 splitterStrays;
}

/// What must never happen.
struct Violations {
    uint256 beyondGrant;
    uint256 replayed;
    uint256 movedWhilePaused;
    /// A step that should have been refused and was not, or the other way round.
    uint256 wrongOutcome;
}

/// Does to billing and splitter what payers, operators and strangers may try, in any order, and judges
/// the outcome of each step by its own count.
contract MoneyHandler is Test {
    uint256 private constant MICRO = 100;
    uint256 private constant PAYERS = 3;
    uint256 private constant ACCOUNTS = 2;
    uint256 private constant REFERENCES = 24;

    SynorToken private immutable TOKEN;
    SynorBilling private immutable BILLING;
    FeeSplitter private immutable SPLITTER;
    Hands private _hands;
    Count private _count;
    Violations private _violations;

    mapping(address payer => mapping(bytes32 account => Remembered)) private _grants;
    mapping(uint256 serial => mapping(uint256 window => uint256)) private _chargedIn;
    mapping(bytes32 invoice => bool) private _wasCharged;
    uint256 private _serials;

    /// How often each function of the contracts did what it was called for, and how often it refused.
    mapping(bytes4 selector => uint256) public done;
    mapping(bytes4 selector => uint256) public refused;

    constructor(SynorToken token, SynorBilling billing, FeeSplitter splitter, Hands memory hands) {
        (TOKEN, BILLING, SPLITTER, _hands) = (token, billing, splitter, hands);
        for (uint256 i; i < PAYERS; ++i) {
            vm.prank(payerAt(i));
            token.approve(address(billing), type(uint256).max);
            vm.prank(payerAt(i));
            token.approve(address(splitter), type(uint256).max);
        }
    }

    // ── payers ──────────────────────────────────────────────────────────────────────────────────────

    function pay(uint256 who, uint256 ref, uint256 any) external {
        uint256 amount = amountOf(any);
        bytes memory data = abi.encodeCall(BILLING.payInvoice, (referenceAt(ref), amount));
        if (billingStep(payerAt(who), data, true)) _count.paid += amount;
    }

    function deposit(uint256 who, uint256 ref, uint256 any) external {
        uint256 amount = amountOf(any);
        bytes memory data = abi.encodeCall(BILLING.deposit, (accountAt(ref), amount));
        if (billingStep(payerAt(who), data, true)) _count.deposited += amount;
    }

    function setGrant(uint256 who, uint256 ref, uint256 one, uint256 all, uint256 secs, uint256 lasts)
        external
    {
        Remembered memory grant = Remembered({
            live: true,
            maxPerInvoice: amountOf(one),
            maxPerPeriod: amountOf(all),
            periodSecs: within(secs, 1 hours, 40 days),
            since: block.timestamp,
            until: block.timestamp + within(lasts, 1 days, 200 days),
            serial: ++_serials
        });
        _grants[payerAt(who)][accountAt(ref)] = grant;
        vm.prank(payerAt(who));
        BILLING.setGrant(
            accountAt(ref),
            uint128(grant.maxPerInvoice),
            uint128(grant.maxPerPeriod),
            uint32(grant.periodSecs),
            uint40(grant.until)
        );
    }

    function revokeGrant(uint256 who, uint256 ref) external {
        if (!_grants[payerAt(who)][accountAt(ref)].live) return;
        _grants[payerAt(who)][accountAt(ref)].live = false;
        vm.prank(payerAt(who));
        BILLING.revokeGrant(accountAt(ref));
    }

    function stray(uint256 who, uint256 any, bool toSplitter) external {
        uint256 amount = any % 1_000;
        vm.prank(payerAt(who));
        TOKEN.transfer(toSplitter ? address(SPLITTER) : address(BILLING), amount);
        if (toSplitter) _count.splitterStrays += amount;
        else _count.billingStrays += amount;
    }

    // ── billing's hands ─────────────────────────────────────────────────────────────────────────────

    /// Any amount under any grant, and invoices more than once.
    function charge(uint256 who, uint256 ref, uint256 invoiceRef, uint256 any) external {
        (address payer, bytes32 account, bytes32 invoice) =
            (payerAt(who), accountAt(ref), referenceAt(invoiceRef));
        Remembered memory grant = _grants[payer][account];
        uint256 amount = amountOf(any);
        if (grant.live && any % 4 != 0) amount = within(any, 1, grant.maxPerInvoice / MICRO) * MICRO;
        uint256 window = grant.live ? (block.timestamp - grant.since) / grant.periodSecs : 0;
        uint256 chargedThen = _chargedIn[grant.serial][window] + amount;
        bool granted = grant.live && block.timestamp < grant.until && amount <= grant.maxPerInvoice
            && chargedThen <= grant.maxPerPeriod;
        bytes memory data = abi.encodeCall(BILLING.charge, (payer, account, invoice, amount));
        if (!billingStep(_hands.operator, data, granted && !_wasCharged[invoice])) return;
        if (!granted) ++_violations.beyondGrant;
        if (_wasCharged[invoice]) ++_violations.replayed;
        _wasCharged[invoice] = true;
        _chargedIn[grant.serial][window] = chargedThen;
        _count.charged += amount;
    }

    function refund(uint256 who, uint256 ref, uint256 any, bool ofDeposit) external {
        (bytes32 invoice, bytes32 account) = (referenceAt(ref), accountAt(ref));
        uint256 held = ofDeposit ? BILLING.deposits(account).held : BILLING.invoices(invoice).held;
        uint256 amount = partOf(held, any);
        bytes memory data = ofDeposit
            ? abi.encodeCall(BILLING.refundDeposit, (account, payerAt(who), amount))
            : abi.encodeCall(BILLING.refund, (invoice, payerAt(who), amount));
        if (billingStep(_hands.refunder, data, amount > 0 && amount <= held)) _count.refunded += amount;
    }

    function distribute(uint256 ref, uint256 accountRef, uint256 any, uint256 other) external {
        Distribution[] memory list = new Distribution[](1);
        uint256 ofInvoice = BILLING.invoices(referenceAt(ref)).held;
        uint256 ofDeposit = BILLING.deposits(accountAt(accountRef)).held;
        list[0] = Distribution({
            invoice: referenceAt(ref),
            account: accountAt(accountRef),
            fromInvoice: partOf(ofInvoice, any),
            fromDeposit: partOf(ofDeposit, other)
        });
        uint256 amount = list[0].fromInvoice + list[0].fromDeposit;
        bool fits = amount > 0 && list[0].fromInvoice <= ofInvoice && list[0].fromDeposit <= ofDeposit;
        if (SPLITTER.paused()) fits = false;
        if (!billingStep(_hands.operator, abi.encodeCall(BILLING.distribute, (list)), fits)) return;
        _count.distributed += amount;
        _count.splitIn += amount;
    }

    function reverseDistribution(uint256 ref, uint256 any) external {
        bytes32 invoice = referenceAt(ref);
        uint256 distributed = BILLING.invoices(invoice).distributed;
        uint256 amount = partOf(distributed, any);
        bool fits = amount > 0 && amount <= distributed && !SPLITTER.paused() && poolsHold(amount);
        Distribution memory it = Distribution(invoice, "", amount, 0);
        if (!billingStep(_hands.operator, abi.encodeCall(BILLING.reverseDistribution, (it)), fits)) return;
        _count.reversed += amount;
    }

    function rescue(uint256 any, bool ofSplitter) external {
        uint256 amount = any % 2_000;
        if (ofSplitter) {
            bytes memory data = abi.encodeCall(SPLITTER.rescue, (address(TOKEN), _hands.admin, amount));
            bool fits = amount <= _count.splitterStrays;
            if (splitterStep(_hands.admin, data, fits)) _count.splitterStrays -= amount;
        } else {
            bytes memory data = abi.encodeCall(BILLING.rescue, (address(TOKEN), _hands.admin, amount));
            bool fits = amount <= _count.billingStrays;
            if (billingStep(_hands.admin, data, fits)) _count.billingStrays -= amount;
        }
    }

    // ── the splitter's hands ────────────────────────────────────────────────────────────────────────

    function splitFees(uint256 who, uint256 any, uint256 kind) external {
        uint256 amount = amountOf(any);
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = amount;
        bytes memory data = abi.encodeCall(SPLITTER.splitServiceFees, (amounts));
        if (kind % 3 == 1) data = abi.encodeCall(SPLITTER.splitTransactionFees, (amount));
        if (kind % 3 == 2) data = abi.encodeCall(SPLITTER.topUp, (Pool(any % 6), amount));
        if (splitterStep(payerAt(who), data, true)) _count.splitIn += amount;
    }

    /// An epoch of two leaves: cancelled, claimed in part or whole, claimed again, or reclaimed.
    function payOut(uint256 any, uint256 fate) external {
        Pool pool = [Pool.Operators, Pool.Stakers, Pool.Validators][any % 3];
        uint256 total = SPLITTER.pools(pool);
        if (total < 2) return;
        uint256 first = within(any, 1, total - 1);
        uint256 epoch = SPLITTER.epochCount();
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = PayoutTree.leafOf(epoch, 0, payerAt(0), first);
        leaves[1] = PayoutTree.leafOf(epoch, 1, payerAt(1), total - first);
        (bytes32 left, bytes32 right) = (leaves[0], leaves[1]);
        bytes memory data = abi.encodeCall(SPLITTER.postEpoch, (pool, PayoutTree.build(leaves)[0], total));
        if (!splitterStep(_hands.distributor, data, true)) return;
        if (fate % 8 == 0) {
            vm.prank(_hands.guardian);
            SPLITTER.cancelEpoch(epoch);
            return;
        }
        vm.warp(block.timestamp + SPLITTER.reviewTime());
        claim(epoch, 0, first, right, true);
        if (fate % 8 < 4) claim(epoch, 1, total - first, left, true);
        if (fate % 8 == 2) claim(epoch, 0, first, right, false);
        if (fate % 64 == 5) {
            vm.warp(block.timestamp + SPLITTER.CLAIM_TIME());
            vm.prank(_hands.distributor);
            SPLITTER.reclaimEpoch(epoch);
        }
    }

    function releaseOrBurn(uint256 any, uint256 kind) external {
        Pool pool = [Pool.Treasury, Pool.Community, Pool.Burn][kind % 3];
        uint256 held = SPLITTER.pools(pool);
        uint256 amount = partOf(held, any);
        bytes memory data = pool == Pool.Burn
            ? abi.encodeCall(SPLITTER.burn, (amount))
            : abi.encodeCall(SPLITTER.release, (pool, amount));
        if (!splitterStep(_hands.distributor, data, amount <= held)) return;
        if (pool == Pool.Burn) _count.burnt += amount;
        else _count.released += amount;
    }

    // ── time and pauses ─────────────────────────────────────────────────────────────────────────────

    function pass(uint256 secs) external {
        vm.warp(block.timestamp + within(secs, 1, 20 days));
    }

    /// Seldom, and undone often, or a campaign would be one long pause.
    function pause(uint256 which) external {
        if (which % 4 > 1) return unpause();
        if (which % 4 == 0 && !SPLITTER.paused()) {
            vm.prank(_hands.pauser);
            SPLITTER.pause();
        }
        if (which % 4 == 1 && !BILLING.paused()) {
            vm.prank(_hands.pauser);
            BILLING.pause();
        }
    }

    function unpause() public {
        if (SPLITTER.paused()) {
            vm.prank(_hands.admin);
            SPLITTER.unpause();
        }
        if (BILLING.paused()) {
            vm.prank(_hands.admin);
            BILLING.unpause();
        }
    }

    // ── what the invariants read ────────────────────────────────────────────────────────────────────

    function count() external view returns (Count memory) {
        return _count;
    }

    function violations() external view returns (Violations memory) {
        return _violations;
    }

    function heldUnderReferences() external view returns (uint256 sum) {
        for (uint256 i; i < REFERENCES; ++i) {
            sum += BILLING.invoices(referenceAt(i)).held;
        }
        for (uint256 i; i < ACCOUNTS; ++i) {
            sum += BILLING.deposits(accountAt(i)).held;
        }
    }

    function payerAt(uint256 who) public pure returns (address) {
        return address(uint160(0xFA0000 + who % PAYERS));
    }

    // ── helpers ─────────────────────────────────────────────────────────────────────────────────────

    function billingStep(address who, bytes memory data, bool should) private returns (bool) {
        return step(address(BILLING), who, data, should, BILLING.paused());
    }

    function splitterStep(address who, bytes memory data, bool should) private returns (bool) {
        return step(address(SPLITTER), who, data, should, SPLITTER.paused());
    }

    /// Calls, and judges: what should succeed does, unless paused; what should not does not.
    function step(address target, address who, bytes memory data, bool should, bool paused)
        private
        returns (bool success)
    {
        vm.prank(who);
        (success,) = target.call(data);
        if (success) ++done[bytes4(data)];
        else ++refused[bytes4(data)];
        if (success && paused) ++_violations.movedWhilePaused;
        if (success != (should && !paused)) ++_violations.wrongOutcome;
    }

    function claim(uint256 epoch, uint256 index, uint256 amount, bytes32 sibling, bool should) private {
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = sibling;
        bytes memory data = abi.encodeCall(SPLITTER.claim, (epoch, index, payerAt(index), amount, proof));
        if (!splitterStep(payerAt(2), data, should)) return;
        _count.claimed += amount;
        if (!should) ++_violations.replayed;
    }

    function poolsHold(uint256 amount) private view returns (bool) {
        uint16[] memory shares = new uint16[](3);
        (shares[0], shares[1], shares[2]) = (7_000, 2_000, 1_000);
        uint256[] memory parts = LargestRemainder.split(amount / MICRO, shares);
        return SPLITTER.pools(Pool.Operators) >= parts[0] * MICRO
            && SPLITTER.pools(Pool.Treasury) >= parts[1] * MICRO
            && SPLITTER.pools(Pool.Burn) >= parts[2] * MICRO;
    }

    function accountAt(uint256 ref) private pure returns (bytes32) {
        return keccak256(abi.encode("account", ref % ACCOUNTS));
    }

    function referenceAt(uint256 ref) private pure returns (bytes32) {
        return keccak256(abi.encode("invoice", ref % REFERENCES));
    }

    /// From a thousandth of a SYNOR to a hundred, in whole µSYNOR.
    function amountOf(uint256 any) private pure returns (uint256) {
        return within(any, 1_000, 100_000_000) * MICRO;
    }

    /// Mostly a part of what there is; sometimes all, sometimes a unit too much.
    function partOf(uint256 held, uint256 any) private pure returns (uint256) {
        if (any % 8 == 0) return held + MICRO;
        if (any % 8 == 1 || held <= MICRO) return held;
        return within(any, 1, held / MICRO) * MICRO;
    }
}
