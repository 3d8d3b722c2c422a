//! What a month costs day by day: the invoice's lines if it is closed, else the draft's up to now,
//! split over the days by use.

use std::collections::BTreeMap;

use serde::Serialize;
use synor_economics::billing::LineItem;
use synor_economics::calculator::spend_by_day;
use synor_economics::id::AccountId;
use synor_economics::metering::{ResourceType, ServiceType};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Period, Zone};
use synor_economics::quantity::Quantity;
use synor_usage::{SeriesQuery, Step};

use crate::engine::Engine;
use crate::error::EngineError;

/// What a month costs, day by day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DailySpend {
    /// Whose.
    pub account_id: AccountId,
    /// The calendar month.
    pub month: Month,
    /// In whose days it is counted.
    pub time_zone: Zone,
    /// Its days, the last of which ends now if the month is running.
    pub days: Vec<Period>,
    /// What each service cost on each day, before discounts.
    pub services: BTreeMap<ServiceType, Vec<MicroSynor>>,
    /// The lines behind it.
    pub line_items: Vec<LineItem>,
}

impl Engine {
    /// What an account's month cost on each of its days; the running one up to now.
    pub async fn daily_spend(
        &self,
        account: &AccountId,
        month: Option<Month>,
    ) -> Result<DailySpend, EngineError> {
        let known = self.account(account).await?;
        let zone = known.time_zone;
        let running = Month::containing(self.now(), &zone)?;
        let month = month.unwrap_or(running);
        let whole = month.period(&zone)?;
        let seen = if month == running {
            whole.until(self.now().plus_secs(1))
        } else {
            Some(whole)
        };
        let billed = self.invoices_of(account).await?;
        let line_items = match billed.into_iter().find(|invoice| invoice.month == month) {
            Some(invoice) => invoice.line_items,
            None if month == running => self.current_invoice(account).await?.line_items,
            None if month > running => Vec::new(),
            None => self.draft_of(account, month).await?.line_items,
        };
        let mut used: BTreeMap<ResourceType, Vec<Quantity>> = BTreeMap::new();
        let mut days = Vec::new();
        if let Some(period) = seen.filter(|_| month <= running) {
            let series = self
                .usage
                .series(SeriesQuery {
                    account: account.clone(),
                    period,
                    step: Step::Day,
                    zone: zone.clone(),
                    resource: None,
                    split: None,
                })
                .await?;
            days = series.steps;
            for line in series.lines {
                used.insert(line.resource, line.quantities);
            }
        }
        Ok(DailySpend {
            account_id: account.clone(),
            month,
            time_zone: zone,
            services: spend_by_day(&line_items, &used, days.len())?,
            days,
            line_items,
        })
    }
}
