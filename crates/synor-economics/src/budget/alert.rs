//! Alerts: a budget crossed one of its thresholds. Each fires once for a crossing, and is armed
//! again when the reading falls back, or a new month begins.

use serde::{Deserialize, Serialize};

use super::{Budget, BudgetError, Threshold};
use crate::id::AccountId;
use crate::period::{Month, Period, Timestamp};
use crate::quantity::Quantity;

/// What a budget reads now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// In the unit that the budget is read in.
    pub value: Quantity,
    /// The running month of the account.
    pub month: Month,
    /// Its period.
    pub period: Period,
    /// When.
    pub at: Timestamp,
}

/// A threshold was crossed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Whose.
    pub account_id: AccountId,
    /// Which budget.
    pub budget: String,
    /// What the budget is about, for people.
    pub subject: String,
    /// Which threshold.
    pub threshold: Threshold,
    /// In which month.
    pub month: Month,
    /// The how manieth crossing of the month it is, from 1.
    pub number: u32,
    /// What the budget read when it fired.
    pub value: Quantity,
    /// Its limit then.
    pub limit: Quantity,
    /// The unit of both: `micro_synor`, or the resource's base unit.
    pub unit: String,
    /// When it fired.
    pub fired_at: Timestamp,
    /// When it was armed again; absent as long as the threshold is crossed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rearmed_at: Option<Timestamp>,
}

impl Alert {
    /// What tells it apart among all: `acme/all/80%/2026-01/1`. Two that saw one crossing make one
    /// alert of it.
    pub fn id(&self) -> String {
        format!(
            "{}/{}/{}/{}/{}",
            self.account_id, self.budget, self.threshold, self.month, self.number
        )
    }

    /// Whether the threshold is still crossed.
    pub const fn is_firing(&self) -> bool {
        self.rearmed_at.is_none()
    }
}

/// What a reading changes: the alerts that fire now, and those that are armed again. `known` are
/// the alerts that the budget has had, at least those that still fire and those of this month.
pub fn alerts_after(
    budget: &Budget,
    reading: Reading,
    known: &[Alert],
) -> Result<Vec<Alert>, BudgetError> {
    let own = || known.iter().filter(|alert| alert.budget == budget.name);
    let in_force = budget.removed_at.is_none();
    let is_over = |alert: &Alert| budget.subject.is_monthly() && alert.month != reading.month;
    let mut changed = Vec::new();
    for alert in own().filter(|alert| alert.is_firing()) {
        let goes_on = in_force
            && !is_over(alert)
            && budget.thresholds.contains(&alert.threshold)
            && budget.is_crossed(alert.threshold, reading.value, reading.period)?;
        if !goes_on {
            changed.push(Alert {
                rearmed_at: Some(reading.at),
                ..alert.clone()
            });
        }
    }
    if !in_force {
        return Ok(changed);
    }
    let limit = budget.limit_in(reading.period)?;
    for (place, threshold) in budget.thresholds.iter().copied().enumerate() {
        let is_twice = budget
            .thresholds
            .iter()
            .take(place)
            .any(|t| *t == threshold);
        let same = || own().filter(|alert| alert.threshold == threshold);
        let fires = same().any(|alert| alert.is_firing() && !is_over(alert));
        if is_twice || fires || !budget.is_crossed(threshold, reading.value, reading.period)? {
            continue;
        }
        let before = same().filter(|alert| alert.month == reading.month);
        let before = before.map(|alert| alert.number).max().unwrap_or(0);
        changed.push(Alert {
            account_id: budget.account_id.clone(),
            budget: budget.name.clone(),
            subject: budget.subject.describe(),
            threshold,
            month: reading.month,
            number: before.saturating_add(1),
            value: reading.value,
            limit,
            unit: budget.unit().to_owned(),
            fired_at: reading.at,
            rearmed_at: None,
        });
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{budget, spend};
    use super::*;
    use crate::budget::BudgetSubject;
    use crate::money::MicroSynor;
    use crate::period::Zone;
    use proptest::prelude::*;

    fn reading(month: &str, value: i128) -> Reading {
        let month: Month = month.parse().unwrap();
        let period = month.period(&Zone::utc()).unwrap();
        Reading {
            value: Quantity::new(value),
            month,
            period,
            at: period.start(),
        }
    }

    /// Applies readings one after another; what each one changed, as text.
    fn story(budget: &Budget, readings: &[(&str, i128)]) -> Vec<String> {
        let mut known: Vec<Alert> = Vec::new();
        let mut told = Vec::new();
        for (month, value) in readings {
            let changed = alerts_after(budget, reading(month, *value), &known).unwrap();
            let marks = changed.iter().map(|alert| {
                let mark = if alert.is_firing() { "+" } else { "-" };
                format!("{mark}{}#{}", alert.threshold, alert.number)
            });
            told.push(marks.collect::<Vec<_>>().join(" "));
            for alert in changed {
                known.retain(|before| before.id() != alert.id());
                known.push(alert);
            }
        }
        told
    }

    #[test]
    fn an_alert_fires_once_per_crossing_and_is_armed_again_by_falling_back() {
        let all = budget(spend(100), &["80%", "100%"], "warn");
        let told = story(
            &all,
            &[
                ("2026-01", 79),
                ("2026-01", 80),
                ("2026-01", 99),
                ("2026-01", 120),
                ("2026-01", 90),
                ("2026-01", 100),
                ("2026-02", 100),
                ("2026-02", 0),
            ],
        );
        assert_eq!(
            told,
            [
                "",
                "+80%#1",
                "",
                "+100%#1",
                "-100%#1",
                "+100%#2",
                // A new month arms again, and what is crossed in it fires.
                "-80%#1 -100%#2 +80%#1 +100%#1",
                "-80%#1 -100%#1",
            ]
        );
    }

    #[test]
    fn a_balance_knows_no_months_and_a_removed_budget_is_silent() {
        let subject = BudgetSubject::Balance {
            limit_micro_synor: MicroSynor::new(10),
        };
        let mut low = budget(subject, &["100%"], "warn");
        let january = [
            ("2026-01", 9),
            ("2026-02", 8),
            ("2026-02", 10),
            ("2026-02", 9),
        ];
        assert_eq!(story(&low, &january), ["+100%#1", "", "-100%#1", "+100%#1"]);
        let fired = alerts_after(&low, reading("2026-01", 9), &[]).unwrap();
        low.removed_at = Some(Timestamp::from_secs(0));
        let after = alerts_after(&low, reading("2026-01", 9), &fired).unwrap();
        assert_eq!(after.len(), 1);
        assert!(!after[0].is_firing());
        assert_eq!(
            alerts_after(&low, reading("2026-01", 9), &after).unwrap(),
            []
        );
    }

    proptest! {
        /// As many alerts as there are crossings, and one fires exactly while the mark is crossed.
        #[test]
        fn there_are_as_many_alerts_as_crossings(values in prop::collection::vec(0i128..200, 1..60)) {
            let all = budget(spend(100), &["100%"], "warn");
            let mut known: Vec<Alert> = Vec::new();
            let (mut above, mut crossings) = (false, 0);
            for value in values {
                for alert in alerts_after(&all, reading("2026-01", value), &known).unwrap() {
                    known.retain(|before| before.id() != alert.id());
                    known.push(alert);
                }
                crossings += usize::from(value >= 100 && !above);
                above = value >= 100;
                prop_assert_eq!(known.iter().filter(|a| a.is_firing()).count(), usize::from(above));
            }
            prop_assert_eq!(known.len(), crossings);
        }
    }
}
