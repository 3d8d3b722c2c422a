//! Clients that each do one thing after another, and how long each thing took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Work;
use crate::machine::per_second;

/// What can be spent from. Accounts and clients are numbers from 0.
pub trait Spender: Send + Sync + 'static {
    /// Takes one µSYNOR at once.
    fn deduct(&self, client: usize, account: usize) -> impl Future<Output = ()> + Send;

    /// Sets some µSYNOR aside; the name of the hold.
    fn hold(&self, client: usize, account: usize) -> impl Future<Output = String> + Send;

    /// Takes one µSYNOR of a hold, and lets the rest go.
    fn capture(&self, client: usize, account: usize, hold: &str)
    -> impl Future<Output = ()> + Send;
}

/// What was measured.
pub struct Measured {
    elapsed: Duration,
    /// How long each operation took, in µs, the shortest first.
    waits_micros: Vec<u32>,
}

impl Measured {
    pub fn rate(&self) -> u128 {
        per_second(self.waits_micros.len(), self.elapsed)
    }

    /// How long all but the slowest took, in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> String {
        let at = (self.waits_micros.len() * percent / 100).min(self.waits_micros.len() - 1);
        let micros = self.waits_micros[at];
        format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10)
    }
}

/// Spends from every account once, so that none is met for the first time while it is measured.
pub async fn touch_all<S: Spender>(spender: &Arc<S>, accounts: usize, clients: usize) {
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let spender = Arc::clone(spender);
            tokio::spawn(async move {
                for account in (client..accounts).step_by(clients) {
                    spender.deduct(client, account).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Lets so many clients work for some time, after a little that is not measured.
pub async fn run<S: Spender>(
    spender: &Arc<S>,
    work: Work,
    accounts: usize,
    clients: usize,
    time: Duration,
) -> Measured {
    work_for(spender, work, accounts, clients, time / 4).await;
    let started = Instant::now();
    let mut waits_micros = work_for(spender, work, accounts, clients, time).await;
    let elapsed = started.elapsed();
    waits_micros.sort_unstable();
    Measured {
        elapsed,
        waits_micros,
    }
}

async fn work_for<S: Spender>(
    spender: &Arc<S>,
    work: Work,
    accounts: usize,
    clients: usize,
    time: Duration,
) -> Vec<u32> {
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let spender = Arc::clone(spender);
            tokio::spawn(async move {
                let mut waits = Vec::new();
                let mut random = client as u64;
                while Instant::now() < end {
                    random = mix(random);
                    let account = usize::try_from(random % accounts as u64).unwrap();
                    match work {
                        Work::Deduct => timed(&mut waits, spender.deduct(client, account)).await,
                        Work::Hold => {
                            let hold = timed(&mut waits, spender.hold(client, account)).await;
                            let capture = spender.capture(client, account, &hold);
                            timed(&mut waits, capture).await;
                        }
                    }
                }
                waits
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

async fn timed<T>(waits: &mut Vec<u32>, operation: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = operation.await;
    let micros = started.elapsed().as_micros();
    waits.push(u32::try_from(micros).unwrap_or(u32::MAX));
    done
}

/// Looks random (splitmix64).
const fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
