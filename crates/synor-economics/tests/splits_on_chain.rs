//! The fee splitter on chain divides what is collected by the book's rule. Both are held to the same
//! cases, computed outside of either; the contract's test is `contracts/test/splitter/`.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use serde::Deserialize;
use synor_economics::money::{Exact, MicroSynor, split};

const CASES: &str = include_str!("../../../contracts/test/data/splits.json");

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    amount: String,
    shares: Vec<i128>,
    parts: Vec<String>,
}

#[test]
fn the_book_splits_as_the_chain_does() {
    let Cases { cases } = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 119);
    for Case {
        amount,
        shares,
        parts,
    } in cases
    {
        let weights: Vec<_> = shares.iter().copied().map(Exact::from_integer).collect();
        let expected: Vec<_> = parts
            .iter()
            .map(|part| MicroSynor::new(part.parse().unwrap()))
            .collect();
        let whole = MicroSynor::new(amount.parse().unwrap());
        assert_eq!(
            split(whole, &weights).unwrap(),
            expected,
            "{amount} by {shares:?}"
        );
    }
}
