//! The price oracle by command line: three exchanges that the test speaks for, a price list in USD,
//! and bills that are made at a rate or not at all.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::common::{Folder, Server, integer, list, seconds_from_now, text, wait_until};

/// 0.021 USD a core-hour.
const LIST: &str = r#"
version = "usd"
effective_from = "2026-01-01T00:00:00Z"
usd_per_synor = "oracle"
[[price]]
resource = "compute.cpu"
per = "core-hour"
amount = "0.021 USD"
"#;

/// An exchange with a ticker; what it says can be set.
struct Exchange {
    url: String,
    price: Arc<Mutex<String>>,
}

impl Exchange {
    fn open(price: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ticker", listener.local_addr().unwrap());
        let price = Arc::new(Mutex::new(price.to_owned()));
        let said = price.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let _ = lines.find(String::is_empty);
                let body = json!({"ticker": {"last": *said.lock().unwrap(), "volume": 1000}});
                let (body, mut to) = (body.to_string(), &stream);
                let length = body.len();
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
                let _ = write!(to, "{head}content-length: {length}\r\n\r\n{body}");
            }
        });
        Self { url, price }
    }

    fn say(&self, price: &str) {
        *self.price.lock().unwrap() = price.to_owned();
    }
}

fn configuration(exchanges: &[Exchange]) -> String {
    let mut toml = "block_interval_ms = 10\nprice_list = \"usd.toml\"\n\
                    [oracle]\ninterval_secs = 1\ntimeout_ms = 2000\n"
        .to_owned();
    for (place, exchange) in exchanges.iter().enumerate() {
        toml += &format!(
            "[[oracle.sources]]\nname = \"exchange-{place}\"\ntype = \"cex\"\nexchange = \"ex{place}\"\n\
             url = \"{}\"\nprice = \"/ticker/last\"\nvolume = \"/ticker/volume\"\n",
            exchange.url
        );
    }
    toml
}

fn cpu(id: &str, time: String) -> serde_json::Value {
    json!({
        "account": "acme", "service": "compute", "resource": "cpu", "quantity": 100,
        "unit": "core-hours", "time": time, "source": "node-1", "id": id, "provider": "operator-1",
    })
}

#[test]
fn usd_prices_are_billed_at_a_rate_or_not_at_all() {
    let exchanges = ["0.21", "0.2105", "0.2095"].map(Exchange::open);
    let folder = Folder::new();
    folder.configure(&configuration(&exchanges));
    std::fs::write(folder.data().join("usd.toml"), LIST).unwrap();
    let _server = Server::start(&folder);
    let key = folder.open_account("acme");

    // The server asks by itself.
    wait_until("there is a price", || {
        let price = folder.type_in("oracle price").key(&key).json();
        (price["standing"] == "good").then_some(())
    });
    let shown = folder.type_in("oracle price --now").ok();
    for part in [
        "0.21 USD for one SYNOR",
        "exchange-0, exchange-1",
        "3,000.000000 SYNOR traded",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let sources = folder.type_in("oracle sources").key(&key).ok();
    assert!(sources.contains("the median is 0.21 USD"), "{sources}");
    let history = folder.type_in("oracle history").key(&key).json();
    assert_eq!(list(&history["items"])[0]["price_usd"], "0.21");
    wait_until("there was a price for half of two seconds", || {
        let twap = folder.type_in("oracle twap --window 2").key(&key).run();
        twap.stdout
            .contains("0.21 USD for one SYNOR on average")
            .then_some(())
    });
    let watched = folder
        .type_in("oracle watch --every 1 --count 2")
        .key(&key)
        .ok();
    assert_eq!(watched.matches("USD for one SYNOR").count(), 2, "{watched}");

    // The running month at the price of the moment: 100 × 0.021 ÷ 0.21.
    let used = [
        cpu("1", "2026-01-10T00:00:00Z".to_owned()),
        cpu("2", seconds_from_now(-1)),
    ];
    folder.import("usage.ndjson", &used);
    let running = folder.type_in("billing invoice --current").key(&key).ok();
    assert!(
        running.contains("10.000000 SYNOR are 2.1 USD at 0.21 USD for one SYNOR"),
        "{running}"
    );

    // January was before there was an oracle: nothing is guessed.
    let close = || folder.type_in("admin close-period 2026-01").json();
    let refused = close();
    assert_eq!(integer(&refused["invoice_count"]), 0);
    let reason = text(&refused["failed"][0]["reason"]);
    assert!(reason.contains("synor oracle rate 2026-01"), "{reason}");
    let by_hand = |rate: &str| {
        let mut command = ["oracle", "rate", "2026-01", rate, "--reason"].to_vec();
        command.push("before the oracle");
        folder.synor(&command)
    };
    by_hand("0.42").key(&key).refused(&["admin"]);
    by_hand("0.42").ok();
    by_hand("0.43").refused(&["0.42 USD for one SYNOR already"]);
    assert_eq!(integer(&close()["subtotal_micro_synor"]), 5_000_000);
    let explained = folder
        .type_in("billing invoice INV-000001 --explain")
        .key(&key)
        .ok();
    let because = "prices in USD at 0.42 USD for one SYNOR: set by an operator";
    assert!(explained.contains(because), "{explained}");
    let shown = folder.type_in("billing invoice INV-000001").key(&key).ok();
    assert!(shown.contains("5.000000 SYNOR are 2.1 USD"), "{shown}");
    let rates = folder.type_in("oracle rates").key(&key).ok();
    assert!(rates.contains("before the oracle"), "{rates}");

    // One exchange lies and is left out; two make a jump that someone has to look at.
    exchanges[0].say("2.1");
    let sources = || folder.type_in("oracle sources").json();
    wait_until("the lie is an outlier", || {
        (sources()["round"]["sources"][0]["status"] == "outlier").then_some(())
    });
    exchanges[1].say("2.1");
    wait_until("the breaker trips", || {
        let price = folder.type_in("oracle price").json();
        (price["tripped"]["cause"] == "jump").then_some(())
    });
    let held = folder.type_in("oracle price").ok();
    assert!(
        held.contains("held until") && held.contains("jumped from 0.21 to 2.1"),
        "{held}"
    );
    folder
        .synor(&["oracle", "reset", "--reason", "it is real"])
        .ok();
    wait_until("the price is good again", || {
        let price = folder.type_in("oracle price").json();
        (price["price_usd"] == "2.1" && price["standing"] == "good").then_some(())
    });
    folder.verified();
}

#[test]
fn an_oracle_that_a_minority_could_make_is_refused() {
    let folder = Folder::new();
    let source = |name: &str| {
        format!(
            "[[oracle.sources]]\nname = \"{name}\"\ntype = \"cex\"\nexchange = \"x\"\n\
             url = \"http://127.0.0.1:1/\"\nprice = \"/last\"\n"
        )
    };
    let two = format!("[oracle]\nquorum = 1\n{}{}", source("a"), source("b"));
    folder.configure(&two);
    folder
        .type_in("admin verify")
        .refused(&["quorum 1 of 2", "more than half"]);
    folder.configure(&format!("[oracle]\n{}{}", source("a"), source("a")));
    folder
        .type_in("admin verify")
        .refused(&["`a`", "two sources have this name"]);
    folder.configure("block_interval_ms = 10\n");
    let _server = Server::start(&folder);
    folder
        .type_in("oracle price")
        .refused(&["[oracle] in synor.toml"]);
}
