//! Verification of rates: each invoice's rate is one that was recorded, and a recorded average
//! follows from the history as far as that is still kept.

use std::collections::BTreeMap;

use synor_economics::billing::Invoice;
use synor_economics::oracle::{RateOrigin, UsdRate};
use synor_economics::period::Month;
use synor_store::{ORACLE_HOUR_SECS, ORACLE_HOURS_KEPT, PeriodRate};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::verify::Verification;

impl Engine {
    /// Notes every invoice whose rate nobody recorded, and every average that its history does not
    /// lead to.
    pub(crate) async fn check_rates(
        &self,
        invoices: &[Invoice],
        found: &mut Verification,
    ) -> Result<(), EngineError> {
        let recorded = self.all_sound::<PeriodRate>(found).await?;
        let by_id: BTreeMap<_, _> = recorded
            .iter()
            .map(|r| (PeriodRate::id(r.month, r.period_end), &r.rate))
            .collect();
        for invoice in invoices {
            let Some(rate) = &invoice.usd_rate else {
                continue;
            };
            let ids =
                [None, Some(invoice.period.end())].map(|end| PeriodRate::id(invoice.month, end));
            if !ids.iter().any(|id| by_id.get(id) == Some(&rate)) {
                let (number, month) = (invoice.number, invoice.month);
                found.problems.push(format!(
                    "invoice {number}: its rate is not the recorded one of {month}"
                ));
            }
        }
        for PeriodRate { month, rate, .. } in &recorded {
            self.check_average(*month, rate, found).await?;
        }
        Ok(())
    }

    async fn check_average(
        &self,
        month: Month,
        rate: &UsdRate,
        found: &mut Verification,
    ) -> Result<(), EngineError> {
        let RateOrigin::Twap {
            window, hold_secs, ..
        } = &rate.origin
        else {
            return Ok(());
        };
        let from = window.start().plus_secs(hold_secs.saturating_neg());
        // Older history has made room; what is gone cannot be held against the rate.
        let kept_secs = (ORACLE_HOURS_KEPT - 1) * ORACLE_HOUR_SECS;
        if from < self.now().plus_secs(-kept_secs) {
            return Ok(());
        }
        let points = self.oracle_points(from, window.end()).await?;
        let again = UsdRate::of_period(&points, window.end(), *hold_secs, rate.decided_at);
        if again.as_ref() != Ok(rate) {
            let problem = format!("the rate of {month}: the history does not lead to it");
            found.problems.push(problem);
        }
        Ok(())
    }
}
