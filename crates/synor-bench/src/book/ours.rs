//! The engine over its book: each operation is a command with a name of its own, writes a document,
//! a balanced journal entry with its link of the chain, the credit, balances and the reply, and is
//! answered when that is durable.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use synor_chain::{Chain, DevChain, DevChainConfig, Wallet};
use synor_economics::account::Account;
use synor_economics::billing::settlement::granted;
use synor_economics::billing::{CreditEntry, CreditSource};
use synor_economics::id::{AccountId, CreditId};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Timestamp, Zone};
use synor_economics::pricing::PriceList;
use synor_engine::{CaptureOrder, Engine, EngineConfig, HoldOrder, SystemClock};
use synor_store::{ChangeSet, PostgresStore, SqliteStore, Store};
use synor_usage::SqliteUsageLog;
use uuid::Uuid;

use super::load::Spender;

/// Accounts that are opened at once.
const BATCH: usize = 2_000;
/// What each has, in µSYNOR: more than is spent.
const RICH: i64 = 1_000_000_000_000;

/// The engine and its accounts.
pub struct Ours {
    engine: Engine,
    accounts: Vec<AccountId>,
}

pub async fn on_sqlite(folder: &Path, accounts: usize) -> Arc<Ours> {
    let store = SqliteStore::open(&folder.join("book.db")).unwrap();
    engine(folder, Arc::new(store), accounts).await
}

pub async fn on_postgres(folder: &Path, address: &str, accounts: usize) -> Arc<Ours> {
    let store = PostgresStore::connect(address, "synor_book").await;
    engine(folder, Arc::new(store.unwrap()), accounts).await
}

async fn engine(folder: &Path, store: Arc<dyn Store>, accounts: usize) -> Arc<Ours> {
    let accounts: Vec<AccountId> = (0..accounts)
        .map(|n| format!("account-{n:05}").parse().unwrap())
        .collect();
    for (n, part) in accounts.chunks(BATCH).enumerate() {
        store.commit(opened(n, part)).await.unwrap();
    }
    let by_hand = DevChainConfig {
        block_interval: Duration::from_secs(100_000),
        ..DevChainConfig::default()
    };
    let chain = DevChain::open(folder.join("chain.db"), by_hand).unwrap();
    let engine = Engine::new(
        Arc::new(SqliteUsageLog::open(folder.join("usage.db")).unwrap()),
        store,
        Arc::new(chain) as Arc<dyn Chain>,
        Arc::new(SystemClock),
        Wallet::development("synor-dev", "billing"),
        EngineConfig::default(),
        PriceList::built_in().unwrap(),
    );
    let engine = engine.await.unwrap();
    Arc::new(Ours { engine, accounts })
}

/// Accounts with a credit each.
fn opened(part: usize, accounts: &[AccountId]) -> ChangeSet {
    let now = Timestamp::from_secs(0);
    let mut changes = ChangeSet::new(format!("open {part}"), now);
    for id in accounts {
        let account = Account {
            account_id: id.clone(),
            name: id.to_string(),
            time_zone: Zone::utc(),
            created_at: now,
            plan_changes: Vec::new(),
            tax_changes: Vec::new(),
            referred_by: None,
        };
        let source = CreditSource::Promotional {
            campaign: "bench".to_owned(),
        };
        let credit = CreditId::derived(&["bench", id.as_str()]);
        let amount = MicroSynor::new(RICH);
        let credit = CreditEntry::grant(credit, id.clone(), amount, source, None, now).unwrap();
        changes.put(&account).unwrap().put(&credit).unwrap();
        changes.entries.push(granted(&credit).unwrap());
    }
    changes
}

impl Spender for Ours {
    async fn deduct(&self, _: usize, account: usize) {
        let (account, name) = (&self.accounts[account], Uuid::now_v7().to_string());
        let amount = MicroSynor::new(1);
        let taken = self.engine.deduct(account, amount, "a request", &name);
        taken.await.unwrap();
    }

    async fn hold(&self, _: usize, account: usize) -> String {
        let name = Uuid::now_v7().to_string();
        let order = HoldOrder {
            amount_micro_synor: MicroSynor::new(10),
            reason: "a request".to_owned(),
            expires_in_secs: 3_600,
        };
        let held = self
            .engine
            .place_hold(&self.accounts[account], order, &name);
        held.await.unwrap().hold.hold_id.to_string()
    }

    async fn capture(&self, _: usize, account: usize, hold: &str) {
        let name = Uuid::now_v7().to_string();
        let order = CaptureOrder {
            amount_micro_synor: Some(MicroSynor::new(1)),
            is_final: true,
        };
        let (account, hold) = (&self.accounts[account], hold.parse().unwrap());
        let captured = self.engine.capture_hold(account, hold, order, &name);
        captured.await.unwrap();
    }
}
