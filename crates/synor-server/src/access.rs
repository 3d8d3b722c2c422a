//! Who may call what: one table of all routes, enforced in one place before any handler runs.
//!
//! A route that is missing from the table is refused to everyone, and the tests hold the table against
//! `openapi.json`. What is about an account is about the caller's own, if the caller is bound to one;
//! see [`crate::auth`].

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use synor_engine::EngineError;
use synor_store::Actor;
use synor_store::Role::{self, Admin, Customer, Finance, IngestOnly, Operator};

use crate::auth::authenticate;
use crate::problem::Problem;
use crate::state::AppState;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Those who may; nobody needs a key where this is `None`.
    pub roles: Option<&'static [Role]>,
}

const fn rule(method: &'static str, path: &'static str, roles: &'static [Role]) -> Rule {
    let roles = Some(roles);
    Rule {
        method,
        path,
        roles,
    }
}

const fn open(method: &'static str, path: &'static str) -> Rule {
    Rule {
        method,
        path,
        roles: None,
    }
}

/// What everyone may look at who has to do with accounts.
const LOOK: &[Role] = &[Customer, Finance, Operator, Admin];
/// The money of an account: the customer's own, and those who move money.
const MONEY: &[Role] = &[Customer, Finance, Admin];
/// What a customer does about what it buys.
const BUY: &[Role] = &[Customer, Operator, Admin];
/// The books, and what moves money in them.
const BOOKS: &[Role] = &[Finance, Admin];
/// Prices, markets, incidents.
const OPERATE: &[Role] = &[Operator, Admin];
/// What all who work for the operator look at.
const STAFF: &[Role] = &[Finance, Operator, Admin];
/// What only an administrator does.
const ADMINISTER: &[Role] = &[Admin];
/// Reporting usage.
const REPORT: &[Role] = &[IngestOnly, Admin];

/// Every route, and who may call it.
pub const RULES: &[Rule] = &[
    rule("GET", "/api/v1/billing/balance", MONEY),
    rule("GET", "/api/v1/billing/balance/sufficient", MONEY),
    rule("GET", "/api/v1/billing/credits", MONEY),
    rule("GET", "/api/v1/billing/credits/{id}", MONEY),
    rule("POST", "/api/v1/billing/deduct", BOOKS),
    rule("GET", "/api/v1/billing/budgets", MONEY),
    rule("POST", "/api/v1/billing/budgets", MONEY),
    rule("DELETE", "/api/v1/billing/budgets", MONEY),
    rule("GET", "/api/v1/billing/alerts", MONEY),
    rule("GET", "/api/v1/billing/top-up", MONEY),
    rule("POST", "/api/v1/billing/top-up", MONEY),
    rule("GET", "/api/v1/billing/holds", MONEY),
    rule("POST", "/api/v1/billing/holds", BOOKS),
    rule("GET", "/api/v1/billing/holds/{id}", MONEY),
    rule("POST", "/api/v1/billing/holds/{id}/capture", BOOKS),
    rule("POST", "/api/v1/billing/holds/{id}/release", BOOKS),
    rule("GET", "/api/v1/billing/invoices", MONEY),
    rule("GET", "/api/v1/billing/invoices/current", MONEY),
    rule("GET", "/api/v1/billing/invoices/{id}", MONEY),
    rule("POST", "/api/v1/billing/invoices/{id}/pay", MONEY),
    rule("GET", "/api/v1/billing/invoices/{id}/payment", MONEY),
    rule("GET", "/api/v1/billing/invoices/{id}/credit-notes", MONEY),
    rule("GET", "/api/v1/billing/credit-notes", MONEY),
    rule("GET", "/api/v1/billing/refunds", MONEY),
    rule("GET", "/api/v1/billing/reminders", MONEY),
    rule("POST", "/api/v1/billing/deposit", MONEY),
    rule("GET", "/api/v1/billing/deposits/{id}", MONEY),
    rule("POST", "/api/v1/billing/deposits/{id}/transfer", MONEY),
    rule("GET", "/api/v1/billing/auto-pay", MONEY),
    rule("POST", "/api/v1/billing/auto-pay", MONEY),
    rule("POST", "/api/v1/billing/auto-pay/resume", MONEY),
    rule("GET", "/api/v1/billing/invoices/{id}/pdf", MONEY),
    rule("GET", "/api/v1/billing/contact", MONEY),
    rule("POST", "/api/v1/billing/contact", MONEY),
    rule("GET", "/api/v1/billing/webhooks", MONEY),
    rule("POST", "/api/v1/billing/webhooks", MONEY),
    rule("POST", "/api/v1/billing/webhooks/{id}", MONEY),
    rule("DELETE", "/api/v1/billing/webhooks/{id}", MONEY),
    rule("POST", "/api/v1/billing/webhooks/{id}/rotate", MONEY),
    rule("POST", "/api/v1/billing/webhooks/{id}/replay", MONEY),
    rule("GET", "/api/v1/billing/deliveries", MONEY),
    rule("GET", "/api/v1/billing/terms", LOOK),
    rule("POST", "/api/v1/billing/promo-codes", MONEY),
    rule("GET", "/api/v1/billing/export", MONEY),
    rule("GET", "/api/v1/billing/usage", LOOK),
    rule("GET", "/api/v1/billing/usage/series", LOOK),
    rule("GET", "/api/v1/billing/usage/events", LOOK),
    rule("POST", "/api/v1/cost/estimate", LOOK),
    rule("GET", "/api/v1/cost/forecast", LOOK),
    rule("POST", "/api/v1/cost/rerate", STAFF),
    rule("GET", "/api/v1/usage/quotas", LOOK),
    rule("GET", "/api/v1/usage/stream", LOOK),
    rule("POST", "/api/v1/usage/corrections", BOOKS),
    rule("POST", "/api/v1/events", REPORT),
    rule("GET", "/api/v1/spot/markets", LOOK),
    rule("GET", "/api/v1/spot/prices", LOOK),
    rule("GET", "/api/v1/spot/bids", LOOK),
    rule("POST", "/api/v1/spot/bids", BUY),
    rule("POST", "/api/v1/spot/bids/{id}/withdraw", BUY),
    rule("GET", "/api/v1/spot/interruptions", LOOK),
    rule("GET", "/api/v1/spot/asks", OPERATE),
    rule("POST", "/api/v1/spot/asks", OPERATE),
    rule("POST", "/api/v1/spot/asks/{id}/withdraw", OPERATE),
    rule("GET", "/api/v1/oracle/price", LOOK),
    rule("GET", "/api/v1/oracle/sources", LOOK),
    rule("GET", "/api/v1/oracle/history", LOOK),
    rule("GET", "/api/v1/oracle/twap", LOOK),
    rule("GET", "/api/v1/oracle/rates", LOOK),
    rule("POST", "/api/v1/admin/oracle/round", OPERATE),
    rule("POST", "/api/v1/admin/oracle/reset", OPERATE),
    rule("POST", "/api/v1/admin/oracle/rates", OPERATE),
    rule("POST", "/api/v1/admin/spot/clear", OPERATE),
    rule("POST", "/api/v1/admin/spot/reserve", OPERATE),
    rule("GET", "/api/v1/admin/accounts", STAFF),
    rule("POST", "/api/v1/admin/accounts", ADMINISTER),
    rule("POST", "/api/v1/admin/accounts/{id}/keys", ADMINISTER),
    rule("GET", "/api/v1/admin/keys", ADMINISTER),
    rule("POST", "/api/v1/admin/keys", ADMINISTER),
    rule("POST", "/api/v1/admin/keys/{id}/revoke", ADMINISTER),
    rule("POST", "/api/v1/admin/keys/{id}/rotate", ADMINISTER),
    rule("GET", "/api/v1/admin/audit", BOOKS),
    rule("POST", "/api/v1/admin/accounts/{id}/credits", BOOKS),
    rule("POST", "/api/v1/admin/accounts/{id}/plan", BOOKS),
    rule("POST", "/api/v1/admin/accounts/{id}/commitments", BOOKS),
    rule("POST", "/api/v1/admin/accounts/{id}/taxes", BOOKS),
    rule("POST", "/api/v1/admin/accounts/{id}/quotas", OPERATE),
    rule("DELETE", "/api/v1/admin/accounts/{id}/quotas", OPERATE),
    rule("POST", "/api/v1/admin/accounts/{id}/referral", BOOKS),
    rule("POST", "/api/v1/admin/periods/{month}/close", BOOKS),
    rule("POST", "/api/v1/admin/periods/close-due", BOOKS),
    rule("POST", "/api/v1/admin/invoices/{id}/void", BOOKS),
    rule("POST", "/api/v1/admin/invoices/{id}/send", BOOKS),
    rule("POST", "/api/v1/admin/invoices/{id}/credit-notes", BOOKS),
    rule("POST", "/api/v1/admin/invoices/{id}/refund", BOOKS),
    rule("POST", "/api/v1/admin/invoices/{id}/write-off", BOOKS),
    rule("POST", "/api/v1/admin/dunning", BOOKS),
    rule("GET", "/api/v1/admin/suspensions", STAFF),
    rule("GET", "/api/v1/admin/incidents", STAFF),
    rule("POST", "/api/v1/admin/incidents", OPERATE),
    rule("GET", "/api/v1/admin/incidents/{id}", STAFF),
    rule("GET", "/api/v1/admin/promotions", STAFF),
    rule("POST", "/api/v1/admin/promotions", BOOKS),
    rule("GET", "/api/v1/admin/price-lists", STAFF),
    rule("POST", "/api/v1/admin/price-lists", OPERATE),
    rule("GET", "/api/v1/admin/jobs", STAFF),
    rule("GET", "/api/v1/admin/journal", BOOKS),
    rule("GET", "/api/v1/admin/ledger/trial-balance", BOOKS),
    rule("GET", "/api/v1/admin/ledger/statement", BOOKS),
    rule("GET", "/api/v1/admin/ledger/export", BOOKS),
    rule("GET", "/api/v1/admin/distribution", BOOKS),
    rule("POST", "/api/v1/admin/verify", BOOKS),
    rule("GET", "/api/v1/admin/stream", STAFF),
    rule("GET", "/api/v1/admin/dead-letters", STAFF),
    open("POST", "/rpc"),
    open("GET", "/openapi.json"),
    open("GET", "/healthz"),
    open("GET", "/readyz"),
    open("GET", "/metrics"),
];

/// The rule of a route.
pub fn rule_of(method: &Method, path: &str) -> Option<&'static Rule> {
    // A HEAD is answered by what answers a GET.
    let method = match method {
        &Method::HEAD => "GET",
        other => other.as_str(),
    };
    let mut rules = RULES.iter();
    rules.find(|rule| rule.method == method && rule.path == path)
}

/// Lets a request through to its handler if its caller may call the route, and tells the handler
/// who calls.
pub async fn enforce(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    match admit(&state, &mut request).await {
        Ok(Some(actor)) => actor.acting(next.run(request)).await,
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Who acts, where someone must; an error if they may not.
async fn admit(state: &AppState, request: &mut Request) -> Result<Option<Actor>, Problem> {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str);
    let rule = rule_of(request.method(), path);
    if rule.is_some_and(|rule| rule.roles.is_none()) {
        return Ok(None);
    }
    let (method, path) = (request.method().clone(), path.to_owned());
    let actor = authenticate(request, state, &path).await?;
    let role = actor.access.role;
    let Some(roles) = rule.and_then(|rule| rule.roles) else {
        tracing::error!(%method, path, "no rule says who may call this, so nobody may");
        let detail = "it is not for anyone".to_owned();
        return Err(EngineError::Forbidden(detail).into());
    };
    if roles.contains(&role) {
        return Ok(Some(actor));
    }
    let wanted: Vec<_> = roles.iter().map(|role| role.name()).collect();
    let wanted = wanted.join(", ");
    let detail = format!("its role is {role}, and this is for {wanted}");
    Err(EngineError::Forbidden(detail).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn table_and_document_agree() {
        let document: Value = serde_json::from_str(crate::OPENAPI).expect("JSON");
        let mut documented = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("a path") {
                let method = method.to_uppercase();
                let rule = RULES
                    .iter()
                    .find(|rule| rule.method == method && rule.path == path);
                let rule = rule.unwrap_or_else(|| panic!("no rule for {method} {path}"));
                let roles = rule.roles.map_or(json!([]), |roles| json!(roles));
                assert_eq!(operation["x-roles"], roles, "x-roles of {method} {path}");
                let is_open = operation["security"] == json!([]);
                assert_eq!(is_open, rule.roles.is_none(), "{method} {path}");
                documented.insert((method, path.clone()));
            }
        }
        for rule in RULES {
            let route = (rule.method.to_owned(), rule.path.to_owned());
            assert!(documented.remove(&route), "twice or nowhere: {route:?}");
        }
    }

    #[test]
    fn what_has_no_rule_is_for_nobody() {
        assert_eq!(rule_of(&Method::PUT, "/healthz"), None);
        assert_eq!(rule_of(&Method::GET, "/api/v1/admin/secrets"), None);
        let head = rule_of(&Method::HEAD, "/healthz");
        assert_eq!(head, rule_of(&Method::GET, "/healthz"));
    }

    #[test]
    fn only_admins_touch_keys() {
        for rule in RULES.iter().filter(|rule| rule.path.contains("/keys")) {
            assert_eq!(rule.roles, Some(ADMINISTER), "{rule:?}");
        }
        for rule in RULES.iter().filter(|rule| rule.path.contains("/admin/")) {
            let roles = rule.roles.expect("no open administration");
            assert!(!roles.contains(&Customer) && !roles.contains(&IngestOnly));
        }
    }
}
