//! Quotas: setting them, removing them, and how much of them is used.

mod book;
mod turn;

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::metering::{Measure, MeteringUnit, ResourceType};
use synor_economics::money::Exact;
use synor_economics::period::{Period, Zone};
use synor_economics::quantity::Quantity;
use synor_economics::quota::{Quota, QuotaEffect, QuotaPeriod, quota_name};
use synor_store::{ChangeSet, Scope};
use synor_usage::{SeriesQuery, Step};

pub(crate) use book::QuotaBook;
pub use turn::QuotaTurn;

use crate::engine::Engine;
use crate::error::EngineError;

/// Decimals of a quota's percentage.
const PERCENT_DECIMALS: u32 = 2;

/// A quota to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuota {
    /// What to limit.
    pub resource: ResourceType,
    /// In which stretch of time.
    pub per: QuotaPeriod,
    /// How much.
    pub quantity: Exact,
    /// In which unit.
    pub unit: MeteringUnit,
    /// What happens when it is used up.
    pub effect: QuotaEffect,
}

/// A quota and what is used of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaState {
    /// The quota.
    #[serde(flatten)]
    pub quota: Quota,
    /// The day or month it stands for now.
    pub period: Period,
    /// The most that may be used, in the resource's base unit.
    pub limit: Quantity,
    /// What is used, in the resource's base unit; of a level, up to now.
    pub used: Quantity,
    /// What is left, never below zero.
    pub remaining: Quantity,
    /// Used per cent of the limit, up to two decimals; above a hundred where usage went on.
    pub used_percent: String,
    /// Whether nothing is left.
    pub is_used_up: bool,
}

impl Engine {
    /// Puts a quota in force, in place of the one for the same resource and period.
    pub async fn set_quota(
        &self,
        account: &AccountId,
        new: NewQuota,
    ) -> Result<Quota, EngineError> {
        self.account(account).await?;
        let quota = Quota {
            account_id: account.clone(),
            resource: new.resource,
            per: new.per,
            quantity: new.quantity,
            unit: new.unit,
            effect: new.effect,
            set_at: self.now(),
            removed_at: None,
        };
        quota.check()?;
        self.put_quota("set quota", &quota).await?;
        Ok(quota)
    }

    /// Removes a quota; usage is not limited by it any more.
    pub async fn remove_quota(
        &self,
        account: &AccountId,
        resource: ResourceType,
        per: QuotaPeriod,
    ) -> Result<Quota, EngineError> {
        self.account(account).await?;
        let id = quota_name(account, resource, per);
        let found: Option<Quota> = self.store.get(&id).await?;
        let Some(mut quota) = found.filter(|quota| quota.removed_at.is_none()) else {
            let what = "quota";
            return Err(EngineError::NotFound { what, id });
        };
        quota.removed_at = Some(self.now());
        self.put_quota("remove quota", &quota).await?;
        Ok(quota)
    }

    async fn put_quota(&self, what: &str, quota: &Quota) -> Result<(), EngineError> {
        self.decide(&Scope::Quotas, || async {
            let version = self.store.version(&Scope::Quotas).await?;
            let mut changes = ChangeSet::new(Self::fresh_command(what), self.now());
            changes.expect(Scope::Quotas, version).put(quota)?;
            self.commit(changes).await?;
            Ok(())
        })
        .await?;
        self.quotas.forget();
        Ok(())
    }

    /// An account's quotas, and how much of each is used now.
    pub async fn quotas_of(&self, account: &AccountId) -> Result<Vec<QuotaState>, EngineError> {
        let account = self.account(account).await?;
        let quotas = self.quotas.current(&*self.store).await?;
        let mut states = Vec::new();
        for quota in quotas.of(&account.account_id) {
            states.push(self.quota_state(&account, quota).await?);
        }
        Ok(states)
    }

    async fn quota_state(
        &self,
        account: &Account,
        quota: &Quota,
    ) -> Result<QuotaState, EngineError> {
        let now = self.now();
        let period = quota.per.containing(now, &account.time_zone)?;
        let seen = match quota.resource.spec().measure {
            Measure::Sum => period,
            Measure::Level { .. } => period.until(now.plus_secs(1)).unwrap_or(period),
        };
        let used = self
            .used_in(&quota.account_id, quota.resource, seen)
            .await?;
        let limit = quota.limit_in(period)?;
        let left = limit.checked_sub(used)?;
        let percent = used.checked_mul(100)?;
        let percent = Exact::new(percent.get(), limit.get());
        let percent = percent.map_or(Ok(String::new()), |p| p.rounded(PERCENT_DECIMALS))?;
        Ok(QuotaState {
            quota: quota.clone(),
            period,
            limit,
            used,
            remaining: left.max(Quantity::ZERO),
            used_percent: percent,
            is_used_up: left <= Quantity::ZERO,
        })
    }

    /// What an account used of one resource in a period.
    pub(crate) async fn used_in(
        &self,
        account: &AccountId,
        resource: ResourceType,
        period: Period,
    ) -> Result<Quantity, EngineError> {
        let query = SeriesQuery {
            account: account.clone(),
            period,
            step: Step::Whole,
            zone: Zone::utc(),
            resource: Some(resource),
            split: None,
        };
        let series = self.usage.series(query).await?;
        let mut used = Quantity::ZERO;
        for quantity in series.lines.iter().flat_map(|line| &line.quantities) {
            used = used.checked_add(*quantity)?;
        }
        Ok(used)
    }
}
