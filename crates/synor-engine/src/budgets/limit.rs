//! Budgets on spend that stop: exactly, from the look at what is spent to the commit or append.
//!
//! A deduction is decided within the version of its account, so that of any number of nodes none
//! passes on what another has changed meanwhile. Usage is decided in turns within one process, as
//! quotas are: several nodes on one usage log may together exceed a budget by what the others
//! append between a look and its append.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use synor_economics::account::Account;
use synor_economics::billing::Hold;
use synor_economics::budget::{Budget, BudgetExceeded};
use synor_economics::calculator::CostEstimator;
use synor_economics::id::AccountId;
use synor_economics::metering::summary::{Tally, is_spot};
use synor_economics::metering::{EventId, Measure, UsageEvent, UsageKey};
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::{Month, Period, Timestamp};
use synor_economics::pricing::PriceList;
use synor_store::{ChangeSet, Kind, ListQuery, SpendTally};
use tokio::sync::OwnedMutexGuard;

use super::book::Budgets;
use super::spend::spend_of;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::till::Spending;

/// What an account's usage came to, and at which moment.
#[derive(Debug, Default)]
pub(crate) struct Rated {
    known: Option<(u64, Timestamp, MicroSynor)>,
}

/// What the budgets say to a batch of usage, or to one deduction. As long as it is held, nothing
/// else of the same accounts is decided here: hold it until what passes has landed.
#[derive(Debug, Default)]
#[must_use = "the turn ends when this is dropped, which must be after the append or commit"]
pub(crate) struct BudgetTurn {
    /// For each event of the batch, in its order, the budget that stops it, if one does.
    pub(crate) rejections: Vec<Option<BudgetExceeded>>,
    /// The accounts of the batch that have budgets, to be looked at once it has landed.
    pub(crate) watched: BTreeSet<AccountId>,
    _turns: Vec<OwnedMutexGuard<Rated>>,
}

/// An account whose budgets stop, in its running month.
struct Stopped<'b> {
    account: Account,
    month: Month,
    period: Period,
    budgets: Vec<&'b Budget>,
    deducted: MicroSynor,
    /// What is set aside and not captured.
    on_hold: MicroSynor,
}

impl Engine {
    /// Whether an account has a budget on spend, so that what is spent of its balance is held to it.
    pub(crate) async fn has_spend_budget(&self, account: &AccountId) -> Result<bool, EngineError> {
        let budgets = self.budgets.current(&*self.store).await?;
        Ok(budgets.counts_spend(account))
    }

    /// Holds what is spent or set aside to the account's budgets on spend, and notes in its changes
    /// what is deducted with it. What was set aside is counted when it is set aside, so that its
    /// capture is never refused. `version` is the version of the account's scope that this is decided
    /// on, which the book must be at. Keep what this returns until the changes are committed.
    pub(crate) async fn hold_to_budgets(
        &self,
        account: &AccountId,
        spending: Spending,
        version: u64,
        changes: &mut ChangeSet,
    ) -> Result<BudgetTurn, EngineError> {
        let (checked, deducted) = match spending {
            Spending::Now(amount) => (amount, amount),
            Spending::SetAside(amount) => (amount, MicroSynor::ZERO),
            Spending::Captured(amount) => (MicroSynor::ZERO, amount),
            Spending::Nothing => return Ok(BudgetTurn::default()),
        };
        let budgets = self.budgets.current(&*self.store).await?;
        if !budgets.counts_spend(account) {
            return Ok(BudgetTurn::default());
        }
        let mut rated = self.budgets.turn(account).lock_owned().await;
        let stopped = self.stopped(account, &budgets, Some(version)).await?;
        let whole = |budget: &&&Budget| matches!(budget.spend_stop(), Some((None, _)));
        if checked.is_positive() && stopped.budgets.iter().any(|budget| whole(&budget)) {
            let usage = self.rated(&stopped.account, &mut rated).await?;
            let spent = usage.checked_add(stopped.own()?)?;
            for budget in stopped.budgets.iter().filter(whole) {
                budget.allows(spent, checked, stopped.period.end())?;
            }
        }
        changes.put(&SpendTally {
            account_id: account.clone(),
            month: stopped.month,
            deducted_micro_synor: stopped.deducted.checked_add(deducted)?,
            version: version.saturating_add(1),
        })?;
        Ok(BudgetTurn {
            _turns: vec![rated],
            ..BudgetTurn::default()
        })
    }

    /// Which events the budgets on spend stop, to be left out of the append. Events are admitted in
    /// their order as long as what the month then comes to stays within the budget; one that does
    /// not fit does not stop a cheaper one after it, and one that the log holds already is not
    /// stopped. Events of other months, and of capacity bought on the spot market, pass.
    ///
    /// Where no account of the batch has a budget that stops, nothing is read and nobody waits.
    pub(crate) async fn budget_rejections(
        &self,
        events: &[UsageEvent],
    ) -> Result<BudgetTurn, EngineError> {
        let mut turn = BudgetTurn::default();
        let budgets = self.budgets.current(&*self.store).await?;
        if budgets.is_empty() {
            return Ok(turn);
        }
        for event in events {
            let account = &event.identity.account;
            if !turn.watched.contains(account) && !budgets.of(account).is_empty() {
                turn.watched.insert(account.clone());
            }
        }
        let limited = limited(&budgets, events);
        if limited.is_empty() {
            return Ok(turn);
        }
        turn.rejections = vec![None; events.len()];
        // In one order for all batches, or two of them could wait for each other.
        for account in limited.keys() {
            turn._turns
                .push(self.budgets.turn(account).lock_owned().await);
        }
        for (account, places) in limited {
            let stopped = self.stopped(&account, &budgets, None).await?;
            let lists = self.price_lists();
            let base = self.spendable_month(&stopped, &lists).await?;
            let all = with_events(&base, places.iter().map(|(_, event)| *event))?;
            if stopped.first_refusal(&base, &all)?.is_none() {
                continue;
            }
            let ids: Vec<_> = places.iter().map(|(_, e)| e.identity.clone()).collect();
            let held = self.usage.holds(ids.clone()).await?;
            let known = ids.into_iter().zip(held).filter(|(_, held)| *held);
            let known = known.map(|(id, _)| id).collect();
            for (place, refused) in stopped.admit(base, &places, &known)? {
                if let Some(rejection) = turn.rejections.get_mut(place) {
                    *rejection = refused;
                }
            }
        }
        Ok(turn)
    }

    /// An account's budgets that stop, with what was deducted in its running month.
    async fn stopped<'b>(
        &self,
        account: &AccountId,
        budgets: &'b Budgets,
        version: Option<u64>,
    ) -> Result<Stopped<'b>, EngineError> {
        let account = self.account(account).await?;
        let month = Month::containing(self.now(), &account.time_zone)?;
        let period = month.period(&account.time_zone)?;
        let id = &account.account_id;
        let version = match version {
            Some(version) => version,
            None => self.store.version(&crate::credits::scope_of(id)).await?,
        };
        Ok(Stopped {
            month,
            period,
            budgets: budgets.spend_stops(id).collect(),
            deducted: self.deducted_at(id, month, period, version).await?,
            on_hold: self.on_hold(id).await?,
            account,
        })
    }

    /// What an account has set aside and can still capture.
    async fn on_hold(&self, account: &AccountId) -> Result<MicroSynor, EngineError> {
        let query = ListQuery::of(Kind::Hold, account).open();
        let now = self.now();
        let mut sum = MicroSynor::ZERO;
        for hold in self.store.list::<Hold>(query).await?.items {
            if !hold.is_expired_at(now) {
                sum = sum.checked_add(hold.left()?)?;
            }
        }
        Ok(sum)
    }

    /// What the account's usage of the running month comes to now, worked out again only if any
    /// usage was counted or time has passed since.
    async fn rated(&self, account: &Account, rated: &mut Rated) -> Result<MicroSynor, EngineError> {
        let (position, now) = (self.usage.position().await?, self.now());
        if let Some((at, when, amount)) = rated.known
            && (at, when) == (position, now)
        {
            return Ok(amount);
        }
        let lists = self.price_lists();
        let stopped = Stopped {
            month: Month::containing(now, &account.time_zone)?,
            period: Month::containing(now, &account.time_zone)?.period(&account.time_zone)?,
            budgets: Vec::new(),
            deducted: MicroSynor::ZERO,
            on_hold: MicroSynor::ZERO,
            account: account.clone(),
        };
        let month = self.spendable_month(&stopped, &lists).await?;
        let amount = month.estimate()?.total_micro_synor;
        rated.known = Some((position, now, amount));
        Ok(amount)
    }

    /// The running month as far as it is spent: levels up to now, and all other usage of the month
    /// that is counted, also what is dated ahead.
    async fn spendable_month<'a>(
        &self,
        stopped: &Stopped<'_>,
        lists: &'a [PriceList],
    ) -> Result<CostEstimator<'a>, EngineError> {
        let mut month = self.estimator_of(&stopped.account, None, lists).await?;
        let through = month.usage_log_position;
        let whole = self
            .estimator_until(&stopped.account, stopped.month, lists, None, through)
            .await?;
        let is_sum = |key: &UsageKey| key.resource.spec().measure == Measure::Sum;
        for (segment, whole) in month.segments.iter_mut().zip(whole.segments) {
            segment.rows.retain(|row| !is_sum(&row.key));
            let sums = whole.rows.into_iter().filter(|row| is_sum(&row.key));
            segment.rows.extend(sums);
        }
        Ok(month)
    }
}

impl Stopped<'_> {
    /// What was spent of the balance, or set aside to be.
    fn own(&self) -> Result<MicroSynor, MoneyError> {
        self.deducted.checked_add(self.on_hold)
    }

    /// Why the step from one month to the next is refused, if it is.
    fn first_refusal(
        &self,
        before: &CostEstimator<'_>,
        after: &CostEstimator<'_>,
    ) -> Result<Option<BudgetExceeded>, EngineError> {
        let (before, after) = (before.estimate()?, after.estimate()?);
        for budget in &self.budgets {
            let Some((service, _)) = budget.spend_stop() else {
                continue;
            };
            let own = match service {
                None => self.own()?,
                Some(_) => MicroSynor::ZERO,
            };
            let spent = spend_of(&before, service)?.checked_add(own)?;
            let amount = spend_of(&after, service)?
                .checked_add(own)?
                .checked_sub(spent)?;
            // What costs nothing is not held up, also where the budget is exceeded already.
            if !amount.is_positive() {
                continue;
            }
            if let Err(refused) = budget.allows(spent, amount, self.period.end()) {
                return Ok(Some(refused));
            }
        }
        Ok(None)
    }

    /// Admits events one after another as long as they fit.
    fn admit(
        &self,
        mut month: CostEstimator<'_>,
        events: &[(usize, &UsageEvent)],
        known: &HashSet<EventId>,
    ) -> Result<Vec<(usize, Option<BudgetExceeded>)>, EngineError> {
        let mut admitted: HashSet<&EventId> = HashSet::new();
        let mut decided = Vec::with_capacity(events.len());
        for &(place, event) in events {
            if known.contains(&event.identity) || admitted.contains(&event.identity) {
                decided.push((place, None));
                continue;
            }
            let with = with_events(&month, [event])?;
            let refused = self.first_refusal(&month, &with)?;
            if refused.is_none() {
                admitted.insert(&event.identity);
                month = with;
            }
            decided.push((place, refused));
        }
        Ok(decided)
    }
}

/// The events that a budget could stop, with their places, by account.
fn limited<'e>(
    budgets: &Budgets,
    events: &'e [UsageEvent],
) -> BTreeMap<AccountId, Vec<(usize, &'e UsageEvent)>> {
    let mut limited: BTreeMap<AccountId, Vec<(usize, &UsageEvent)>> = BTreeMap::new();
    for (place, event) in events.iter().enumerate() {
        let account = &event.identity.account;
        let is_sum = event.resource.spec().measure == Measure::Sum;
        if is_sum && !is_spot(&event.dimensions) && budgets.spend_stops(account).next().is_some() {
            let of_account = limited.entry(account.clone()).or_default();
            of_account.push((place, event));
        }
    }
    limited
}

/// A month with more events, each in the segment that it belongs to.
fn with_events<'a, 'e>(
    month: &CostEstimator<'a>,
    events: impl IntoIterator<Item = &'e UsageEvent>,
) -> Result<CostEstimator<'a>, EngineError> {
    let mut month = month.clone();
    let mut more: Vec<Tally> = Vec::new();
    more.resize_with(month.segments.len(), Tally::default);
    for event in events {
        let place = month
            .segments
            .iter()
            .position(|segment| segment.period.contains(event.time));
        if let Some(tally) = place.and_then(|place| more.get_mut(place)) {
            let key = UsageKey::new(event.resource, &event.dimensions, event.provider.clone());
            tally.add(key, event.quantity)?;
        }
    }
    for (segment, mut tally) in month.segments.iter_mut().zip(more) {
        for row in std::mem::take(&mut segment.rows) {
            tally.add(row.key, row.quantity)?;
        }
        segment.rows = tally.into_rows();
    }
    Ok(month)
}
