//! Bills with everything on them: plans, volume discounts, commitments, promotions. What is taken
//! off is never more than there is, and nothing is lost on the way.
//!
//! Cases that once failed are kept beside this file and tried first.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use synor_economics::account::Account;
use synor_economics::billing::{BillFacts, DiscountType, Draft, LineItem, bill};
use synor_economics::id::{AccountId, CommitmentId};
use synor_economics::metering::{Dimensions, ResourceType, ServiceType, UsageKey, UsageRow};
use synor_economics::money::{Exact, MicroSynor, settle};
use synor_economics::period::{Month, Period, Timestamp, Zone};
use synor_economics::plan::Plan;
use synor_economics::pricing::discounts::{
    DiscountAmount, DiscountScope, Offer, Remaining, take_all,
};
use synor_economics::pricing::promotion::Redemption;
use synor_economics::pricing::reserved::{Commitment, Committed};
use synor_economics::pricing::{PriceList, Segment, rate_usage};
use synor_economics::quantity::Quantity;

const MONTH: &str = "2026-01";
const MONTH_SECS: i64 = 31 * 86_400;
const HUNDRED: Exact = Exact::from_integer(100);

fn config() -> ProptestConfig {
    let seeds = "tests/bill_properties.proptest-regressions";
    ProptestConfig {
        cases: 3_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds))),
        ..ProptestConfig::default()
    }
}

fn list() -> PriceList {
    let volume = "\n[[volume_discount]]\nfrom = \"50 SYNOR\"\npercent = \"5\"\n\
                  [[volume_discount]]\nfrom = \"500 SYNOR\"\npercent = \"12.5\"\n";
    let built_in = PriceList::built_in().unwrap();
    PriceList::parse(&format!("{}{volume}", built_in.text())).unwrap()
}

/// Usage of up to a few hundred SYNOR; some of it below zero.
fn row() -> impl Strategy<Value = UsageRow> {
    let resources = [
        (ResourceType::ComputeCpu, 3_600_000),
        (ResourceType::ComputeMemory, 3_600_000_000_000),
        (ResourceType::NetworkEgress, 1_000_000_000),
        (ResourceType::HostingBandwidth, 1_000_000_000),
        (ResourceType::DatabaseQueries, 1_000_000),
    ];
    let quantity = (-50i128..5_000, 0i128..1_000);
    (prop::sample::select(resources.to_vec()), quantity).prop_map(|((resource, unit), (n, odd))| {
        UsageRow {
            key: UsageKey::new(resource, &Dimensions::new(), None),
            quantity: Quantity::new(unit * n + odd),
        }
    })
}

fn rows() -> impl Strategy<Value = Vec<UsageRow>> {
    prop::collection::vec(row(), 0..8)
}

fn scope() -> impl Strategy<Value = DiscountScope> {
    prop_oneof![
        Just(DiscountScope::Everything),
        Just(DiscountScope::Service(ServiceType::Compute)),
        Just(DiscountScope::Service(ServiceType::Storage)),
        Just(DiscountScope::Resource(ResourceType::NetworkEgress)),
    ]
}

fn percent(number: u32) -> Exact {
    Exact::new(number.into(), 100).unwrap()
}

fn amount() -> impl Strategy<Value = DiscountAmount> {
    prop_oneof![
        (1u32..=10_000).prop_map(|n| DiscountAmount::Percent(percent(n))),
        (1i64..900_000_000).prop_map(|n| DiscountAmount::Fixed(MicroSynor::new(n))),
    ]
}

fn offer() -> impl Strategy<Value = Offer> {
    let lines = prop::collection::vec((0i128..9_000_000_000, 1i128..50), 0..8).prop_map(|parts| {
        let parts = parts.into_iter().map(|(n, d)| Exact::new(n, d).unwrap());
        DiscountAmount::OfLines(parts.collect())
    });
    (prop_oneof![3 => amount(), 1 => lines], scope()).prop_map(|(amount, scope)| Offer {
        discount_type: DiscountType::Volume { tier: 1 },
        description: String::new(),
        amount,
        scope,
    })
}

fn commitment() -> impl Strategy<Value = Commitment> {
    let by_amount =
        (1i64..400_000_000, 0u32..10_000, scope()).prop_map(|(n, off, scope)| Committed::Amount {
            amount_micro_synor: MicroSynor::new(n),
            discount_percent: percent(off),
            scope,
        });
    let by_capacity =
        (1i128..200_000, 0i128..40_000).prop_map(|(hundredths, rate)| Committed::Capacity {
            resource: ResourceType::ComputeCpu,
            dimensions: Dimensions::new(),
            units: Exact::new(hundredths, 100).unwrap(),
            per: "core-hour".parse().unwrap(),
            rate_micro_synor: Exact::from_integer(rate),
        });
    prop_oneof![by_amount, by_capacity].prop_map(committed)
}

fn committed(committed: Committed) -> Commitment {
    let month: Month = MONTH.parse().unwrap();
    let commitment = Commitment {
        commitment_id: CommitmentId::derived(&["c"]),
        account_id: acme(),
        committed,
        starts: month,
        ends: month,
    };
    commitment.check().unwrap();
    commitment
}

fn redemption() -> impl Strategy<Value = Redemption> {
    (amount(), scope(), 0i64..100, "[A-Z]{4}", any::<bool>()).prop_map(
        |(amount, scope, at, code, stacks)| Redemption {
            account_id: acme(),
            code: code.parse().unwrap(),
            redeemed_at: Timestamp::from_secs(at),
            first_month: MONTH.parse().unwrap(),
            last_month: MONTH.parse().unwrap(),
            amount,
            scope,
            stacks,
        },
    )
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn month() -> Period {
    MONTH
        .parse::<Month>()
        .unwrap()
        .period(&Zone::utc())
        .unwrap()
}

fn billed(
    parts: &[(Vec<UsageRow>, Plan)],
    commitments: &[Commitment],
    redemptions: &[Redemption],
) -> Draft {
    let (list, period) = (list(), month());
    let account = Account {
        account_id: acme(),
        name: String::new(),
        time_zone: Zone::utc(),
        created_at: Timestamp::from_secs(0),
        plan_changes: Vec::new(),
        referred_by: None,
        tax_changes: Vec::new(),
    };
    let count = i64::try_from(parts.len()).unwrap();
    let at = |n: i64| period.start().plus_secs(MONTH_SECS * n / count);
    let segments: Vec<_> = (0..)
        .zip(parts)
        .map(|(n, (rows, plan))| Segment {
            period: Period::new(at(n), at(n + 1)).unwrap(),
            list: &list,
            plan: *plan,
            rows: rows.clone(),
        })
        .collect();
    let facts = BillFacts {
        account: &account,
        month: MONTH.parse().unwrap(),
        period,
        segments: &segments,
        spot: Vec::new(),
        late: Vec::new(),
        commitments,
        redemptions,
        usage_log_position: 0,
    };
    bill(facts).unwrap()
}

fn total(amounts: impl IntoIterator<Item = MicroSynor>) -> i64 {
    MicroSynor::sum(amounts).unwrap().micro()
}

/// A line of so many µSYNOR.
fn line_of(micro: i64) -> LineItem {
    let deals = Quantity::new(1);
    let row = UsageRow {
        key: UsageKey::new(ResourceType::StorageDeal, &Dimensions::new(), None),
        quantity: deals,
    };
    let mut line = rate_usage(&list(), &[row], MONTH_SECS).unwrap().remove(0);
    line.amount_micro_synor = MicroSynor::new(micro);
    line
}

proptest! {
    #![proptest_config(config())]

    /// Each discount takes what the lines in its scope lose, and never more than they had.
    #[test]
    fn a_discount_takes_from_its_lines_and_no_more(
        rows in rows(),
        offers in prop::collection::vec(offer(), 0..6),
    ) {
        let lines = rate_usage(&list(), &rows, MONTH_SECS).unwrap();
        let mut remaining = Remaining::of(&lines);
        for offer in &offers {
            let before = remaining.amounts().to_vec();
            let within = remaining.within(&offer.scope, &lines).unwrap();
            let taken = remaining.take(offer, &lines).unwrap();
            let taken = taken.map_or(MicroSynor::ZERO, |d| d.amount_micro_synor);
            let after = remaining.amounts();
            prop_assert_eq!(
                total(before.iter().copied()) - total(after.iter().copied()),
                taken.micro()
            );
            prop_assert!(after.iter().all(|left| !left.is_negative()));
            for ((before, after), line) in before.iter().zip(after).zip(&lines) {
                prop_assert!(after <= before);
                if !offer.scope.holds(line) && !matches!(offer.amount, DiscountAmount::OfLines(_)) {
                    prop_assert_eq!(after, before);
                }
            }
            match &offer.amount {
                DiscountAmount::Percent(percent) => {
                    let exact = Exact::from_integer(within.micro().into());
                    let off = exact.checked_mul(*percent).unwrap().checked_div(HUNDRED).unwrap();
                    prop_assert_eq!(taken, settle(off).unwrap());
                }
                DiscountAmount::Fixed(amount) => prop_assert_eq!(taken, within.min(*amount)),
                DiscountAmount::OfLines(_) => {}
            }
        }
        let applied = take_all(&lines, &offers).unwrap();
        let off = total(applied.iter().map(|d| d.amount_micro_synor));
        let whole = total(lines.iter().map(|line| line.amount_micro_synor));
        prop_assert_eq!(whole - off, total(remaining.amounts().iter().copied()));
    }

    /// Lines and fees sum to the subtotal, and less the discounts it is what is owed.
    #[test]
    fn a_bill_with_everything_on_it_adds_up(
        parts in prop::collection::vec(
            (rows(), prop::sample::select(Plan::ALL.to_vec())), 1..4),
        commitments in prop::collection::vec(commitment(), 0..3),
        redemptions in prop::collection::vec(redemption(), 0..4),
    ) {
        let draft = billed(&parts, &commitments, &redemptions);
        let lines = total(draft.line_items.iter().map(|line| line.amount_micro_synor));
        let fees = total(draft.fees.iter().map(|fee| fee.amount_micro_synor));
        let off = total(draft.discounts.iter().map(|d| d.amount_micro_synor));
        prop_assert_eq!(draft.subtotal_micro_synor.micro(), lines + fees);
        prop_assert!(draft.discounts.iter().all(|d| d.amount_micro_synor.is_positive()));
        prop_assert!((0..=lines).contains(&off), "{off} of {lines}");
        prop_assert_eq!(draft.net().unwrap().micro(), lines + fees - off);
        let order: Vec<_> = draft.discounts.iter().map(|d| match d.discount_type {
            DiscountType::Plan { .. } => 0,
            DiscountType::Volume { .. } => 1,
            DiscountType::Commitment { .. } => 2,
            DiscountType::Promotional { .. } | DiscountType::Referral { .. } => 3,
            DiscountType::Correction => 4,
        }).collect();
        prop_assert!(order.is_sorted(), "{order:?}");
    }

    /// Below a committed amount, what is paid for usage and the true-up are the amount; above it,
    /// usage worth the amount has the discount and the rest costs what the list says.
    #[test]
    fn a_committed_amount_is_paid_and_no_less(
        hours in 0i64..100_000,
        amount in 1i64..900_000_000,
        off in 0u32..10_000,
    ) {
        let row = UsageRow {
            key: UsageKey::new(ResourceType::ComputeCpu, &Dimensions::new(), None),
            quantity: Quantity::new(i128::from(hours) * 3_600_000),
        };
        let lines = rate_usage(&list(), &[row], MONTH_SECS).unwrap();
        let commitment = committed(Committed::Amount {
            amount_micro_synor: MicroSynor::new(amount),
            discount_percent: percent(off),
            scope: DiscountScope::Everything,
        });
        let listed = hours * 20_000;
        let left = [MicroSynor::new(listed)];
        let outcome = commitment.outcome(&lines, &left, MONTH_SECS).unwrap();
        let whole = Exact::from_integer;
        let kept = HUNDRED.checked_sub(percent(off)).unwrap().checked_div(HUNDRED).unwrap();
        let discounted = whole(listed.into()).checked_mul(kept).unwrap();
        let taken = outcome.off[0];
        if discounted <= whole(amount.into()) {
            prop_assert_eq!(whole(listed.into()).checked_sub(taken).unwrap(), discounted);
            let missing = whole(amount.into()).checked_sub(discounted).unwrap();
            prop_assert_eq!(outcome.true_up, settle(missing).unwrap());
        } else {
            prop_assert!(outcome.true_up.is_zero());
            // The list price of what the amount pays for, less the amount.
            let covered = whole(amount.into()).checked_div(kept).unwrap();
            prop_assert_eq!(taken, covered.checked_sub(whole(amount.into())).unwrap());
        }
    }

    /// The same by capacity: hours up to the capacity cost the rate, those missing as well, those
    /// beyond what the list says.
    #[test]
    fn a_committed_capacity_is_paid_and_no_less(
        hours in 0i64..10_000,
        capacity in 1i64..10_000,
        rate in 0i64..20_000,
    ) {
        let row = UsageRow {
            key: UsageKey::new(ResourceType::ComputeCpu, &Dimensions::new(), None),
            quantity: Quantity::new(i128::from(hours) * 3_600_000),
        };
        let lines = rate_usage(&list(), &[row], MONTH_SECS).unwrap();
        let commitment = committed(Committed::Capacity {
            resource: ResourceType::ComputeCpu,
            dimensions: Dimensions::new(),
            units: Exact::from_integer(capacity.into()),
            per: "core-hour".parse().unwrap(),
            rate_micro_synor: Exact::from_integer(rate.into()),
        });
        let left = [MicroSynor::new(hours * 20_000)];
        let outcome = commitment.outcome(&lines, &left, MONTH_SECS).unwrap();
        let covered = hours.min(capacity);
        prop_assert_eq!(outcome.off[0], Exact::from_integer((covered * (20_000 - rate)).into()));
        prop_assert_eq!(outcome.true_up.micro(), (capacity - covered) * rate);
        let paid = hours * 20_000 - covered * (20_000 - rate) + outcome.true_up.micro();
        prop_assert_eq!(paid, capacity * rate + (hours - covered) * 20_000);
    }

    /// Amounts and discounts at the ends of the range: an answer that adds up, or an error.
    #[test]
    fn discounts_do_not_wrap_at_the_ends_of_the_range(
        amounts in prop::collection::vec(prop_oneof![Just(i64::MAX), 0..i64::MAX], 1..4),
        offers in prop::collection::vec((amount(), any::<bool>()), 1..4),
    ) {
        let lines: Vec<_> = amounts.iter().map(|n| line_of(*n)).collect();
        let mut remaining = Remaining::of(&lines);
        for (amount, is_most) in offers {
            let amount = if is_most { DiscountAmount::Fixed(MicroSynor::new(i64::MAX)) } else { amount };
            let offer = Offer {
                discount_type: DiscountType::Volume { tier: 1 },
                description: String::new(),
                amount,
                scope: DiscountScope::Everything,
            };
            let before: i128 = remaining.amounts().iter().map(|a| i128::from(a.micro())).sum();
            let Ok(taken) = remaining.take(&offer, &lines) else { return Ok(()) };
            let taken = taken.map_or(0, |d| i128::from(d.amount_micro_synor.micro()));
            let after: i128 = remaining.amounts().iter().map(|a| i128::from(a.micro())).sum();
            prop_assert_eq!(before - taken, after);
            prop_assert!(remaining.amounts().iter().all(|left| !left.is_negative()));
        }
    }
}

/// Published by Meteroid (its `discount.rs`): percentages compound, amounts add up and stop at what
/// there is.
#[test]
fn discounts_combine_as_published() {
    let percents = |ns: [i128; 2]| ns.map(|n| DiscountAmount::Percent(Exact::from_integer(n)));
    let fixed = |ns: [i64; 2]| ns.map(|n| DiscountAmount::Fixed(MicroSynor::new(n * 1_000_000)));
    for (amounts, off) in [
        (percents([10, 25]), 32_500_000),
        (fixed([15, 25]), 40_000_000),
        (fixed([80, 50]), 100_000_000),
    ] {
        let offers = amounts.map(|amount| Offer {
            discount_type: DiscountType::Volume { tier: 1 },
            description: String::new(),
            amount,
            scope: DiscountScope::Everything,
        });
        let applied = take_all(&[line_of(100_000_000)], &offers).unwrap();
        assert_eq!(total(applied.iter().map(|d| d.amount_micro_synor)), off);
    }
}
