//! One rule for every POST that moves money: under one key, one request, one answer.

use std::sync::{Arc, Barrier};

use serde_json::json;
use synor_economics::billing::CreditSource;
use synor_economics::money::MicroSynor;
use synor_engine::NewCredit;

use crate::ACME;
use crate::refusals::anything;
use crate::support::document::{Operation, text};
use crate::support::server::{ADMIN, Call, Server};

const DAY_SECS: i64 = 86_400;

/// A call of an operation by an admin, with something in place of its parameters.
fn some_call<'s>(server: &'s Server, operation: &Operation) -> Call<'s> {
    let mut call = server.admin(&operation.id);
    for (name, value) in anything(operation) {
        call = call.path(name, value);
    }
    if server
        .document
        .parameters(operation)
        .contains_key("account")
    {
        call = call.account(ACME);
    }
    call
}

/// A key that has named one request is refused for every other operation, which is named, too.
pub async fn reused(server: &Server) {
    let order = json!({ "amount": "1 SYNOR" });
    let first = server.admin("announceDeposit").account(ACME).json(&order);
    first.idempotency_key("taken").expect(200).await;
    let operations = server.document.operations().filter(|o| o.moves_money());
    for operation in operations.cloned().collect::<Vec<_>>() {
        let call = some_call(server, &operation);
        let call = call.json(&json!({ "another": "body" }));
        let call = call.idempotency_key("taken");
        let refused = call.problem(422, "idempotency-key-reused").await;
        let told = text(&refused["detail"]);
        let now = operation.path.split('{').next().expect("a path");
        assert!(
            told.contains("/api/v1/billing/deposit?account=acme"),
            "{told}"
        );
        assert!(told.contains(&format!("now POST {now}")), "{told}");
    }
}

/// The same key and body give the same answer more than a month later, and to whoever writes the
/// body's fields in another order.
#[tokio::test]
async fn an_answer_stays_the_same() {
    let server = Server::start().await;
    let acme = server.open_account(ACME).await;
    let source = json!({ "type": "manual", "reason": "r", "admin": "a" });
    let grant = json!({ "amount": "5 SYNOR", "source": source });
    let grant_call = || server.admin("grantCredit").path("id", ACME).json(&grant);
    let order = json!({ "amount": "7 SYNOR" });
    let deposit_call = || server.call("announceDeposit").key(&acme).json(&order);
    let void_of = |id: &str| {
        server
            .admin("voidInvoice")
            .path("id", id)
            .idempotency_key("v")
    };
    let used = crate::usage::event(
        "network.egress",
        "1000",
        ACME,
        "2026-01-10T00:00:00Z",
        1,
        "GB",
    );
    crate::usage::ingest(&server, &[used]).await;
    let close = || {
        let call = server.admin("closePeriod").path("month", "2026-01");
        call.idempotency_key("c")
    };
    let first = [
        grant_call().idempotency_key("g").expect(201).await,
        deposit_call().idempotency_key("d").expect(200).await,
        close().expect(200).await,
    ];
    let invoice = text(&first[2]["invoices"][0]["invoice_id"]).to_owned();
    let voided = void_of(&invoice).expect(200).await;
    server.set_later(40 * DAY_SECS);
    let again = [
        grant_call().idempotency_key("g").expect(201).await,
        deposit_call().idempotency_key("d").expect(200).await,
        close().expect(200).await,
    ];
    assert_eq!(again, first);
    assert_eq!(void_of(&invoice).expect(200).await, voided);
    let call = server.admin("grantCredit").path("id", ACME);
    let reordered = format!("{{\"source\": {source},\n \"amount\": \"5 SYNOR\"}}");
    let call = call
        .body("application/json", reordered)
        .idempotency_key("g");
    assert_eq!(call.expect(201).await, first[0]);
    // Without the name it is done again, or refused.
    server
        .admin("voidInvoice")
        .path("id", &invoice)
        .problem(409, "invoice-state")
        .await;
    let balance = server.call("getBalance").key(&acme).expect(200).await;
    assert_eq!(balance["balance_micro_synor"], 5_000_000);
}

/// What was refused did nothing, so that its key may be used again.
#[tokio::test]
async fn a_refusal_takes_no_key() {
    let server = Server::start().await;
    server.open_account(ACME).await;
    let deduct = || {
        let order = json!({ "amount": "1 SYNOR", "reason": "r" });
        let call = server.admin("deductBalance").account(ACME).json(&order);
        call.idempotency_key("d")
    };
    deduct().problem(402, "insufficient-balance").await;
    let source = json!({ "type": "manual", "reason": "r", "admin": "a" });
    let grant = json!({ "amount": "5 SYNOR", "source": source });
    server
        .admin("grantCredit")
        .path("id", ACME)
        .json(&grant)
        .expect(201)
        .await;
    deduct().expect(200).await;
}

/// Thirty-two threads send one request under one key, over one connection each, at once.
#[test]
fn thirty_two_threads_get_one_answer() {
    const THREADS: usize = 32;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::start());
    runtime.block_on(server.open_account(ACME));
    let source = CreditSource::Manual {
        reason: "r".to_owned(),
        admin: "a".to_owned(),
    };
    let new = NewCredit {
        amount_micro_synor: MicroSynor::new(1_000_000_000),
        source,
        expires_at: None,
    };
    let acme = ACME.parse().expect("an account");
    runtime
        .block_on(server.engine.grant_credit(&acme, new, "g"))
        .expect("a credit");
    for (path, body) in [
        (
            "billing/deduct?account=acme",
            json!({ "amount": "3 SYNOR", "reason": "an hour" }),
        ),
        (
            "billing/deposit?account=acme",
            json!({ "amount": "3 SYNOR" }),
        ),
        (
            "admin/accounts/acme/credits",
            json!({ "amount": "3 SYNOR", "source":
            { "type": "manual", "reason": "r", "admin": "a" } }),
        ),
    ] {
        let url = server.url(&format!("/api/v1/{path}"));
        let barrier = Arc::new(Barrier::new(THREADS));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (barrier, url, body) = (barrier.clone(), url.clone(), body.clone());
                let handle = runtime.handle().clone();
                std::thread::spawn(move || {
                    let request = reqwest::Client::new().post(&url).bearer_auth(ADMIN);
                    let request = request.header("Idempotency-Key", path).json(&body);
                    barrier.wait();
                    handle.block_on(async {
                        let answer = request.send().await.expect("an answer");
                        (
                            answer.status().as_u16(),
                            answer.text().await.expect("a body"),
                        )
                    })
                })
            })
            .collect();
        let answers: Vec<_> = threads
            .into_iter()
            .map(|t| t.join().expect("a thread"))
            .collect();
        assert!(answers[0].0 < 300, "{path}: {:?}", answers[0]);
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{path}: {answers:?}"
        );
    }
    let balance = runtime
        .block_on(server.engine.balance(&acme))
        .expect("a balance");
    // 1000, less one deduction of 3, and one grant of 3 more.
    assert_eq!(balance.balance_micro_synor, MicroSynor::new(1_000_000_000));
    let journal = runtime
        .block_on(server.engine.store().journal(0, 10))
        .expect("the journal");
    assert_eq!(journal.len(), 3);
}
