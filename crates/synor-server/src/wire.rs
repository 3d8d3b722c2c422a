//! What is read and written besides the domain's own shapes.

use serde::Serialize;
use synor_economics::money::MicroSynor;
use synor_store::Cursor;

use crate::problem::Problem;

/// An amount as a client may write it, which must be above zero: `{"amount": "100 SYNOR"}` or
/// `{"amount_micro_synor": 100000000}`.
pub fn positive_amount(
    amount: Option<&str>,
    amount_micro_synor: Option<MicroSynor>,
) -> Result<MicroSynor, Problem> {
    let amount = match (amount, amount_micro_synor) {
        (Some(text), None) => MicroSynor::parse_positive(text)
            .map_err(|error| Problem::invalid(format!("amount: {error}")))?,
        (None, Some(amount)) => amount,
        _ => {
            let detail = "give either amount (`100 SYNOR`) or amount_micro_synor";
            return Err(Problem::invalid(detail));
        }
    };
    if amount.is_positive() {
        return Ok(amount);
    }
    let detail = format!("amount_micro_synor: `{}` is not above zero", amount.micro());
    Err(Problem::invalid(detail))
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct ListPage<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// What to pass as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A cursor as it is written.
pub fn write_cursor(cursor: &Cursor) -> String {
    format!("{}.{}", cursor.sort_key, cursor.id)
}

/// Reads a cursor.
pub fn read_cursor(text: &str) -> Result<Cursor, Problem> {
    let parsed = text.split_once('.').and_then(|(sort_key, id)| {
        Some(Cursor {
            sort_key: sort_key.parse().ok()?,
            id: id.to_owned(),
        })
    });
    parsed.ok_or_else(|| Problem::invalid(format!("`{text}` is not a cursor of this list")))
}
