//! The engine: the seams it works through, what it is configured with, and how it decides again
//! when the world has moved meanwhile.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use synor_chain::{Chain, Wallet};
use synor_economics::billing::{
    AutoPayPolicy, ConfirmationPolicy, DunningSchedule, PaymentProcessor,
};
use synor_economics::distribution::FeeSplit;
use synor_economics::id::{AccountId, Address};
use synor_economics::money::{MICRO_PER_SYNOR, MicroSynor};
use synor_economics::period::{DAY_SECS, Timestamp};
use synor_economics::pricing::PriceList;
use synor_economics::pricing::spot::INTERVAL_SECS;
use synor_economics::sla::SlaTable;
use synor_store::{Scope, Store};
use synor_usage::UsageLog;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use crate::access::UsesNoted;
use crate::answer_once::Names;
use crate::budgets::BudgetBook;
use crate::clock::Clock;
use crate::error::EngineError;
use crate::job_record::JobRecord;
use crate::notify::{Outgoing, SubscriberBook};
use crate::oracle::OracleConfig;
use crate::quotas::QuotaBook;
use crate::spot::{SPOT_INTERVAL_SECS_MAX, SPOT_INTERVAL_SECS_MIN};
use crate::till::Turn;

/// How often a decision is made again before its conflict is reported.
pub(crate) const ATTEMPTS_MAX: u32 = 64;

/// The most scopes whose turns are remembered, with the money of those that are accounts.
const TURNS_MAX: usize = 65_536;

/// How long a month takes usage in after its end, unless it is configured: three days.
const GRACE_SECS: i64 = 3 * DAY_SECS;
/// For how long a node takes a job unless configured otherwise.
const JOB_LEASE: Duration = Duration::from_secs(15);

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// When payments count.
    pub confirmations: ConfirmationPolicy,
    /// How service fees are shared.
    pub fee_split: FeeSplit,
    /// What each side of a referral gets.
    pub referral_reward: MicroSynor,
    /// The length of the spot market's intervals, in seconds.
    pub spot_interval_secs: i64,
    /// The price oracle, if there is one.
    pub oracle: Option<OracleConfig>,
    /// How long after its end a month still takes usage in before it is closed by itself, in seconds.
    pub grace_secs: i64,
    /// Whether months are closed by themselves.
    pub auto_close: bool,
    /// When overdue invoices are reminded of.
    pub dunning: DunningSchedule,
    /// When auto-pay charges.
    pub auto_pay: AutoPayPolicy,
    /// What comes back when a service was not there as promised.
    pub sla: SlaTable,
    /// For how long a node takes a job, which is how long a dead node's jobs wait at most.
    pub job_lease: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            confirmations: ConfirmationPolicy::default(),
            fee_split: FeeSplit::default(),
            referral_reward: MicroSynor::new(10 * MICRO_PER_SYNOR),
            spot_interval_secs: INTERVAL_SECS,
            oracle: None,
            grace_secs: GRACE_SECS,
            auto_close: true,
            dunning: DunningSchedule::default(),
            auto_pay: AutoPayPolicy::default(),
            sla: SlaTable::default(),
            job_lease: JOB_LEASE,
        }
    }
}

/// What receives all payments, charges under auto-pay grants, and refunds.
#[derive(Debug)]
pub enum BillingKey {
    /// A wallet here, which signs each transaction.
    Wallet(Box<Wallet>),
    /// A contract at this address; the chain's backend holds the key that calls it.
    Contract(Address),
}

impl BillingKey {
    fn pay_to(&self) -> &Address {
        match self {
            Self::Wallet(wallet) => wallet.address(),
            Self::Contract(address) => address,
        }
    }
}

impl From<Wallet> for BillingKey {
    fn from(wallet: Wallet) -> Self {
        Self::Wallet(Box::new(wallet))
    }
}

/// All use cases, over one usage log, one book and one chain.
pub struct Engine {
    pub(crate) usage: Arc<dyn UsageLog>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fee_split: FeeSplit,
    pub(crate) referral_reward: MicroSynor,
    pub(crate) spot_interval_secs: i64,
    pub(crate) oracle: Option<OracleConfig>,
    pub(crate) grace_secs: i64,
    pub(crate) auto_close: bool,
    pub(crate) dunning: DunningSchedule,
    pub(crate) job_lease: Duration,
    pub(crate) payments: PaymentProcessor,
    /// What charges and refunds; its address receives all payments.
    pub(crate) billing_key: BillingKey,
    /// Price lists in order of their effective dates.
    pub(crate) price_lists: RwLock<Arc<Vec<PriceList>>>,
    /// Accounts that are known to exist; an account is never removed.
    pub(crate) known_accounts: RwLock<HashSet<AccountId>>,
    /// The quotas in force.
    pub(crate) quotas: QuotaBook,
    /// Which uses of keys and sessions have been written.
    pub(crate) uses_noted: UsesNoted,
    /// The budgets in force.
    pub(crate) budgets: BudgetBook,
    /// The accounts that are told of anything.
    pub(crate) subscribers: SubscriberBook,
    /// How messages leave, once somebody sends them.
    pub(crate) outgoing: OnceLock<Outgoing>,
    /// When auto-pay charges.
    pub(crate) auto_pay: AutoPayPolicy,
    /// What comes back when a service was not there as promised.
    pub(crate) sla: SlaTable,
    /// What became of the jobs.
    pub(crate) jobs: JobRecord,
    /// One charge at a time, from the nonce to the chain.
    pub(crate) charging: tokio::sync::Mutex<()>,
    /// One request at a time of each name.
    pub(crate) answering: Names,
    /// One decision at a time for each scope, so that a hot account does not fight itself.
    turns: Mutex<HashMap<Scope, Arc<tokio::sync::Mutex<Turn>>>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("pay_to", &self.payments.pay_to)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over these backends. `list` is put in force if it is not yet.
    pub async fn new(
        usage: Arc<dyn UsageLog>,
        store: Arc<dyn Store>,
        chain: Arc<dyn Chain>,
        clock: Arc<dyn Clock>,
        billing_key: impl Into<BillingKey>,
        config: EngineConfig,
        list: PriceList,
    ) -> Result<Self, EngineError> {
        config.fee_split.check()?;
        config.auto_pay.check()?;
        config.sla.check()?;
        let secs = config.spot_interval_secs;
        if !(SPOT_INTERVAL_SECS_MIN..=SPOT_INTERVAL_SECS_MAX).contains(&secs) {
            let reason = format!(
                "{secs} is not {SPOT_INTERVAL_SECS_MIN} to {SPOT_INTERVAL_SECS_MAX} seconds"
            );
            return Err(EngineError::Invalid {
                field: "spot_interval_secs",
                reason,
            });
        }
        if let Some(oracle) = &config.oracle {
            oracle.check()?;
        }
        if config.grace_secs < 0 {
            let reason = format!("{} is below zero", config.grace_secs);
            return Err(EngineError::Invalid {
                field: "grace_secs",
                reason,
            });
        }
        config
            .dunning
            .check()
            .map_err(|error| EngineError::Invalid {
                field: "dunning",
                reason: error.to_string(),
            })?;
        let billing_key = billing_key.into();
        let pay_to = billing_key.pay_to().clone();
        let engine = Self {
            usage,
            store,
            chain,
            clock,
            fee_split: config.fee_split,
            referral_reward: config.referral_reward,
            spot_interval_secs: config.spot_interval_secs,
            oracle: config.oracle,
            grace_secs: config.grace_secs,
            auto_close: config.auto_close,
            dunning: config.dunning,
            job_lease: config.job_lease,
            payments: PaymentProcessor {
                confirmations: config.confirmations,
                pay_to,
            },
            billing_key,
            price_lists: RwLock::default(),
            known_accounts: RwLock::default(),
            quotas: QuotaBook::default(),
            uses_noted: UsesNoted::default(),
            budgets: BudgetBook::default(),
            subscribers: SubscriberBook::default(),
            outgoing: OnceLock::new(),
            auto_pay: config.auto_pay,
            sla: config.sla,
            jobs: JobRecord::default(),
            charging: tokio::sync::Mutex::default(),
            answering: Names::default(),
            turns: Mutex::default(),
        };
        engine.put_price_list_in_force(list).await?;
        Ok(engine)
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The address that receives all payments.
    pub fn pay_to(&self) -> &Address {
        &self.payments.pay_to
    }

    /// When auto-pay charges.
    pub const fn auto_pay_policy(&self) -> &AutoPayPolicy {
        &self.auto_pay
    }

    /// The chain that is paid on.
    pub fn chain(&self) -> &Arc<dyn Chain> {
        &self.chain
    }

    /// The usage log.
    pub fn usage(&self) -> &dyn UsageLog {
        &*self.usage
    }

    /// The book of record.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// A name for a command that nobody will repeat.
    pub(crate) fn fresh_command(what: &str) -> String {
        format!("{what}/{}", Uuid::now_v7())
    }

    /// Whose turn it is to decide about a scope.
    pub(crate) fn turn_of(&self, scope: &Scope) -> Arc<tokio::sync::Mutex<Turn>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(scope) {
            return Arc::clone(turn);
        }
        if turns.len() >= TURNS_MAX {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(scope.clone()).or_default())
    }

    /// Decides, one at a time for the scope, and again whenever a conflict shows that the decision
    /// was made on what has changed meanwhile.
    pub(crate) async fn decide<T, F>(
        &self,
        scope: &Scope,
        decision: impl FnMut() -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let _mine = self.turn(scope).await;
        decide_again(decision).await
    }

    /// Waits until nobody else in this process decides on the scope. What was remembered of its money to spend from is forgotten, because it may change.
    pub(crate) async fn turn(&self, scope: &Scope) -> OwnedMutexGuard<Turn> {
        let mut mine = self.turn_of(scope).lock_owned().await;
        mine.forget();
        mine
    }
}

/// Decides, and again whenever a conflict shows that the decision was made on what has changed
/// meanwhile.
pub(crate) async fn decide_again<T, F>(mut decision: impl FnMut() -> F) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut attempts = 0;
    loop {
        match decision().await {
            Err(error) if error.is_conflict() && attempts < ATTEMPTS_MAX => {
                attempts += 1;
                tokio::task::yield_now().await;
            }
            result => return result,
        }
    }
}
