//! Real usage, when it is there: through a stream it comes to the same as written directly.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use common::redis_server::RedisServer;
use common::{Books, Running, now};
use synor_economics::id::AccountId;
use synor_economics::metering::{UsageEvent, UsageSummary};
use synor_economics::period::{Period, Timestamp};
use synor_streams::{StreamConfig, open_producer};
use synor_usage::UsageLog;
use synor_usage::import::{ImportFormat, ImportOptions, read, write_cloudevents};

/// Events of one account in one record.
const RECORD_EVENTS: usize = 8;

fn real_file(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("SYNOR_SHARED") {
        Some(folder) => PathBuf::from(folder).join("data"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn import(format: ImportFormat, input: &mut dyn BufRead) -> Vec<UsageEvent> {
    let options = ImportOptions {
        now: now(),
        account: (format == ImportFormat::AccessLog).then(|| "web".parse().unwrap()),
        provider: None,
        source: None,
    };
    read(format, input, &options, &mut |_| {}).unwrap().events
}

/// The requests of an access log, and those of a language model: each counts as an invocation, and
/// its tokens as bytes in and out, for one of five accounts.
fn real_events() -> Option<Vec<UsageEvent>> {
    let access = std::fs::read(real_file("apache_access_2015-05.log")?).unwrap();
    let mut events = import(ImportFormat::AccessLog, &mut access.as_slice());
    let llm = std::fs::read_to_string(real_file("azure_llm_requests_2023-11.csv")?).unwrap();
    let mut csv = "account,service,resource,quantity,time,source,id\n".to_owned();
    for (n, line) in llm.lines().skip(1).enumerate() {
        let fields: Vec<_> = line.split(',').collect();
        let (time, account) = (fields[0].replace(' ', "T"), n % 5);
        for (resource, quantity) in [
            ("compute,invocations", "1"),
            ("network,ingress", fields[1]),
            ("network,egress", fields[2]),
        ] {
            if quantity != "0" {
                let id = format!("{n}-{}", resource.replace(',', "-"));
                writeln!(
                    csv,
                    "llm-{account},{resource},{quantity},{time}Z,azure,{id}"
                )
                .unwrap();
            }
        }
    }
    events.extend(import(ImportFormat::Csv, &mut csv.as_bytes()));
    Some(events)
}

async fn summaries(log: &dyn UsageLog, accounts: &BTreeSet<AccountId>) -> Vec<UsageSummary> {
    let from = Timestamp::parse("2015-01-01T00:00:00Z").unwrap();
    let period = Period::new(from, now()).unwrap();
    let mut summaries = Vec::new();
    for account in accounts {
        let mut summary = log.summary(account, period, None).await.unwrap();
        summary.log_position = 0;
        summaries.push(summary);
    }
    summaries
}

async fn comes_to_the_same(config: &StreamConfig, events: Vec<UsageEvent>) {
    let (direct, streamed) = (Books::open(), Books::open());
    direct.log.append(events.clone()).await.unwrap();
    let producer = open_producer(config).unwrap();
    let accounts: BTreeSet<_> = events.iter().map(|e| e.identity.account.clone()).collect();
    assert_eq!(accounts.len(), 6);
    for account in &accounts {
        let of_account = events.iter().filter(|e| e.identity.account == *account);
        let of_account: Vec<_> = of_account.cloned().collect();
        let records = of_account
            .chunks(RECORD_EVENTS)
            .map(|events| (account.clone(), write_cloudevents(events).unwrap()));
        producer.send(records.collect()).await.unwrap();
    }
    let worker = Running::start(config, &streamed.sink);
    let expected = direct.count().await;
    assert!(expected > 40_000, "{expected}");
    streamed.wait_for(expected).await;
    let status = worker.stop().await;
    assert_eq!((status.duplicates, status.dead_letters), (0, 0));
    assert_eq!(streamed.count().await, expected);
    assert_eq!(
        summaries(streamed.log.as_ref(), &accounts).await,
        summaries(direct.log.as_ref(), &accounts).await
    );
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_redis() {
    let (Some(server), Some(events)) = (RedisServer::start(), real_events()) else {
        return;
    };
    comes_to_the_same(&server.config(), events).await;
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kafka() {
    let Some(events) = real_events() else {
        return;
    };
    let cluster = common::kafka_cluster::Cluster::start(4);
    comes_to_the_same(&cluster.config(), events).await;
}
