//! The usage of a file as bills to be estimated.

use std::collections::BTreeMap;

use synor_economics::calculator::{UsageInput, months_of, usage_of};
use synor_economics::metering::UsageEvent;
use synor_economics::period::{Month, Zone};

use super::UsageBill;
use crate::error::EngineError;

impl UsageBill {
    /// Each account's months of these events by themselves, or only one month, in UTC. The accounts
    /// need not exist.
    pub fn of_events(events: &[UsageEvent], only: Option<Month>) -> Result<Vec<Self>, EngineError> {
        let utc = Zone::utc();
        let mut by_account: BTreeMap<_, Vec<&UsageEvent>> = BTreeMap::new();
        for event in events {
            by_account
                .entry(&event.identity.account)
                .or_default()
                .push(event);
        }
        let mut bills = Vec::new();
        for (account, events) in by_account {
            let months = match only {
                Some(month) => vec![month],
                None => months_of(&events, &utc)?,
            };
            for month in months {
                let rows = usage_of(&events, month.period(&utc)?)?;
                if !rows.is_empty() {
                    bills.push(Self {
                        account_id: Some(account.clone()),
                        period: Some(month),
                        usage: rows.iter().map(UsageInput::from).collect(),
                    });
                }
            }
        }
        Ok(bills)
    }
}
