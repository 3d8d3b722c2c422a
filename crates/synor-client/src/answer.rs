//! What the server says to a batch.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

/// An event that the server did not count, and will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Which one of those recorded by this client, from 1; none for one from the spool of an
    /// earlier one.
    pub sequence: Option<u64>,
    /// The event as it was sent: a CloudEvent in JSON.
    pub event: String,
    /// The field at fault.
    pub field: String,
    /// The value it had.
    pub value: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.field, self.value, self.reason)
    }
}

/// What is to be done about a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Every event of it is decided; these were refused.
    Decided(Vec<Refusal>),
    /// These are refused for good; the others have to be sent again without them.
    Without(Vec<Refusal>),
    /// It is too much at once.
    TooLarge,
    /// Nothing is known; the same again, not before this time.
    Again(Option<Duration>),
    /// The server does not want it as it is; an operator has to see to that.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says.
        detail: String,
    },
}

/// One event that was refused.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Refusal {
    /// Its place in the batch, from 0.
    pub(crate) index: usize,
    #[serde(default)]
    pub(crate) field: String,
    #[serde(default)]
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) reason: String,
}

#[derive(Deserialize)]
struct Accepted {
    #[serde(default)]
    results: Vec<EventResult>,
}

#[derive(Deserialize)]
struct EventResult {
    status: String,
    #[serde(flatten)]
    refusal: Refusal,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<Refusal>,
}

/// Reads an answer to a batch of so many events.
pub(crate) fn read(
    status: StatusCode,
    retry_after: Option<&str>,
    body: &[u8],
    events: usize,
) -> Answer {
    if status.is_success() {
        // An answer that says nothing of single events has taken them all.
        let results = serde_json::from_slice::<Accepted>(body).map(|a| a.results);
        let rejected = results.unwrap_or_default().into_iter();
        let rejected = rejected.filter(|result| result.status == "rejected");
        return Answer::Decided(rejected.map(|result| result.refusal).collect());
    }
    let wait = retry_after
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    let may_pass = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if status.is_server_error() || may_pass.contains(&status) {
        return Answer::Again(wait);
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE && events > 1 {
        return Answer::TooLarge;
    }
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let (detail, errors) = problem.map_or_else(Default::default, |p| (p.detail, p.errors));
    let named = !errors.is_empty() && errors.iter().all(|error| error.index < events);
    if status == StatusCode::UNPROCESSABLE_ENTITY && named {
        return Answer::Without(errors);
    }
    let status = status.as_u16();
    Answer::Refused { status, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, events: usize) -> Answer {
        read(
            StatusCode::from_u16(status).unwrap(),
            Some("7"),
            body.as_bytes(),
            events,
        )
    }

    fn zero(index: usize) -> Refusal {
        Refusal {
            index,
            field: "quantity".to_owned(),
            value: "0".to_owned(),
            reason: "is zero".to_owned(),
        }
    }

    #[test]
    fn answers_are_read_in_all_forms() {
        let results = r#"{"accepted":1,"duplicate":1,"rejected":1,"results":[
            {"index":0,"status":"accepted"},{"index":1,"status":"duplicate"},
            {"index":2,"status":"rejected","field":"quantity","value":"0","reason":"is zero"}]}"#;
        assert_eq!(check(200, results, 3), Answer::Decided(vec![zero(2)]));
        assert_eq!(check(200, r#"{"accepted":3}"#, 3), Answer::Decided(vec![]));
        let problem = r#"{"type":"…","title":"…","status":422,"detail":"event 0: …","errors":[
            {"index":0,"field":"quantity","value":"0","reason":"is zero"}]}"#;
        assert_eq!(check(422, problem, 3), Answer::Without(vec![zero(0)]));
        let wait = Some(Duration::from_secs(7));
        for status in [429, 503, 500, 408] {
            assert_eq!(check(status, "", 3), Answer::Again(wait));
        }
        assert_eq!(check(413, "", 3), Answer::TooLarge);
        for (status, events) in [(413, 1), (401, 3), (422, 3)] {
            let refused = check(status, r#"{"detail":"no"}"#, events);
            let detail = "no".to_owned();
            assert_eq!(refused, Answer::Refused { status, detail });
        }
    }
}
