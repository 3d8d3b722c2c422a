//! The pages without a browser: each answers whole and small, holds the policy, shows what people typed
//! as text and nothing else, needs no script, and is only for those whom it is for.

use reqwest::redirect::Policy;
use reqwest::{Method, Response};
use synor_economics::period::Zone;
use synor_economics::pricing::PriceList;
use synor_engine::{KeyOrder, NewAccount};
use synor_store::{Access, Role};

use crate::support::server::Server;
use crate::usage::{event, ingest};
use crate::{ACME, BETA};

const PAGE_MAX_BYTES: usize = 150_000;
/// A name that would be a script if it were not text.
const HOSTILE: &str = "<script>alert(1)</script>\"'&";

const ACCOUNT_PAGES: [&str; 10] = [
    "/overview",
    "/overview?month=2026-01",
    "/usage?period=2026-01&group=provider&compare=before",
    "/invoices",
    "/invoices/INV-000001",
    "/invoices/INV-000001/pay",
    "/credits",
    "/calculator?storage=500GB&requests=30M&plan=standard",
    "/calculator?storage=%3Cscript%3Ealert(1)",
    "/calculator",
];
const STAFF_PAGES: [&str; 9] = [
    "/admin",
    "/admin/accounts",
    "/admin/accounts?id=%3Cscript%3Ealert(1)",
    "/admin/invoices?period=2026-01&status=finalized",
    "/admin/prices",
    "/admin/close",
    "/admin/journal",
    "/overview?account=acme",
    "/invoices/INV-000001?account=acme",
];

/// A browser that runs no script.
struct Browser<'a> {
    server: &'a Server,
    client: reqwest::Client,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        let client = reqwest::Client::builder().redirect(Policy::none()).build();
        Self {
            server,
            client: client.expect("a client"),
            cookie: String::new(),
        }
    }

    async fn signed_in(server: &'a Server, key: &str) -> Self {
        let mut browser = Self::new(server);
        let answer = browser.post("/signin", &format!("key={key}")).await;
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().expect("text");
        browser.cookie = cookie.split(';').next().expect("a cookie").to_owned();
        browser
    }

    async fn staff(server: &'a Server, role: Role) -> Self {
        let access = Access::all_accounts(role);
        let key = server.engine.issue_key(KeyOrder::new(access, "test"));
        Self::signed_in(server, &key.await.expect("a key").secret).await
    }

    async fn send(&self, method: Method, path: &str, form: Option<&str>) -> Response {
        let mut request = self.client.request(method, self.server.url(path));
        request = request.header("cookie", &self.cookie);
        if let Some(form) = form {
            let kind = "application/x-www-form-urlencoded";
            request = request.header("content-type", kind).body(form.to_owned());
        }
        request.send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, form: &str) -> Response {
        self.send(Method::POST, path, Some(form)).await
    }

    /// A page, held to what holds for all of them.
    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str();
        let policy = policy.expect("text").to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        let html = answer.text().await.expect("text");
        assert!(html.len() < PAGE_MAX_BYTES, "{path}: {} bytes", html.len());
        assert!(html.trim_end().ends_with("</html>"), "{path}");
        for forbidden in ["<script>", " style=\"", " onclick=", "javascript:"] {
            assert!(!html.contains(forbidden), "{path}: {forbidden}");
        }
        // What each form that changes something carries.
        let forms = html.matches("method=\"post\"").count();
        let tokens = html.matches("name=\"csrf\"").count();
        let without = html.matches("action=\"/signin\"").count()
            + html.matches("enctype=\"multipart/form-data\"").count();
        assert_eq!(forms, tokens + without, "{path}");
        html
    }

    async fn csrf(&self) -> String {
        let html = self.page("/calculator").await;
        let token = html.split("name=\"csrf\" value=\"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next());
        token.expect("a token").to_owned()
    }
}

async fn open(server: &Server, account: &str, name: Option<&str>) {
    let new = NewAccount {
        account_id: account.parse().expect("an id"),
        name: name.map(str::to_owned),
        time_zone: Zone::utc(),
    };
    server.engine.open_account(new).await.expect("opened");
}

/// Two accounts, one of them with usage of January and its invoice; its key.
async fn with_an_invoice(server: &Server) -> String {
    open(server, ACME, None).await;
    open(server, BETA, Some(HOSTILE)).await;
    let access = Access {
        role: Role::Customer,
        account_id: Some(ACME.parse().expect("an id")),
    };
    let key = server.engine.issue_key(KeyOrder::new(access, "test"));
    let key = key.await.expect("a key").secret;
    let day = "2026-01-10T08:00:00Z";
    let used = event("network.egress", "100", ACME, day, 1, "GB");
    ingest(server, &[used]).await;
    let close = server.admin("closePeriod").path("month", "2026-01");
    close.expect(200).await;
    key
}

#[tokio::test]
async fn every_page_is_whole_small_and_safe() {
    let server = Server::start().await;
    let acme = with_an_invoice(&server).await;
    let customer = Browser::signed_in(&server, &acme).await;
    for path in ACCOUNT_PAGES {
        customer.page(path).await;
    }
    let admin = Browser::staff(&server, Role::Admin).await;
    for path in STAFF_PAGES {
        admin.page(path).await;
    }
    let accounts = admin.page("/admin/accounts").await;
    assert!(
        accounts.contains("&#60;script&#62;alert(1)")
            || accounts.contains("&lt;script&gt;alert(1)")
    );
    // 100 GB of egress at 0.05.
    let invoice = customer.page("/invoices/INV-000001").await;
    assert!(invoice.contains("5.00<span class=\"tail\">0000</span>"));
    assert!(
        invoice.contains("100 × 0.05 = 5"),
        "the working of the line"
    );
    let pay = customer.page("/invoices/INV-000001/pay").await;
    assert!(pay.contains("synor billing pay INV-000001") && pay.contains("class=\"qr\""));
    let priced = customer.page("/calculator?storage=500GB").await;
    assert!(priced.contains("10.00<span class=\"tail\">0000</span>"));
    // The files that a page names are there, under names that never change their content.
    for (start, end) in [("href=\"/assets/", "css"), ("src=\"/assets/", "js")] {
        let name = invoice
            .split(start)
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let name = name.expect("a file");
        assert!(name.ends_with(end));
        let file = customer.get(&format!("/assets/{name}")).await;
        assert_eq!(file.status(), 200);
        let kept = file.headers()["cache-control"].to_str().expect("text");
        assert!(kept.contains("immutable"));
    }
    let csv = customer.get("/usage.csv?period=2026-01").await.text().await;
    assert!(
        csv.expect("text")
            .contains("2026-01-10,network.egress,,100000000000,bytes")
    );
}

#[tokio::test]
async fn pages_are_only_for_those_they_are_for() {
    let server = Server::start().await;
    let acme = with_an_invoice(&server).await;
    let nobody = Browser::new(&server);
    for path in ACCOUNT_PAGES.iter().chain(&STAFF_PAGES).chain(&["/"]) {
        let answer = nobody.get(path).await;
        assert_eq!(answer.status(), 303, "{path}");
        let to = answer.headers()["location"].to_str().expect("text");
        assert!(to.starts_with("/signin?next="), "{path}: {to}");
    }
    nobody.page("/signin?refused=1&next=/usage").await;
    let customer = Browser::signed_in(&server, &acme).await;
    for path in [
        "/admin",
        "/admin/accounts",
        "/admin/journal",
        "/overview?account=beta",
    ] {
        assert_eq!(customer.get(path).await.status(), 403, "{path}");
    }
    assert_eq!(customer.get("/overview?account=acme").await.status(), 200);
    assert_eq!(customer.get("/invoices/INV-000099").await.status(), 404);
    // An operator decides about prices and sees no money.
    let operator = Browser::staff(&server, Role::Operator).await;
    for path in [
        "/overview?account=acme",
        "/invoices?account=acme",
        "/admin/journal",
        "/admin/close",
    ] {
        assert_eq!(operator.get(path).await.status(), 403, "{path}");
    }
    let today = operator.page("/admin").await;
    assert!(!today.contains("Burnt"));
    operator.page("/admin/prices").await;
    let finance = Browser::staff(&server, Role::Finance).await;
    finance.page("/admin/journal").await;
    let token = finance.csrf().await;
    let form = format!("csrf={token}&step=look&toml=x");
    assert_eq!(finance.post("/admin/prices", &form).await.status(), 403);
}

#[tokio::test]
async fn a_month_is_closed_and_prices_are_changed_from_the_pages() {
    let server = Server::start().await;
    open(&server, ACME, None).await;
    let day = "2026-01-10T08:00:00Z";
    ingest(
        &server,
        &[event("network.egress", "100", ACME, day, 1, "GB")],
    )
    .await;
    let admin = Browser::staff(&server, Role::Admin).await;
    // Without the session's token nothing happens.
    assert_eq!(
        admin.post("/admin/close", "period=2026-01").await.status(),
        403
    );
    assert!(!admin.page("/admin/close").await.contains("Bill run"));
    let token = admin.csrf().await;
    let form = format!("csrf={token}&period=2026-01");
    assert_eq!(admin.post("/admin/close", &form).await.status(), 303);
    let mut page = String::new();
    for _ in 0..200 {
        page = admin.page("/admin/close").await;
        if page.contains("New invoices") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(
        page.contains("New invoices") && page.contains("5.00<span"),
        "{page}"
    );
    assert!(admin.page("/admin/invoices").await.contains("INV-000001"));

    let built_in = PriceList::built_in().expect("the built-in prices");
    let version = built_in.version.clone();
    let dearer = built_in.text().replacen("0.02 SYNOR", "0.03 SYNOR", 1);
    let dearer = dearer.replacen(&version, "2027-01-01", 1);
    let dearer = dearer.replacen("1970-01-01", "2027-01-01", 1);
    let encoded = |text: &str| {
        let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
        bytes.collect::<String>()
    };
    let send = |step: &str| format!("csrf={token}&step={step}&toml={}", encoded(&dearer));
    let looked = admin.post("/admin/prices", &send("look")).await;
    assert_eq!(looked.status(), 200);
    let looked = looked.text().await.expect("text");
    assert!(looked.contains("<del>0.02 SYNOR per"), "{looked}");
    assert!(looked.contains("<ins>0.03 SYNOR per"));
    assert_eq!(
        server.engine.price_lists().len(),
        1,
        "looking changes nothing"
    );
    let broken = format!("csrf={token}&step=look&toml={}", encoded("version = 1"));
    let broken = admin.post("/admin/prices", &broken).await.text().await;
    assert!(broken.expect("text").contains("cannot be read"));
    let activated = admin.post("/admin/prices", &send("activate")).await;
    let activated = activated.text().await.expect("text");
    assert!(activated.contains("is in force from"), "{activated}");
    assert_eq!(server.engine.price_lists().len(), 2);
}
