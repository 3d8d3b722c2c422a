//! Incidents: reporting one, and what it has come to.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synor_economics::id::AccountId;
use synor_economics::metering::ServiceType;
use synor_economics::money::Exact;
use synor_economics::period::{Period, Timestamp};
use synor_economics::sla::{Incident, SlaOutcome};
use synor_engine::{EngineError, IncidentState, NewIncident};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::{Body, Part};
use crate::state::AppState;

/// An incident as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentRequest {
    incident_id: String,
    service: ServiceType,
    start: Timestamp,
    end: Timestamp,
    /// How long the service was not there; all of it if neither this nor the next is given.
    #[serde(default)]
    downtime_secs: Option<i64>,
    /// Measured over the incident, in per cent.
    #[serde(default)]
    availability_percent: Option<String>,
    #[serde(default)]
    accounts: Vec<AccountId>,
    #[serde(default)]
    note: String,
}

/// What an incident gave an account, and how that came to be.
#[derive(Serialize)]
pub struct ShownOutcome {
    #[serde(flatten)]
    outcome: SlaOutcome,
    explanation: String,
}

/// An incident and what it has come to.
#[derive(Serialize)]
pub struct ShownIncident {
    #[serde(flatten)]
    incident: Incident,
    outcomes: Vec<ShownOutcome>,
}

impl From<IncidentState> for ShownIncident {
    fn from(state: IncidentState) -> Self {
        let shown = |outcome: SlaOutcome| ShownOutcome {
            explanation: outcome.describe(),
            outcome,
        };
        Self {
            incident: state.incident,
            outcomes: state.outcomes.into_iter().map(shown).collect(),
        }
    }
}

/// `POST /admin/incidents`
pub async fn report(
    State(state): State<AppState>,
    _: Admin,
    Body(request): Body<IncidentRequest>,
) -> Result<(StatusCode, Json<ShownIncident>), Problem> {
    let period = Period::new(request.start, request.end).map_err(EngineError::Period)?;
    let downtime_secs = match (request.downtime_secs, &request.availability_percent) {
        (Some(secs), None) => secs,
        (None, None) => period.secs(),
        (None, Some(text)) => {
            let percent = Exact::parse_decimal(text)
                .map_err(|error| Problem::invalid(format!("availability_percent: {error}")))?;
            Incident::downtime_of(percent, period).map_err(EngineError::Sla)?
        }
        (Some(_), Some(_)) => {
            let detail = "give either downtime_secs or availability_percent";
            return Err(Problem::invalid(detail));
        }
    };
    let new = NewIncident {
        incident_id: request.incident_id,
        service: request.service,
        period,
        downtime_secs,
        accounts: request.accounts,
        note: request.note,
    };
    let reported = state.engine.report_incident(new).await?;
    Ok((StatusCode::CREATED, Json(reported.into())))
}

/// All incidents.
#[derive(Serialize)]
pub struct Incidents {
    items: Vec<Incident>,
}

/// `GET /admin/incidents`: newest first.
pub async fn list(State(state): State<AppState>, _: Admin) -> Result<Json<Incidents>, Problem> {
    Ok(Json(Incidents {
        items: state.engine.incidents().await?,
    }))
}

/// `GET /admin/incidents/{id}`
pub async fn show(
    State(state): State<AppState>,
    _: Admin,
    Part(id): Part<String>,
) -> Result<Json<ShownIncident>, Problem> {
    Ok(Json(state.engine.incident(&id).await?.into()))
}
