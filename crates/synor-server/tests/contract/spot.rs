//! The spot market: two accounts bid for one provider's cards, hour by hour.

use serde_json::{Value, json};

use crate::books::assert_sound;
use crate::support::document::text;
use crate::support::server::{NOW_SECS, Server};
use crate::usage::{event, ingest};
use crate::{ACME, BETA, NO_ASK, NO_BID};

const HOUR: i64 = 3_600;

pub async fn spot(server: &Server, acme: &str, beta: &str) {
    opening(server).await;
    let ask = asks(server).await;
    let bid = bids(server, acme).await;
    clearing(server, acme, beta).await;
    withdrawing(server, acme, &ask, &bid).await;
    prices(server, acme).await;
    assert_sound(server).await;
}

/// The market's name, and what else is asked of it.
fn cards(more: &Value) -> Value {
    let mut order = json!({ "resource": "compute.gpu", "dimensions": { "gpu_model": "rtx4090" } });
    for (name, value) in more.as_object().into_iter().flatten() {
        order[name] = value.clone();
    }
    order
}

async fn opening(server: &Server) {
    let reserve = |order: &Value| server.admin("setSpotReserve").json(order);
    let clear = server.admin("clearSpot").json(&cards(&json!({})));
    clear.problem(404, "not-found").await;
    let opened = reserve(&cards(
        &json!({ "per": "gpu-hour", "reserve": "0.10 SYNOR" }),
    ));
    let opened = opened.expect(200).await;
    assert_eq!(
        (&opened["reserve_micro_synor"], &opened["orders"]),
        (&json!(100_000), &json!(0))
    );
    let none = reserve(&cards(&json!({ "reserve_micro_synor": 0 })));
    assert_eq!(none.expect(200).await["per"], "gpu-hour");
    for refused in [
        cards(&json!({ "per": "gpu-second", "reserve": "1 SYNOR" })),
        cards(&json!({ "reserve_micro_synor": -1 })),
        json!({ "resource": "storage.stored_data", "reserve": "1 SYNOR" }),
    ] {
        reserve(&refused).problem(422, "invalid-request").await;
    }
    for bad in [
        json!({}),
        cards(&json!({})),
        cards(&json!({ "reserve": "much" })),
        cards(&json!({ "reserve": "1 SYNOR", "reserve_micro_synor": 1 })),
    ] {
        reserve(&bad).problem(400, "invalid-request").await;
    }
    let markets = server.admin("listSpotMarkets").expect(200).await;
    assert_eq!(markets["items"].as_array().map(Vec::len), Some(1));
}

async fn asks(server: &Server) -> String {
    let place = |key: &str, order: &Value| {
        let call = server.admin("placeSpotAsk").json(order);
        call.idempotency_key(&format!("order-{key}"))
    };
    let order = cards(
        &json!({ "provider": "op-fra", "quantity": "4", "unit": "gpu-hours",
        "price": "0.20 SYNOR", "valid_until": NOW_SECS + 24 * HOUR }),
    );
    let placed = place("1", &order).expect(201).await;
    assert_eq!(
        (&placed["quantity"], &placed["sequence"]),
        (&json!(14_400_000), &json!(1))
    );
    assert_eq!(place("1", &order).expect(201).await, placed);
    let mut other = order.clone();
    other["quantity"] = json!("5");
    place("1", &other)
        .problem(422, "idempotency-key-reused")
        .await;
    for (field, value) in [
        ("quantity", json!("0")),
        ("quantity", json!("0.0000001")),
        ("unit", json!("GB")),
        ("dimensions", json!({ "colour": "red" })),
        ("valid_until", json!(1)),
    ] {
        let mut refused = order.clone();
        refused[field] = value;
        place("2", &refused).problem(422, "invalid-request").await;
    }
    for (field, value) in [
        ("provider", Value::Null),
        ("price", json!("cheap")),
        ("price_micro_synor", json!(1)),
        ("unit", json!("parsecs")),
    ] {
        let mut bad = order.clone();
        bad[field] = value;
        place("2", &bad).problem(400, "invalid-request").await;
    }
    let all = server.admin("listSpotAsks").expect(200).await;
    assert_eq!(all["items"], json!([placed]));
    let others = server.admin("listSpotAsks").query("provider", "op-nyc");
    assert_eq!(others.expect(200).await["items"], json!([]));
    let call = server.admin("listSpotAsks").query("provider", "-");
    call.problem(400, "invalid-request").await;
    text(&placed["ask_id"]).to_owned()
}

fn bid(quantity: &str, micro_synor: i64) -> Value {
    cards(&json!({ "quantity": quantity, "price_micro_synor": micro_synor }))
}

async fn bids(server: &Server, acme: &str) -> String {
    let place = |key: &str, order: &Value| {
        let call = server.call("placeSpotBid").key(acme).json(order);
        call.idempotency_key(&format!("order-{key}"))
    };
    let order = bid("3", 300_000);
    let placed = place("1", &order).expect(201).await;
    assert_eq!(
        (&placed["account"], &placed["limit_micro_synor"]),
        (&json!(ACME), &json!(300_000))
    );
    assert_eq!(place("1", &order).expect(201).await, placed);
    let reused = place("1", &bid("4", 300_000));
    reused.problem(422, "idempotency-key-reused").await;
    place("2", &bid("3", -1))
        .problem(422, "invalid-request")
        .await;
    let mut bad = order.clone();
    bad["provider"] = json!("op-fra");
    place("2", &bad).problem(400, "invalid-request").await;
    text(&placed["bid_id"]).to_owned()
}

async fn clearing(server: &Server, acme: &str, beta: &str) {
    let clear = |more: Value| server.admin("clearSpot").json(&cards(&more));
    // Nobody had ordered when this hour started.
    let nothing = clear(json!({})).expect(200).await;
    assert!(nothing["clearing"]["clearing"]["price_micro_synor"].is_null());
    assert_eq!(clear(json!({})).expect(200).await, nothing);
    clear(json!({ "interval": NOW_SECS + HOUR }))
        .problem(422, "invalid-request")
        .await;
    let call = server.admin("clearSpot").json(&json!({ "interval": 0 }));
    call.problem(400, "invalid-request").await;

    server.set_later(HOUR);
    let first = clear(json!({ "interval": NOW_SECS + HOUR }));
    let first = first.expect(200).await;
    assert_eq!(first["clearing"]["clearing"]["traded"], 10_800_000);
    let shown = server.call("listSpotBids").key(acme).expect(200).await;
    assert_eq!(shown["holdings"][0]["held"], 10_800_000);

    let more = server.admin("placeSpotBid").account(BETA);
    more.json(&bid("3", 400_000)).expect(201).await;
    server.set_later(2 * HOUR);
    let due = server.admin("clearSpot").expect(200).await;
    assert_eq!(due, json!({ "decided": 1 }));
    let second = clear(json!({})).expect(200).await;
    assert_eq!(
        second["clearing"]["interruptions"].as_array().map(Vec::len),
        Some(1)
    );
    let lost = server.call("listSpotInterruptions").key(acme);
    assert_eq!(lost.expect(200).await["items"][0]["lost"], 7_200_000);
    let none = server.call("listSpotInterruptions").key(beta);
    assert_eq!(none.expect(200).await["items"], json!([]));

    // What is used of it has the market's price.
    server.set_later(2 * HOUR + 60);
    let time = "2026-02-03T12:00:30Z";
    let mut used = event("compute.gpu", "2", BETA, time, 60, "gpu-hours");
    used["data"]["dimensions"] = json!({ "gpu_model": "rtx4090", "spot": "true" });
    ingest(server, &[used]).await;
    let draft = server.call("getCurrentInvoice").key(beta);
    let draft = draft.expect(200).await;
    let lines = draft["line_items"].as_array().expect("lines");
    let spot = lines
        .iter()
        .find(|line| line["price_list_version"] == "spot");
    assert_eq!(spot.expect("a spot line")["priced_quantity"], "2");
}

async fn withdrawing(server: &Server, acme: &str, ask: &str, bid: &str) {
    let withdraw_ask = |id: &str| server.admin("withdrawSpotAsk").path("id", id);
    let withdraw_bid = |id: &str| server.call("withdrawSpotBid").key(acme).path("id", id);
    let withdrawn = withdraw_ask(ask).expect(200).await;
    assert_eq!(withdrawn["is_open"], false);
    assert_eq!(withdraw_ask(ask).expect(200).await, withdrawn);
    let withdrawn = withdraw_bid(bid).expect(200).await;
    assert_eq!(withdrawn["valid"]["end"], NOW_SECS + 3 * HOUR);
    assert_eq!(withdraw_bid(bid).expect(200).await, withdrawn);
    withdraw_ask(NO_ASK).problem(404, "not-found").await;
    withdraw_bid(NO_BID).problem(404, "not-found").await;
    withdraw_ask(bid).problem(400, "invalid-request").await;
    withdraw_bid(ask).problem(400, "invalid-request").await;
}

async fn prices(server: &Server, acme: &str) {
    let of = |resource: &str| {
        let call = server.call("getSpotPrices").key(acme);
        call.query("resource", resource)
    };
    let cards = of("compute.gpu").query("gpu_model", "rtx4090");
    let cards = cards.query("limit", "24").expect(200).await;
    assert_eq!(cards["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        cards["last_micro_synor"],
        cards["items"][0]["price_micro_synor"]
    );
    of("compute.gpu")
        .query("region", "mars")
        .problem(404, "not-found")
        .await;
    of("time").problem(400, "invalid-request").await;
    let call = server.call("getSpotPrices").key(acme);
    call.problem(400, "invalid-request").await;
    let markets = server.call("listSpotMarkets").key(acme).expect(200).await;
    assert_eq!(markets["items"][0]["orders"], 3);
}
