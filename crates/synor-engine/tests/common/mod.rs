//! A small world to bill in: the real usage log, book and chain in a folder, and a clock that the
//! test sets.
#![allow(dead_code, reason = "not every test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use synor_chain::{
    Chain, DevChain, DevChainConfig, DevControls, Reorganization, SignedTransaction, Soma, Wallet,
};
use synor_economics::billing::{
    AutoPayPolicy, Invoice, InvoiceStatus, LedgerAccount, Payment, PaymentStatus,
};
use synor_economics::id::{AccountId, InvoiceId, TxId};
use synor_economics::metering::RawEvent;
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_economics::pricing::PriceList;
use synor_engine::{
    AutoPayOrder, Balance, Clock, ClosedInvoice, ClosedPeriod, DepositState, Engine, EngineConfig,
    EngineError, IngestBatch, NewAccount, NewDeposit, Verification,
};
use synor_store::{SqliteStore, Store};
use synor_usage::import::RefusedEvent;
use synor_usage::{SqliteUsageLog, UsageLog};
use tempfile::TempDir;

pub const CHAIN: &str = "synor-dev";

/// The time that a test sets.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn set(&self, time: &str) {
        self.0.store(at(time).secs(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub engine: Arc<Engine>,
    pub store: Arc<dyn Store>,
    pub usage: Arc<dyn UsageLog>,
    pub chain: Arc<DevChain>,
    pub clock: Arc<TestClock>,
    pub payer: Wallet,
    pub folder: TempDir,
    events: AtomicU64,
}

impl World {
    /// A world on 5 February 2026 with the accounts of these names.
    pub async fn with(accounts: &[&str]) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(0)));
        clock.set("2026-02-05");
        let world = Self::open(tempfile::tempdir().unwrap(), clock, 0).await;
        for account in accounts {
            world.account(account, "UTC").await;
        }
        let million = MicroSynor::new(1_000_000_000_000);
        world
            .chain
            .faucet(world.payer.address(), million)
            .await
            .unwrap();
        world.chain.mine(1).await.unwrap();
        world
    }

    async fn open(folder: TempDir, clock: Arc<TestClock>, events: u64) -> Self {
        let path = |name: &str| folder.path().join(name);
        let by_hand = DevChainConfig {
            block_interval: Duration::from_secs(100_000),
            ..DevChainConfig::default()
        };
        let usage: Arc<dyn UsageLog> = Arc::new(SqliteUsageLog::open(path("usage.db")).unwrap());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path("book.db")).unwrap());
        let chain = Arc::new(DevChain::open(path("chain.db"), by_hand).unwrap());
        let engine = engine(&usage, &store, &chain, &clock).await;
        Self {
            engine,
            store,
            usage,
            chain,
            clock,
            payer: Wallet::development(CHAIN, "payer"),
            folder,
            events: AtomicU64::new(events),
        }
    }

    /// Another engine over the same log, book and chain, as a second node would be.
    pub async fn another_engine(&self) -> Arc<Engine> {
        self.engine_with(config()).await
    }

    /// Another engine that is told something else.
    pub async fn engine_with(&self, config: EngineConfig) -> Arc<Engine> {
        engine_told(&self.usage, &self.store, &self.chain, &self.clock, config).await
    }

    /// A grant to the billing address, signed by the payer: the most of one charge, and of all.
    pub async fn signed_grant(&self, most: &str, of_all: &str) -> SignedTransaction {
        let soma = |amount| Soma::from_micro(synor(amount)).unwrap();
        let nonce = self.chain.next_nonce(self.payer.address()).await.unwrap();
        let spender = self.engine.pay_to();
        self.payer
            .sign_grant(CHAIN, nonce, spender, soma(most), soma(of_all))
            .unwrap()
    }

    /// Switches auto-pay on with a new grant, which is in a block then.
    pub async fn auto_pay(&self, account: &str, most: &str, of_all: &str) {
        let order = AutoPayOrder {
            enabled: true,
            max_per_invoice_micro_synor: Some(synor(most)),
            signed_grant: Some(self.signed_grant(most, of_all).await),
            funding_source: None,
        };
        self.engine
            .configure_auto_pay(&id(account), order)
            .await
            .unwrap();
        self.mine(1).await;
    }

    /// The same log, chain and clock over another book, without accounts.
    pub async fn over(self, store: Arc<dyn Store>) -> Self {
        let engine = engine(&self.usage, &store, &self.chain, &self.clock).await;
        Self {
            engine,
            store,
            ..self
        }
    }

    /// Another engine over another connection to the same book.
    pub async fn engine_over(&self, store: Arc<dyn Store>) -> Arc<Engine> {
        engine(&self.usage, &store, &self.chain, &self.clock).await
    }

    /// Drops everything and opens it again from the folder.
    pub async fn restart(self) -> Self {
        let Self {
            engine,
            store,
            usage,
            chain,
            clock,
            folder,
            events,
            ..
        } = self;
        drop((engine, store, usage, chain));
        Self::open(folder, clock, events.into_inner()).await
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn account(&self, name: &str, zone: &str) {
        let new = NewAccount {
            account_id: id(name),
            name: None,
            time_zone: zone.parse().unwrap(),
        };
        self.engine.open_account(new).await.unwrap();
    }

    /// Takes in usage such as `network.egress 5 GB @2026-01-10 provider=node-1`.
    pub async fn usage(&self, account: &str, lines: &[&str]) {
        let events = lines.iter().map(|line| self.event(account, line));
        let batch = self.batch(events.collect());
        let appended = self.engine.ingest(batch).await.unwrap();
        assert_eq!(appended.accepted, lines.len() as u64);
    }

    /// Events as a batch, each for itself.
    pub fn batch(&self, events: Vec<RawEvent>) -> IngestBatch {
        let now = self.engine.now();
        let read = |raw: RawEvent| {
            let id = Some(raw.id.clone());
            raw.validate(now)
                .map_err(|error| RefusedEvent { id, error })
        };
        IngestBatch::of(events.into_iter().map(read).collect())
    }

    /// One event; ids are given one after another.
    pub fn event(&self, account: &str, line: &str) -> RawEvent {
        let n = self.events.fetch_add(1, Ordering::SeqCst);
        let mut raw = RawEvent {
            account: account.to_owned(),
            source: "test".to_owned(),
            id: n.to_string(),
            ..RawEvent::default()
        };
        let mut words = line.split_whitespace();
        let (service, resource) = words.next().unwrap().split_once('.').unwrap();
        (raw.service, raw.resource) = (service.to_owned(), resource.to_owned());
        raw.quantity = words.next().unwrap().to_owned();
        for word in words {
            match (word.strip_prefix('@'), word.split_once('=')) {
                (Some(time), _) => raw.time = at(time).to_string(),
                (_, Some(("provider", name))) => raw.provider = Some(name.to_owned()),
                (_, Some((key, value))) => {
                    raw.dimensions.insert(key.to_owned(), value.to_owned());
                }
                _ if word == "correction" => raw.correction = true,
                _ => raw.unit = Some(word.to_owned()),
            }
        }
        raw
    }

    pub async fn close(&self, month: &str) -> ClosedPeriod {
        self.try_close(month).await.unwrap()
    }

    pub async fn try_close(&self, month: &str) -> Result<ClosedPeriod, EngineError> {
        self.engine
            .close_period(month.parse().unwrap(), &|_, _| {})
            .await
    }

    /// The only invoice that closing a month makes.
    pub async fn bill(&self, month: &str) -> Invoice {
        let closed = self.close(month).await;
        assert_eq!(closed.invoice_count, 1, "{:?}", closed.failed);
        self.whole(&closed.invoices[0]).await
    }

    /// An invoice that closing a month listed, with all that it says.
    pub async fn whole(&self, listed: &ClosedInvoice) -> Invoice {
        let (account, id) = (&listed.account_id, listed.invoice_id);
        let invoice = self.engine.invoice(account, id).await.unwrap();
        assert_eq!(ClosedInvoice::from(&invoice), *listed);
        invoice
    }

    /// An invoice of this many GB of egress in January, at 0.05 SYNOR.
    pub async fn invoice_of(&self, account: &str, gigabytes: u32) -> Invoice {
        let line = format!("network.egress {gigabytes} GB @2026-01-10 provider=node-1");
        self.usage(account, &[&line]).await;
        self.bill("2026-01").await
    }

    pub async fn invoice(&self, invoice: &Invoice) -> Invoice {
        self.engine
            .invoice(&invoice.account_id, invoice.invoice_id)
            .await
            .unwrap()
    }

    /// Signs a transfer to the billing address.
    pub async fn signed(&self, memo: &str, amount: &str) -> SignedTransaction {
        let nonce = self.chain.next_nonce(self.payer.address()).await.unwrap();
        let amount = Soma::from_micro(synor(amount)).unwrap();
        let to = self.engine.pay_to();
        self.payer
            .sign_transfer(CHAIN, nonce, to, amount, memo)
            .unwrap()
    }

    /// Transfers to the billing address; the transfer waits for a block.
    pub async fn transfer(&self, memo: impl ToString, amount: &str) -> TxId {
        let signed = self.signed(&memo.to_string(), amount).await;
        self.chain.submit(signed).await.unwrap()
    }

    /// Makes blocks, and takes in what they brought.
    pub async fn mine(&self, blocks: u64) -> usize {
        self.chain.mine(blocks).await.unwrap();
        self.engine.follow_chain().await.unwrap()
    }

    /// Transfers, and makes the blocks after which it counts.
    pub async fn pay(&self, invoice: InvoiceId, amount: &str) -> Payment {
        let tx = self.transfer(invoice, amount).await;
        self.mine(100).await;
        let payment = self.payment(&tx).await;
        assert_eq!(payment.status, PaymentStatus::Confirmed);
        payment
    }

    pub async fn announce(&self, account: &str, amount: &str, command: &str) -> DepositState {
        let new = NewDeposit {
            amount_micro_synor: synor(amount),
        };
        self.engine
            .announce_deposit(&id(account), new, command)
            .await
            .unwrap()
    }

    /// Deposits, and makes the blocks after which it counts.
    pub async fn deposit(&self, account: &str, amount: &str) -> TxId {
        let command = self.events.fetch_add(1, Ordering::SeqCst).to_string();
        let announced = self.announce(account, amount, &command).await;
        let tx = self.transfer(&announced.request.reference, amount).await;
        self.mine(100).await;
        tx
    }

    pub async fn payment(&self, tx: &TxId) -> Payment {
        self.store.find(tx.as_str()).await.unwrap().unwrap()
    }

    pub async fn reorganize(&self, depth: u64, drop: &[&TxId]) {
        let drop = drop.iter().map(|tx| (*tx).clone()).collect();
        let wish = Reorganization {
            depth,
            drop_all: false,
            drop,
        };
        self.chain.reorganize(wish).await.unwrap();
    }

    pub async fn balance(&self, account: &str) -> Balance {
        self.engine.balance(&id(account)).await.unwrap()
    }

    /// What an account can spend, in µSYNOR.
    pub async fn spendable(&self, account: &str) -> i64 {
        self.balance(account).await.balance_micro_synor.micro()
    }

    /// A balance of the journal, in µSYNOR.
    pub async fn ledger(&self, account: &str) -> i64 {
        let account: LedgerAccount = account.parse().unwrap();
        self.store.balance(&account).await.unwrap().micro()
    }

    /// Verifies, and finds nothing.
    pub async fn sound(&self) -> Verification {
        let found = self.engine.verify().await.unwrap();
        assert_eq!(found.problems, [""; 0]);
        self.chain.verify().await.unwrap();
        found
    }

    /// Asserts what an invoice has come to: its state, what is paid and what is still owed.
    pub async fn stands(&self, invoice: &Invoice, status: InvoiceStatus, paid: &str, owed: &str) {
        let now = self.invoice(invoice).await;
        let stands = (now.status, now.paid_micro_synor, now.outstanding().unwrap());
        assert_eq!(stands, (status, synor(paid), synor(owed)));
        self.sound().await;
    }
}

/// As it comes, but charges are made as soon as they are announced.
fn config() -> EngineConfig {
    EngineConfig {
        auto_pay: AutoPayPolicy {
            lead_secs: 0,
            ..AutoPayPolicy::default()
        },
        ..EngineConfig::default()
    }
}

pub async fn engine(
    usage: &Arc<dyn UsageLog>,
    store: &Arc<dyn Store>,
    chain: &Arc<DevChain>,
    clock: &Arc<TestClock>,
) -> Arc<Engine> {
    engine_told(usage, store, chain, clock, config()).await
}

async fn engine_told(
    usage: &Arc<dyn UsageLog>,
    store: &Arc<dyn Store>,
    chain: &Arc<DevChain>,
    clock: &Arc<TestClock>,
    config: EngineConfig,
) -> Arc<Engine> {
    let engine = Engine::new(
        Arc::clone(usage),
        Arc::clone(store),
        Arc::clone(chain) as Arc<dyn Chain>,
        Arc::clone(clock) as Arc<dyn Clock>,
        Wallet::development(CHAIN, "billing"),
        config,
        PriceList::built_in().unwrap(),
    );
    Arc::new(engine.await.unwrap())
}

pub fn id(account: &str) -> AccountId {
    account.parse().unwrap()
}

/// An amount in SYNOR: `1.5`.
pub fn synor(amount: &str) -> MicroSynor {
    MicroSynor::parse_bare(amount).unwrap()
}

/// `2026-01-31` is its midnight (UTC), `2026-01-31T12:30` half past noon.
pub fn at(time: &str) -> Timestamp {
    let full = match time.len() {
        10 => format!("{time}T00:00:00Z"),
        16 => format!("{time}:00Z"),
        _ => time.to_owned(),
    };
    Timestamp::parse(&full).unwrap()
}
