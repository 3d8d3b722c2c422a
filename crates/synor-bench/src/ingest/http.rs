//! The whole way in: the server's router on a loopback socket, bodies written beforehand. The
//! clients share the machine's cores with the server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use synor_chain::{Chain, DevChain, DevChainConfig, RpcServer, Wallet};
use synor_economics::account::Account;
use synor_economics::period::{Timestamp, Zone};
use synor_economics::pricing::PriceList;
use synor_engine::{Engine, EngineConfig, SystemClock};
use synor_server::{AppState, Intake, StreamSide, router};
use synor_store::{ChangeSet, SqliteStore, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::report::{ROUNDS, Report};
use super::{Options, library, load, on_runtime};

const SECRET: &str = "synor_local_bench";

/// Events a request, events in a round, connections.
const SIZES: [(u64, u64, usize); 3] = [(1, 40_000, 64), (100, 400_000, 32), (1_000, 1_000_000, 16)];

/// Each size of batch on a server of its own.
pub fn measure(options: &Options, report: &mut Report) {
    for (size, events, connections) in SIZES {
        let folder = options.folder();
        let rounds = on_runtime(async {
            let address = serve(folder.path()).await;
            let mut rounds = Vec::new();
            for round in 0..=ROUNDS as u64 {
                let bodies = load::bodies(round * events..(round + 1) * events, size);
                let requests = bodies.into_iter().map(request).collect();
                rounds.push(send_all(address, connections, requests).await);
            }
            rounds.split_off(1)
        });
        let what = format!("HTTP: {connections} connections; batches of {size}");
        report.add(what, events, rounds);
    }
}

/// A platform with the accounts of the load, listening.
async fn serve(folder: &Path) -> SocketAddr {
    let store = SqliteStore::open(&folder.join("book.sqlite")).unwrap();
    let mut changes = ChangeSet::new("accounts".to_owned(), Timestamp::from_secs(0));
    for number in 0..load::ACCOUNTS {
        let name = load::account(number);
        let account = Account {
            account_id: name.parse().unwrap(),
            name,
            time_zone: Zone::utc(),
            created_at: Timestamp::from_secs(0),
            plan_changes: Vec::new(),
            referred_by: None,
            tax_changes: Vec::new(),
        };
        changes.put(&account).unwrap();
    }
    Store::commit(&store, changes).await.unwrap();
    let by_hand = DevChainConfig {
        block_interval: Duration::from_secs(100_000),
        ..DevChainConfig::default()
    };
    let chain = Arc::new(DevChain::open(folder.join("chain.sqlite"), by_hand).unwrap());
    let engine = Engine::new(
        library::open(folder),
        Arc::new(store),
        Arc::clone(&chain) as Arc<dyn Chain>,
        Arc::new(SystemClock),
        Wallet::development("synor-dev", "billing"),
        EngineConfig::default(),
        PriceList::built_in().unwrap(),
    );
    let state = AppState {
        engine: Arc::new(engine.await.unwrap()),
        rpc: Arc::new(RpcServer::for_development(chain)),
        local_secret: SECRET.into(),
        // Only streams ask, and nobody opens one.
        stopping: watch::channel(false).1,
        operator: Arc::default(),
        intake: Arc::new(Intake::default()),
        stream: StreamSide::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(state)).await });
    address
}

/// A request in the bytes that go over the wire.
fn request(body: Vec<u8>) -> Vec<u8> {
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {SECRET}\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut request = head.into_bytes();
    request.extend(body);
    request
}

/// Sends all requests over so many connections, each one after the answer to the one before.
async fn send_all(address: SocketAddr, connections: usize, requests: Vec<Vec<u8>>) -> Duration {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            tokio::spawn(async move {
                let mut answer = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    stream.write_all(request).await.unwrap();
                    read_answer(&mut stream, &mut answer).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    started.elapsed()
}

/// Reads one answer to its end and wants it to be a success.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    let mut whole = None;
    while whole.is_none_or(|length| answer.len() < length) {
        let read = stream.read_buf(answer).await.unwrap();
        assert!(read > 0, "the server hung up");
        whole = whole.or_else(|| answer_length(answer));
    }
    let shown = || String::from_utf8_lossy(answer).into_owned();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", shown());
}

/// How long the answer is with its head, once the head is there.
fn answer_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    });
    Some(head + 4 + length.unwrap())
}
