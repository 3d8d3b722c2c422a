//! What is wrong is refused with exit code 2 and one line that says what and where, and nothing of
//! it is stored.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::common::{Folder, MONTH, Ran, Server, list, seconds_from_now};

/// A server with an account, its key, a full wallet, and a paid invoice of 100 GB.
struct Shop {
    folder: Folder,
    _server: Server,
    key: String,
}

impl Shop {
    fn open() -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder);
        let key = folder.open_account("acme");
        folder.import("good.ndjson", &[good()]);
        folder.type_in("wallet create").ok();
        folder.type_in("wallet faucet 1000 SYNOR").ok();
        folder.type_in("admin close-period 2026-01").ok();
        folder.type_in("billing pay INV-000001").key(&key).ok();
        Self {
            folder,
            _server: server,
            key,
        }
    }

    /// Everything that a refusal must leave as it is. Who has asked for what is noted all the same.
    fn state(&self) -> Value {
        let mut verified = self.folder.verified();
        verified["documents"] = self.documents();
        json!([
            verified,
            self.folder.usage("acme", MONTH),
            self.folder.balance("acme"),
            self.folder.type_in("wallet balance").json(),
            self.folder.type_in("admin accounts").json(),
        ])
    }

    /// How many documents of each kind there are, besides those of the audit log.
    fn documents(&self) -> Value {
        let book = Connection::open(self.folder.data().join("book.sqlite")).unwrap();
        let mut count = book
            .prepare(
                "SELECT kind, count(*) FROM documents
                 WHERE kind NOT IN ('audit_entry', 'audit_head') GROUP BY kind ORDER BY kind",
            )
            .unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let counts = count.query_map([], row).unwrap();
        let counts: Vec<(String, i64)> = counts.collect::<Result<_, _>>().unwrap();
        json!(counts)
    }

    /// Does something that must change nothing.
    fn unchanged<T>(&self, what: &str, act: impl FnOnce(&Folder) -> T) -> T {
        let before = self.state();
        let done = act(&self.folder);
        assert_eq!(self.state(), before, "{what}");
        done
    }

    fn import_refused(&self, name: &str, content: &str, naming: &[&str]) -> Ran {
        let file = self.folder.write(name, content);
        self.unchanged(content, |folder| {
            let import = folder.synor(&["usage", "import"]).arg(&file);
            import.refused(naming)
        })
    }
}

/// An event that holds.
fn good() -> Value {
    json!({
        "account": "acme", "service": "network", "resource": "egress", "quantity": "100",
        "unit": "GB", "time": "2026-01-15T00:00:00Z", "source": "node-1", "id": "good",
    })
}

/// The same but for one field.
fn with(field: &str, value: impl Into<Value>) -> String {
    let mut event = good();
    event["id"] = "bad".into();
    event[field] = value.into();
    event.to_string()
}

#[test]
fn json_that_is_none() {
    let shop = Shop::open();
    let cut = &with("id", "cut")[..60];
    shop.import_refused("cut.ndjson", cut, &["line 1: ", "is not JSON"]);
    let second = format!("{}\n{{\"account\": acme}}\n", with("id", "first"));
    shop.import_refused("second.ndjson", &second, &["line 2: ", "is not JSON"]);
    let missing = r#"{"account":"acme","service":"network","resource":"egress"}"#;
    shop.import_refused("missing.ndjson", missing, &["line 1: ", "quantity"]);
    let unknown = with("colour", "blue");
    shop.import_refused("unknown.ndjson", &unknown, &["line 1: ", "colour"]);
}

#[test]
fn one_bad_line_among_six_thousand() {
    let shop = Shop::open();
    let mut csv = "account,service,resource,quantity,time,source,id\n".to_owned();
    for line in 2..=6_000 {
        let quantity = if line == 5_000 { "abc" } else { "1" };
        csv += &format!("acme,network,requests,{quantity},2026-01-20T00:00:00Z,node-2,{line}\n");
    }
    assert_eq!(csv.lines().count(), 6_000);
    let told = ["line 5000: ", "quantity", "`abc`"];
    shop.import_refused("usage.csv", &csv, &told);
    let mended = csv.replace(",abc,", ",1,");
    let file = shop.folder.write("usage.csv", mended);
    let import = shop.folder.synor(&["usage", "import"]).arg(&file).json();
    assert_eq!(import["accepted"], 5_999, "none of them was there before");
}

#[test]
fn fields_that_do_not_hold() {
    let shop = Shop::open();
    let later = seconds_from_now(25 * 3_600);
    // Larger than an event may be (10^27), and larger than what fits 128 bits.
    let (large, larger) = (
        format!("1{}", "0".repeat(28)),
        format!("1{}", "0".repeat(40)),
    );
    let cases = [
        ("service", "dns"),
        ("resource", "blobs"),
        ("unit", "cows"),
        ("quantity", "0"),
        ("quantity", "-1"),
        ("quantity", "1e3"),
        ("quantity", "many"),
        ("quantity", &large),
        ("quantity", &larger),
        ("time", &later),
        ("time", "yesterday"),
        ("id", ""),
    ];
    for (field, value) in cases {
        let shown = format!("`{value}`");
        let told = ["line 1: ", field, shown.as_str()];
        shop.import_refused("bad.ndjson", &with(field, value), &told);
    }
    let in_an_hour = with("time", seconds_from_now(3_600));
    let file = shop.folder.write("soon.ndjson", in_an_hour);
    shop.folder.synor(&["usage", "import"]).arg(file).ok();
}

#[test]
fn accounts_and_files_that_are_not_there() {
    let shop = Shop::open();
    let of_nobody = with("account", "nobody");
    shop.import_refused("nobody.ndjson", &of_nobody, &["account `nobody`"]);
    let mixed = format!("{}\n{of_nobody}\n", with("id", "mixed"));
    shop.import_refused("mixed.ndjson", &mixed, &["account `nobody`"]);
    shop.import_refused("empty", "", &["empty"]);
    shop.import_refused("prose.txt", "Dear Sir or Madam,\n", &["prose.txt"]);
    shop.unchanged("no file", |folder| {
        let missing = folder.file("missing.ndjson");
        let import = folder.synor(&["usage", "import"]).arg(missing);
        import.refused(&["missing.ndjson", "No such file"]);
        let summary = folder.type_in("usage summary").account("nobody");
        summary.refused(&["account `nobody`"]);
        let grant = folder.type_in("admin grant-credit nobody 5 SYNOR");
        grant.refused(&["account `nobody`"]);
    });
}

#[test]
fn amounts_that_are_none() {
    let shop = Shop::open();
    shop.unchanged("amounts", |folder| {
        let deposit = |words: &[&str], naming: &str| {
            let command = folder.synor(&["billing", "deposit"]).key(&shop.key);
            let command = words.iter().fold(command, |c, word| c.arg(word));
            command.refused(&[naming]);
        };
        deposit(&["100"], "`100` has no currency");
        for (text, naming) in [
            ("100 SYN", "`SYN`"),
            ("1e3 SYNOR", "`1e3`"),
            ("0.0000001 SYNOR", "`0.0000001`"),
            ("-5 SYNOR", "-5"),
            ("0 SYNOR", "`0 SYNOR`"),
            ("1,000 SYNOR", "`1,000`"),
            ("NaN SYNOR", "`NaN`"),
            ("99999999999999 SYNOR", "too large"),
        ] {
            deposit(&[text], naming);
            deposit(&text.split(' ').collect::<Vec<_>>(), naming);
        }
        for max in ["-1", "0", "1e3", "0.0000001", "500 SYN"] {
            let enable = folder.synor(&["billing", "auto-pay", "enable", "--max", max]);
            enable.key(&shop.key).refused(&[]);
        }
        let grant = folder.type_in("admin grant-credit acme 5");
        grant.refused(&["`5` has no currency"]);
        let send = folder.synor(&["wallet", "send", "synor1nonsense", "1", "SYNOR"]);
        send.refused(&["synor1nonsense"]);
    });
}

#[test]
fn wallets_that_do_not_open_or_do_not_hold_enough() {
    let shop = Shop::open();
    let deposit = |folder: &Folder, line: &str| folder.type_in(line).key(&shop.key);
    shop.unchanged("wrong passphrase", |folder| {
        let wrong = deposit(folder, "billing deposit 5 SYNOR").passphrase("wrong");
        wrong.refused(&["passphrase"]);
        let wrong = deposit(folder, "billing auto-pay enable --max 5").passphrase("wrong");
        wrong.refused(&["passphrase"]);
        let missing = deposit(folder, "billing deposit 5 SYNOR --wallet");
        missing.arg(folder.file("nowhere")).refused(&["nowhere"]);
        let much = folder.type_in("wallet send");
        let own = folder.type_in("wallet address").ok();
        much.arg(own.trim()).arg("5000 SYNOR").refused(&["5000"]);
    });
    // The deposit is announced before the chain refuses its transfer, so only the books are held
    // to be the same.
    let before = shop.folder.balance("acme");
    deposit(&shop.folder, "billing deposit 5000 SYNOR").refused(&["5000"]);
    assert_eq!(shop.folder.balance("acme"), before);
    shop.folder.verified();
}

#[test]
fn invoices_and_months_that_cannot_be() {
    let shop = Shop::open();
    shop.unchanged("invoices", |folder| {
        let typed = |line: &str| folder.type_in(line).key(&shop.key);
        typed("billing pay INV-000001").refused(&["INV-000001", "paid"]);
        typed("billing pay INV-000002").refused(&["INV-000002"]);
        typed("billing pay nonsense").refused(&["`nonsense`"]);
        typed("billing invoice nonsense").refused(&["`nonsense`"]);
        typed("billing invoice").refused(&["<INVOICE>"]);
        typed("billing invoices --limit 0").refused(&["'0'", "--limit"]);
        typed("billing export --period 2026-13").refused(&["`2026-13` is not a month"]);
        typed("usage summary --period 26-01").refused(&["`26-01` is not a month"]);
        folder
            .type_in("admin close-period 2026-13")
            .refused(&["`2026-13` is not a month"]);
        let running = seconds_from_now(0)[..7].to_owned();
        let close = folder.synor(&["admin", "close-period", &running]);
        close.refused(&[&running]);
        folder
            .type_in("admin close-period 2999-01")
            .refused(&["2999-01"]);
        let paid = folder
            .type_in("billing invoice INV-000001")
            .key(&shop.key)
            .json();
        let void = folder.synor(&["admin", "void-invoice"]);
        void.arg(paid["invoice_id"].as_str().unwrap())
            .refused(&["INV-000001"]);
    });
}

#[test]
fn keys_that_open_nothing() {
    let shop = Shop::open();
    let other = shop.folder.open_account("other");
    shop.unchanged("keys", |folder| {
        let balance = folder.type_in("billing balance");
        balance
            .key("synor_nonsense")
            .refused(&["API key is not valid"]);
        let file = folder.write("more.ndjson", with("id", "more"));
        let import = folder.synor(&["usage", "import"]).arg(&file);
        import.key(&other).refused(&["its role is customer"]);
        folder
            .type_in("admin accounts")
            .key(&other)
            .refused(&["its role is customer"]);
        folder
            .type_in("billing balance")
            .key(&other)
            .account("acme")
            .refused(&["`acme`"]);
        folder
            .type_in("billing pay INV-000001")
            .key(&other)
            .refused(&["INV-000001"]);
        folder.type_in("billing balance").refused(&["admin key"]);
        folder.type_in("billing blance").refused(&["'blance'"]);
    });
    let accounts = shop.folder.type_in("admin accounts").json();
    assert_eq!(list(&accounts["items"]).len(), 2);
}

#[test]
fn what_the_folder_holds_that_cannot_be_read() {
    let folder = Folder::new();
    folder.configure("blok_interval_ms = 10\n");
    folder
        .type_in("admin accounts")
        .refused(&["synor.toml", "blok_interval_ms"]);
    folder.configure("price_list = \"nowhere.toml\"\n");
    folder.type_in("admin accounts").refused(&["nowhere.toml"]);
    folder.configure("block_interval_ms = 10\n");
    folder.type_in("admin accounts").ok();
    std::fs::write(folder.data().join("book.sqlite"), "no book").unwrap();
    folder.type_in("admin accounts").refused(&["book.sqlite"]);
}
