//! The draft of a month's invoice: everything it follows from is gathered here, and
//! `billing::bill` decides.

use synor_economics::account::Account;
use synor_economics::billing::{BillFacts, Draft, Invoice, LineItem, bill};
use synor_economics::id::AccountId;
use synor_economics::period::{Month, Period};
use synor_economics::plan::{Plan, plans_in};
use synor_economics::pricing::promotion::Redemption;
use synor_economics::pricing::reserved::Commitment;
use synor_economics::pricing::{PriceList, Segment, rate_segments};
use synor_store::{Kind, ListQuery};
use synor_usage::LogPosition;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// What the account would be billed for the running month if it ended now.
    pub async fn current_invoice(&self, account: &AccountId) -> Result<Draft, EngineError> {
        let account = self.account(account).await?;
        let month = Month::containing(self.now(), &account.time_zone)?;
        let billed = self.invoices_of(&account.account_id).await?;
        let until = self.now().plus_secs(1);
        self.draft(&account, month, None, &billed, |part| part.until(until))
            .await
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
        self.draft(account, month, through, billed, Some).await
    }

    async fn draft(
        &self,
        account: &Account,
        month: Month,
        through: Option<LogPosition>,
        billed: &[Invoice],
        seen: impl Fn(Period) -> Option<Period>,
    ) -> Result<Draft, EngineError> {
        let id = &account.account_id;
        let period = month.period(&account.time_zone)?;
        let priced = self.priced_lists(month, period).await?;
        // One position for all reads, so that the bill is of one moment.
        let through = match through {
            Some(position) => position,
            None => self.usage.position().await?,
        };
        let (segments, spot) = self
            .segments(account, period, &priced.lists, through, seen)
            .await?;
        let mut late = Vec::new();
        for invoice in billed {
            late.extend(self.late_lines(account, invoice, billed, through).await?);
        }
        let commitments: Vec<Commitment> = self
            .store
            .list(ListQuery::of(Kind::Commitment, id))
            .await?
            .items;
        let redemptions: Vec<Redemption> = self
            .store
            .list(ListQuery::of(Kind::Redemption, id))
            .await?
            .items;
        let draft = bill(BillFacts {
            account,
            month,
            period,
            segments: &segments,
            spot,
            late,
            commitments: &commitments,
            redemptions: &redemptions,
            usage_log_position: through,
        })
        .map_err(|error| priced.explain(error.into()))?;
        Ok(draft.with_usd_rate(priced.rate))
    }

    /// Cuts a period where prices or plan change, and reads the usage of each part, of which the
    /// spot market prices what it held for the account.
    pub(crate) async fn segments<'a>(
        &self,
        account: &Account,
        period: Period,
        lists: &'a [PriceList],
        through: LogPosition,
        seen: impl Fn(Period) -> Option<Period>,
    ) -> Result<(Vec<Segment<'a>>, Vec<LineItem>), EngineError> {
        let id = &account.account_id;
        let mut segments = Vec::new();
        let mut seen_parts = Vec::new();
        for (period, list, plan) in parts_of(account, period, lists)? {
            let seen_part = seen(period);
            let rows = match seen_part {
                Some(part) => self.usage.summary(id, part, Some(through)).await?.rows,
                None => Vec::new(),
            };
            seen_parts.push(seen_part);
            segments.push(Segment {
                period,
                list,
                plan,
                rows,
            });
        }
        let spot = self
            .take_spot(id, period, &mut segments, &seen_parts, through)
            .await?;
        Ok((segments, spot))
    }

    /// The difference between what a billed month's usage comes to now and what was billed for it, at
    /// the rate that it was billed at.
    pub(crate) async fn late_lines(
        &self,
        account: &Account,
        invoice: &Invoice,
        billed: &[Invoice],
        through: LogPosition,
    ) -> Result<Vec<LineItem>, EngineError> {
        let id = &account.account_id;
        let read = billed
            .iter()
            .map(|i| i.usage_log_position)
            .max()
            .unwrap_or_default();
        if !self
            .usage
            .changed_since(id, read, invoice.period.end())
            .await?
        {
            return Ok(Vec::new());
        }
        let lists = self.lists_at(invoice.usd_rate.as_ref())?;
        let (segments, spot) = self
            .segments(account, invoice.period, &lists, through, Some)
            .await?;
        let mut now = rate_segments(id, &segments, invoice.period.secs())?.lines;
        now.extend(spot);
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

/// Cuts a period where prices or the account's plan change.
pub(crate) fn parts_of<'a>(
    account: &Account,
    period: Period,
    lists: &'a [PriceList],
) -> Result<Vec<(Period, &'a PriceList, Plan)>, EngineError> {
    let mut parts = Vec::new();
    for (part, list) in lists_in(period, lists)? {
        let plans = plans_in(part, &account.plan_changes);
        parts.extend(plans.into_iter().map(|(part, plan)| (part, list, plan)));
    }
    Ok(parts)
}

/// Cuts a period where another price list comes into force; `lists` are in order of their effective
/// dates.
fn lists_in(period: Period, lists: &[PriceList]) -> Result<Vec<(Period, &PriceList)>, EngineError> {
    let opening = lists
        .iter()
        .rev()
        .find(|list| list.effective_from <= period.start());
    let mut list = opening.ok_or_else(|| EngineError::NoPriceList(period.start()))?;
    let mut start = period.start();
    let mut parts = Vec::new();
    let inside =
        |l: &&PriceList| l.effective_from > period.start() && l.effective_from < period.end();
    for next in lists.iter().filter(inside) {
        if let Ok(part) = Period::new(start, next.effective_from) {
            parts.push((part, list));
        }
        (start, list) = (next.effective_from, next);
    }
    parts.push((Period::new(start, period.end())?, list));
    Ok(parts)
}
