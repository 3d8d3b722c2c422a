//! Chromium walks every page on the demonstration's data; see `tests/browser/walk.mjs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Folder, Server, list, text};

/// Whose pages are walked.
const ACCOUNT: &str = "teapot-comet";
/// The demonstration's passphrase of the wallet.
const PASSPHRASE: &str = "demo";

/// `CHROMIUM` names a Chromium; else it is the one that is installed.
fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let places = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    places.map(PathBuf::from).into_iter().find(|p| p.exists())
}

#[test]
fn every_page_holds_in_a_browser() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let is_ready = script.join("node_modules/playwright-core").exists();
    let Some(chromium) = chromium().filter(|_| is_ready) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Chromium, or no npm packages in {}; .ci/run installs both",
            script.display()
        );
        eprintln!(
            "skipped: it needs a Chromium, and `npm ci` in {}",
            script.display()
        );
        return;
    };
    let folder = Folder::new();
    let printed = folder.type_in("demo --exit").ok();
    let admin_key = printed
        .lines()
        .find_map(|line| line.strip_prefix("admin key (shown this once): "))
        .expect("the demonstration's first start prints a key")
        .to_owned();
    let server = Server::start(&folder);
    let api = server.api();
    // What is held goes on in February, so that there is an invoice to pay.
    let close = "/admin/periods/2026-02/close";
    api.post(&server.secret, close, &serde_json::json!({}))
        .expect(200);
    let key = folder.type_in("admin issue-key teapot-comet").json();
    let key = text(&key["secret"]);
    let invoices = api.get(key, "/billing/invoices").expect(200);
    let number = |status: fn(&str) -> bool| {
        let found = list(&invoices["items"]).iter();
        let mut found = found.filter(|invoice| status(text(&invoice["status"])));
        text(&found.next().expect("such an invoice")["number"]).to_owned()
    };
    let mut walk = Command::new("node");
    walk.current_dir(&script).arg("walk.mjs");
    walk.env("SYNOR_URL", &server.url)
        .env("SYNOR_BIN", env!("CARGO_BIN_EXE_synor"))
        .env("SYNOR_DATA", folder.data())
        .env("SYNOR_ACCOUNT", ACCOUNT)
        .env("SYNOR_WALLET_PASSPHRASE", PASSPHRASE)
        .env("CHROMIUM", chromium)
        .env("CUSTOMER_KEY", key)
        .env("ADMIN_KEY", admin_key)
        .env("ACCOUNT", ACCOUNT)
        .env("MONTH", "2026-01")
        .env("PAID_INVOICE", number(|status| status == "paid"))
        .env("OPEN_INVOICE", number(|status| status != "paid"));
    let walked = walk.output().expect("node runs");
    let said = String::from_utf8_lossy(&walked.stderr);
    assert!(walked.status.success(), "{said}");
}
