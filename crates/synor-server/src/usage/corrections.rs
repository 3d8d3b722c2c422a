//! `POST /usage/corrections`: events are withdrawn and replaced, all of it or nothing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use synor_economics::id::AccountId;
use synor_economics::metering::EventId;
use synor_engine::{Corrected, Correction};
use synor_usage::import::{EventReader, ReadEvent};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::AppState;

/// What was wrong and what is right.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectionRequest {
    /// The account that all of it is about, so that the withdrawals need not repeat it.
    #[serde(default)]
    account_id: Option<AccountId>,
    #[serde(default)]
    withdraw: Vec<WithdrawnEvent>,
    #[serde(default)]
    events: Vec<Box<RawValue>>,
}

/// The identity of an event to withdraw.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawnEvent {
    #[serde(default)]
    account: Option<AccountId>,
    source: String,
    id: String,
}

/// Withdraws and counts in one commit.
pub async fn correct(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<CorrectionRequest>,
) -> Result<Json<Corrected>, Problem> {
    let reader = EventReader::new(state.engine.now());
    let only = request.account_id.as_ref();
    let withdraw = request
        .withdraw
        .into_iter()
        .map(|event| withdrawn(event, only));
    let correction = Correction {
        withdraw: withdraw.collect::<Result<_, _>>()?,
        events: events(reader, &request.events, only)?,
    };
    Ok(Json(state.engine.correct_usage(correction).await?))
}

fn withdrawn(event: WithdrawnEvent, only: Option<&AccountId>) -> Result<EventId, Problem> {
    let account = match (event.account, only) {
        (Some(own), Some(only)) if own != *only => return Err(another(own.as_str(), only)),
        (Some(own), _) => own,
        (None, Some(only)) => only.clone(),
        (None, None) => {
            let detail = "name the account: in account_id, or in each event to withdraw";
            return Err(Problem::invalid(detail));
        }
    };
    let (source, id) = (event.source, event.id);
    Ok(EventId {
        account,
        source,
        id,
    })
}

fn events(
    reader: EventReader<'_>,
    values: &[Box<RawValue>],
    only: Option<&AccountId>,
) -> Result<Vec<ReadEvent>, Problem> {
    let mut events = Vec::with_capacity(values.len());
    for value in values {
        let event = reader.cloudevent(value.get().as_bytes());
        if let (Some(only), Ok(event)) = (only, &event)
            && event.identity.account != *only
        {
            return Err(another(event.identity.account.as_str(), only));
        }
        events.push(event);
    }
    Ok(events)
}

fn another(account: &str, only: &AccountId) -> Problem {
    let detail =
        format!("account: the correction is about `{only}`, and one event about `{account}`");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail)
}
