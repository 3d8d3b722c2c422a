//! Sixty-four clients on two nodes spend, hold, capture, release and fill the balances of a few
//! accounts at once, with retries that race: what is left is what a sum over the answers comes to.
//!
//! `SYNOR_SPENDING_OPERATIONS` says how many operations there are.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{World, id};
use synor_economics::billing::{CreditSource, PrepaidError};
use synor_economics::id::{AccountId, HoldId};
use synor_economics::money::MicroSynor;
use synor_engine::{CaptureOrder, Engine, EngineError, HoldOrder, NewCredit};
use synor_store::{PostgresStore, Store};

const CLIENTS: usize = 64;
const ACCOUNTS: [&str; 4] = ["ada", "bert", "cleo", "dora"];
/// Of ten operations, so many are on the first account.
const HOT_TENTHS: u64 = 6;

fn operations() -> usize {
    let asked = std::env::var("SYNOR_SPENDING_OPERATIONS");
    asked.map_or(3_000, |number| number.parse().unwrap())
}

/// Random numbers (splitmix64).
struct Random(u64);

impl Random {
    const fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What the answers about an account sum up to, in µSYNOR.
#[derive(Debug, Default, Clone)]
struct Sums {
    granted: i64,
    spent: i64,
    on_hold: i64,
}

/// One client: it does one thing after another and adds up what it is told.
struct Client {
    number: usize,
    nodes: [Arc<Engine>; 2],
    random: Random,
    /// Its open holds, with what is left of each.
    holds: Vec<(usize, HoldId, i64)>,
    sums: BTreeMap<usize, Sums>,
    refused: usize,
}

impl Client {
    async fn work(mut self, operations: usize) -> Self {
        for step in 0..operations {
            let hot = self.random.below(10) < HOT_TENTHS;
            let other = self.random.below(ACCOUNTS.len() as u64);
            let account = if hot {
                0
            } else {
                usize::try_from(other).unwrap()
            };
            let amount = 1 + i64::try_from(self.random.below(50)).unwrap();
            let name = format!("{}/{step}", self.number);
            match self.random.below(10) {
                0 => self.grant(account, amount * 3, &name).await,
                1..=4 => self.deduct(account, amount, &name).await,
                5 | 6 => self.hold(account, amount, &name).await,
                _ => self.end_a_hold(&name).await,
            }
        }
        self
    }

    fn node(&mut self) -> Arc<Engine> {
        // Mostly the one: an account that two nodes spend from all the time is slow, not wrong.
        Arc::clone(&self.nodes[usize::from(self.random.below(16) == 0)])
    }

    /// Nothing is refused but for want of money.
    fn taken<T>(&mut self, done: Result<T, EngineError>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(EngineError::Prepaid(PrepaidError::InsufficientBalance {
                available,
                required,
            })) => {
                assert!(available < required && !available.is_negative());
                self.refused += 1;
                None
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn sums(&mut self, account: usize) -> &mut Sums {
        self.sums.entry(account).or_default()
    }

    async fn grant(&mut self, account: usize, amount: i64, name: &str) {
        let new = NewCredit {
            amount_micro_synor: MicroSynor::new(amount),
            source: CreditSource::Promotional {
                campaign: "x".to_owned(),
            },
            expires_at: None,
        };
        let node = self.node();
        node.grant_credit(&acct(account), new, name).await.unwrap();
        self.sums(account).granted += amount;
    }

    async fn deduct(&mut self, account: usize, amount: i64, name: &str) {
        let (acct, micro) = (acct(account), MicroSynor::new(amount));
        let node = self.node();
        let done = if self.random.below(4) == 0 {
            // Sent twice at once, to either node: one deduction, one answer.
            let [first, second] = &self.nodes;
            let (one, two) = tokio::join!(
                first.deduct(&acct, micro, "x", name),
                second.deduct(&acct, micro, "x", name)
            );
            match (one, two) {
                (Ok(one), Ok(two)) => {
                    assert_eq!(one, two);
                    Ok(one)
                }
                // There may have been too little for the one that came first, and then more.
                (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
                (Err(refused), Err(_)) => Err(refused),
            }
        } else {
            node.deduct(&acct, micro, "x", name).await
        };
        if let Some(done) = self.taken(done) {
            assert_eq!(done.amount_deducted_micro_synor, micro);
            assert!(!done.remaining_balance_micro_synor.is_negative());
            self.sums(account).spent += amount;
            if self.random.below(8) == 0 {
                let again = self.node().deduct(&acct, micro, "x", name).await;
                assert_eq!(again.unwrap(), done);
                let other = self.node().deduct(&acct, micro, "y", name).await;
                let other = other.unwrap_err().to_string();
                assert!(other.contains("for another request"), "{other}");
            }
        }
    }

    async fn hold(&mut self, account: usize, amount: i64, name: &str) {
        let order = HoldOrder {
            amount_micro_synor: MicroSynor::new(amount),
            reason: "x".to_owned(),
            expires_in_secs: 3_600,
        };
        let acct = acct(account);
        let done = self.node().place_hold(&acct, order.clone(), name).await;
        if let Some(done) = self.taken(done) {
            let again = self.node().place_hold(&acct, order, name).await;
            assert_eq!(again.unwrap(), done);
            self.holds.push((account, done.hold.hold_id, amount));
            self.sums(account).on_hold += amount;
        }
    }

    async fn end_a_hold(&mut self, name: &str) {
        let Some((account, hold, left)) = self.holds.pop() else {
            return;
        };
        let (acct, node) = (acct(account), self.node());
        if self.random.below(3) == 0 {
            node.release_hold(&acct, hold, name).await.unwrap();
            self.sums(account).on_hold -= left;
            return;
        }
        let amount = 1 + i64::try_from(self.random.below(left.unsigned_abs())).unwrap();
        let is_final = self.random.below(2) == 0;
        let order = CaptureOrder {
            amount_micro_synor: Some(MicroSynor::new(amount)),
            is_final,
        };
        let more = CaptureOrder {
            amount_micro_synor: Some(MicroSynor::new(left + 1)),
            is_final,
        };
        let another = format!("{name}/more");
        let overrun = node.capture_hold(&acct, hold, more, &another).await;
        assert!(overrun.is_err(), "more than the hold");
        let done = node.capture_hold(&acct, hold, order, name).await.unwrap();
        assert_eq!(done.amount_captured_micro_synor.micro(), amount);
        let sums = self.sums(account);
        sums.spent += amount;
        if is_final || amount == left {
            sums.on_hold -= left;
        } else {
            sums.on_hold -= amount;
            self.holds.push((account, hold, left - amount));
        }
    }
}

fn acct(number: usize) -> AccountId {
    id(ACCOUNTS[number])
}

async fn spend_at_once(world: &World, second: Arc<Engine>) {
    for account in ACCOUNTS {
        world.account(account, "UTC").await;
    }
    let clients = (0..CLIENTS).map(|number| {
        let client = Client {
            number,
            nodes: [Arc::clone(&world.engine), Arc::clone(&second)],
            random: Random(number as u64),
            holds: Vec::new(),
            sums: BTreeMap::new(),
            refused: 0,
        };
        tokio::spawn(client.work(operations() / CLIENTS))
    });
    let mut sums = vec![Sums::default(); ACCOUNTS.len()];
    let mut refused = 0;
    for client in clients.collect::<Vec<_>>() {
        let client = client.await.unwrap();
        refused += client.refused;
        for (account, of_client) in client.sums {
            sums[account].granted += of_client.granted;
            sums[account].spent += of_client.spent;
            sums[account].on_hold += of_client.on_hold;
        }
    }
    assert!(refused > 0, "the balances were not fought for");
    let mut spent = 0;
    for (name, sums) in ACCOUNTS.iter().zip(&sums) {
        let balance = world.balance(name).await;
        let left = sums.granted - sums.spent - sums.on_hold;
        assert_eq!(
            balance.balance_micro_synor.micro(),
            left,
            "{name}: {sums:?}"
        );
        assert_eq!(balance.on_hold_micro_synor.micro(), sums.on_hold, "{name}");
        assert!(left >= 0 && sums.spent > 0);
        spent += sums.spent;
    }
    assert_eq!(world.ledger("income:service_fees").await, -spent);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_on_sqlite_come_to_the_sum_of_their_answers() {
    let world = World::with(&[]).await;
    let second = world.another_engine().await;
    spend_at_once(&world, second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_on_two_nodes_and_postgres_come_to_the_sum_of_their_answers() {
    let schema = synor_testkit::postgres::fresh_schema();
    let connect = async || {
        let store = PostgresStore::connect(synor_testkit::postgres::url(), &schema).await;
        Arc::new(store.unwrap()) as Arc<dyn Store>
    };
    let world = World::with(&[]).await.over(connect().await).await;
    let second = world.engine_over(connect().await).await;
    spend_at_once(&world, second).await;
}
