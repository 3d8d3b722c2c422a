//! At the ends of the integer ranges: an answer or an error, never a panic, never a wrong sum.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use proptest::prelude::*;
use synor_economics::billing::{
    CreditManager, Draft, InvoiceNumber, JournalEntry, LedgerAccount, LineItem,
};
use synor_economics::distribution::{Distribution, FeeSplit};
use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
use synor_economics::money::{Exact, MicroSynor, settle, split};
use synor_economics::period::{Month, Period, Timestamp, Zone};
use synor_economics::pricing::{PriceList, rate_usage};
use synor_economics::quantity::Quantity;

fn wide() -> impl Strategy<Value = i128> {
    let edges = [i128::MIN, i128::MIN + 1, -1, 0, 1, i128::MAX - 1, i128::MAX];
    prop_oneof![
        3 => prop::sample::select(edges.to_vec()),
        2 => any::<i128>(),
        2 => any::<i64>().prop_map(i128::from),
        1 => (0u32..127).prop_map(|bits| 1i128 << bits),
    ]
}

fn narrow() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]),
        1 => any::<i64>(),
    ]
}

fn exact() -> impl Strategy<Value = Exact> {
    prop_oneof![
        wide().prop_map(Exact::from_integer),
        (wide(), wide()).prop_map(|(n, d)| Exact::new(n, d).unwrap_or(Exact::ZERO)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn exact_numbers(a in exact(), b in exact(), decimals in 0u32..50) {
        let (sum, product) = (a.checked_add(b), a.checked_mul(b));
        let (difference, quotient) = (a.checked_sub(b), a.checked_div(b));
        if let (Ok(sum), Ok(other)) = (&sum, &b.checked_add(a)) {
            prop_assert_eq!(sum, other);
        }
        prop_assert!(!b.is_zero() || quotient.is_err());
        for one in [Ok(a), sum, product, difference, quotient].into_iter().flatten() {
            prop_assert!(one.denominator() > 0);
            let _ = (settle(one), one.round_half_even(), one.to_decimal(decimals));
            let _ = (one.to_integer(), one.to_string(), one.cmp(&a), one == b);
            prop_assert!(!(one.is_negative() && one.is_positive()));
        }
    }

    #[test]
    fn amounts(a in narrow(), b in narrow()) {
        let (x, y) = (MicroSynor::new(a), MicroSynor::new(b));
        let fits = |wide: i128| i64::try_from(wide).ok().map(MicroSynor::new);
        let (wide_a, wide_b) = (i128::from(a), i128::from(b));
        prop_assert_eq!(x.checked_add(y).ok(), fits(wide_a + wide_b));
        prop_assert_eq!(x.checked_sub(y).ok(), fits(wide_a - wide_b));
        prop_assert_eq!(x.checked_neg().ok(), fits(-wide_a));
        prop_assert_eq!(x.to_string().parse::<MicroSynor>(), Ok(x));
        let text = serde_json::to_string(&x).unwrap();
        prop_assert_eq!(serde_json::from_str::<MicroSynor>(&text).unwrap(), x);
    }

    #[test]
    fn splits(amount in narrow(), weights in prop::collection::vec(exact(), 0..6)) {
        if let Ok(parts) = split(MicroSynor::new(amount), &weights) {
            let sum: i128 = parts.iter().map(|p| i128::from(p.micro())).sum();
            prop_assert_eq!(sum, i128::from(amount));
        }
    }

    #[test]
    fn rating_and_invoicing(
        quantities in prop::collection::vec((wide(), 0usize..16), 1..5),
        month_secs in narrow(),
        collected in narrow(),
    ) {
        let list = PriceList::built_in().unwrap();
        let dimensions = Dimensions::from([("gpu_model".to_owned(), "rtx4090".to_owned())]);
        let rows: Vec<_> = quantities
            .iter()
            .map(|(quantity, at)| {
                let spec = ResourceType::all().nth(*at).unwrap();
                let key = UsageKey::new(spec.resource, &dimensions, "node-1".parse().ok());
                UsageRow { key, quantity: Quantity::new(*quantity) }
            })
            .collect();
        let _ = rate_usage(&list, &rows, month_secs);
        let month: Month = "2026-01".parse().unwrap();
        let period = month.period(&Zone::utc()).unwrap();
        let Ok(lines) = rate_usage(&list, &rows, period.secs()) else { return Ok(()) };
        let _ = LineItem::adjustments(month, Vec::new(), &lines.iter().collect::<Vec<_>>());
        let account = "acme".parse().unwrap();
        let Ok(draft) = Draft::new(account, month, Zone::utc(), period, lines, u64::MAX) else {
            return Ok(());
        };
        let (number, now) = (InvoiceNumber::new(u64::MAX), Timestamp::from_secs(i64::MAX));
        let Ok(invoice) = draft.finalize(number, &mut CreditManager::default(), now) else {
            return Ok(());
        };
        prop_assert_eq!(invoice.check(), Ok(()));
        let (split, collected) = (FeeSplit::default(), MicroSynor::new(collected));
        if let Ok(shared) = Distribution::of(&invoice, collected, &split, u32::MAX, now) {
            prop_assert!(shared.is_whole());
        }
        let _ = invoice.clone().settle(collected, &"tx".parse().unwrap(), now);
        let _ = invoice.unsettle(collected, now);
    }

    #[test]
    fn levels_and_times(
        mut samples in prop::collection::vec((narrow(), wide()), 0..6),
        from in narrow(),
        to in narrow(),
    ) {
        samples.sort_unstable();
        let samples: Vec<_> = samples
            .into_iter()
            .map(|(at, level)| Sample { at: Timestamp::from_secs(at), level: Quantity::new(level) })
            .collect();
        let (from, to) = (Timestamp::from_secs(from), Timestamp::from_secs(to));
        if let Ok(period) = Period::new(from, to) {
            let _ = integrate(&samples, period);
            let _ = (period.secs(), period.until(from), period.contains(to));
        }
        for zone in ["UTC", "Pacific/Kiritimati", "America/St_Johns"] {
            let zone: Zone = zone.parse().unwrap();
            let _ = (from.to_string(), from.date_in(&zone));
            if let Ok(month) = Month::containing(from, &zone) {
                let _ = month.period(&zone);
            }
        }
    }

    #[test]
    fn entries(amounts in prop::collection::vec(narrow(), 0..5)) {
        let sides = amounts.iter().map(|a| (LedgerAccount::Treasury, MicroSynor::new(*a)));
        let entry = JournalEntry::new(&["x"], Timestamp::from_secs(0), String::new(), sides);
        if entry.is_ok() {
            prop_assert_eq!(amounts.iter().map(|a| i128::from(*a)).sum::<i128>(), 0);
        }
    }

    #[test]
    fn any_text(text in any::<String>(), digits in "-?[0-9]{0,45}(\\.[0-9]{0,45})?( SYNOR)?") {
        for text in [text, digits] {
            let _ = (text.parse::<MicroSynor>(), MicroSynor::parse_bare(&text));
            let _ = (Exact::parse_decimal(&text), MicroSynor::parse_positive(&text));
            let _ = (text.parse::<Month>(), Timestamp::parse(&text), text.parse::<Zone>());
            let _ = (text.parse::<LedgerAccount>(), text.parse::<InvoiceNumber>());
            let _ = PriceList::parse(&text);
        }
    }
}

#[test]
fn months_at_the_ends_of_the_calendar() {
    let utc = Zone::utc();
    for (month, is_there) in [("0000-01", true), ("9999-11", true), ("9999-12", false)] {
        let month: Month = month.parse().unwrap();
        assert_eq!(month.period(&utc).is_ok(), is_there, "{month}");
    }
}
