//! Holds `openapi.json` to the truth: a whole server is asked everything the document offers, and
//! whatever it answers must be documented, to the last field; whatever is documented must be
//! answered.

mod accounts;
mod books;
mod corrections;
mod cost;
mod document;
mod holds;
mod idempotency;
mod invoices;
mod keys;
mod limits;
mod matrix;
mod money;
mod ops;
mod oracle;
mod pages;
mod refusals;
mod sign_in;
mod spot;
mod stream;
mod support;
mod terms;
mod usage;
mod webhooks;

use support::server::Server;

const ACME: &str = "acme";
const BETA: &str = "beta";
/// An id of each kind that nothing has.
const NO_INVOICE: &str = "inv_00000000000000000000000000000000";
const NO_DEPOSIT: &str = "dep_00000000000000000000000000000000";
const NO_HOLD: &str = "hld_00000000000000000000000000000000";
const NO_ENDPOINT: &str = "whe_00000000000000000000000000000000";
const NO_ASK: &str = "ask_00000000000000000000000000000000";
const NO_KEY: &str = "key_00000000000000000000000000000000";
const NO_BID: &str = "bid_00000000000000000000000000000000";

/// The scenario: two months of two accounts, from the first event to a chain that takes payments
/// back. It ends with the list of what was promised and never answered, which must be empty.
#[tokio::test]
async fn every_answer_is_as_documented() {
    let server = Server::start().await;
    accounts::about_the_server(&server).await;
    let (acme, beta) = accounts::accounts(&server).await;
    keys::keys(&server).await;
    keys::audit(&server).await;
    usage::events(&server).await;
    usage::corrections(&server).await;
    usage::quotas(&server, &acme).await;
    usage::usage(&server, &acme).await;
    let deposit = money::prepaid(&server, &acme).await;
    limits::credits(&server, &acme).await;
    limits::budgets(&server, &acme).await;
    let invoices = invoices::closing(&server).await;
    invoices::reading_invoices(&server, &acme, &invoices).await;
    money::auto_pay(&server, &acme, &beta).await;
    money::paying(&server, &acme, &invoices).await;
    limits::incidents(&server).await;
    invoices::voiding(&server, &invoices).await;
    corrections::corrections(&server, &acme).await;
    books::books(&server).await;
    stream::stream(&server).await;
    terms::terms(&server).await;
    cost::cost(&server, &acme).await;
    spot::spot(&server, &acme, &beta).await;
    holds::holds(&server).await;
    idempotency::reused(&server).await;
    webhooks::webhooks(&server, &acme).await;
    oracle::oracle(&server, &acme, 3 * 3_600).await;
    books::chain(&server, &acme, &deposit, &invoices).await;
    // 202 is answered by a server before a stream, `no-oracle` by one without; see there.
    let elsewhere = |operation: &str, status| status == 404 && operation.contains("Oracle");
    server.assert_all_seen(|operation, status| {
        matches!(status, 202 | 401 | 403 | 413 | 500 | 503) || elsewhere(&operation.id, status)
    });
}
