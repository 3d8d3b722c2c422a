//! Prices of every model, written as an operator writes them and held to what customers rely on.
//!
//! Cases that once failed are kept beside this file and tried first.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use synor_economics::billing::LineItem;
use synor_economics::id::AccountId;
use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
use synor_economics::money::{Exact, settle};
use synor_economics::period::{Period, Timestamp};
use synor_economics::plan::Plan;
use synor_economics::pricing::{Model, Price, PriceList, Segment, rate_segments, rate_usage};
use synor_economics::quantity::Quantity;

const MONTH_SECS: i64 = 31 * 86_400;
const ONE: Exact = Exact::from_integer(1);

fn config(cases: u32) -> ProptestConfig {
    let seeds = "tests/pricing_properties.proptest-regressions";
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds))),
        ..ProptestConfig::default()
    }
}

/// Resources, each with a unit that a price may be for.
const RESOURCES: [(&str, &str); 6] = [
    ("compute.cpu", "core-hour"),
    ("storage.stored_data", "GB-month"),
    ("network.egress", "3 GB"),
    ("database.queries", "1M queries"),
    ("storage.deal", "deal"),
    ("hosting.custom_domain", "domain-month"),
];

/// An amount with up to six decimals.
fn amount() -> impl Strategy<Value = String> {
    (0u64..5_000_000, 0usize..7, any::<bool>()).prop_map(|(n, decimals, is_usd)| {
        let scale = 10u64.pow(u32::try_from(decimals).unwrap());
        let (whole, rest) = (n / scale, n % scale);
        let number = match decimals {
            0 => whole.to_string(),
            _ => format!("{whole}.{rest:0decimals$}"),
        };
        format!("{number} {}", if is_usd { "USD" } else { "SYNOR" })
    })
}

/// The part of a price that says the model.
fn model(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let tier = (1u32..400, amount(), prop::option::of(amount()));
    let tiers = prop::collection::vec(tier, 1..5);
    let name = prop::sample::select(names);
    (name, amount(), tiers, any::<bool>()).prop_map(|(name, amount, tiers, is_up)| match name {
        "per_unit" => format!("model = \"per_unit\"\namount = \"{amount}\"\n"),
        "package" => {
            let round = if is_up { "up" } else { "down" };
            format!("model = \"package\"\namount = \"{amount}\"\nround = \"{round}\"\n")
        }
        name => {
            let (mut bound, last) = (0, tiers.len() - 1);
            let mut flat_before = 0u32;
            let tiers = tiers.iter().enumerate().map(|(at, (width, amount, flat))| {
                bound += width;
                let up_to = match at {
                    at if at == last => String::new(),
                    _ => format!("up_to = \"{}.{}\", ", bound / 4, bound % 4 * 25),
                };
                match name {
                    // A staircase that goes up.
                    "stairstep" => {
                        flat_before += width;
                        format!("{{ {up_to}flat = \"{flat_before}.5 SYNOR\" }}")
                    }
                    _ => {
                        let flat = flat
                            .as_ref()
                            .map_or_else(String::new, |f| format!(", flat = \"{f}\""));
                        format!("{{ {up_to}amount = \"{amount}\"{flat} }}")
                    }
                }
            });
            let tiers: Vec<_> = tiers.collect();
            format!("model = \"{name}\"\ntiers = [{}]\n", tiers.join(", "))
        }
    })
}

const ALL: &[&str] = &["per_unit", "graduated", "volume", "stairstep", "package"];
/// Without volume, whose cost may fall where a cheaper tier begins: that tier's amount is for all
/// units, those below it included.
const NEVER_FALLING: &[&str] = &["per_unit", "graduated", "stairstep", "package"];
const LINEAR: &[&str] = &["per_unit"];

/// What stands around the model.
fn bounds() -> impl Strategy<Value = String> {
    let pair = (0u32..50, 0u32..5_000);
    (prop::option::of(0u32..60), prop::option::of(pair), 0..3).prop_map(|(free, pair, which)| {
        let free = free.map_or_else(String::new, |n| format!("free = \"{}.5\"\n", n));
        let (least, more) = pair.unwrap_or_default();
        let minimum = format!("minimum = \"{least}.25 SYNOR\"\n");
        let maximum = format!("maximum = \"{} SYNOR\"\n", least + more + 1);
        match (pair, which) {
            (None, _) => free,
            (_, 0) => free + &minimum,
            (_, 1) => free + &maximum,
            _ => free + &minimum + &maximum,
        }
    })
}

/// A whole price list, one price for each resource and for one of them another in the EU.
fn document(
    version: &'static str,
    names: &'static [&'static str],
    bounds: BoxedStrategy<String>,
) -> impl Strategy<Value = String> {
    let prices = prop::collection::vec((model(names), bounds), RESOURCES.len() + 1);
    prices.prop_map(move |prices| {
        let mut text = format!(
            "version = \"{version}\"\neffective_from = \"2020-01-01T00:00:00Z\"\nusd_per_synor = \"0.37\"\n"
        );
        let eu = std::iter::once((&RESOURCES[2], "dimensions = { region = \"eu\" }\n"));
        let places = RESOURCES.iter().map(|r| (r, "")).chain(eu);
        for (((resource, per), dimensions), (model, bounds)) in places.zip(prices) {
            text.push_str(&format!(
                "\n[[price]]\nresource = \"{resource}\"\n{dimensions}per = \"{per}\"\n{model}{bounds}"
            ));
        }
        text
    })
}

fn any_document() -> impl Strategy<Value = String> {
    document("v1", ALL, bounds().boxed())
}

fn plain() -> BoxedStrategy<String> {
    Just(String::new()).boxed()
}

fn parsed(text: &str) -> PriceList {
    PriceList::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// A quantity of a resource that is some hundred price units or fewer, in whole base units.
fn quantity_of(resource: ResourceType, hundredths: u32, odd: u16) -> Quantity {
    let name = resource.to_string();
    let (_, per) = RESOURCES.iter().find(|(r, _)| *r == name).unwrap();
    let per: synor_economics::pricing::PriceUnit = per.parse().unwrap();
    let unit = per.base_units(MONTH_SECS).unwrap().get();
    Quantity::new(unit * i128::from(hundredths) / 100 + i128::from(odd))
}

fn row() -> impl Strategy<Value = UsageRow> {
    let resource = prop::sample::select(RESOURCES.map(|(name, _)| name).to_vec());
    let region = prop::option::of("eu|us");
    let provider = prop::option::of("node-[1-3]");
    let quantity = (0u32..30_000, any::<u16>());
    (resource, region, provider, quantity).prop_map(|(resource, region, provider, (n, odd))| {
        let resource: ResourceType = resource.parse().unwrap();
        let region = region.map(|region| ("region".to_owned(), region));
        let dimensions: Dimensions = region.into_iter().collect();
        UsageRow {
            key: UsageKey::new(resource, &dimensions, provider.map(|p| p.parse().unwrap())),
            quantity: quantity_of(resource, n, odd),
        }
    })
}

fn rows() -> impl Strategy<Value = Vec<UsageRow>> {
    prop::collection::vec(row(), 1..15)
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn period(start: i64, end: i64) -> Period {
    Period::new(Timestamp::from_secs(start), Timestamp::from_secs(end)).unwrap()
}

fn segment<'a>(
    list: &'a PriceList,
    from: i64,
    to: i64,
    plan: Plan,
    rows: &[UsageRow],
) -> Segment<'a> {
    Segment {
        period: period(from, to),
        list,
        plan,
        rows: rows.to_vec(),
    }
}

fn sum(parts: impl IntoIterator<Item = Exact>) -> Exact {
    parts
        .into_iter()
        .fold(Exact::ZERO, |sum, part| sum.checked_add(part).unwrap())
}

fn exact_by_key(lines: &[LineItem]) -> BTreeMap<(ResourceType, Dimensions), Exact> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let sum = sums
            .entry((line.resource, line.dimensions.clone()))
            .or_insert(Exact::ZERO);
        *sum = sum.checked_add(line.exact_micro_synor).unwrap();
    }
    sums
}

/// How a price's cost goes on with usage, from none up.
fn costs(price: &Price, steps: &[Quantity]) -> Vec<Exact> {
    let mut so_far = Quantity::ZERO;
    let at = |quantity| price.cost(quantity, MONTH_SECS, ONE).unwrap().exact;
    let mut costs = vec![at(so_far)];
    for step in steps {
        so_far = so_far.checked_add(*step).unwrap();
        costs.push(at(so_far));
    }
    costs
}

fn steps_of(price: &Price, steps: &[(u32, u16)]) -> Vec<Quantity> {
    steps
        .iter()
        .map(|(n, odd)| quantity_of(price.resource, *n, *odd))
        .collect()
}

fn steps() -> impl Strategy<Value = Vec<(u32, u16)>> {
    prop::collection::vec((0u32..6_000, any::<u16>()), 1..8)
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn splitting_shuffling_merging_and_repeating_change_no_bill(
        text in any_document(),
        rows in rows(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u16>()), 0..12),
        order in any::<u64>(),
    ) {
        let list = parsed(&text);
        let expected = rate_usage(&list, &rows, MONTH_SECS).unwrap();
        let mut split = rows.clone();
        for (at, part) in cuts {
            let at = at.index(split.len());
            let part = Quantity::new(i128::from(part)).min(split[at].quantity);
            let rest = split[at].quantity.checked_sub(part).unwrap();
            split.push(UsageRow { key: split[at].key.clone(), quantity: rest });
            split[at].quantity = part;
        }
        let mut events: Vec<_> = (0u64..).zip(split).collect();
        // A collector sends everything twice; an event counts once, by its identity.
        events.extend(events.clone());
        events.sort_by_key(|(id, _)| id.wrapping_mul(order | 1).rotate_left(17) ^ order);
        let mut seen = std::collections::BTreeSet::new();
        events.retain(|(id, _)| seen.insert(*id));
        let shuffled: Vec<_> = events.into_iter().map(|(_, row)| row).collect();
        prop_assert_eq!(&rate_usage(&list, &shuffled, MONTH_SECS).unwrap(), &expected);
        let mut merged: BTreeMap<UsageKey, Quantity> = BTreeMap::new();
        for row in shuffled {
            let sum = merged.entry(row.key).or_default();
            *sum = sum.checked_add(row.quantity).unwrap();
        }
        let merged: Vec<_> =
            merged.into_iter().map(|(key, quantity)| UsageRow { key, quantity }).collect();
        prop_assert_eq!(&rate_usage(&list, &merged, MONTH_SECS).unwrap(), &expected);
    }

    /// Under one list a month is one month, however often the plan changes: for every model the
    /// lines are those of the whole, and where the model is linear the parts' own bills sum to it.
    #[test]
    fn parts_of_a_month_make_up_the_month(
        text in any_document(),
        linear in document("v1", LINEAR, plain()),
        parts in prop::collection::vec((rows(), prop::sample::select(Plan::ALL.to_vec())), 1..5),
    ) {
        let all: Vec<_> = parts.iter().flat_map(|(rows, _)| rows.clone()).collect();
        let count = i64::try_from(parts.len()).unwrap();
        for text in [&text, &linear] {
            let list = parsed(text);
            let whole = rate_usage(&list, &all, MONTH_SECS).unwrap();
            let segments: Vec<_> = (0..).zip(&parts).map(|(n, (rows, plan))| {
                segment(&list, MONTH_SECS * n / count, MONTH_SECS * (n + 1) / count, *plan, rows)
            }).collect();
            let rated = rate_segments(&acme(), &segments, MONTH_SECS).unwrap();
            prop_assert_eq!(&rated.lines, &whole);
        }
        let list = parsed(&linear);
        let whole = rate_usage(&list, &all, MONTH_SECS).unwrap();
        let each: Vec<_> = parts
            .iter()
            .flat_map(|(rows, _)| rate_usage(&list, rows, MONTH_SECS).unwrap())
            .collect();
        prop_assert_eq!(exact_by_key(&each), exact_by_key(&whole));
    }

    /// What each plan takes is what its segments add, each once: on one plan all month it is the
    /// plan's part of every line, to the last digit.
    #[test]
    fn a_plan_of_all_month_takes_its_part_of_every_line(
        text in any_document(),
        parts in prop::collection::vec(rows(), 1..5),
        plan in prop::sample::select(Plan::ALL.to_vec()),
    ) {
        let list = parsed(&text);
        let count = i64::try_from(parts.len()).unwrap();
        let segments: Vec<_> = (0..).zip(&parts).map(|(n, rows)| {
            segment(&list, MONTH_SECS * n / count, MONTH_SECS * (n + 1) / count, plan, rows)
        }).collect();
        let rated = rate_segments(&acme(), &segments, MONTH_SECS).unwrap();
        let percent = plan.discount_percent().checked_div(Exact::from_integer(100)).unwrap();
        let expected: Vec<_> = rated.lines.iter()
            .map(|line| line.exact_micro_synor.checked_mul(percent).unwrap())
            .collect();
        match rated.plan_parts.get(&plan) {
            Some(parts) => prop_assert_eq!(parts, &expected),
            None => prop_assert_eq!(plan, Plan::Free),
        }
    }

    #[test]
    fn rating_as_usage_comes_ends_in_the_cost_of_all_of_it(text in any_document(), steps in steps()) {
        for price in parsed(&text).prices() {
            let steps = steps_of(price, &steps);
            let costs = costs(price, &steps);
            let added = costs.windows(2).map(|pair| pair[1].checked_sub(pair[0]).unwrap());
            let total = costs[0].checked_add(sum(added)).unwrap();
            let all = steps.iter().fold(Quantity::ZERO, |s, n| s.checked_add(*n).unwrap());
            prop_assert_eq!(total, price.cost(all, MONTH_SECS, ONE).unwrap().exact);
        }
    }

    #[test]
    fn more_usage_never_costs_less(
        text in document("v1", NEVER_FALLING, bounds().boxed()),
        steps in steps(),
    ) {
        for price in parsed(&text).prices() {
            let costs = costs(price, &steps_of(price, &steps));
            prop_assert!(costs.is_sorted(), "{:?}: {costs:?}", price);
            prop_assert!(!costs[0].is_negative());
        }
    }

    #[test]
    fn the_working_sums_to_the_cost_within_its_bounds(text in any_document(), rows in rows()) {
        let list = parsed(&text);
        for line in rate_usage(&list, &rows, MONTH_SECS).unwrap() {
            prop_assert_eq!(sum(line.steps.iter().map(|step| step.cost)), line.exact_micro_synor);
            for step in &line.steps {
                prop_assert_eq!(step.units.checked_mul(step.amount).unwrap(), step.cost);
            }
            prop_assert_eq!(settle(line.exact_micro_synor).unwrap(), line.amount_micro_synor);
            let price = list.price_of(line.resource, &line.dimensions).unwrap();
            if let Some(least) = price.charge.minimum {
                prop_assert!(line.exact_micro_synor >= least);
            }
            if let Some(most) = price.charge.maximum {
                prop_assert!(line.exact_micro_synor <= most);
            }
        }
    }

    /// The parts in which two lists hold make up the month; a linear price costs what its part of
    /// the usage costs by itself, and a bound or fee counts for its part of the month.
    #[test]
    fn a_price_change_splits_the_month(
        before in document("v1", LINEAR, plain()),
        after in document("v2", ALL, bounds().boxed()),
        rows in (rows(), rows()),
        cut in 1..MONTH_SECS,
    ) {
        let (before, after) = (parsed(&before), parsed(&after));
        let segments = [
            segment(&before, 0, cut, Plan::Premium, &rows.0),
            segment(&after, cut, MONTH_SECS, Plan::Premium, &rows.1),
        ];
        let shares = segments.iter().map(|s| Exact::new(s.period.secs().into(), MONTH_SECS.into()).unwrap());
        let shares: Vec<_> = shares.collect();
        prop_assert_eq!(sum(shares.iter().copied()), ONE);
        let rated = rate_segments(&acme(), &segments, MONTH_SECS).unwrap();
        let (old, new): (Vec<_>, Vec<_>) =
            rated.lines.into_iter().partition(|line| line.price_list_version == "v1");
        prop_assert_eq!(old, rate_usage(&before, &rows.0, MONTH_SECS).unwrap());
        for line in new {
            let price = after.price_of(line.resource, &line.dimensions).unwrap();
            let cost = price.cost(line.quantity, MONTH_SECS, shares[1]).unwrap();
            prop_assert_eq!(&line.exact_micro_synor, &cost.exact);
            let is_linear = matches!(price.charge.model, Model::PerUnit { .. })
                && price.charge.free.is_zero()
                && price.charge.minimum.is_none()
                && price.charge.maximum.is_none();
            if is_linear {
                prop_assert_eq!(cost, price.cost(line.quantity, MONTH_SECS, ONE).unwrap());
            }
        }
    }

    /// At the ends of the integer range an answer is exact or an error; nothing panics or wraps.
    #[test]
    fn nothing_wraps_at_the_ends_of_the_range(
        text in any_document(),
        quantities in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![
                Just(i128::MAX), Just(i128::MIN), Just(i128::MIN + 1), any::<i128>(),
                Just(i128::from(i64::MAX)), Just(i128::from(i64::MIN)),
                any::<i64>().prop_map(i128::from),
            ]),
            1..5,
        ),
        cut in 1..MONTH_SECS,
    ) {
        let list = parsed(&text);
        let rows: Vec<_> = quantities.into_iter().map(|(at, n)| {
            let resource = RESOURCES[at.index(RESOURCES.len())].0.parse().unwrap();
            UsageRow { key: UsageKey::new(resource, &Dimensions::new(), None), quantity: Quantity::new(n) }
        }).collect();
        if let Ok(lines) = rate_usage(&list, &rows, MONTH_SECS) {
            for line in lines {
                let net = line.net().unwrap();
                prop_assert_eq!(net.is_negative(), settle(line.exact_micro_synor).unwrap().is_negative());
                prop_assert_eq!(settle(line.exact_micro_synor).unwrap(), net);
            }
        }
        let segments = [
            segment(&list, 0, cut, Plan::Premium, &rows),
            segment(&list, cut, MONTH_SECS, Plan::Enterprise, &rows),
        ];
        let _ = rate_segments(&acme(), &segments, MONTH_SECS);
    }
}

/// Why volume is not among the models whose cost never falls: at the bound, all units get the next
/// tier's price.
#[test]
fn a_volume_price_may_fall_where_a_cheaper_tier_begins() {
    let list = parsed(
        "version = \"v\"\neffective_from = \"2020-01-01T00:00:00Z\"\n[[price]]\n\
         resource = \"storage.deal\"\nper = \"deal\"\nmodel = \"volume\"\n\
         tiers = [{ up_to = 10, amount = \"2 SYNOR\" }, { amount = \"1 SYNOR\" }]",
    );
    let cost = |n| {
        list.prices()[0]
            .cost(Quantity::new(n), MONTH_SECS, ONE)
            .unwrap()
            .exact
    };
    assert_eq!(cost(10), Exact::from_integer(20_000_000));
    assert_eq!(cost(11), Exact::from_integer(11_000_000));
}
