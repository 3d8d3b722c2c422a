//! Real bills: list unit price × pricing quantity, rated by the engine, is the list cost that four
//! cloud providers printed, wherever their own numbers agree with each other. What does not agree
//! is counted by the reason, and nothing is left without one.
//!
//! Agreeing: the difference is at most 0.0001 % of the list cost, or nothing once both are rounded
//! to the ten decimals that the bill keeps (an eleventh is printed and is always 0).
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use expect_test::expect;
use synor_economics::money::Exact;
use synor_economics::pricing::Charge;

const BILL: &str = "focus_2024-09_real_bill.csv";
const COLUMNS: [&str; 6] = [
    "ListUnitPrice",
    "PricingQuantity",
    "ConsumedQuantity",
    "ListCost",
    "ChargeCategory",
    "ProviderName",
];

fn real_bill() -> Option<String> {
    let folder = match std::env::var_os("SYNOR_SHARED") {
        Some(folder) => PathBuf::from(folder).join("data"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let path = folder.join(BILL);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(text);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// The records of a CSV text, quotes and line breaks in fields included.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    records
}

struct Charged<'a> {
    provider: &'a str,
    category: &'a str,
    price: Option<Exact>,
    quantity: Option<Exact>,
    consumed: Option<Exact>,
    cost: Option<Exact>,
}

/// The exact cost by our rating.
fn rated(price: Exact, quantity: Exact) -> Exact {
    let cost = Charge::per_unit(price).cost(quantity, Exact::from_integer(1));
    cost.unwrap().exact
}

fn size(number: Exact) -> Exact {
    number.max(Exact::ZERO.checked_sub(number).unwrap())
}

fn agree(ours: Exact, theirs: Exact) -> bool {
    let gap = size(ours.checked_sub(theirs).unwrap());
    let millionth = Exact::new(1, 1_000_000).unwrap();
    gap <= size(theirs).checked_mul(millionth).unwrap()
        || ours.rounded(10).unwrap() == theirs.rounded(10).unwrap()
}

/// Why a line's own numbers do not agree, or `agrees`.
fn class(line: &Charged<'_>) -> &'static str {
    let (Some(price), Some(quantity), Some(cost)) = (line.price, line.quantity, line.cost) else {
        return "no unit price or quantity is given";
    };
    let ours = rated(price, quantity);
    if agree(ours, cost) {
        return "agrees";
    }
    if line.category != "Usage" {
        return "not usage: tax, credit or adjustment";
    }
    // The quantity may be off by half of its tenth decimal, the cost by half of its own.
    let half = Exact::new(1, 20_000_000_000).unwrap();
    let may = size(price).checked_mul(half).unwrap();
    let may = may.checked_add(half).unwrap();
    if size(ours.checked_sub(cost).unwrap()) <= may {
        return "the quantity was rounded to ten decimals before it was printed";
    }
    if line.consumed.is_some_and(|n| agree(rated(price, n), cost)) {
        return "the quantity is in other units than the price: that consumed × price is the cost";
    }
    if quantity.is_zero() || cost.is_zero() {
        return "zero quantity or cost: free allowance or correction";
    }
    "unexplained"
}

#[test]
fn list_costs_of_a_real_bill_come_out() {
    let Some(text) = real_bill() else { return };
    let records = records(&text);
    let header = &records[0];
    let places = COLUMNS.map(|name| header.iter().position(|column| column == name).unwrap());
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (number, record) in (2..).zip(&records[1..]) {
        let text = places.map(|at| record[at].as_str());
        let number_in = |at: usize| Exact::parse_decimal(text[at]).ok();
        let line = Charged {
            price: number_in(0),
            quantity: number_in(1),
            consumed: number_in(2),
            cost: number_in(3),
            category: text[4],
            provider: text[5],
        };
        let class = class(&line);
        if class != "agrees" {
            let [price, quantity, _, cost, ..] = text;
            let provider = line.provider;
            println!("record {number}, {provider}: {price} × {quantity} is not {cost}: {class}");
        }
        *counts.entry((class, line.provider)).or_default() += 1;
    }
    let shown: Vec<_> = counts
        .iter()
        .map(|((class, provider), count)| format!("{count} {provider}: {class}\n"))
        .collect();
    println!("{}", shown.concat());
    assert_eq!(counts.values().sum::<u32>(), 750);
    expect![[r#"
        702 AWS: agrees
        15 Microsoft: agrees
        6 Oracle: agrees
        1 AWS: no unit price or quantity is given
        23 Microsoft: the quantity is in other units than the price: that consumed × price is the cost
        3 AWS: the quantity was rounded to ten decimals before it was printed
    "#]].assert_eq(&shown.concat());
}
