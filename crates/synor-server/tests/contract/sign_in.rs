//! Browser sessions: what a browser gets and sends, and what another site cannot make it do.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, redirect};
use serde_json::Value;

use crate::ACME;
use crate::support::document::text;
use crate::support::server::Server;

fn browser() -> Client {
    let stay = redirect::Policy::none();
    Client::builder().redirect(stay).build().expect("a client")
}

/// Posts a form with these headers.
async fn post(server: &Server, path: &str, headers: &[(&str, &str)], form: &str) -> Response {
    let mut request = browser().post(server.url(path)).body(form.to_owned());
    request = request.header("Content-Type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

fn header(response: &Response, name: reqwest::header::HeaderName) -> String {
    let value = response.headers().get(name).expect("the header");
    value.to_str().expect("text").to_owned()
}

/// Signs in, and returns the cookie as a browser sends it.
async fn sign_in(server: &Server, key: &str) -> String {
    let answer = post(server, "/signin", &[], &format!("key={key}&next=/usage")).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(header(&answer, LOCATION), "/usage");
    let cookie = header(&answer, SET_COOKIE);
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    cookie.split(';').next().expect("a pair").to_owned()
}

async fn balance(server: &Server, cookie: &str) -> u16 {
    let url = server.url("/api/v1/billing/balance");
    let answer = browser().get(url).header(COOKIE, cookie).send().await;
    answer.expect("an answer").status().as_u16()
}

fn csrf(cookie: &str) -> String {
    synor_engine::csrf_token(cookie.split_once('=').expect("a pair").1)
}

#[tokio::test]
async fn a_browser_signs_in_and_out() {
    let server = Server::start().await;
    let key = server.open_account(ACME).await;
    let cookie = sign_in(&server, &key).await;
    assert!(!cookie.contains(&key), "the key is not in the browser");
    assert_eq!(balance(&server, &cookie).await, 200);
    // Signing out takes the form's token, and ends the session at the server.
    let with = [("Cookie", cookie.as_str())];
    assert_eq!(post(&server, "/signout", &with, "").await.status(), 403);
    assert_eq!(balance(&server, &cookie).await, 200);
    let form = format!("csrf={}", csrf(&cookie));
    let out = post(&server, "/signout", &with, &form).await;
    assert_eq!(
        (out.status().as_u16(), balance(&server, &cookie).await),
        (303, 401)
    );
    let gone = header(&out, SET_COOKIE);
    assert!(gone.contains("Max-Age=0"), "{gone}");
    // Who is not signed in is sent to where they can.
    let out = post(&server, "/signout", &with, &form).await;
    assert_eq!(header(&out, LOCATION), "/signin?next=%2Fsignout");
}

#[tokio::test]
async fn what_is_not_a_key_opens_nothing() {
    let server = Server::start().await;
    for form in ["key=syk_0", "key=", "", "next=//evil.example"] {
        let answer = post(&server, "/signin", &[], form).await;
        assert_eq!(header(&answer, LOCATION), "/signin?refused=1&next=%2F");
        assert!(answer.headers().get(SET_COOKIE).is_none());
    }
    let key = server.open_account(ACME).await;
    let form = format!("key={key}&next=//evil.example");
    let answer = post(&server, "/signin", &[], &form).await;
    assert_eq!(header(&answer, LOCATION), "/");
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let server = Server::start().await;
    let key = server.open_account(ACME).await;
    let cookie = sign_in(&server, &key).await;
    let form = format!("csrf={}", csrf(&cookie));
    let foreign = [
        ("Cookie", cookie.as_str()),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    assert_eq!(
        post(&server, "/signout", &foreign, &form).await.status(),
        403
    );
    let foreign = [
        ("Cookie", cookie.as_str()),
        ("Origin", "http://evil.example"),
    ];
    assert_eq!(
        post(&server, "/signout", &foreign, &form).await.status(),
        403
    );
    // Nor does it sign anyone in, as itself, say.
    let foreign = [("Sec-Fetch-Site", "cross-site")];
    let answer = post(&server, "/signin", &foreign, &format!("key={key}")).await;
    assert_eq!(answer.status(), 403);
    // The API takes a session, but no change without the token.
    let path = "/api/v1/billing/promo-codes";
    let with = [("Cookie", cookie.as_str())];
    assert_eq!(post(&server, path, &with, "{}").await.status(), 403);
    let token = csrf(&cookie);
    let with = [
        ("Cookie", cookie.as_str()),
        ("X-CSRF-Token", token.as_str()),
    ];
    let answer = post(&server, path, &with, "{}").await;
    assert_eq!(answer.status(), 400, "let through, and then found wanting");
    assert_eq!(balance(&server, &cookie).await, 200);
}

#[tokio::test]
async fn a_session_is_new_and_ends_with_its_key_and_its_time() {
    let server = Server::start().await;
    let key = server.open_account(ACME).await;
    // What was planted in the browser before is of no use afterwards.
    let planted = sign_in(&server, &key).await;
    let with = [("Cookie", planted.as_str())];
    let again = post(&server, "/signin", &with, &format!("key={key}")).await;
    let cookie = header(&again, SET_COOKIE);
    let cookie = cookie.split(';').next().expect("a pair");
    assert_ne!(cookie, planted);
    assert_eq!(balance(&server, &planted).await, 401);
    assert_eq!(balance(&server, cookie).await, 200);
    // It ends unused after two hours, and used after twelve.
    server.set_later(2 * 3600);
    assert_eq!(balance(&server, cookie).await, 401);
    server.set_later(0);
    let cookie = sign_in(&server, &key).await;
    for hours in 1..12 {
        server.set_later(hours * 3600);
        assert_eq!(balance(&server, &cookie).await, 200, "{hours} h");
    }
    server.set_later(12 * 3600);
    assert_eq!(balance(&server, &cookie).await, 401);
    // And at once with its key.
    let cookie = sign_in(&server, &key).await;
    let keys = server.admin("listApiKeys").expect(200).await;
    let is_acmes = |k: &&Value| k["account_id"] == ACME;
    let keys = keys["items"].as_array().expect("a list").clone();
    let id = keys.iter().find(is_acmes).expect("its key");
    let revoke = server.admin("revokeApiKey");
    revoke.path("id", text(&id["key_id"])).expect(200).await;
    assert_eq!(balance(&server, &cookie).await, 401);
}

#[tokio::test]
async fn browsers_are_told_to_trust_little() {
    let server = Server::start().await;
    let answer = browser().get(server.url("/openapi.json")).send().await;
    let answer = answer.expect("an answer");
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    assert!(answer.headers().get("strict-transport-security").is_none());
    let request = browser().get(server.url("/healthz"));
    let answer = request.header("X-Forwarded-Proto", "https").send().await;
    let answer = answer.expect("an answer");
    assert!(answer.headers().contains_key("strict-transport-security"));
}
