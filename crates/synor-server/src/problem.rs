//! Problem documents (RFC 9457): what went wrong, that nothing was done, and what would be right.

use std::time::Duration;

use axum::Json;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use synor_chain::ChainError;
use synor_economics::billing::settlement::SettlementError;
use synor_economics::billing::{HoldError, InvoiceError, PrepaidError};
use synor_economics::pricing::spot::SpotError;
use synor_engine::EngineError;
use synor_store::StoreError;
use synor_usage::UsageLogError;

use crate::ingest::errors_of;

/// An error as it is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// A URN that names the kind of problem for programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, naming field and value.
    pub detail: String,
    /// Each thing that is wrong, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<serde_json::Value>,
    /// After how many seconds the same may be tried again; sent as a header.
    #[serde(skip)]
    pub retry_after_secs: Option<u64>,
}

impl Problem {
    /// A problem of a kind, such as `invalid-request`.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:synor:problem:{kind}"),
            title: kind.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_secs: None,
        }
    }

    /// The request cannot be read.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", detail)
    }

    /// The key may not send so much.
    pub fn rate_limited(detail: impl Into<String>, wait: Duration) -> Self {
        Self::later("rate-limited", detail, wait)
    }

    /// The server has no room now.
    pub fn overloaded(detail: impl Into<String>, wait: Duration) -> Self {
        Self::later("overloaded", detail, wait)
    }

    fn later(kind: &str, detail: impl Into<String>, wait: Duration) -> Self {
        // The header takes whole seconds.
        let secs = wait
            .as_secs()
            .saturating_add(u64::from(wait.subsec_nanos() > 0));
        Self {
            retry_after_secs: Some(secs.max(1)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, kind, detail)
        }
    }

    /// The server failed; what went wrong inside is for its log, not for a caller.
    pub fn internal() -> Self {
        let detail = "the server failed; nothing was done, and its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_secs;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        if let Some(secs) = retry_after {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        headers.insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            let bearer = header::HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        use StatusCode as S;
        let (status, kind) = match &error {
            EngineError::UnknownAccount(_) => (S::NOT_FOUND, "unknown-account"),
            EngineError::NotFound { .. } => (S::NOT_FOUND, "not-found"),
            EngineError::AccountExists(_) => (S::CONFLICT, "account-exists"),
            EngineError::Rejected(_) | EngineError::Usage(UsageLogError::TooOld { .. }) => {
                (S::UNPROCESSABLE_ENTITY, "events-rejected")
            }
            EngineError::PeriodOpen { .. } => (S::CONFLICT, "period-open"),
            EngineError::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated"),
            EngineError::Forbidden(_) => (S::FORBIDDEN, "forbidden"),
            EngineError::Invalid { .. } => (S::UNPROCESSABLE_ENTITY, "invalid-request"),
            EngineError::GrantTooSmall { .. } => (S::UNPROCESSABLE_ENTITY, "grant-too-small"),
            EngineError::Payment(_) => (S::CONFLICT, "invoice-not-payable"),
            EngineError::Prepaid(PrepaidError::InsufficientBalance { .. }) => {
                (S::PAYMENT_REQUIRED, "insufficient-balance")
            }
            EngineError::Prepaid(PrepaidError::Hold(HoldError::Closed { .. })) => {
                (S::CONFLICT, "hold-closed")
            }
            EngineError::Prepaid(PrepaidError::Hold(HoldError::Exceeded { .. })) => {
                (S::UNPROCESSABLE_ENTITY, "hold-exceeded")
            }
            EngineError::Prepaid(PrepaidError::Hold(HoldError::Expiry { .. })) => {
                (S::UNPROCESSABLE_ENTITY, "invalid-request")
            }
            EngineError::Prepaid(_)
            | EngineError::Settlement(SettlementError::Credit(_) | SettlementError::Money(_)) => {
                (S::UNPROCESSABLE_ENTITY, "invalid-amount")
            }
            EngineError::Settlement(SettlementError::Invoice(
                InvoiceError::Transition { .. }
                | InvoiceError::HasPayments { .. }
                | InvoiceError::HasCreditNotes { .. }
                | InvoiceError::NotPaid { .. },
            )) => (S::CONFLICT, "invoice-state"),
            EngineError::Settlement(SettlementError::Invoice(
                InvoiceError::MoreThanRemains { .. }
                | InvoiceError::MoreThanPaid { .. }
                | InvoiceError::NotPositive(_),
            )) => (S::UNPROCESSABLE_ENTITY, "invalid-amount"),
            EngineError::Pricing(_) | EngineError::Bill(_) | EngineError::NoPriceList(_) => {
                (S::CONFLICT, "no-price")
            }
            EngineError::NoRate { .. } | EngineError::Twap(_) => (S::CONFLICT, "no-rate"),
            EngineError::RateExists { .. } => (S::CONFLICT, "rate-exists"),
            EngineError::NoOracle => (S::NOT_FOUND, "no-oracle"),
            EngineError::Promotion(_) => (S::UNPROCESSABLE_ENTITY, "promo-code-refused"),
            EngineError::Commitment(_) => (S::UNPROCESSABLE_ENTITY, "commitment-refused"),
            EngineError::BudgetRefused(_) => (S::UNPROCESSABLE_ENTITY, "budget-refused"),
            EngineError::Budget(_) => (S::PAYMENT_REQUIRED, "budget-exceeded"),
            EngineError::TopUp(_) => (S::UNPROCESSABLE_ENTITY, "top-up-refused"),
            EngineError::Sla(_) => (S::UNPROCESSABLE_ENTITY, "incident-refused"),
            EngineError::Quota(_) => (S::UNPROCESSABLE_ENTITY, "quota-refused"),
            EngineError::Spot(error) if matches!(**error, SpotError::Money(_)) => {
                (S::UNPROCESSABLE_ENTITY, "invalid-amount")
            }
            EngineError::Spot(_) => (S::UNPROCESSABLE_ENTITY, "invalid-request"),
            EngineError::Period(_)
            | EngineError::Usage(UsageLogError::TooManySteps { .. } | UsageLogError::Calendar(_)) => {
                (S::UNPROCESSABLE_ENTITY, "invalid-request")
            }
            EngineError::Usage(UsageLogError::UnknownEvent { .. }) => {
                (S::NOT_FOUND, "unknown-event")
            }
            EngineError::NameTaken { .. }
            | EngineError::Store(StoreError::CommandReused { .. }) => {
                (S::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
            }
            EngineError::Store(StoreError::Exists { .. } | StoreError::Conflict { .. }) => {
                (S::CONFLICT, "conflict")
            }
            EngineError::Store(StoreError::Invariant(_)) => {
                (S::UNPROCESSABLE_ENTITY, "invalid-amount")
            }
            EngineError::Chain(
                ChainError::RpcUnreachable { .. }
                | ChainError::RpcDisagree { .. }
                | ChainError::ReorganizedTooDeep { .. }
                | ChainError::Stopped
                | ChainError::Storage { .. },
            ) => (S::SERVICE_UNAVAILABLE, "chain-unavailable"),
            EngineError::Chain(_) => (S::UNPROCESSABLE_ENTITY, "chain-refused"),
            EngineError::PriceListBackDated { .. } => (S::CONFLICT, "price-list-back-dated"),
            EngineError::PriceList(_) => (S::UNPROCESSABLE_ENTITY, "price-list-refused"),
            EngineError::PriceListChanged { .. } => (S::CONFLICT, "price-list-changed"),
            EngineError::AutoPayPolicy(_)
            | EngineError::OracleConfig(_)
            | EngineError::Settlement(_)
            | EngineError::AnotherAddress { .. }
            | EngineError::Store(_)
            | EngineError::Usage(_) => (S::INTERNAL_SERVER_ERROR, "internal"),
        };
        let detail = match &error {
            _ if status == S::INTERNAL_SERVER_ERROR => {
                // What went wrong inside is for the log, not for a caller.
                tracing::error!(?error, "internal error");
                "the server failed; nothing was done, and its log says why".to_owned()
            }
            EngineError::Store(StoreError::CommandReused { .. }) => {
                "this Idempotency-Key was used before for another request".to_owned()
            }
            other => other.to_string(),
        };
        let mut problem = Self::new(status, kind, detail);
        if let EngineError::Rejected(rejections) = error {
            problem.errors = errors_of(&rejections, &[]);
        }
        problem
    }
}

/// The answer where there is no route.
pub async fn no_such_route(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}; see /openapi.json", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

/// The answer where there is a route, but not for this method.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{method} is not for {}; see /openapi.json", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
