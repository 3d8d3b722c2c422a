//! An invoice: total = subtotal − discounts − credits, never below zero; what settles it can be
//! taken back in any order.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use proptest::prelude::*;
use synor_economics::billing::{
    AppliedDiscount, CreditEntry, CreditManager, CreditSource, DiscountType, Draft, Invoice,
    InvoiceNumber, InvoiceStatus,
};
use synor_economics::id::CreditId;
use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Timestamp, Zone};
use synor_economics::pricing::{PriceList, rate_usage};
use synor_economics::quantity::Quantity;

const NOW: Timestamp = Timestamp::from_secs(1_770_000_000);

/// A draft that comes to this many µSYNOR: a kilobyte of egress costs 0.05.
fn draft(micro: i64) -> Draft {
    let key = UsageKey::new(ResourceType::NetworkEgress, &Dimensions::new(), None);
    let quantity = Quantity::new(i128::from(micro) * 20_000);
    let month: Month = "2026-01".parse().unwrap();
    let period = month.period(&Zone::utc()).unwrap();
    let rows = [UsageRow { key, quantity }];
    let lines = rate_usage(&PriceList::built_in().unwrap(), &rows, period.secs()).unwrap();
    let draft = Draft::new(
        "acme".parse().unwrap(),
        month,
        Zone::utc(),
        period,
        lines,
        0,
    )
    .unwrap();
    assert_eq!(draft.subtotal_micro_synor.micro(), micro);
    draft
}

fn off(amount: i64) -> AppliedDiscount {
    AppliedDiscount {
        discount_type: DiscountType::Promotional {
            promo_code: "X".to_owned(),
        },
        description: "off".to_owned(),
        amount_micro_synor: MicroSynor::new(amount),
    }
}

fn credit(n: usize, amount: i64, ends: Option<i64>) -> CreditEntry {
    CreditEntry {
        credit_id: CreditId::derived(&[&n.to_string()]),
        account_id: "acme".parse().unwrap(),
        amount_micro_synor: MicroSynor::new(amount),
        remaining_micro_synor: MicroSynor::new(amount),
        source: CreditSource::Promotional {
            campaign: "x".to_owned(),
        },
        expires_at: ends.map(|secs| NOW.plus_secs(secs)),
        created_at: NOW,
    }
}

fn sum(amounts: impl Iterator<Item = MicroSynor>) -> i64 {
    amounts.map(MicroSynor::micro).sum()
}

fn finalize(draft: Draft) -> Invoice {
    draft
        .finalize(InvoiceNumber::new(1), &mut CreditManager::default(), NOW)
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_total_is_what_is_left_and_never_below_zero(
        subtotal in 0i64..1_000_000,
        discounts in prop::collection::vec(0i64..400_000, 0..4),
        credits in prop::collection::vec((1i64..300_000, prop::option::of(-50i64..50)), 0..6),
    ) {
        let mut draft = draft(subtotal);
        draft.discounts = discounts.iter().map(|d| off(*d)).collect();
        let credits: Vec<_> =
            credits.iter().enumerate().map(|(n, (a, ends))| credit(n, *a, *ends)).collect();
        let valid = credits.iter().filter(|c| c.is_valid_at(NOW));
        let there = sum(valid.map(|c| c.amount_micro_synor));
        let mut manager = CreditManager::new(credits);
        let invoice = draft.finalize(InvoiceNumber::new(1), &mut manager, NOW).unwrap();
        let wanted: i64 = discounts.iter().sum();
        let taken_off = sum(invoice.discounts.iter().map(|d| d.amount_micro_synor));
        prop_assert_eq!(taken_off, wanted.min(subtotal), "no more is taken off than there is");
        let net = subtotal - taken_off;
        let used = invoice.credits_applied_micro_synor.micro();
        prop_assert_eq!(used, there.min(net));
        prop_assert_eq!(invoice.total_due_micro_synor.micro(), net - used);
        prop_assert_eq!(invoice.status == InvoiceStatus::Paid, net == used);
        prop_assert_eq!(manager.balance(NOW).unwrap().micro(), there - used);
        prop_assert_eq!(invoice.check(), Ok(()));
        let text = serde_json::to_string(&invoice).unwrap();
        prop_assert_eq!(serde_json::from_str::<Invoice>(&text).unwrap(), invoice);
    }

    /// Payments settle it up to what is owed; taken back in any order, nothing is left of them.
    #[test]
    fn what_is_settled_can_be_taken_back(
        total in 1i64..1_000_000,
        payments in prop::collection::vec(1i64..500_000, 1..8),
        order in any::<u64>(),
        is_sent in any::<bool>(),
        is_late in any::<bool>(),
    ) {
        let mut invoice = finalize(draft(total));
        if is_sent {
            invoice = invoice.send(NOW).unwrap();
        }
        if is_late {
            let due = invoice.due_date;
            invoice = invoice.overdue_at(due);
        }
        let before = invoice.clone();
        let now = if is_late { before.due_date } else { NOW };
        let tx = "tx".parse().unwrap();
        let mut taken = Vec::new();
        for amount in &payments {
            let (after, part) = invoice.settle(MicroSynor::new(*amount), &tx, now).unwrap();
            invoice = after;
            taken.push(part);
            prop_assert_eq!(sum(taken.iter().copied()), invoice.paid_micro_synor.micro());
        }
        let paid: i64 = payments.iter().sum::<i64>().min(total);
        prop_assert_eq!(invoice.paid_micro_synor.micro(), paid);
        prop_assert_eq!(invoice.status == InvoiceStatus::Paid, paid == total);
        taken.sort_by_key(|part| part.micro().unsigned_abs().wrapping_mul(order | 1));
        for part in taken {
            invoice = invoice.unsettle(part, now).unwrap();
        }
        prop_assert_eq!(invoice, before);
    }

    #[test]
    fn nothing_more_is_taken_back_than_was_paid(total in 1i64..1_000, paid in 0i64..1_000) {
        let tx = "tx".parse().unwrap();
        let (invoice, taken) =
            finalize(draft(total)).settle(MicroSynor::new(paid), &tx, NOW).unwrap();
        let more = taken.checked_add(MicroSynor::new(1)).unwrap();
        prop_assert!(invoice.unsettle(more, NOW).is_err());
    }
}

#[test]
fn only_what_is_open_can_be_sent_or_voided() {
    let tx = "tx".parse().unwrap();
    let invoice = finalize(draft(10));
    let (partly, _) = invoice
        .clone()
        .settle(MicroSynor::new(4), &tx, NOW)
        .unwrap();
    let error = partly.void(NOW).unwrap_err().to_string();
    assert_eq!(
        error,
        "invoice INV-000001 has 0.000004 SYNOR paid on it and cannot be voided"
    );
    let (paid, _) = invoice
        .clone()
        .settle(MicroSynor::new(10), &tx, NOW)
        .unwrap();
    for refused in [paid.clone().void(NOW), paid.send(NOW)] {
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .starts_with("invoice INV-000001 is paid")
        );
    }
    let voided = invoice.void(NOW).unwrap();
    assert_eq!(voided.outstanding().unwrap(), MicroSynor::ZERO);
    assert!(voided.clone().send(NOW).is_err());
    assert!(voided.void(NOW).is_err());
}

/// Published worked examples. Meteroid, discount.rs: of 100, first 10 % and then 25 % of the rest are
/// 32.50 off; 15 and 25 are 40 off; 80 and 50 are no more than 100 off.
#[test]
fn published_discounts() {
    for (discounts, expected) in [
        (vec![10_000_000, 22_500_000], 32_500_000),
        (vec![15_000_000, 25_000_000], 40_000_000),
        (vec![80_000_000, 50_000_000], 100_000_000),
    ] {
        let mut draft = draft(100_000_000);
        draft.discounts = discounts.into_iter().map(off).collect();
        let invoice = finalize(draft);
        let taken_off = sum(invoice.discounts.iter().map(|d| d.amount_micro_synor));
        assert_eq!(taken_off, expected);
        assert_eq!(
            invoice.total_due_micro_synor.micro(),
            100_000_000 - expected
        );
    }
}
