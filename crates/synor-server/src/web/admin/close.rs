//! Closing a month, with its progress.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use synor_economics::period::{DAY_SECS, Month, Zone};
use synor_engine::{ClosedPeriod, EngineError};

use crate::problem::Problem;
use crate::session::SignedForm;
use crate::state::AppState;
use crate::web::format::{Money, count, decimal};
use crate::web::page::{Failure, Frame, page};
use crate::web::viewer::{Staff, Viewer};

/// The bill run of this process, the running one or the last.
#[derive(Debug, Default)]
pub struct BillRuns(Mutex<Option<Arc<BillRun>>>);

/// A month that is or was closed from here.
#[derive(Debug)]
struct BillRun {
    month: Month,
    done: AtomicUsize,
    total: AtomicUsize,
    end: Mutex<Option<Result<ClosedPeriod, String>>>,
}

impl BillRun {
    fn end(&self) -> Option<Result<ClosedPeriod, String>> {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        end.clone()
    }
}

impl BillRuns {
    fn last(&self) -> Option<Arc<BillRun>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Begins one, unless one is under way.
    fn begin(&self, month: Month) -> Option<Arc<BillRun>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|run| run.end().is_none()) {
            return None;
        }
        let run = Arc::new(BillRun {
            month,
            done: AtomicUsize::default(),
            total: AtomicUsize::default(),
            end: Mutex::default(),
        });
        *last = Some(Arc::clone(&run));
        Some(run)
    }
}

/// How far a run is, for people.
struct Progress {
    month: String,
    done: String,
    total: String,
    value: usize,
    max: usize,
    is_running: bool,
    failure: Option<String>,
    closed: Option<Closed>,
}

struct Closed {
    invoices: String,
    already: String,
    without_usage: String,
    due: Money,
    failed: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "admin/close.html")]
struct Close {
    frame: Frame,
    month: String,
    run: Option<Progress>,
}

/// `GET /admin/close`
pub async fn show(
    State(state): State<AppState>,
    Staff(viewer): Staff,
    Extension(runs): Extension<Arc<BillRuns>>,
) -> Result<Response, Failure> {
    viewer.require_books()?;
    let zone = Zone::utc();
    let running = Month::containing(state.engine.now(), &zone).map_err(EngineError::from)?;
    let start = running.period(&zone).map_err(EngineError::from)?.start();
    let ended = Month::containing(start.plus_secs(-DAY_SECS), &zone).map_err(EngineError::from)?;
    page(&Close {
        frame: Frame::new("Close a month", "/admin/close", Some(&viewer)),
        month: ended.to_string(),
        run: runs.last().map(|run| progress(&run)),
    })
}

fn progress(run: &BillRun) -> Progress {
    let (done, total) = (
        run.done.load(Ordering::Relaxed),
        run.total.load(Ordering::Relaxed),
    );
    let end = run.end();
    let is_running = end.is_none();
    let (closed, failure) = match end {
        Some(Ok(closed)) => (Some(closed), None),
        Some(Err(failure)) => (None, Some(failure)),
        None => (None, None),
    };
    Progress {
        month: run.month.to_string(),
        done: decimal(&done.to_string()),
        total: decimal(&total.to_string()),
        value: done,
        max: total.max(1),
        is_running,
        failure,
        closed: closed.map(|closed| Closed {
            invoices: count(closed.invoice_count),
            already: count(closed.already_closed),
            without_usage: count(closed.without_usage),
            due: Money(closed.total_due_micro_synor),
            failed: closed
                .failed
                .into_iter()
                .map(|failed| (failed.account_id.to_string(), failed.reason))
                .collect(),
        }),
    }
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub struct CloseForm {
    period: String,
}

/// `POST /admin/close`: begins, and leads to where its progress is.
pub async fn start(
    State(state): State<AppState>,
    Extension(runs): Extension<Arc<BillRuns>>,
    form: SignedForm<CloseForm>,
) -> Result<Response, Failure> {
    Viewer::staff(form.signed_in)?.require_books()?;
    let month: Month = form.fields.period.parse().map_err(EngineError::from)?;
    if let Some(run) = runs.begin(month) {
        let engine = Arc::clone(&state.engine);
        tokio::spawn(async move {
            let told = |done: usize, total: usize| {
                run.done.store(done, Ordering::Relaxed);
                run.total.store(total, Ordering::Relaxed);
            };
            let end = engine.close_period(month, &told).await;
            let end = end.map_err(|error| Problem::from(error).detail);
            *run.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        });
    }
    Ok(Redirect::to("/admin/close").into_response())
}
