//! The price oracle: three sources of which the test decides what they say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use synor_economics::oracle::{AggregateLimits, BreakerLimits, PriceSource, Quote};
use synor_economics::period::Timestamp;
use synor_engine::OracleConfig;
use synor_feeds::{FeedError, NamedFeed, PriceFeed};

use crate::books::assert_sound;
use crate::support::server::{NOW_SECS, Server};

/// What the three sources say.
pub type Said = Arc<Mutex<[&'static str; 3]>>;

struct SetFeed {
    place: usize,
    said: Said,
}

#[async_trait]
impl PriceFeed for SetFeed {
    fn source(&self) -> PriceSource {
        PriceSource::OffChain {
            oracle_id: format!("signer-{}", self.place),
        }
    }

    async fn quote(&self, now: Timestamp) -> Result<Quote, FeedError> {
        let said = self.said.lock().expect("what is said")[self.place];
        Ok(Quote {
            price: said.parse()?,
            observed_at: now,
            volume_24h: None,
        })
    }
}

/// An oracle of sources that say this.
pub fn config(said: &Said) -> OracleConfig {
    let feeds = (0..3).map(|place| NamedFeed {
        name: format!("source-{place}"),
        feed: Arc::new(SetFeed {
            place,
            said: said.clone(),
        }),
    });
    OracleConfig {
        feeds: feeds.collect(),
        aggregate: AggregateLimits {
            quorum: 2,
            stale_after_secs: 60,
            spread_max_bps: 500,
        },
        breaker: BreakerLimits {
            jump_max_bps: 2_000,
            jump_window_secs: 3_600,
            fresh_secs: 120,
            hold_secs: 3_600,
        },
        interval_secs: 60,
        timeout: Duration::from_secs(1),
    }
}

pub async fn oracle(server: &Server, acme: &str, later: i64) {
    server.set_later(later);
    let get = |operation: &str| server.call(operation).key(acme);
    assert_eq!(get("listOracleSources").expect(200).await, json!({}));
    let nothing = get("getOraclePrice").expect(200).await;
    assert_eq!(nothing["standing"], "refused");
    assert_eq!(nothing["tripped"]["cause"], "no_price");
    get("getOracleTwap").problem(409, "no-rate").await;
    get("askOracle").problem(403, "forbidden").await;

    let round = server.admin("askOracle").expect(200).await;
    assert_eq!(round["last_good"]["price_usd"], "0.25");
    assert_eq!(round["last_round"]["sources"][1]["price_usd"], "0.251");
    let price = get("getOraclePrice").expect(200).await;
    assert_eq!(price["standing"], "good");
    assert_eq!(price["price"]["price_micro_usd"], 250_000);
    assert_eq!(price["price"]["day"]["high_24h_usd"], "0.25");
    let sources = get("listOracleSources").expect(200).await;
    assert_eq!(sources["round"]["sources"][0]["status"], "used");

    server.say(["3", "3", "0.25"]);
    server.set_later(later + 60);
    let jumped = server.admin("askOracle").expect(200).await;
    assert_eq!(jumped["tripped"]["cause"], "jump");
    assert_eq!(jumped["last_round"]["sources"][2]["status"], "outlier");
    assert_eq!(get("getOraclePrice").expect(200).await["standing"], "held");
    let reset = |reason: &str| {
        server
            .admin("resetOracle")
            .json(&json!({ "reason": reason }))
    };
    reset(" ").problem(422, "invalid-request").await;
    let bad = server.admin("resetOracle").json(&json!({}));
    bad.problem(400, "invalid-request").await;
    let done = reset("listed on a large exchange").expect(200).await;
    assert!(done.get("tripped").is_none());
    server.set_later(later + 1_000);
    server.admin("askOracle").expect(200).await;
    let price = get("getOraclePrice").expect(200).await;
    assert_eq!(
        (&price["standing"], &price["price_usd"]),
        (&json!("good"), &json!("3"))
    );

    server.say(["3", "0.25", "nonsense"]);
    server.set_later(later + 1_060);
    let apart = server.admin("askOracle").expect(200).await;
    assert_eq!(apart["tripped"]["cause"], "disagreement");
    assert_eq!(apart["last_round"]["sources"][2]["status"], "failed");

    history(server, acme, later).await;
    rates(server, acme).await;
    assert_sound(server).await;
}

async fn history(server: &Server, acme: &str, later: i64) {
    let get = |operation: &str| server.call(operation).key(acme);
    let all = get("getOracleHistory").expect(200).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
    let start = NOW_SECS + later + 1;
    let second = get("getOracleHistory").query("from", &start.to_string());
    let second = second.expect(200).await;
    assert_eq!(second["items"][0]["price_usd"], "3");
    let wrong = get("getOracleHistory").query("from", &(start + 10_000_000).to_string());
    wrong.problem(400, "invalid-request").await;

    // 1,000 s at 0.25 and 60 s at 3.
    let twap = |query: &[(&str, &str)]| {
        let mut call = get("getOracleTwap");
        for (name, value) in query {
            call = call.query(name, value);
        }
        call
    };
    let plain = twap(&[("window_secs", "1060")]).expect(200).await;
    assert_eq!(plain["price_usd"], "0.405660377358490566");
    let half = [
        ("kind", "exponential"),
        ("window_secs", "1060"),
        ("half_life_secs", "60"),
    ];
    let recent = twap(&half).expect(200).await;
    let recent: f64 = recent["price_usd"]
        .as_str()
        .expect("a price")
        .parse()
        .expect("a number");
    // Half of the weight is in the last half-life: (0.25 + 3) / 2.
    assert!((recent - 1.625).abs() < 0.000_1, "{recent}");
    for bad in [
        [("window_secs", "0")],
        [("half_life_secs", "60")],
        [("kind", "geometric")],
    ] {
        twap(&bad).problem(400, "invalid-request").await;
    }
}

async fn rates(server: &Server, acme: &str) {
    let set = |month: &str, rate: &str, reason: &str| {
        let rate = json!({ "month": month, "usd_per_synor": rate, "reason": reason });
        server.admin("setOracleRate").json(&rate)
    };
    let made = set("2025-12", "0.25", "from before the oracle")
        .expect(201)
        .await;
    let again = set("2025-12", "0.25", "from before the oracle")
        .expect(201)
        .await;
    assert_eq!(made, again);
    set("2025-12", "0.26", "a typing mistake")
        .problem(409, "rate-exists")
        .await;
    set("2025-11", "0.26", "")
        .problem(422, "invalid-request")
        .await;
    for bad in ["0", "-1", "much"] {
        set("2025-11", bad, "why")
            .problem(400, "invalid-request")
            .await;
    }
    let all = server.call("listOracleRates").key(acme).expect(200).await;
    assert_eq!(all["items"], json!([made]));
}

/// Without an oracle, each question says so.
#[tokio::test]
async fn where_there_is_no_oracle() {
    let server = Server::start_without_oracle().await;
    for operation in [
        "getOraclePrice",
        "listOracleSources",
        "getOracleHistory",
        "getOracleTwap",
        "askOracle",
    ] {
        server.admin(operation).problem(404, "no-oracle").await;
    }
    let reset = server
        .admin("resetOracle")
        .json(&json!({ "reason": "why" }));
    reset.problem(404, "no-oracle").await;
}
