//! A worker in a process of its own that is killed: nothing of it runs to its end, no connection is
//! closed, nobody leaves a group.
#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::redis_server::RedisServer;
use common::{Books, Running, SOON, account, open_in, send};
use synor_streams::open_producer;

const URL: &str = "SYNOR_TEST_STREAM_URL";
const FOLDER: &str = "SYNOR_TEST_FOLDER";

fn config(url: &str) -> synor_streams::StreamConfig {
    #[cfg(feature = "kafka")]
    let mut config = common::kafka_cluster::config(url);
    #[cfg(not(feature = "kafka"))]
    let mut config = synor_streams::StreamConfig::new(url.parse().unwrap());
    config.claim_idle_ms = 300;
    config.batch_records = NonZeroUsize::new(50).unwrap();
    config
}

/// Not a test: what the other process runs.
#[tokio::test]
#[ignore = "the tests here start it"]
async fn the_other_process() {
    let Some(url) = std::env::var_os(URL) else {
        return;
    };
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let (_, _, sink) = open_in(&folder);
    let worker = Running::start(&config(url.to_str().unwrap()), &sink);
    tokio::time::sleep(SOON * 2).await;
    worker.stop().await;
}

struct Process(Child);

impl Process {
    fn start(url: &str, folder: &Path) -> Self {
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--ignored", "--quiet"])
            .env(URL, url)
            .env(FOLDER, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(process.unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Kills one worker for each of these counts, once as many events are counted.
async fn processes_are_killed(url: &str, kills: &[u64]) {
    let books = Books::open();
    let producer = open_producer(&config(url)).unwrap();
    let sender = tokio::spawn(async move {
        for batch in 0..60 {
            send(producer.as_ref(), batch * 50 + 1..=batch * 50 + 50).await;
            let letter = (account(1), format!("no json {batch}").into_bytes());
            producer.send(vec![letter]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    });
    for counted in kills {
        let process = Process::start(url, books.folder.path());
        books.wait_for(*counted).await;
        drop(process);
        assert!(
            books.count().await < 3_000,
            "it was killed too late to matter"
        );
    }
    sender.await.unwrap();
    let _last = Process::start(url, books.folder.path());
    books.wait_for(3_000).await;
    books.hold(3_000).await;
    common::until("all dead letters are stored", async || {
        books.letters().await.len() == 60
    })
    .await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn a_killed_reader_of_redis() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    processes_are_killed(&server.url(), &[300, 1_000, 1_700]).await;
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_reader_of_kafka() {
    let cluster = common::kafka_cluster::Cluster::start(4);
    processes_are_killed(&cluster.url(), &[300]).await;
}
