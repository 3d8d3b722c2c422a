//! What usage costs does not depend on how it was reported: split, merged, shuffled, it is the same
//! bill, and the bill adds up to the last µSYNOR, down to who earned it.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use synor_economics::billing::{CreditManager, Draft, InvoiceNumber, LineItem};
use synor_economics::distribution::{Distribution, FeeSplit};
use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
use synor_economics::money::{Exact, MicroSynor, settle};
use synor_economics::period::{Month, Timestamp, Zone};
use synor_economics::pricing::{PriceList, rate_usage};
use synor_economics::quantity::Quantity;

const MONTH_SECS: i64 = 31 * 86_400;

fn key() -> impl Strategy<Value = UsageKey> {
    let resources: Vec<_> = ResourceType::all().map(|spec| spec.resource).collect();
    let region = prop::option::of("eu|us");
    let provider = prop::option::of("node-[1-4]");
    (prop::sample::select(resources), region, provider).prop_map(|(resource, region, provider)| {
        let mut dimensions = Dimensions::new();
        if let Some(region) = region {
            dimensions.insert("region".to_owned(), region);
        }
        if resource == ResourceType::ComputeGpu {
            dimensions.insert("gpu_model".to_owned(), "rtx4090".to_owned());
        }
        UsageKey::new(resource, &dimensions, provider.map(|p| p.parse().unwrap()))
    })
}

fn rows(quantity: std::ops::Range<i128>) -> impl Strategy<Value = Vec<UsageRow>> {
    let row = (key(), quantity).prop_map(|(key, n)| UsageRow {
        key,
        quantity: Quantity::new(n),
    });
    prop::collection::vec(row, 1..25)
}

fn bill(rows: &[UsageRow]) -> Vec<LineItem> {
    rate_usage(&PriceList::built_in().unwrap(), rows, MONTH_SECS).unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn shuffling_splitting_and_merging_change_nothing(
        rows in rows(-1_000_000_000_000..100_000_000_000_000),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<i64>()), 0..20),
        order in any::<u64>(),
    ) {
        let expected = bill(&rows);
        let mut split = rows.clone();
        for (at, cut) in cuts {
            let at = at.index(split.len());
            let part = Quantity::new(i128::from(cut));
            let rest = split[at].quantity.checked_sub(part).unwrap();
            split.push(UsageRow { key: split[at].key.clone(), quantity: rest });
            split[at].quantity = part;
        }
        // An order like any other: by a number mixed from the place.
        let mut places: Vec<_> = (0..split.len() as u64).collect();
        places.sort_by_key(|n| n.wrapping_mul(order | 1).rotate_left(17) ^ order);
        let shuffled: Vec<_> = places.iter().map(|n| split[*n as usize].clone()).collect();
        prop_assert_eq!(&bill(&shuffled), &expected);
        let mut merged: BTreeMap<UsageKey, i128> = BTreeMap::new();
        for row in &shuffled {
            *merged.entry(row.key.clone()).or_default() += row.quantity.get();
        }
        let merged: Vec<_> = merged
            .into_iter()
            .map(|(key, n)| UsageRow { key, quantity: Quantity::new(n) })
            .collect();
        prop_assert_eq!(&bill(&merged), &expected);
    }

    /// Each line is its quantity at its price, rounded once; nothing of the usage is missing from
    /// the lines, nor from who served them.
    #[test]
    fn a_bill_is_all_of_the_usage_at_its_prices(
        rows in rows(-1_000_000_000_000..100_000_000_000_000),
    ) {
        let lines = bill(&rows);
        for line in &lines {
            let exact = line.price_unit.count_of(line.quantity, MONTH_SECS).unwrap();
            let net = settle(exact.checked_mul(line.unit_price_micro_synor.unwrap()).unwrap()).unwrap();
            prop_assert_eq!(line.net().unwrap(), net);
            prop_assert!(!line.amount_micro_synor.is_negative());
            prop_assert!(line.amount_micro_synor.is_zero() || line.credit_micro_synor.is_zero());
            let served: i128 = line.served_by.iter().map(|s| s.quantity.get()).sum();
            prop_assert_eq!(served, line.quantity.get());
        }
        for spec in ResourceType::all() {
            let used = rows.iter().filter(|r| r.key.resource == spec.resource);
            let billed = lines.iter().filter(|l| l.resource == spec.resource);
            prop_assert_eq!(
                used.map(|r| r.quantity.get()).sum::<i128>(),
                billed.map(|l| l.quantity.get()).sum::<i128>()
            );
        }
    }

    #[test]
    fn lines_sum_to_the_subtotal_and_shares_to_what_was_collected(
        rows in rows(-1_000_000_000_000..100_000_000_000_000),
        paid in 0u32..=1_000,
        operators in 0u32..=10_000,
        treasury in 0u32..=10_000,
    ) {
        let month: Month = "2026-01".parse().unwrap();
        let period = month.period(&Zone::utc()).unwrap();
        let account = "acme".parse().unwrap();
        let draft = Draft::new(account, month, Zone::utc(), period, bill(&rows), 0).unwrap();
        let now = Timestamp::from_secs(0);
        let invoice =
            draft.finalize(InvoiceNumber::new(1), &mut CreditManager::default(), now).unwrap();
        let sum: i64 = invoice.line_items.iter().map(|l| l.amount_micro_synor.micro()).sum();
        prop_assert_eq!(sum, invoice.subtotal_micro_synor.micro());
        prop_assert_eq!(sum, invoice.total_due_micro_synor.micro());
        let treasury = treasury.min(10_000 - operators);
        let split = FeeSplit {
            operators_basis_points: operators,
            treasury_basis_points: treasury,
            burn_basis_points: 10_000 - operators - treasury,
        };
        let collected = i64::try_from(i128::from(sum) * i128::from(paid) / 1_000).unwrap();
        prop_assume!(collected > 0);
        let collected = MicroSynor::new(collected);
        let shared = Distribution::of(&invoice, collected, &split, 1, now).unwrap();
        prop_assert!(shared.is_whole());
        let parts = shared.operators.iter().map(|o| o.amount_micro_synor);
        let rest = [shared.treasury_micro_synor, shared.burn_micro_synor];
        for part in parts.chain(rest) {
            prop_assert!(!part.is_negative());
        }
        // The burn is its share to within one µSYNOR, whatever was served by whom.
        let exact = i128::from(collected.micro()) * i128::from(split.burn_basis_points);
        let burnt = i128::from(shared.burn_micro_synor.micro()) * 10_000;
        prop_assert!((exact - burnt).abs() < 10_000);
    }

    /// Billing what came late as a difference comes to the same as billing all of it at once.
    #[test]
    fn adjustments_come_to_the_whole(
        months in prop::collection::vec(rows(-1_000_000..1_000_000_000), 1..5),
    ) {
        let month: Month = "2026-01".parse().unwrap();
        let mut seen = Vec::new();
        let mut billed: Vec<LineItem> = Vec::new();
        for (number, more) in months.iter().enumerate() {
            seen.extend(more.clone());
            let now = bill(&seen);
            if number == 0 {
                billed = now;
                continue;
            }
            let so_far: Vec<_> = billed.iter().collect();
            let lines = LineItem::adjustments(month, now, &so_far).unwrap();
            billed.extend(lines);
            let so_far: Vec<_> = billed.iter().collect();
            let again = LineItem::adjustments(month, bill(&seen), &so_far).unwrap();
            prop_assert_eq!(again, []);
        }
        let net = |lines: &[LineItem]| lines.iter().map(|l| l.net().unwrap().micro()).sum::<i64>();
        prop_assert_eq!(net(&billed), net(&bill(&seen)));
    }

    #[test]
    fn an_exact_number_reads_back_as_it_was_written(numer in any::<i64>(), denom in 1i64..) {
        let exact = Exact::new(i128::from(numer), i128::from(denom)).unwrap();
        let text = serde_json::to_string(&exact).unwrap();
        prop_assert_eq!(serde_json::from_str::<Exact>(&text).unwrap(), exact);
    }
}
