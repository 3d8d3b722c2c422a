//! Spot usage on a bill: what an account held in an interval has the interval's price; everything
//! beyond is ordinary usage, at the price list's price.

use std::collections::BTreeMap;

use synor_economics::billing::LineItem;
use synor_economics::id::AccountId;
use synor_economics::metering::UsageRow;
use synor_economics::metering::summary::{SPOT_DIMENSION, Tally, is_spot};
use synor_economics::money::MoneyError;
use synor_economics::period::Period;
use synor_economics::pricing::Segment;
use synor_economics::pricing::spot::{Holding, SpotBill};
use synor_store::{Cursor, Kind, ListQuery};
use synor_usage::LogPosition;

use super::SPOT_INTERVAL_SECS_MAX;
use crate::engine::Engine;
use crate::error::EngineError;

/// How many holdings are read from the store at a time.
const HOLDINGS_PAGE: usize = 1_000;

impl Engine {
    /// Takes the usage that the spot market priced out of a month's segments and returns its lines.
    /// `seen` are the parts of the segments that their rows are of.
    ///
    /// An interval that a segment's end cuts is charged in parts, and one that began in the month
    /// before has less to hold by what was used of it then. The same log position gives the same
    /// lines for ever, because an interval that has started is decided once.
    pub(crate) async fn take_spot(
        &self,
        account: &AccountId,
        period: Period,
        segments: &mut [Segment<'_>],
        seen: &[Option<Period>],
        through: LogPosition,
    ) -> Result<Vec<LineItem>, EngineError> {
        let marked =
            |segment: &Segment<'_>| segment.rows.iter().any(|r| is_spot(&r.key.dimensions));
        if !segments.iter().any(marked) {
            return Ok(Vec::new());
        }
        let mut bill = SpotBill::default();
        for (interval, mut holdings) in self.holdings_in(account, period).await? {
            if let Ok(before) = Period::new(interval.start(), period.start().min(interval.end())) {
                let mut rows = self.spot_rows(account, before, through).await?;
                for holding in &mut holdings {
                    holding.take(&mut rows)?;
                }
            }
            for (segment, seen) in segments.iter_mut().zip(seen) {
                let Some(part) = seen.and_then(|seen| common(seen, interval)) else {
                    continue;
                };
                if !marked(segment) {
                    continue;
                }
                let mut rows = self.spot_rows(account, part, through).await?;
                for holding in &mut holdings {
                    let taken = holding.take(&mut rows)?;
                    take_from(&mut segment.rows, &taken)?;
                    bill.add(holding, &taken)?;
                }
            }
        }
        for segment in segments {
            segment.rows = as_ordinary(std::mem::take(&mut segment.rows))?;
        }
        Ok(bill.into_lines(period.secs())?)
    }

    /// What the account holds in intervals that touch the period, by interval; the market with the
    /// most dimensions first.
    async fn holdings_in(
        &self,
        account: &AccountId,
        period: Period,
    ) -> Result<BTreeMap<Period, Vec<Holding>>, EngineError> {
        let mut by_interval: BTreeMap<Period, Vec<Holding>> = BTreeMap::new();
        let mut after = Some(Cursor {
            sort_key: period.start().plus_secs(-SPOT_INTERVAL_SECS_MAX).secs(),
            id: String::new(),
        });
        while after.is_some() {
            let query = ListQuery {
                after,
                limit: HOLDINGS_PAGE,
                ..ListQuery::of(Kind::SpotHolding, account)
            };
            let page = self.store.list::<Holding>(query).await?;
            after = page.next;
            for holding in page.items {
                if period.end() <= holding.interval.start() {
                    after = None;
                } else if period.start() < holding.interval.end() {
                    let all = by_interval.entry(holding.interval).or_default();
                    all.push(holding);
                }
            }
        }
        for holdings in by_interval.values_mut() {
            holdings.sort_by(|a, b| {
                let dimensions = |h: &Holding| std::cmp::Reverse(h.market.dimensions.len());
                (dimensions(a), &a.market).cmp(&(dimensions(b), &b.market))
            });
        }
        Ok(by_interval)
    }

    async fn spot_rows(
        &self,
        account: &AccountId,
        part: Period,
        through: LogPosition,
    ) -> Result<Vec<UsageRow>, EngineError> {
        let summary = self.usage.summary(account, part, Some(through)).await?;
        let mut rows = summary.rows;
        rows.retain(|row| is_spot(&row.key.dimensions));
        Ok(rows)
    }
}

fn common(a: Period, b: Period) -> Option<Period> {
    Period::new(a.start().max(b.start()), a.end().min(b.end())).ok()
}

fn take_from(rows: &mut Vec<UsageRow>, taken: &[UsageRow]) -> Result<(), MoneyError> {
    for part in taken {
        match rows.iter_mut().find(|row| row.key == part.key) {
            Some(row) => row.quantity = row.quantity.checked_sub(part.quantity)?,
            // The segment's sum was zero, of parts that are not.
            None => rows.push(UsageRow {
                key: part.key.clone(),
                quantity: synor_economics::quantity::Quantity::ZERO.checked_sub(part.quantity)?,
            }),
        }
    }
    Ok(())
}

/// The rows with what is left of spot usage counted as ordinary usage.
fn as_ordinary(rows: Vec<UsageRow>) -> Result<Vec<UsageRow>, MoneyError> {
    let mut tally = Tally::default();
    for UsageRow { mut key, quantity } in rows {
        key.dimensions.remove(SPOT_DIMENSION);
        tally.add(key, quantity)?;
    }
    Ok(tally.into_rows())
}
