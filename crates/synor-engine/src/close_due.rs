//! Closing by itself: each account's month is closed when it has ended in the account's time zone
//! and the grace for late usage is over.
//!
//! Months end in the world's zones on quarters of an hour. So the time up to which months were
//! closed is kept in quarters, and each run closes what ended between the last run's and its own.
//! Only months from the opening of an account on are closed by themselves: history that is imported
//! for earlier ones waits for `close_period`.

use synor_economics::account::Account;
use synor_economics::period::{DAY_SECS, Month, Timestamp, Zone};
use synor_store::{ChangeSet, Counter, Kind, ListQuery};

use crate::close_period::{ClosedPeriod, Closing};
use crate::engine::Engine;
use crate::error::EngineError;

/// Up to which quarter of an hour months were closed.
const CLOSED_QUARTERS: &str = "closed_quarters";
const QUARTER_SECS: i64 = 900;
/// How far the ends of a month lie from its end in UTC, at most: zones go from −12 to +14 hours.
const ZONES_SECS: i64 = DAY_SECS;

impl Engine {
    /// Closes the months whose grace is over, one result for each month that had ended anywhere
    /// since the last run. Doing it again makes no second invoice.
    pub async fn close_due(&self) -> Result<Vec<(Month, ClosedPeriod)>, EngineError> {
        let cutoff = self.now().plus_secs(self.grace_secs.saturating_neg());
        let through = cutoff.secs().div_euclid(QUARTER_SECS);
        let Some(after) = self.closed_quarters().await? else {
            return Ok(Vec::new());
        };
        if through <= after {
            return Ok(Vec::new());
        }
        let at = |quarter: i64| Timestamp::from_secs(quarter.saturating_mul(QUARTER_SECS));
        let mut closed = Vec::new();
        for month in months_ending(at(after), at(through))? {
            let closing = Closing {
                month,
                ended_after: at(after),
                ended_by: at(through),
                is_automatic: true,
            };
            let result = self.close(closing).await?;
            for failed in &result.failed {
                let (account, reason) = (&failed.account_id, &failed.reason);
                tracing::error!(%account, %month, reason, "an account could not be billed");
            }
            if result.invoice_count > 0 {
                tracing::info!(%month, invoices = result.invoice_count, "closed");
            }
            closed.push((month, result));
        }
        // Only now, so that a crash before this line closes them again, which changes nothing.
        let mut changes = ChangeSet::new(Self::fresh_command("closed"), self.now());
        changes.put(&Counter {
            name: CLOSED_QUARTERS.to_owned(),
            last: u64::try_from(through).unwrap_or_default(),
        })?;
        self.commit(changes).await?;
        Ok(closed)
    }

    /// Up to which quarter months are closed; before the first run, that of the oldest account's
    /// opening, and none without accounts.
    async fn closed_quarters(&self) -> Result<Option<i64>, EngineError> {
        if let Some(counter) = self.store.get::<Counter>(CLOSED_QUARTERS).await? {
            return Ok(Some(i64::try_from(counter.last).unwrap_or(i64::MAX)));
        }
        let query = ListQuery {
            limit: 1,
            ..ListQuery::all(Kind::Account)
        };
        let oldest = self.store.list::<Account>(query).await?.items.pop();
        Ok(oldest.map(|account| account.created_at.secs().div_euclid(QUARTER_SECS)))
    }
}

/// The months that may have ended, in some zone, after one instant and up to another.
fn months_ending(after: Timestamp, through: Timestamp) -> Result<Vec<Month>, EngineError> {
    let utc = Zone::utc();
    let mut months = Vec::new();
    // A month that ends within the span, give or take the zones.
    let mut month = Month::containing(after.plus_secs(ZONES_SECS.saturating_neg()), &utc)?;
    loop {
        let end = month.period(&utc)?.end();
        if end.plus_secs(ZONES_SECS.saturating_neg()) > through {
            return Ok(months);
        }
        months.push(month);
        month = month.next()?;
    }
}
