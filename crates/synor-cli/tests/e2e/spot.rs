//! The spot market by command line: offers and bids, intervals decided by the server on its own,
//! and usage with the price of its interval on an invoice that can be proved.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Folder, Server, integer, list, seconds_from_now, text, wait_until};

/// Short enough to wait for one, long enough to use something in it.
const INTERVAL_SECS: i128 = 3;
const MARKET: &str = "compute.gpu (gpu_model rtx4090)";

fn holdings(folder: &Folder, key: &str) -> Vec<Value> {
    let orders = folder.type_in("spot orders").key(key).json();
    list(&orders["holdings"]).to_vec()
}

#[test]
fn a_short_life_of_a_market() {
    let folder = Folder::new();
    folder.configure(&format!(
        "block_interval_ms = 10\nspot_interval_secs = {INTERVAL_SECS}\n"
    ));
    let server = Server::start(&folder);
    let (acme, bolt) = (folder.open_account("acme"), folder.open_account("bolt"));

    let offer = "spot ask 2 --provider node-1 --gpu rtx4090 --price 0.20";
    let ask = folder.type_in(offer).json();
    folder.type_in(offer).key(&acme).refused(&["admin"]);
    let bid = folder.type_in("spot bid 2 --gpu rtx4090 --price 0.40 --idempotency-key one");
    let bid = bid.key(&acme).json();
    let again = folder.type_in("spot bid 2 --gpu rtx4090 --price 0.40 --idempotency-key one");
    assert_eq!(again.key(&acme).json(), bid);

    // The server decides by itself; nobody else bids, so the ask sets the price.
    let held = wait_until("acme holds capacity", || holdings(&folder, &acme).pop());
    assert_eq!(integer(&held["price_micro_synor"]), 200_000);
    assert_eq!(integer(&held["held"]), 2 * 3_600_000);
    let in_interval = integer(&held["interval"]["start"]) + 1;
    std::thread::sleep(Duration::from_secs(1));

    // bolt pays more and takes both GPUs away.
    let dearer = folder.type_in("spot bid 2 --gpu rtx4090 --price 0.50");
    dearer.key(&bolt).ok();
    let stopped = wait_until("acme is interrupted", || {
        let command = folder.type_in("spot interruptions").key(&acme);
        list(&command.json()["items"]).first().cloned()
    });
    assert_eq!(stopped["bid"], bid["bid_id"]);
    assert_eq!(integer(&stopped["lost"]), 2 * 3_600_000);
    assert_eq!(integer(&stopped["kept"]), 0);
    let none = folder.type_in("spot interruptions").key(&bolt).json();
    assert_eq!(list(&none["items"]), [] as [Value; 0]);

    // A third of a GPU hour in the interval that acme held, and half of one in the next day's.
    let event = |id: &str, quantity: &str, time: String| {
        json!({
            "account": "acme", "service": "compute", "resource": "gpu", "quantity": quantity,
            "unit": "gpu-milliseconds", "time": time, "source": "node-1", "id": id,
            "provider": "node-1", "dimensions": {"gpu_model": "rtx4090", "spot": "true"},
        })
    };
    let start = synor_economics::period::Timestamp::from_secs(i64::try_from(in_interval).unwrap());
    let events = [event("1", "1200000", start.to_string())];
    folder.import("spot.ndjson", &events);
    let bad = event("2", "1", seconds_from_now(0)).to_string();
    let bad = folder.write("bad.ndjson", bad.replace("\"true\"", "\"maybe\""));
    let import = folder.type_in("usage import").arg(bad).run();
    assert_ne!(import.code, Some(0));
    let told = format!("{}{}", import.stdout, import.stderr);
    assert!(told.contains("spot"), "{told}");
    let running = folder
        .type_in("billing invoice --current")
        .key(&acme)
        .json();
    let [line] = list(&running["line_items"]) else {
        panic!("{running}");
    };
    assert_eq!(text(&line["description"]), "Spot GPU rtx4090");
    assert_eq!(text(&line["price_list_version"]), "spot");
    // A third of an hour at 0.20 SYNOR an hour.
    assert_eq!(integer(&line["amount_micro_synor"]), 66_667);

    // Prices are anyone's to see, orders only one's own.
    let prices = folder.type_in("spot prices --gpu rtx4090").key(&bolt).csv();
    assert!(
        prices
            .iter()
            .any(|row| row["price_micro_synor"] == "400000"),
        "{prices:?}"
    );
    let markets = folder.type_in("spot prices").key(&bolt).ok();
    assert!(markets.contains(MARKET), "{markets}");
    let orders = folder.type_in("spot orders").key(&bolt).csv();
    assert!(
        orders.iter().all(|row| row["owner"] == "bolt"),
        "{orders:?}"
    );
    let mine = text(&bid["bid_id"]);
    let withdraw = || folder.synor(&["spot", "withdraw", mine]);
    withdraw().key(&bolt).refused(&[mine]);
    let cut = withdraw().key(&acme).ok();
    assert!(cut.contains("and no longer"), "{cut}");
    folder
        .synor(&["spot", "withdraw", text(&ask["ask_id"])])
        .ok();
    folder.type_in("spot clear").ok();
    folder
        .type_in("spot clear --gpu rtx4090 --reserve 0.25")
        .key(&bolt)
        .refused(&["admin"]);
    let reserve = folder
        .type_in("spot clear --gpu rtx4090 --reserve 0.25")
        .ok();
    assert_eq!(
        reserve,
        format!("nothing is sold below 0.250000 SYNOR per gpu-hour in {MARKET}\n")
    );
    folder.verified();
    server.stop();
    // The book is in the folder, not in the server.
    let orders = folder.type_in("spot orders --asks").csv();
    assert_eq!(orders.len(), 1);
    folder.verified();
}
