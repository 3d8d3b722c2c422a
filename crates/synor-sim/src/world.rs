//! The world that is simulated: what outlives a crash, two nodes over it, and the people outside.

use std::sync::Arc;
use std::time::Duration;

use synor_chain::{Chain, DevChain, DevChainConfig, DevControls, Soma, Wallet};
use synor_economics::billing::Invoice;
use synor_economics::id::{AccountId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Timestamp};
use synor_economics::pricing::PriceList;
use synor_engine::{Clock, Engine, EngineConfig, EngineError, NewAccount};
use synor_store::{MemoryStore, Store, StoreError};
use synor_usage::conformance::ReferenceLog;
use synor_usage::{UsageLog, UsageLogError};

use crate::blocking::wait;
use crate::bug::Bug;
use crate::checks::Followed;
use crate::clock::SimClock;
use crate::faults::Faults;
use crate::life::Broken;
use crate::model::Acknowledged;
use crate::random::Random;
use crate::seams::{SimBook, SimChain, SimLog};

/// The name of the chain.
pub const CHAIN: &str = "synor-dev";
/// The first day of all lives: 2026-01-02T00:00:00Z.
const FIRST_DAY: Timestamp = Timestamp::from_secs(1_767_312_000);
/// How often something that broke off is asked for again before faults let it through.
const ATTEMPTS: u32 = 12;
/// How wrong a second node's clock may be.
const SKEW_SECS_MAX: i64 = 120;
/// What each payer has, in µSYNOR.
const PURSE: MicroSynor = MicroSynor::new(100_000_000_000);

/// A customer. What befalls it depends on its place: the first has nothing but usage, late usage
/// and money; the second has invoices voided and usage corrected; the third changes plans and pays
/// by itself.
pub struct Customer {
    pub id: AccountId,
    pub wallet: Wallet,
    pub acknowledged: Acknowledged,
}

/// The world.
pub struct World {
    pub random: Random,
    pub clock: SimClock,
    pub faults: Faults,
    pub book: Arc<MemoryStore>,
    pub log: Arc<ReferenceLog>,
    pub chain: Arc<DevChain>,
    pub customers: Vec<Customer>,
    /// The next month to be closed, and those before.
    pub open_month: Month,
    pub closed_months: Vec<Month>,
    pub followed: Followed,
    pub restarts: u64,
    nodes: Vec<Arc<Engine>>,
    seams: (Arc<SimBook>, Arc<SimLog>, Arc<SimChain>),
    skew_secs: i64,
    names: u64,
}

impl World {
    /// A new world with three customers.
    pub async fn new(seed: u64, bug: Option<Bug>) -> Result<Self, Broken> {
        let mut random = Random::new(seed);
        let clock = SimClock::at(FIRST_DAY);
        let faults = Faults::new(Random::new(random.next()));
        let (of_book, millis) = (clock.clone(), 1_000);
        let book = Arc::new(MemoryStore::with_clock(move || {
            u64::try_from(of_book.now().secs()).unwrap_or_default() * millis
        }));
        let by_hand = DevChainConfig {
            block_interval: Duration::from_secs(1_000_000),
            ..DevChainConfig::default()
        };
        let chain = DevChain::open(":memory:", by_hand).map_err(Broken::setup)?;
        let (log, chain) = (Arc::new(ReferenceLog::default()), Arc::new(chain));
        let seams = (
            Arc::new(SimBook::new(Arc::clone(&book), faults.clone(), bug)),
            Arc::new(SimLog::new(Arc::clone(&log), faults.clone(), bug)),
            Arc::new(SimChain::new(Arc::clone(&chain), faults.clone(), bug)),
        );
        let skew_secs = random.between(-SKEW_SECS_MAX, SKEW_SECS_MAX);
        let open_month = "2026-01".parse().map_err(Broken::setup)?;
        let mut world = Self {
            random,
            clock,
            faults,
            book,
            log,
            chain,
            customers: Vec::new(),
            open_month,
            closed_months: Vec::new(),
            followed: Followed::default(),
            restarts: 0,
            nodes: Vec::new(),
            seams,
            skew_secs,
            names: 0,
        };
        world.start().await?;
        for name in ["acme", "beta", "gamma"] {
            world.customer(name).await?;
        }
        world.mine(1)?;
        world.faults.switch(true);
        Ok(world)
    }

    async fn customer(&mut self, name: &str) -> Result<(), Broken> {
        let id: AccountId = name.parse().map_err(Broken::setup)?;
        let wallet = Wallet::development(CHAIN, name);
        let new = NewAccount {
            account_id: id.clone(),
            name: None,
            time_zone: "UTC".parse().map_err(Broken::setup)?,
        };
        self.node(0)
            .open_account(new)
            .await
            .map_err(Broken::setup)?;
        wait(self.chain.faucet(wallet.address(), PURSE)).map_err(Broken::setup)?;
        self.customers.push(Customer {
            id,
            wallet,
            acknowledged: Acknowledged::default(),
        });
        Ok(())
    }

    /// Starts both nodes anew from what outlived them, without faults.
    pub async fn start(&mut self) -> Result<(), Broken> {
        self.faults.restart();
        let were_on = self.faults.switch(false);
        self.nodes.clear();
        for skew_secs in [0, self.skew_secs] {
            let (book, log, chain) = &self.seams;
            let engine = Engine::new(
                Arc::<SimLog>::clone(log) as Arc<dyn UsageLog>,
                Arc::<SimBook>::clone(book) as Arc<dyn Store>,
                Arc::<SimChain>::clone(chain) as Arc<dyn Chain>,
                Arc::new(self.clock.skewed(skew_secs)),
                Wallet::development(CHAIN, "billing"),
                EngineConfig::default(),
                PriceList::built_in().map_err(Broken::setup)?,
            );
            self.nodes
                .push(Arc::new(engine.await.map_err(Broken::setup)?));
        }
        self.restarts += 1;
        self.faults.switch(were_on);
        Ok(())
    }

    /// One of the nodes.
    pub fn node(&self, at: usize) -> Arc<Engine> {
        Arc::clone(&self.nodes[at % self.nodes.len()])
    }

    /// Asks a node until it answers: after a crash it is started again, after a lost reply it is
    /// asked again, as a client would.
    pub async fn ask<T>(
        &mut self,
        what: impl AsyncFn(Arc<Engine>) -> Result<T, EngineError>,
    ) -> Result<Option<T>, Broken> {
        let at = usize::from(self.random.percent(50));
        for _ in 0..ATTEMPTS {
            let done = what(self.node(at)).await;
            let was_down = self.faults.is_down();
            if was_down {
                self.start().await?;
            }
            match done {
                Err(error) if was_down || is_broken_off(&error) => {}
                answered => return unless_unsound(answered),
            }
        }
        let were_on = self.faults.switch(false);
        let done = what(self.node(at)).await;
        self.faults.switch(were_on);
        unless_unsound(done)
    }

    /// A name that nothing else has.
    pub fn name(&mut self, of: &str) -> String {
        self.names += 1;
        format!("{of}-{}", self.names)
    }

    /// One of the customers from a place on.
    pub fn any_customer(&mut self, from: usize) -> usize {
        let count = u64::try_from(self.customers.len().saturating_sub(from)).unwrap_or(1);
        from.saturating_add(usize::try_from(self.random.below(count)).unwrap_or_default())
    }

    /// The invoices of a customer as they stand, in order of their numbers.
    pub async fn invoices(&self, customer: usize) -> Result<Vec<Invoice>, Broken> {
        let were_on = self.faults.switch(false);
        let invoices = self.node(0).invoices_of(&self.customers[customer].id).await;
        self.faults.switch(were_on);
        let mut invoices = invoices.map_err(Broken::setup)?;
        invoices.sort_by_key(|invoice| invoice.number);
        Ok(invoices)
    }

    /// Makes blocks.
    pub fn mine(&self, blocks: u64) -> Result<(), Broken> {
        wait(self.chain.mine(blocks))
            .map(drop)
            .map_err(Broken::setup)
    }

    /// A customer transfers coins to the billing address.
    pub fn transfer(
        &self,
        customer: usize,
        amount: MicroSynor,
        memo: &str,
    ) -> Result<TxId, Broken> {
        let wallet = &self.customers[customer].wallet;
        let nonce = wait(self.chain.next_nonce(wallet.address())).map_err(Broken::setup)?;
        let soma = Soma::from_micro(amount).map_err(Broken::setup)?;
        let node = self.node(0);
        let signed = wallet
            .sign_transfer(CHAIN, nonce, node.pay_to(), soma, memo)
            .map_err(Broken::setup)?;
        wait(self.chain.submit(signed)).map_err(Broken::setup)
    }
}

/// Whether a client would ask again.
fn is_broken_off(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Store(
            StoreError::Closed | StoreError::Database { .. } | StoreError::Conflict { .. }
        ) | EngineError::Usage(UsageLogError::Closed { .. })
            | EngineError::Chain(synor_chain::ChainError::Stopped)
    )
}

/// An answer, or a refusal, which is one, too; but not that the books would be unsound.
fn unless_unsound<T>(answered: Result<T, EngineError>) -> Result<Option<T>, Broken> {
    match answered {
        Ok(answer) => Ok(Some(answer)),
        Err(error @ EngineError::Store(StoreError::Corrupt { .. } | StoreError::Invariant(_))) => {
            Err(Broken::new(format!("an operation failed: {error}")))
        }
        Err(_) => Ok(None),
    }
}
