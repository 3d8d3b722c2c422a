//! Browser sessions: signing in and out by form, who is signed in, and that a form was sent from one
//! of our own pages.
//!
//! A page handler takes [`SignedIn`]; whoever is not is sent to `/signin`. A page that is for everybody
//! takes `Option<SignedIn>`. A handler that changes something takes [`SignedForm`] instead: it proves
//! that the request comes from our own page (`Sec-Fetch-Site`, `Origin`) and that the form carries the
//! session's token ([`CSRF_FIELD`]).

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use serde::de::DeserializeOwned;
use synor_economics::id::{AccountId, ApiKeyId};
use synor_engine::{Caller, EngineError, SESSION_SECS_MAX, csrf_token};
use synor_store::{Actor, ActorKind, Role};

use crate::auth::address_of;
use crate::problem::Problem;
use crate::rate::KeyRate;
use crate::request::read_bytes;
use crate::state::AppState;

/// The cookie that holds the session's token.
const COOKIE_NAME: &str = "synor_session";

/// The field of every form that changes something; its value is [`SignedIn::csrf`].
pub const CSRF_FIELD: &str = "csrf";

/// The header that a script sends instead of the field.
const CSRF_HEADER: &str = "x-csrf-token";

/// Where people sign in.
const SIGN_IN_PATH: &str = "/signin";

/// `POST /signin` and `POST /signout`. The page at `/signin` is another's.
pub fn router() -> Router<AppState> {
    Router::new()
        .route(SIGN_IN_PATH, post(sign_in))
        .route("/signout", post(sign_out))
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// With which role.
    pub role: Role,
    /// The only account that they reach; all, if absent.
    pub account: Option<AccountId>,
    /// What each form must carry in [`CSRF_FIELD`].
    pub csrf: String,
    /// The key that they signed in with.
    pub key: ApiKeyId,
    /// What the key has left.
    pub(crate) rate: Arc<KeyRate>,
}

impl SignedIn {
    /// The caller, as the API knows it.
    pub fn caller(&self) -> Caller {
        Caller {
            role: self.role,
            account_id: self.account.clone(),
        }
    }

    /// Refuses those who have none of the roles.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let detail = format!("it is not for the role {}", self.role);
        Err(EngineError::Forbidden(detail).into())
    }

    /// Refuses those who are bound to another account.
    pub fn require_account(&self, account: &AccountId) -> Result<(), Problem> {
        match &self.account {
            Some(own) if own != account => {
                let detail = format!("it is not for account `{account}`");
                Err(EngineError::Forbidden(detail).into())
            }
            _ => Ok(()),
        }
    }

    /// Who is signed in by these headers; nobody, if the session is over.
    pub(crate) async fn of(headers: &HeaderMap, state: &AppState) -> Result<Option<Self>, Problem> {
        let Some(token) = session_token(headers) else {
            return Ok(None);
        };
        let key = match state.engine.key_of_session(token).await {
            Ok(key) => key,
            Err(EngineError::Unauthenticated) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let rate = state.intake.rates.of(&key);
        rate.admit_request()?;
        Ok(Some(Self {
            role: key.access.role,
            account: key.access.account_id,
            csrf: csrf_token(token),
            key: key.key_id,
            rate,
        }))
    }

    /// Whether this is what a form or script of the session carries.
    fn is_csrf(&self, sent: &str) -> bool {
        use subtle::ConstantTimeEq;
        sent.as_bytes().ct_eq(self.csrf.as_bytes()).into()
    }

    /// Refuses what a script sends that is not of our own pages.
    pub(crate) fn check_script(&self, headers: &HeaderMap) -> Result<(), Problem> {
        check_same_origin(headers)?;
        let sent = text_of(headers, &HeaderName::from_static(CSRF_HEADER));
        if self.is_csrf(sent.unwrap_or_default()) {
            return Ok(());
        }
        Err(not_ours())
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        match Self::of(&parts.headers, state).await {
            Ok(Some(signed_in)) => Ok(signed_in),
            Ok(None) => Err(to_sign_in(&parts.uri)),
            Err(problem) => Err(problem.into_response()),
        }
    }
}

impl OptionalFromRequestParts<AppState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Option<Self>, Problem> {
        Self::of(&parts.headers, state).await
    }
}

/// The fields of a form that was sent from one of our own pages by whoever is signed in.
#[derive(Debug)]
pub struct SignedForm<T> {
    /// Who sent it.
    pub signed_in: SignedIn,
    /// Its fields, without [`CSRF_FIELD`].
    pub fields: T,
}

impl<T: DeserializeOwned> FromRequest<AppState> for SignedForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed_in =
            <SignedIn as FromRequestParts<_>>::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        let read = read_form(request, state).await;
        let (csrf, fields) = read.map_err(IntoResponse::into_response)?;
        if !signed_in.is_csrf(csrf.as_deref().unwrap_or_default()) {
            return Err(not_ours().into_response());
        }
        let fields = parsed(&fields).map_err(IntoResponse::into_response)?;
        Ok(Self { signed_in, fields })
    }
}

/// `POST /signin` with the fields `key` and, if wanted, `next`: opens a session and goes on to the
/// page that was asked for. A session that the browser had is ended, and its token is of no use any
/// more to whoever planted it.
async fn sign_in(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    let before = session_token(request.headers()).map(str::to_owned);
    let is_https = is_https(request.headers());
    let address = address_of(request.headers(), request.extensions());
    let (_, fields) = read_form(request, &state).await?;
    let field = |name| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let next = field("next").map_or("/", |next| own_path(next));
    let secret = field("key").map(|key| key.trim()).unwrap_or_default();
    let session = match state.engine.sign_in(secret, address).await {
        Ok(session) => session,
        Err(EngineError::Unauthenticated) => {
            let to = format!("{SIGN_IN_PATH}?refused=1&next={}", encoded(next));
            return Ok(fresh(Redirect::to(&to).into_response()));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(before) = before {
        state.engine.sign_out(&before).await?;
    }
    let cookie = cookie(&session.token, SESSION_SECS_MAX, is_https);
    Ok(with_cookie(Redirect::to(next).into_response(), &cookie))
}

/// `POST /signout`
async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
    _: SignedForm<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    if let Some(token) = session_token(&headers) {
        state.engine.sign_out(token).await?;
    }
    let gone = cookie("", 0, is_https(&headers));
    Ok(with_cookie(
        Redirect::to(SIGN_IN_PATH).into_response(),
        &gone,
    ))
}

/// Names whoever is signed in as the one who asked for what a form changes.
pub(crate) async fn act(State(state): State<AppState>, request: Request, next: Next) -> Response {
    // Of the API, the table of routes sees to it.
    if request.method().is_safe() || request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    match SignedIn::of(request.headers(), &state).await {
        Ok(Some(signed_in)) => {
            let actor = Actor {
                kind: ActorKind::Session,
                key_id: Some(signed_in.key),
                access: signed_in.caller(),
                address: address_of(request.headers(), request.extensions()),
                operation: format!("{} {}", request.method(), request.uri().path()),
            };
            actor.acting(next.run(request)).await
        }
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

type Fields = Vec<(String, String)>;

/// The form's token, and its other fields, if the form comes from one of our own pages.
async fn read_form(
    request: Request,
    state: &AppState,
) -> Result<(Option<String>, Fields), Problem> {
    check_same_origin(request.headers())?;
    let bytes = read_bytes(request, state).await?;
    let fields: Fields = serde_urlencoded::from_bytes(&bytes).map_err(not_a_form)?;
    let (csrf, fields): (Fields, Fields) =
        fields.into_iter().partition(|(name, _)| name == CSRF_FIELD);
    Ok((csrf.into_iter().next().map(|(_, value)| value), fields))
}

fn parsed<T: DeserializeOwned>(fields: &Fields) -> Result<T, Problem> {
    let text = serde_urlencoded::to_string(fields)
        .map_err(|error| Problem::invalid(format!("the form cannot be read: {error}")))?;
    serde_urlencoded::from_str(&text).map_err(not_a_form)
}

fn not_a_form(error: serde_urlencoded::de::Error) -> Problem {
    Problem::invalid(format!("the form is not what is expected: {error}"))
}

/// Refuses what another site made the browser send. Browsers say where a request comes from; what is
/// no browser says nothing, and has no cookie that it did not get itself.
fn check_same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let site = text_of(headers, &HeaderName::from_static("sec-fetch-site"));
    let is_own = match (site, text_of(headers, &ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text_of(headers, &HOST)
        }
        (None, None) => true,
    };
    if is_own { Ok(()) } else { Err(not_ours()) }
}

fn not_ours() -> Problem {
    let detail = "the form was not sent from a page of this session; open the page again";
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// Sends people to where they sign in, and afterwards back to the page.
fn to_sign_in(uri: &Uri) -> Response {
    let page = uri.path_and_query().map_or("/", |page| page.as_str());
    let to = format!("{SIGN_IN_PATH}?next={}", encoded(own_path(page)));
    fresh(Redirect::to(&to).into_response())
}

/// A path of ours, or else the first page: nobody is sent to another site.
fn own_path(path: &str) -> &str {
    let is_plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let is_own = is_plain && path.starts_with('/') && !path.starts_with("//");
    if is_own { path } else { "/" }
}

fn encoded(text: &str) -> String {
    let mut pair = serde_urlencoded::to_string([("", text)]).unwrap_or_default();
    // What comes before the value is the `=` after an empty name.
    if pair.starts_with('=') {
        pair.remove(0);
    }
    pair
}

/// Whether the browser speaks TLS, with us or with the proxy before us. Whoever lies here gets a
/// cookie that is kept more carefully, and nothing else.
pub(crate) fn is_https(headers: &HeaderMap) -> bool {
    let proto = text_of(headers, &HeaderName::from_static("x-forwarded-proto"));
    proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

fn cookie(token: &str, secs_max: i64, is_https: bool) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age={secs_max}{secure}")
}

fn with_cookie(response: Response, cookie: &str) -> Response {
    let mut response = fresh(response);
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// An answer that nobody keeps.
fn fresh(mut response: Response) -> Response {
    let no_store = axum::http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// The token that the browser sends.
fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(name, _)| *name == COOKIE_NAME);
    found
        .map(|(_, token)| token)
        .filter(|token| !token.is_empty())
}

fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(n, v)| (HeaderName::from_static(n), v.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn nobody_is_sent_to_another_site() {
        assert_eq!(own_path("/billing?month=2026-01"), "/billing?month=2026-01");
        for elsewhere in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nSet-Cookie: x",
            "",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(elsewhere), "/", "{elsewhere}");
        }
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        for own in [
            headers(&[]),
            headers(&[("sec-fetch-site", "same-origin")]),
            headers(&[("origin", "http://a.example:1"), ("host", "a.example:1")]),
        ] {
            assert!(check_same_origin(&own).is_ok(), "{own:?}");
        }
        for other in [
            headers(&[("sec-fetch-site", "cross-site")]),
            headers(&[("sec-fetch-site", "same-site")]),
            headers(&[("origin", "http://b.example"), ("host", "a.example")]),
            headers(&[("origin", "null"), ("host", "null")]),
            // What a browser says of itself outweighs what looks like us.
            headers(&[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://a.example"),
                ("host", "a.example"),
            ]),
        ] {
            assert!(check_same_origin(&other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_path_keeps_its_query_through_signing_in() {
        let uri: Uri = "/usage?from=1&to=2".parse().expect("a path");
        let response = to_sign_in(&uri);
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(
            response.headers()["location"],
            "/signin?next=%2Fusage%3Ffrom%3D1%26to%3D2"
        );
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let plain = cookie("t", 9, false);
        assert_eq!(
            plain,
            "synor_session=t; HttpOnly; SameSite=Lax; Path=/; Max-Age=9"
        );
        assert_eq!(cookie("t", 9, true), format!("{plain}; Secure"));
    }
}
