//! The jobs of all nodes over this book.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use synor_engine::JobLease;

use crate::auth::Admin;
use crate::problem::Problem;
use crate::state::AppState;

/// Who runs which job.
#[derive(Serialize)]
pub struct Jobs {
    items: Vec<JobLease>,
}

/// `GET /admin/jobs`
pub async fn list(State(state): State<AppState>, _: Admin) -> Result<Json<Jobs>, Problem> {
    Ok(Json(Jobs {
        items: state.engine.job_leases().await?,
    }))
}
