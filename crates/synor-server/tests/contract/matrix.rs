//! The matrix of access: every operation of the document, asked by every role, about its own account
//! and about another's. What may be called is what `x-roles` says; what is missing there, fails.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use synor_store::Role;

use crate::refusals::anything;
use crate::support::document::{Operation, text};
use crate::support::server::Server;
use crate::usage::{event, ingest};
use crate::{ACME, BETA};

/// One who asks.
struct Asker {
    role: Role,
    /// The account that the key is bound to.
    account: Option<&'static str>,
    secret: String,
}

async fn askers(server: &Server) -> Vec<Asker> {
    let mut askers = Vec::new();
    for role in Role::ALL {
        let bound: &[Option<&'static str>] = match role {
            Role::Customer => &[Some(ACME)],
            Role::IngestOnly => &[None, Some(ACME)],
            Role::Finance | Role::Operator | Role::Admin => &[None],
        };
        for account in bound {
            let mut order = json!({ "role": role });
            if let Some(account) = account {
                order["account_id"] = json!(account);
            }
            let key = server.admin("createAdminKey").json(&order);
            let key = key.expect(201).await;
            askers.push(Asker {
                role,
                account: *account,
                secret: text(&key["secret"]).to_owned(),
            });
        }
    }
    askers
}

/// The status of an operation, with values for its path; the body is not waited for.
async fn status(
    server: &Server,
    operation: &Operation,
    asker: &Asker,
    id: &[(&str, &str)],
    account: Option<&str>,
    body: Option<&Value>,
) -> u16 {
    let values = id.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let path = operation.path_with(&values.collect::<Vec<_>>());
    let method = operation.method.to_uppercase().parse().expect("a method");
    let client = reqwest::Client::new();
    let mut request = client.request(method, server.url(&path));
    request = request.bearer_auth(&asker.secret);
    if let Some(account) = account {
        request = request.query(&[("account", account)]);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.expect("an answer");
    answer.status().as_u16()
}

#[tokio::test]
async fn every_role_may_do_what_the_document_says_and_nothing_else() {
    let server = Server::start().await;
    server.open_account(ACME).await;
    server.open_account(BETA).await;
    let askers = askers(&server).await;
    let mut asked = 0;
    for operation in server.document.operations() {
        let roles = operation.roles();
        assert_eq!(roles.is_empty(), !operation.is_secured());
        let takes_account = server.document.parameters(operation);
        let takes_account = takes_account.contains_key("account");
        for asker in &askers {
            let what = format!("{} as {} of {:?}", operation.id, asker.role, asker.account);
            let may = roles.is_empty() || roles.contains(&asker.role.name());
            let own = takes_account.then_some(ACME);
            let got = status(&server, operation, asker, &anything(operation), own, None).await;
            let refused = matches!(got, 401 | 403);
            assert_eq!(refused, !may, "{what}: {got}");
            assert!(got < 500, "{what}: {got}");
            if takes_account {
                let other = Some(BETA);
                let got =
                    status(&server, operation, asker, &anything(operation), other, None).await;
                let may = may && asker.account.is_none();
                assert_eq!(got == 403, !may, "{what} about {BETA}: {got}");
            }
            asked += 1;
        }
    }
    let all = server.document.operations().count();
    assert_eq!(asked, all * askers.len());
}

#[tokio::test]
async fn what_another_has_is_as_if_it_were_not_there() {
    let server = Server::start().await;
    server.open_account(ACME).await;
    let beta = server.open_account(BETA).await;
    let used = event("network.egress", "1", BETA, "2026-01-10T00:00:00Z", 9, "GB");
    ingest(&server, &[used]).await;
    let closed = server.admin("closePeriod").path("month", "2026-01");
    let closed = closed.expect(200).await;
    let deposit = server.call("announceDeposit").key(&beta);
    let deposit = deposit.json(&json!({ "amount": "5 SYNOR" }));
    let deposit = deposit.expect(200).await;
    let credit =
        json!({ "amount": "1 SYNOR", "source": { "type": "promotional", "campaign": "x" } });
    let credit = server.admin("grantCredit").path("id", BETA).json(&credit);
    let credit = credit.expect(201).await;
    let bid = json!({ "resource": "compute.cpu", "quantity": "1", "price": "1 SYNOR" });
    let bid = server.call("placeSpotBid").key(&beta).json(&bid);
    let bid = bid.expect(201).await;
    let hold = json!({ "amount": "0.5 SYNOR", "reason": "job" });
    let hold = server.admin("placeHold").account(BETA).json(&hold);
    let hold = hold.expect(201).await;
    let hook = json!({ "url": "https://example.com/synor", "events": ["invoice.*"] });
    let hook = server.call("addWebhook").key(&beta).json(&hook);
    let hook = hook.expect(201).await;
    let of_beta = BTreeMap::from([
        ("/webhooks/", text(&hook["endpoint_id"])),
        ("/holds/", text(&hold["hold_id"])),
        ("/invoices/", text(&closed["invoices"][0]["invoice_id"])),
        ("/deposits/", text(&deposit["deposit_id"])),
        ("/credits/", text(&credit["credit_id"])),
        ("/bids/", text(&bid["bid_id"])),
    ]);
    let askers = askers(&server).await;
    let customer = askers.iter().find(|a| a.role == Role::Customer);
    let customer = customer.expect("a customer");
    let mut asked = 0;
    for operation in server.document.operations() {
        if !operation.roles().contains(&"customer") || !operation.path.contains("{id}") {
            continue;
        }
        let found = of_beta
            .iter()
            .find(|(part, _)| operation.path.contains(*part));
        let (_, id) = found.unwrap_or_else(|| panic!("add what {} is about", operation.path));
        // With what the document shows, so that nothing but whose it is can be the reason.
        let content = server.document.request_content(operation);
        let json = content.and_then(|content| content.get("application/json"));
        let examples = json.map(|json| server.document.examples(json));
        let body = examples.and_then(|examples| examples.first().copied());
        let got = status(&server, operation, customer, &[("id", id)], None, body).await;
        assert_eq!(got, 404, "{} of another", operation.id);
        asked += 1;
    }
    assert!(asked >= 6, "{asked}");
}

#[tokio::test]
async fn an_ingest_key_of_an_account_reports_of_no_other() {
    let server = Server::start().await;
    server.open_account(ACME).await;
    server.open_account(BETA).await;
    let askers = askers(&server).await;
    let bound = askers
        .iter()
        .find(|a| a.role == Role::IngestOnly && a.account == Some(ACME))
        .expect("an ingest key");
    let own = event("network.egress", "1", ACME, "2026-01-10T00:00:00Z", 9, "GB");
    let other = event("network.egress", "2", BETA, "2026-01-10T00:00:00Z", 9, "GB");
    for media in ["application/cloudevents-batch+json", "application/x-ndjson"] {
        let body = if media.ends_with("x-ndjson") {
            format!("{own}\n{other}\n")
        } else {
            json!([own, other]).to_string()
        };
        let call = server.call("ingestEvents").key(&bound.secret);
        let answer = call.body(media, body).expect(200).await;
        assert_eq!(answer["rejected"], 1, "{answer:#}");
        assert_eq!(
            answer["results"]
                .as_array()
                .and_then(|r| r.last())
                .expect("one")["field"],
            "account",
            "{answer:#}"
        );
    }
    let usage = server.admin("getUsage").account(BETA);
    let usage = usage.query("period", "2026-01").expect(200).await;
    assert_eq!(usage["rows"], json!([]));
}
