//! A hundred kills under full load, and what is left in the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::audit;
use crate::client::{Client, Progress, Target};
use crate::common::{Folder, Random, Server};
use crate::load::{ACCOUNTS, CLIENTS, Load};
use crate::{files, settings};

/// The longest that a server runs before it is killed.
const RUNS_MAX: Duration = Duration::from_millis(500);
/// The longest that a server that is killed while it starts is left alone.
const STARTS_MAX: Duration = Duration::from_millis(150);
/// How long the last batches may take to be acknowledged.
const END_WITHIN: Duration = Duration::from_secs(120);

/// What a campaign came to, beside what it proved.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    /// Kills of a server that had not said yet where it listens.
    while_starting: u64,
    /// Kills while requests had no answer.
    under_load: u64,
    /// Kills while a full segment was not sealed yet.
    while_sealing: u64,
    /// Restarts behind which the newest write-ahead file ended in nonsense.
    torn: u64,
    slowest_start: Duration,
}

/// Kills the server so often, and compares what it then holds with what was acknowledged.
pub fn run(seed: u64, kills: u64) {
    let started = Instant::now();
    let mut random = Random::new(seed);
    let load = Load { seed };
    let folder = Folder::new();
    folder.configure(&settings());
    let mut server = Server::start(&folder);
    open_accounts(&server);

    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let progress = Arc::new(Progress::default());
    let (tell, told) = watch::channel(Target::from(&server));
    let clients = start_clients(&runtime, load, &mut random, &told, &progress);
    let mut tally = Tally::default();
    while tally.kills < kills {
        sleep(up_to(RUNS_MAX, &mut random));
        tally.under_load += u64::from(progress.waiting.load(Ordering::SeqCst) > 0);
        server.kill();
        tally.kills += 1;
        tally.while_sealing += u64::from(files::write_ahead(&folder).len() > 1);
        if random.below(4) == 0 {
            tally.torn += u64::from(files::tear(&folder, &mut random));
        }
        if random.below(6) == 0 {
            kill_while_starting(&folder, up_to(STARTS_MAX, &mut random));
            tally.while_starting += 1;
            tally.kills += 1;
        }
        let starting = Instant::now();
        server = Server::start(&folder);
        tally.slowest_start = tally.slowest_start.max(starting.elapsed());
        tell.send(Target::from(&server)).unwrap();
    }
    progress.is_over.store(true, Ordering::SeqCst);
    runtime.block_on(end(clients));
    let seen = progress.acknowledged.each_ref();
    let acknowledged = seen.map(|count| count.load(Ordering::SeqCst));
    let events: u64 = acknowledged.iter().sum();
    let retries = progress.retries.load(Ordering::SeqCst);
    let loaded = started.elapsed();

    audit::everything_once(&server, load, &acknowledged);
    server.kill();
    assert_eq!(folder.verified()["events"], events);
    println!(
        "seed {seed}: {events} events acknowledged, {retries} batches retried, {tally:?}, \
         {loaded:?} of load, {:?} in all",
        started.elapsed()
    );
    let running = tally.kills - tally.while_starting;
    assert!(tally.under_load > running / 2, "the kills miss the load");
    let has_files = !files::write_ahead(&folder).is_empty();
    assert!(
        tally.while_sealing > 0 || !has_files,
        "the kills miss the sealing"
    );
}

/// Kills a server so soon that it may not listen yet.
fn kill_while_starting(folder: &Folder, after: Duration) {
    let mut server = Server::spawn(folder, "127.0.0.1:0");
    sleep(after);
    server.kill().unwrap();
    server.wait().unwrap();
}

fn up_to(longest: Duration, random: &mut Random) -> Duration {
    let micros = u64::try_from(longest.as_micros()).unwrap();
    Duration::from_micros(random.below(micros))
}

fn open_accounts(server: &Server) {
    let api = server.api();
    for account in ACCOUNTS {
        let new = json!({"account_id": account});
        api.post(&server.secret, "/admin/accounts", &new)
            .expect(201);
    }
}

fn start_clients(
    runtime: &Runtime,
    load: Load,
    random: &mut Random,
    told: &watch::Receiver<Target>,
    progress: &Arc<Progress>,
) -> Vec<JoinHandle<()>> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = |number| Client {
        number,
        load,
        random: Random::new(random.next()),
        http: http.clone(),
        server: told.clone(),
        progress: Arc::clone(progress),
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    let spawn = |client: Client| runtime.spawn(client.run());
    clients.into_iter().map(spawn).collect()
}

/// Waits until every client has its last batch acknowledged. One that has panicked fails the test.
async fn end(clients: Vec<JoinHandle<()>>) {
    for client in clients {
        let ended = tokio::time::timeout(END_WITHIN, client).await;
        ended.expect("the last batch is acknowledged").unwrap();
    }
}
