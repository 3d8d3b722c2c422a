//! Prices that others published come out to the last digit, through the price list that a user
//! writes. Each case in `data/published_prices.json` names its source; amounts are whole currency
//! units, read here as SYNOR.

#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use synor_economics::metering::{Dimensions, ResourceType};
use synor_economics::money::{Exact, MicroSynor, settle};
use synor_economics::pricing::PriceList;

#[derive(Deserialize)]
struct Published {
    tiers: Vec<Tiered>,
    packages: Vec<Packaged>,
}

#[derive(Deserialize)]
struct Tiered {
    source: String,
    model: String,
    tiers: Vec<PublishedTier>,
    quantity: String,
    expected: String,
}

#[derive(Deserialize)]
struct PublishedTier {
    up_to: Option<u64>,
    unit: String,
    flat: String,
}

#[derive(Deserialize)]
struct Packaged {
    source: String,
    package_size: String,
    package_price: String,
    free_units: String,
    quantity: String,
    expected: String,
}

fn published() -> Published {
    serde_json::from_str(include_str!("data/published_prices.json")).unwrap()
}

/// What a price list with this one price charges for a number of core-hours.
fn charged(price: &str, core_hours: &str) -> MicroSynor {
    let document = format!(
        "version = \"published\"\neffective_from = \"2026-01-01T00:00:00Z\"\n\
         [[price]]\nresource = \"compute.cpu\"\n{price}"
    );
    let list = PriceList::parse(&document).unwrap_or_else(|e| panic!("{e}\n{document}"));
    let price = list
        .price_of(ResourceType::ComputeCpu, &Dimensions::new())
        .unwrap();
    let ms = Exact::parse_decimal(core_hours)
        .unwrap()
        .checked_mul(Exact::from_integer(3_600_000))
        .unwrap();
    let quantity = synor_economics::quantity::Quantity::measured(ms).unwrap();
    let whole_month = Exact::from_integer(1);
    settle(price.cost(quantity, 2_678_400, whole_month).unwrap().exact).unwrap()
}

fn synor(text: &str) -> MicroSynor {
    MicroSynor::parse_bare(text).unwrap()
}

#[test]
fn tiers() {
    for case in published().tiers {
        let tiers: Vec<_> = case
            .tiers
            .iter()
            .map(|tier| {
                let bound = tier
                    .up_to
                    .map_or_else(String::new, |n| format!("up_to = {n}, "));
                format!(
                    "{{ {bound}amount = \"{} SYNOR\", flat = \"{} SYNOR\" }}",
                    tier.unit, tier.flat
                )
            })
            .collect();
        let price = format!(
            "model = \"{}\"\nper = \"core-hour\"\ntiers = [{}]",
            case.model,
            tiers.join(", ")
        );
        let what = format!("{}: {} of {}", case.source, case.model, case.quantity);
        assert_eq!(
            charged(&price, &case.quantity),
            synor(&case.expected),
            "{what}"
        );
    }
}

#[test]
fn packages() {
    for case in published().packages {
        let price = format!(
            "model = \"package\"\nper = \"{} core-hours\"\namount = \"{} SYNOR\"\n\
             free = \"{} core-hours\"",
            case.package_size, case.package_price, case.free_units
        );
        let what = format!(
            "{}: {} in packages of {}",
            case.source, case.quantity, case.package_size
        );
        assert_eq!(
            charged(&price, &case.quantity),
            synor(&case.expected),
            "{what}"
        );
    }
}
