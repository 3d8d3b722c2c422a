//! The draft of a month's invoice: what its usage costs, and what has come late for months that
//! were billed before.

use synor_economics::account::Account;
use synor_economics::billing::{Draft, Invoice, LineItem};
use synor_economics::id::AccountId;
use synor_economics::metering::UsageSummary;
use synor_economics::period::Month;
use synor_economics::pricing::rate_usage;
use synor_store::{Kind, ListQuery};
use synor_usage::LogPosition;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// What the account would be billed for the running month if it ended now.
    pub async fn current_invoice(&self, account: &AccountId) -> Result<Draft, EngineError> {
        let account = self.account(account).await?;
        let month = Month::containing(self.now(), &account.time_zone)?;
        let period = month.period(&account.time_zone)?;
        let billed = self.invoices_of(&account.account_id).await?;
        let so_far = period.until(self.now().plus_secs(1)).unwrap_or(period);
        let usage = self
            .usage
            .summary(&account.account_id, so_far, None)
            .await?;
        self.draft(&account, month, usage, &billed).await
    }

    /// What the account would be billed for a month that has not been billed yet.
    pub async fn draft_of(&self, account: &AccountId, month: Month) -> Result<Draft, EngineError> {
        let account = self.account(account).await?;
        let billed = self.invoices_of(&account.account_id).await?;
        self.month_draft(&account, month, None, &billed).await
    }

    /// The draft for a whole month, with everything the usage log holds up to a position.
    pub(crate) async fn month_draft(
        &self,
        account: &Account,
        month: Month,
        through: Option<LogPosition>,
        billed: &[Invoice],
    ) -> Result<Draft, EngineError> {
        let period = month.period(&account.time_zone)?;
        let usage = self
            .usage
            .summary(&account.account_id, period, through)
            .await?;
        self.draft(account, month, usage, billed).await
    }

    async fn draft(
        &self,
        account: &Account,
        month: Month,
        usage: UsageSummary,
        billed: &[Invoice],
    ) -> Result<Draft, EngineError> {
        let period = month.period(&account.time_zone)?;
        let mut lines = self.with_price_list(period.start(), |list| {
            Ok(rate_usage(list, &usage.rows, period.secs())?)
        })?;
        for invoice in billed {
            lines.extend(self.late_lines(invoice, billed, usage.log_position).await?);
        }
        let zone = account.time_zone.clone();
        let id = account.account_id.clone();
        Ok(Draft::new(
            id,
            month,
            zone,
            period,
            lines,
            usage.log_position,
        )?)
    }

    /// The difference between what a billed month's usage comes to now and what was billed for it.
    async fn late_lines(
        &self,
        invoice: &Invoice,
        billed: &[Invoice],
        through: LogPosition,
    ) -> Result<Vec<LineItem>, EngineError> {
        let account = &invoice.account_id;
        let seen = billed
            .iter()
            .map(|i| i.usage_log_position)
            .max()
            .unwrap_or_default();
        if !self
            .usage
            .changed_since(account, seen, invoice.period.end())
            .await?
        {
            return Ok(Vec::new());
        }
        let usage = self
            .usage
            .summary(account, invoice.period, Some(through))
            .await?;
        let month_secs = invoice.period.secs();
        let now = match invoice
            .line_items
            .iter()
            .find(|line| line.adjusts.is_none())
        {
            Some(line) => self.with_version(&line.price_list_version, |list| {
                Ok(rate_usage(list, &usage.rows, month_secs)?)
            })?,
            None => self.with_price_list(invoice.period.start(), |list| {
                Ok(rate_usage(list, &usage.rows, month_secs)?)
            })?,
        };
        let own = invoice
            .line_items
            .iter()
            .filter(|line| line.adjusts.is_none());
        let later = billed.iter().flat_map(|i| &i.line_items);
        let so_far: Vec<_> = own
            .chain(later.filter(|line| line.adjusts == Some(invoice.month)))
            .collect();
        Ok(LineItem::adjustments(invoice.month, now, &so_far)?)
    }

    /// All invoices of an account, in order of their numbers.
    pub async fn invoices_of(&self, account: &AccountId) -> Result<Vec<Invoice>, EngineError> {
        Ok(self
            .store
            .list(ListQuery::of(Kind::Invoice, account))
            .await?
            .items)
    }
}
