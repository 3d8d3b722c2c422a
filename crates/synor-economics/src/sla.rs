//! Service levels: what an account's plan promises, and the credit for what was not kept.
//!
//! A table for each plan says how many per cent of the month's spend on the service come back. Its
//! shape is that of the large clouds' agreements: a first step at the promised availability, a
//! second and a third further down, counted over a calendar month. The default's steps of 10, 25
//! and 100 per cent, at the promise, at 99 and at 95 per cent, are those of Microsoft's agreement
//! for virtual machines in several zones; where a plan promises less than 99.9 per cent, its lower
//! steps are ours, further down.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::billing::{Invoice, service_spend};
use crate::id::{AccountId, CreditId};
use crate::metering::ServiceType;
use crate::money::{Exact, MicroSynor, MoneyError, settle};
use crate::period::{Month, Period, Timestamp};
use crate::plan::Plan;

/// Decimals of an availability as it is shown.
const DECIMALS: u32 = 6;

/// Why a table or an incident cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SlaError {
    /// Steps that do not go down, or whose credit does not grow.
    #[error(
        "the service level table of plan {0} must go down in availability and up in credit, both within 0 to 100 per cent"
    )]
    Table(Plan),
    /// The first step is not at what the plan promises.
    #[error(
        "the service level table of plan {plan} must begin at the {promised} per cent that it promises"
    )]
    NotPromised {
        /// Which plan.
        plan: Plan,
        /// What it promises.
        promised: String,
    },
    /// More downtime than time.
    #[error("a downtime of {downtime} seconds is not within the {length} seconds of the incident")]
    Downtime {
        /// What was given.
        downtime: i64,
        /// How long the incident was.
        length: i64,
    },
    /// A name that is none.
    #[error("`{0}` is not an incident's name: 1 to 64 letters, digits, `-`, `_` or `.`")]
    Name(String),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Below this availability, so much comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlaStep {
    /// In per cent of the month.
    pub below_percent: Exact,
    /// In per cent of the month's spend on the service.
    pub credit_percent: Exact,
}

/// The steps of each plan, from the promise down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlaTable {
    /// Of plan free.
    pub free: Vec<SlaStep>,
    /// Of plan standard.
    pub standard: Vec<SlaStep>,
    /// Of plan premium.
    pub premium: Vec<SlaStep>,
    /// Of plan enterprise.
    pub enterprise: Vec<SlaStep>,
}

impl Default for SlaTable {
    fn default() -> Self {
        // In hundredths of a per cent.
        let steps = |marks: [i128; 3]| {
            let credits = [10, 25, 100];
            let step = |(below, credit)| {
                let below = Exact::new(below, 100).unwrap_or(Exact::ZERO);
                SlaStep {
                    below_percent: below,
                    credit_percent: Exact::from_integer(credit),
                }
            };
            marks.into_iter().zip(credits).map(step).collect()
        };
        Self {
            free: steps([9_500, 9_000, 8_500]),
            standard: steps([9_900, 9_500, 9_000]),
            premium: steps([9_990, 9_900, 9_500]),
            enterprise: steps([9_999, 9_900, 9_500]),
        }
    }
}

impl SlaTable {
    /// The steps of a plan.
    pub fn of(&self, plan: Plan) -> &[SlaStep] {
        match plan {
            Plan::Free => &self.free,
            Plan::Standard => &self.standard,
            Plan::Premium => &self.premium,
            Plan::Enterprise => &self.enterprise,
        }
    }

    /// The steps of a plan, to be changed.
    pub const fn of_mut(&mut self, plan: Plan) -> &mut Vec<SlaStep> {
        match plan {
            Plan::Free => &mut self.free,
            Plan::Standard => &mut self.standard,
            Plan::Premium => &mut self.premium,
            Plan::Enterprise => &mut self.enterprise,
        }
    }

    /// Whether it can be.
    pub fn check(&self) -> Result<(), SlaError> {
        let within = |n: Exact| n.is_positive() && n <= Exact::from_integer(100);
        for plan in Plan::ALL {
            let steps = self.of(plan);
            let falls = steps.is_sorted_by(|a, b| {
                a.below_percent > b.below_percent && a.credit_percent < b.credit_percent
            });
            let fits = |step: &SlaStep| within(step.below_percent) && within(step.credit_percent);
            if !falls || !steps.iter().all(fits) {
                return Err(SlaError::Table(plan));
            }
            let promised = promised_percent(plan);
            if steps.first().is_some_and(|s| s.below_percent != promised) {
                let promised = promised.to_decimal(DECIMALS);
                return Err(SlaError::NotPromised { plan, promised });
            }
        }
        Ok(())
    }

    /// How many per cent of a month's spend come back on a plan at this availability, in per cent.
    ///
    /// ```
    /// use synor_economics::money::Exact;
    /// use synor_economics::plan::Plan;
    /// use synor_economics::sla::SlaTable;
    /// let table = SlaTable::default();
    /// let credit = |plan, availability| {
    ///     let availability = Exact::parse_decimal(availability).unwrap();
    ///     table.credit_percent(plan, availability).to_decimal(2)
    /// };
    /// assert_eq!(credit(Plan::Premium, "99.9"), "0");
    /// assert_eq!(credit(Plan::Premium, "99.89"), "10");
    /// assert_eq!(credit(Plan::Standard, "99.89"), "0");
    /// assert_eq!(credit(Plan::Enterprise, "94"), "100");
    /// ```
    pub fn credit_percent(&self, plan: Plan, availability: Exact) -> Exact {
        let missed = self
            .of(plan)
            .iter()
            .rev()
            .find(|step| availability < step.below_percent);
        missed.map_or(Exact::ZERO, |step| step.credit_percent)
    }
}

/// What a plan promises, in per cent.
pub fn promised_percent(plan: Plan) -> Exact {
    let ppm = i128::from(plan.availability_ppm());
    Exact::new(ppm, 10_000).unwrap_or(Exact::ZERO)
}

/// A service that was not there as promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// What the operator calls it.
    pub incident_id: String,
    /// Which service.
    pub service: ServiceType,
    /// From when until when.
    #[serde(flatten, with = "crate::period::fields")]
    pub period: Period,
    /// How long the service was not there in it, in seconds.
    pub downtime_secs: i64,
    /// Whom it hit; empty: everyone who uses the service in the month.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accounts: Vec<AccountId>,
    /// What people read.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub note: String,
    /// When it was reported.
    pub reported_at: Timestamp,
    /// When every account that it hit had what it is owed; absent before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled_at: Option<Timestamp>,
}

impl Incident {
    /// Whether it can be.
    pub fn check(&self) -> Result<(), SlaError> {
        let is_name = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
        let name = &self.incident_id;
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err(SlaError::Name(name.clone()));
        }
        let length = self.period.secs();
        if !(1..=length).contains(&self.downtime_secs) {
            return Err(SlaError::Downtime {
                downtime: self.downtime_secs,
                length,
            });
        }
        Ok(())
    }

    /// The downtime that a measured availability of the incident's period means, in whole seconds,
    /// in the customer's favour.
    pub fn downtime_of(availability_percent: Exact, period: Period) -> Result<i64, SlaError> {
        let missing = Exact::from_integer(100).checked_sub(availability_percent)?;
        let secs = Exact::from_integer(i128::from(period.secs()));
        let secs = secs
            .checked_mul(missing)?
            .checked_div(Exact::from_integer(100))?;
        let up = secs
            .numerator()
            .checked_neg()
            .map(|n| n.div_euclid(secs.denominator()))
            .and_then(i128::checked_neg);
        let up = up.and_then(|secs| i64::try_from(secs).ok());
        Ok(up.ok_or(MoneyError::Overflow)?)
    }

    /// Whether it may have hit an account.
    pub fn may_hit(&self, account: &AccountId) -> bool {
        self.accounts.is_empty() || self.accounts.contains(account)
    }
}

/// What an incident came to for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaOutcome {
    /// Which incident.
    pub incident_id: String,
    /// Whose.
    pub account_id: AccountId,
    /// Which service.
    pub service: ServiceType,
    /// The month that the incident began in.
    pub month: Month,
    /// The plan that the account was on when it began.
    pub plan: Plan,
    /// What the plan promises, in per cent.
    pub promised_percent: Exact,
    /// The service's downtime in the month, with this incident and those settled before it, in
    /// seconds.
    pub downtime_secs: i64,
    /// The month's availability by that, in per cent, up to six decimals.
    pub availability_percent: String,
    /// How many per cent of the spend come back for it.
    pub credit_percent: Exact,
    /// What the account spent on the service in the month, after discounts.
    pub spend_micro_synor: MicroSynor,
    /// What earlier incidents of the month have given back of that.
    pub before_micro_synor: MicroSynor,
    /// What this one gives back.
    pub amount_micro_synor: MicroSynor,
    /// The credit, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credit_id: Option<CreditId>,
    /// When it was settled.
    pub settled_at: Timestamp,
}

impl SlaOutcome {
    /// What tells it apart among all: `2026-014/acme`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.incident_id, self.account_id)
    }

    /// How it came to be, for people.
    pub fn describe(&self) -> String {
        let (month, service) = (self.month, self.service);
        let promised = self.promised_percent.to_decimal(DECIMALS);
        let credit = self.credit_percent.to_decimal(DECIMALS);
        format!(
            "{service} was there {} % of {month}, plan {} promises {promised} %: {credit} % of {} \
             less {} given before",
            self.availability_percent, self.plan, self.spend_micro_synor, self.before_micro_synor
        )
    }
}

/// The name of the credit for an incident: an account gets one, whoever asks for it how often.
pub fn sla_credit_id(incident: &str, account: &AccountId) -> CreditId {
    CreditId::derived(&["sla", incident, account.as_str()])
}

/// Works out what an incident gives back to an account: what the month's whole downtime gives,
/// less what earlier incidents of the month have given. `before` are their outcomes, of the same
/// account, service and month.
pub fn compensate(
    incident: &Incident,
    invoice: &Invoice,
    plan: Plan,
    table: &SlaTable,
    before: &[SlaOutcome],
    now: Timestamp,
) -> Result<SlaOutcome, SlaError> {
    let month_secs = invoice.period.secs();
    let before_secs = before.iter().map(|outcome| outcome.downtime_secs).max();
    let downtime = incident
        .downtime_secs
        .saturating_add(before_secs.unwrap_or(0));
    let downtime = downtime.min(month_secs);
    let up = i128::from(month_secs.saturating_sub(downtime));
    let up = Exact::from_integer(up).checked_mul(Exact::from_integer(100))?;
    let availability = up.checked_div(Exact::from_integer(i128::from(month_secs)))?;
    let credit_percent = table.credit_percent(plan, availability);
    let spend = service_spend(
        incident.service,
        &invoice.line_items,
        invoice.subtotal_micro_synor,
        &invoice.discounts,
    )?;
    let share = credit_percent.checked_div(Exact::from_integer(100))?;
    let owed = settle(spend.checked_mul(share)?)?;
    let given = MicroSynor::sum(before.iter().map(|outcome| outcome.amount_micro_synor))?;
    let amount = owed.checked_sub(given)?.max(MicroSynor::ZERO);
    let account = &invoice.account_id;
    Ok(SlaOutcome {
        incident_id: incident.incident_id.clone(),
        account_id: account.clone(),
        service: incident.service,
        month: invoice.month,
        plan,
        promised_percent: promised_percent(plan),
        downtime_secs: downtime,
        availability_percent: availability.rounded(DECIMALS)?,
        credit_percent,
        spend_micro_synor: settle(spend)?,
        before_micro_synor: given,
        amount_micro_synor: amount,
        credit_id: amount
            .is_positive()
            .then(|| sla_credit_id(&incident.incident_id, account)),
        settled_at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_begins_at_what_each_plan_promises() {
        SlaTable::default().check().unwrap();
        let mut wrong = SlaTable::default();
        wrong.premium.remove(0);
        assert!(matches!(
            wrong.check(),
            Err(SlaError::NotPromised {
                plan: Plan::Premium,
                ..
            })
        ));
        let mut wrong = SlaTable::default();
        wrong.standard.reverse();
        assert_eq!(wrong.check(), Err(SlaError::Table(Plan::Standard)));
        let none = SlaTable {
            free: Vec::new(),
            ..SlaTable::default()
        };
        none.check().unwrap();
        assert!(none.credit_percent(Plan::Free, Exact::ZERO).is_zero());
    }

    #[test]
    fn measured_availability_is_downtime_rounded_up() {
        let at = Timestamp::from_secs;
        let hour = Period::new(at(0), at(3_600)).unwrap();
        let downtime = |text| {
            let percent = Exact::parse_decimal(text).unwrap();
            Incident::downtime_of(percent, hour).unwrap()
        };
        // 0.1 % of an hour are 3.6 seconds.
        assert_eq!(
            (downtime("99.9"), downtime("0"), downtime("100")),
            (4, 3_600, 0)
        );
    }
}
