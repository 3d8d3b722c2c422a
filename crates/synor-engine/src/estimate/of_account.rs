//! An account's own month as it would be billed: what the invoice would be made of.

use synor_economics::account::Account;
use synor_economics::calculator::CostEstimator;
use synor_economics::period::{Month, Timestamp};
use synor_economics::pricing::PriceList;
use synor_store::{Kind, ListQuery};
use synor_usage::LogPosition;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// An account's month under these price lists: the running one up to now, another one whole.
    /// What came late for earlier months belongs to it as long as it has not been billed.
    pub(crate) async fn estimator_of<'a>(
        &self,
        account: &Account,
        month: Option<Month>,
        lists: &'a [PriceList],
    ) -> Result<CostEstimator<'a>, EngineError> {
        let now = self.now();
        let running = Month::containing(now, &account.time_zone)?;
        let month = month.unwrap_or(running);
        let until = (month == running).then(|| now.plus_secs(1));
        let through = self.usage.position().await?;
        let mut estimator = self
            .estimator_until(account, month, lists, until, through)
            .await?;
        let billed = self.invoices_of(&account.account_id).await?;
        if !billed.iter().any(|invoice| invoice.month == month) {
            for invoice in billed.iter().filter(|invoice| invoice.month < month) {
                let late = self.late_lines(account, invoice, &billed, through).await?;
                estimator.late.extend(late);
            }
        }
        Ok(estimator)
    }

    /// An account's month with what was used in it before an instant, without what came late.
    pub(crate) async fn estimator_until<'a>(
        &self,
        account: &Account,
        month: Month,
        lists: &'a [PriceList],
        until: Option<Timestamp>,
        through: LogPosition,
    ) -> Result<CostEstimator<'a>, EngineError> {
        let id = &account.account_id;
        let period = month.period(&account.time_zone)?;
        let seen = |part: synor_economics::period::Period| match until {
            Some(until) => part.until(until),
            None => Some(part),
        };
        let (segments, spot) = self.segments(account, period, lists, through, seen).await?;
        Ok(CostEstimator {
            account: account.clone(),
            month,
            period,
            segments,
            spot,
            late: Vec::new(),
            commitments: self.commitments(id).await?,
            redemptions: self
                .store
                .list(ListQuery::of(Kind::Redemption, id))
                .await?
                .items,
            usage_log_position: through,
        })
    }
}
