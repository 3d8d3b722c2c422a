//! The journal as auditors read it: balances at a moment, an account's statement, and exports to
//! plain-text accounting.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde::{Deserialize, Serialize};
use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_engine::{
    LedgerFormat, PostedIn, StatementCursor, StatementLine, StatementQuery, TrialBalance,
};

use crate::auth::Admin;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

const LINES_MAX: usize = 10_000;

/// How many rows.
#[derive(Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum By {
    /// One for each account of the journal.
    #[default]
    Account,
    /// One for all accounts of a kind.
    Kind,
}

/// At which moment.
#[derive(Deserialize)]
pub struct TrialParams {
    at: Option<Timestamp>,
    #[serde(default)]
    by: By,
}

/// `GET /admin/ledger/trial-balance`
pub async fn trial_balance(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<TrialParams>,
) -> Result<Json<TrialBalance>, Problem> {
    let by_kind = params.by == By::Kind;
    Ok(Json(state.engine.trial_balance(params.at, by_kind).await?))
}

/// Whose movements, and when.
#[derive(Deserialize)]
pub struct StatementParams {
    ledger_account: LedgerAccount,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A part of an account's statement.
#[derive(Serialize)]
pub struct ShownStatement {
    ledger_account: LedgerAccount,
    opening_micro_synor: MicroSynor,
    items: Vec<StatementLine>,
    closing_micro_synor: MicroSynor,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// `GET /admin/ledger/statement`
pub async fn statement(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<StatementParams>,
) -> Result<Json<ShownStatement>, Problem> {
    let query = StatementQuery {
        posted: PostedIn {
            from: params.from,
            to: params.to,
        },
        after: params.cursor.as_deref().map(read_cursor).transpose()?,
        limit: params.limit.unwrap_or(100).clamp(1, LINES_MAX),
    };
    let account = params.ledger_account;
    let statement = state.engine.statement(&account, query).await?;
    Ok(Json(ShownStatement {
        ledger_account: account,
        opening_micro_synor: statement.opening,
        items: statement.lines,
        closing_micro_synor: statement.closing,
        next_cursor: statement.next.map(write_cursor),
    }))
}

/// The place and the balance there.
fn write_cursor(cursor: StatementCursor) -> String {
    format!("{}.{}", cursor.sequence, cursor.balance.micro())
}

fn read_cursor(text: &str) -> Result<StatementCursor, Problem> {
    let parsed = text.split_once('.').and_then(|(sequence, balance)| {
        // Places are below 2^63.
        let sequence: i64 = sequence.parse().ok()?;
        Some(StatementCursor {
            sequence: sequence.try_into().ok()?,
            balance: MicroSynor::new(balance.parse().ok()?),
        })
    });
    parsed.ok_or_else(|| Problem::invalid(format!("`{text}` is not a cursor of this list")))
}

/// How an export is written.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Format {
    Hledger,
    Beancount,
    Csv,
    Ndjson,
}

/// What is exported.
#[derive(Deserialize)]
pub struct ExportParams {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    format: Format,
}

/// `GET /admin/ledger/export`: written as it is read, a page in memory at a time. If reading fails
/// the answer breaks off, so that nobody takes a part for the whole.
pub async fn export(
    State(state): State<AppState>,
    _: Admin,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    let (format, content_type) = match params.format {
        Format::Hledger => (LedgerFormat::Hledger, "text/plain; charset=utf-8"),
        Format::Beancount => (LedgerFormat::Beancount, "text/plain; charset=utf-8"),
        Format::Csv => (LedgerFormat::Csv, "text/csv"),
        Format::Ndjson => (LedgerFormat::Json, "application/x-ndjson"),
    };
    let posted = PostedIn {
        from: params.from,
        to: params.to,
    };
    let export = state.engine.export_ledger(posted, format).await?;
    let parts = try_unfold(export, |mut export| async {
        let part = export.next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(part.map(|text| (Bytes::from(text), export)))
    });
    Ok(([(CONTENT_TYPE, content_type)], Body::from_stream(parts)).into_response())
}
