//! Price lists: what is in force, and what another one would change before it is put in force.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use synor_economics::pricing::{Price, PriceList};
use synor_engine::EngineError;

use crate::problem::Problem;
use crate::session::SignedForm;
use crate::state::AppState;
use crate::web::page::{Failure, Frame, page};
use crate::web::viewer::{Staff, Viewer};

struct ListRow {
    version: String,
    from: String,
    prices: usize,
    is_in_force: bool,
}

/// A price in two lists.
struct Change {
    what: String,
    before: String,
    after: String,
}

struct Proposal {
    version: String,
    from: String,
    against: String,
    changes: Vec<Change>,
    same: usize,
}

#[derive(Template)]
#[template(path = "admin/prices.html")]
struct Prices {
    frame: Frame,
    lists: Vec<ListRow>,
    text: String,
    proposal: Option<Proposal>,
    wrong: Option<String>,
    done: Option<String>,
    may_change: bool,
}

/// `GET /admin/prices`
pub async fn show(
    State(state): State<AppState>,
    Staff(viewer): Staff,
) -> Result<Response, Failure> {
    let text = current(&state).map(|list| list.text().to_owned());
    shown(
        &state,
        &viewer,
        text.unwrap_or_default(),
        Outcome::default(),
    )
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub struct ChangeForm {
    toml: String,
    /// `look` shows what would change, `activate` changes it.
    step: String,
}

/// `POST /admin/prices`
pub async fn change(
    State(state): State<AppState>,
    form: SignedForm<ChangeForm>,
) -> Result<Response, Failure> {
    let viewer = Viewer::staff(form.signed_in)?;
    viewer.require_operate()?;
    // Browsers send a text's lines with the ends of their own.
    let text = form.fields.toml.replace("\r\n", "\n");
    let list = match PriceList::parse(&text) {
        Ok(list) => list,
        Err(error) => {
            let wrong = Outcome {
                wrong: Some(format!("The list cannot be read: {error}.")),
                ..Outcome::default()
            };
            return shown(&state, &viewer, text, wrong);
        }
    };
    if form.fields.step != "activate" {
        let looked = Outcome {
            proposal: Some(proposal(current(&state).as_ref(), &list)),
            ..Outcome::default()
        };
        return shown(&state, &viewer, text, looked);
    }
    let done = format!(
        "Version {} is in force from {} on.",
        list.version, list.effective_from
    );
    let outcome = match state.engine.put_price_list_in_force(list).await {
        Ok(()) => Outcome {
            done: Some(done),
            ..Outcome::default()
        },
        Err(error) => refused(error)?,
    };
    shown(&state, &viewer, text, outcome)
}

fn refused(error: EngineError) -> Result<Outcome, Failure> {
    let problem = Problem::from(error);
    if problem.status >= 500 {
        return Err(problem.into());
    }
    Ok(Outcome {
        wrong: Some(format!("Nothing was changed: {}.", problem.detail)),
        ..Outcome::default()
    })
}

/// What came of a form.
#[derive(Default)]
struct Outcome {
    proposal: Option<Proposal>,
    wrong: Option<String>,
    done: Option<String>,
}

fn shown(
    state: &AppState,
    viewer: &Viewer,
    text: String,
    outcome: Outcome,
) -> Result<Response, Failure> {
    let now = state.engine.now();
    let lists = state.engine.price_lists();
    let in_force = lists.iter().rposition(|list| list.effective_from <= now);
    let rows = lists.iter().enumerate().map(|(at, list)| ListRow {
        version: list.version.clone(),
        from: list.effective_from.to_string(),
        prices: list.prices().len(),
        is_in_force: Some(at) == in_force,
    });
    page(&Prices {
        frame: Frame::new("Prices", "/admin/prices", Some(viewer)),
        lists: rows.rev().collect(),
        text,
        proposal: outcome.proposal,
        wrong: outcome.wrong,
        done: outcome.done,
        may_change: viewer.require_operate().is_ok(),
    })
}

/// The list in force now.
fn current(state: &AppState) -> Option<PriceList> {
    let now = state.engine.now();
    let lists = state.engine.price_lists();
    let found = lists.iter().rev().find(|list| list.effective_from <= now);
    found.cloned()
}

fn proposal(old: Option<&PriceList>, new: &PriceList) -> Proposal {
    let (changes, same) = changes(old.map_or(&[], |list| list.prices()), new.prices());
    Proposal {
        version: new.version.clone(),
        from: new.effective_from.to_string(),
        against: old.map(|list| list.version.clone()).unwrap_or_default(),
        changes,
        same,
    }
}

/// What each price is for, and what it says.
fn told(prices: &[Price]) -> BTreeMap<String, String> {
    let tell = |price: &Price| {
        let mut what = price.resource.to_string();
        for (name, value) in &price.dimensions {
            what.push_str(&format!(", {name} {value}"));
        }
        if let Some(account) = &price.account {
            what.push_str(&format!(", only {account}"));
        }
        let charge = serde_json::to_value(&price.charge).unwrap_or_default();
        let amount = price.charge.unit_price().map(|amount| {
            let micro = synor_economics::money::Exact::from_integer(1_000_000);
            let synor = amount.checked_div(micro).unwrap_or(amount);
            format!("{} SYNOR", synor.to_decimal(12))
        });
        let amount = amount.unwrap_or_else(|| charge.to_string());
        (what, format!("{amount} per {}", price.per))
    };
    prices.iter().map(tell).collect()
}

/// The prices that differ, and how many are the same.
fn changes(old: &[Price], new: &[Price]) -> (Vec<Change>, usize) {
    let (old, mut new) = (told(old), told(new));
    let mut changes = Vec::new();
    let mut same = 0_usize;
    for (what, before) in old {
        match new.remove(&what) {
            Some(after) if after == before => same = same.saturating_add(1),
            after => changes.push(Change {
                what,
                before,
                after: after.unwrap_or_else(|| "not priced any more".to_owned()),
            }),
        }
    }
    for (what, after) in new {
        changes.push(Change {
            what,
            before: "not priced".to_owned(),
            after,
        });
    }
    (changes, same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_change() {
        let old = PriceList::built_in().expect("the built-in prices");
        let text = old.text().replacen("0.02 SYNOR", "0.03 SYNOR", 1);
        assert_ne!(text, old.text(), "the built-in list has a price of 0.02");
        let new = PriceList::parse(&text).expect("a price list");
        let (changes, same) = changes(old.prices(), new.prices());
        assert_eq!(changes.len(), 1);
        assert_eq!(same + 1, old.prices().len());
        assert!(changes[0].before.contains("0.02") && changes[0].after.contains("0.03"));
    }
}
