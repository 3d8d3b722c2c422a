//! Usage through a stream, with the real binary: produced by a server or by others, counted by a
//! worker that is killed in the middle, and what is refused is kept.

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::common::postgres::fresh_database;
use crate::common::redis_server::RedisServer;
use crate::common::{Folder, Server, Worker, integer, list, text, wait_until};

/// A broker, as the test needs it.
trait Broker {
    fn url(&self) -> String;
    /// Writes a record as a collector would.
    fn write(&self, record: &str);
    /// Whether nothing is left that some worker took and did not acknowledge.
    fn is_settled(&self) -> bool;
}

impl Broker for RedisServer {
    fn url(&self) -> String {
        self.url()
    }

    fn write(&self, record: &str) {
        let id = self.cli(&["XADD", "usage-events", "*", "event", record]);
        assert!(id.contains('-'), "{id}");
    }

    fn is_settled(&self) -> bool {
        let pending = self.cli(&["XPENDING", "usage-events", "synor"]);
        pending.lines().next() == Some("0")
    }
}

/// Small batches, so that a worker can be killed between two, and impatient timeouts.
fn configure(folder: &Folder, broker: &dyn Broker, more: &str, storage: &str) {
    let url = broker.url();
    folder.configure(&format!(
        "block_interval_ms = 10\n{storage}\n[stream]\nurl = \"{url}\"\nbatch_records = 20\n\
         claim_idle_ms = 300\n{more}\n\
         [stream.kafka]\n\"session.timeout.ms\" = \"4000\"\n\"max.poll.interval.ms\" = \"4000\"\n\
         \"heartbeat.interval.ms\" = \"200\"\n\"reconnect.backoff.max.ms\" = \"200\"\n"
    ));
}

/// The nth event: n bytes of egress.
fn event(n: u64, account: &str) -> Value {
    json!({ "specversion": "1.0", "type": "network.egress", "source": "node-1",
        "id": n.to_string(), "subject": account, "time": "2026-01-10T00:00:00Z",
        "data": { "quantity": n.to_string() } })
}

fn send(server: &Server, events: &[Value]) -> Value {
    let sent = server.api();
    sent.post(&server.secret, "/events", &json!(events))
        .expect(202)
}

/// How many events of the account are counted, and their bytes.
fn counted(folder: &Folder) -> (u64, i128) {
    let rows = folder.usage("acme", "2026-01")["rows"].clone();
    let bytes = list(&rows)
        .iter()
        .map(|row| integer(&row["quantity"]))
        .sum();
    (folder.verified()["events"].as_u64().unwrap(), bytes)
}

/// How many dead letters there are, while a worker has the folder.
fn dead_letters(folder: &Folder) -> u64 {
    let file = folder.data().join("dead-letters.sqlite");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(letters) = Connection::open_with_flags(file, flags) else {
        return 0;
    };
    let count = letters.query_row("SELECT count(*) FROM dead_letters", [], |row| row.get(0));
    count.unwrap_or(0)
}

const EVENTS: u64 = 2_000;

/// A server writes 2,000 events; a record that is no JSON lies after the first 500, and one of a
/// account that is not there at the end. The worker is killed as soon as it has come to the first.
fn a_worker_is_killed_in_the_middle(broker: &dyn Broker) {
    let folder = Folder::new();
    folder.open_account("acme");
    configure(&folder, broker, "produce = true", "");
    let server = Server::start(&folder);
    let events: Vec<_> = (1..=EVENTS).map(|n| event(n, "acme")).collect();
    let (first, rest) = events.split_at(500);
    assert_eq!(send(&server, first)["queued"], 500);
    broker.write(r#"{"specversion":"1.0","#);
    // What is refused here and now does not go into the stream.
    let mut rest = rest.to_vec();
    rest.push(event(EVENTS + 1, "nobody"));
    rest.extend_from_slice(&events[..3]);
    let answer = send(&server, &rest);
    assert_eq!(answer["queued"], EVENTS - 500 + 3);
    assert_eq!(answer["results"][0]["value"], "nobody");
    broker.write(&event(EVENTS + 2, "nobody").to_string());
    server.stop();
    assert_eq!(
        counted(&folder),
        (0, 0),
        "acknowledged, and not counted yet"
    );

    let worker = Worker::start(&folder);
    wait_until("it comes to the first bad record", || {
        (dead_letters(&folder) > 0).then_some(())
    });
    worker.kill();
    let (before, _) = counted(&folder);
    assert!(before < EVENTS, "killed too late");
    println!("killed after {before} of {EVENTS}");

    let worker = Worker::start(&folder);
    wait_until("everything is read", || {
        (dead_letters(&folder) == 2 && broker.is_settled()).then_some(())
    });
    let busy = folder
        .type_in("worker")
        .refused(&["in use by another process"]);
    assert!(busy.stderr.contains("PostgreSQL"), "{busy:?}");
    let letters = folder.type_in("admin dead-letters").json();
    worker.stop();
    let sum = i128::from(EVENTS * (EVENTS + 1) / 2);
    assert_eq!(counted(&folder), (EVENTS, sum));

    let letters = list(&letters["items"]);
    let reasons: Vec<_> = letters.iter().map(|l| text(&l["reason"])).collect();
    assert!(reasons[0].starts_with("the body "), "{reasons:?}");
    assert_eq!(reasons[1], "account `nobody`: there is no such account");
    assert_eq!(letters[0]["excerpt"], r#"{"specversion":"1.0","#);
    assert_eq!(letters[0]["stream"], "usage-events");
    // The same through the API, for those who are not on this machine.
    let server = Server::start(&folder);
    let page = server
        .api()
        .get(&server.secret, "/admin/dead-letters?limit=1");
    let page = page.expect(200);
    assert_eq!(page["items"][0], letters[0]);
    assert!(page["next_after"].is_u64(), "{page}");
}

#[test]
fn a_killed_worker_of_redis_loses_nothing_and_counts_nothing_twice() {
    if let Some(redis) = RedisServer::start() {
        a_worker_is_killed_in_the_middle(&redis);
    }
}

/// One process that writes to the stream and reads it: the same totals as without a stream.
#[test]
fn a_server_that_consumes_counts_what_it_queued() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let lines: Vec<_> = (1..=300)
        .map(|n| {
            json!({ "account": "acme", "service": "network", "resource": "egress",
                "quantity": n, "time": "2026-01-10T00:00:00Z", "source": "s", "id": n.to_string() })
        })
        .collect();
    let plain = Folder::new();
    plain.open_account("acme");
    assert_eq!(plain.import("usage.ndjson", &lines)["accepted"], 300);

    let folder = Folder::new();
    folder.open_account("acme");
    configure(&folder, &redis, "produce = true\nconsume = true", "");
    let server = Server::start(&folder);
    let imported = folder.import("usage.ndjson", &lines);
    assert_eq!(
        (&imported["queued"], &imported["accepted"]),
        (&json!(300), &json!(0))
    );
    let status = wait_until("the worker has counted them", || {
        let status = server
            .api()
            .get(&server.secret, "/admin/stream")
            .expect(200);
        (status["worker"]["accepted"] == 300).then_some(status)
    });
    assert_eq!(status["produces"], true);
    assert_eq!(status["worker"]["state"], "running");
    assert_eq!(
        folder.usage("acme", "2026-01"),
        plain.usage("acme", "2026-01")
    );
    server.stop();
    assert_eq!(counted(&folder), (300, 300 * 301 / 2));
}

/// Several workers share a stream out where the book and the usage log are in PostgreSQL; one is
/// killed, and the other takes over what it had in hand.
#[test]
fn two_workers_on_postgresql_share_a_stream_out() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    // Others may have been in this database before.
    let account = format!("acme-{}", uuid::Uuid::now_v7());
    let url = fresh_database();
    let storage = format!("[storage]\nbook = \"{url}\"\nusage_log = \"{url}\"");
    let [api, first, second] = ["produce = true", "", ""].map(|more| {
        let folder = Folder::new();
        configure(&folder, &redis, more, &storage);
        folder
    });
    let server = Server::start(&api);
    api.synor(&["admin", "open-account", &account]).ok();
    let events: Vec<_> = (1..=EVENTS).map(|n| event(n, &account)).collect();
    assert_eq!(send(&server, &events)["queued"], EVENTS);
    let bytes = || {
        let usage = api.usage(&account, "2026-01");
        let rows = list(&usage["rows"]).iter();
        rows.map(|row| integer(&row["quantity"])).sum::<i128>()
    };
    let first = Worker::start(&first);
    let second = Worker::start(&second);
    wait_until("some are counted", || (bytes() > 0).then_some(()));
    first.kill();
    let sum = i128::from(EVENTS * (EVENTS + 1) / 2);
    wait_until("all are counted", || {
        (bytes() >= sum && redis.is_settled()).then_some(())
    });
    second.stop();
    assert_eq!(bytes(), sum);
}

#[test]
fn a_worker_says_what_it_lacks() {
    let folder = Folder::new();
    folder.type_in("worker").refused(&["names no stream"]);
    folder.configure("[stream]\nurl = \"mqtt://somewhere/usage\"\n");
    folder.type_in("worker").refused(&["kafka://"]);
    let none = folder.type_in("admin dead-letters").ok();
    assert_eq!(none, "No dead letters.\n");
}

#[cfg(feature = "kafka")]
mod kafka {
    use std::time::Duration;

    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

    use super::{Broker, a_worker_is_killed_in_the_middle};

    struct Cluster(MockCluster<'static, DefaultProducerContext>);

    impl Broker for Cluster {
        fn url(&self) -> String {
            format!("kafka://{}/usage-events", self.0.bootstrap_servers())
        }

        fn write(&self, record: &str) {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", self.0.bootstrap_servers());
            let producer: BaseProducer = config.create().unwrap();
            let record = BaseRecord::<str, str>::to("usage-events").payload(record);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            producer.flush(Duration::from_secs(10)).unwrap();
        }

        fn is_settled(&self) -> bool {
            // Positions tell what is read, and the last record is the one that was waited for.
            true
        }
    }

    #[test]
    fn a_killed_worker_of_kafka_loses_nothing_and_counts_nothing_twice() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("usage-events", 1, 1).unwrap();
        a_worker_is_killed_in_the_middle(&Cluster(cluster));
    }
}
