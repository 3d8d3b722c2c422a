//! Amounts by meter and step of time. Whole quarters of an hour come from the sums; only those that
//! an edge of a step cuts are read event by event.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use synor_economics::id::AccountId;
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fault::Fault;
use super::numeric::Numeric;
use super::row::{QUARTER_SECS, bigint, quantity, quarter};
use crate::log::LogPosition;

/// How far to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Through {
    pub(super) position: LogPosition,
    /// Whether the log went further since.
    pub(super) is_past: bool,
}

impl Through {
    /// The condition, on an event `e`, that it counts; `$n` is the position.
    pub(super) fn counts(self, n: usize) -> String {
        let not_withdrawn = format!(
            "NOT EXISTS (SELECT FROM withdrawals AS w WHERE w.account = e.account \
             AND w.source = e.source AND w.id = e.id AND w.position <= ${n})"
        );
        if self.is_past {
            format!(
                "{not_withdrawn} AND EXISTS (SELECT FROM account_commits AS c \
                 WHERE c.account = e.account AND c.commit_id = e.commit_id \
                 AND c.before + e.ordinal <= ${n})"
            )
        } else {
            not_withdrawn
        }
    }
}

/// Quantities by meter, one for each step.
pub(super) type Amounts = HashMap<Uuid, Vec<Quantity>>;

const SUMS: &str = "
SELECT meter, width_bucket(quarter * 900, $4::bigint[]), sum(quantity) FROM sums
WHERE account = $1 AND quarter >= $2 AND quarter < $3 AND quarter <> ALL ($5::bigint[])
GROUP BY 1, 2";

/// What came after a position, with the sign that takes it off the sums of now: events since then,
/// and withdrawals since then of events before. The offset keeps the planner, as long as it knows
/// nothing of a young table, from reading all of it rather than the few events of each commit.
const SINCE: &str = "
SELECT e.meter, e.time, -e.quantity
FROM account_commits AS c
CROSS JOIN LATERAL (
    SELECT * FROM events AS e WHERE e.account = c.account AND e.commit_id = c.commit_id OFFSET 0
) AS e
WHERE c.account = $1 AND c.last_position > $4 AND c.first_time < $3 AND c.last_time >= $2
    AND c.before + e.ordinal > $4 AND e.time >= $2 AND e.time < $3 AND NOT e.is_sample
    AND NOT EXISTS (SELECT FROM withdrawals AS w
                    WHERE w.account = e.account AND w.source = e.source AND w.id = e.id)
UNION ALL
SELECT e.meter, e.time, e.quantity
FROM withdrawals AS w
JOIN events AS e ON e.account = w.account AND e.source = w.source AND e.id = w.id
JOIN account_commits AS c ON c.account = e.account AND c.commit_id = e.commit_id
WHERE w.account = $1 AND w.position > $4 AND w.time >= $2 AND w.time < $3
    AND c.before + e.ordinal <= $4 AND NOT e.is_sample";

/// What the account used of each amount in each of the steps, which follow one another.
pub(super) async fn amounts(
    tx: &Transaction<'_>,
    account: &AccountId,
    steps: &[Period],
    through: Through,
) -> Result<Amounts, Fault> {
    let Some(period) = whole(steps) else {
        return Ok(Amounts::new());
    };
    let cut = cut_quarters(steps, period);
    let (summed, cut_events, since) = tokio::try_join!(
        sums(tx, account, steps, period, &cut),
        events_of(tx, account, period, &cut, through),
        since(tx, account, period, through),
    )?;
    let mut tally = Tally {
        account,
        steps,
        amounts: Amounts::new(),
    };
    for row in summed {
        let bucket: i32 = row.try_get(1)?;
        let step = usize::try_from(bucket.saturating_sub(1)).unwrap_or_default();
        tally.add(row.try_get(0)?, step, sum(&row, 2, account)?)?;
    }
    for row in cut_events {
        tally.add_event(&row)?;
    }
    for row in since {
        let at = Timestamp::from_secs(row.try_get(1)?);
        // Cut quarters were read as they were then.
        if !cut.contains(&quarter(at)) {
            tally.add_event(&row)?;
        }
    }
    Ok(tally.amounts)
}

/// The period that the steps are together.
fn whole(steps: &[Period]) -> Option<Period> {
    let (first, last) = (steps.first()?, steps.last()?);
    Period::new(first.start(), last.end()).ok()
}

/// The quarters that are not wholly in one step.
fn cut_quarters(steps: &[Period], period: Period) -> BTreeSet<i64> {
    let edges = steps.iter().map(|step| step.start());
    edges
        .chain([period.end()])
        .filter(|edge| edge.secs().rem_euclid(QUARTER_SECS) != 0)
        .map(quarter)
        .collect()
}

async fn sums(
    tx: &Transaction<'_>,
    account: &AccountId,
    steps: &[Period],
    period: Period,
    cut: &BTreeSet<i64>,
) -> Result<Vec<Row>, Fault> {
    let starts: Vec<i64> = steps.iter().map(|step| step.start().secs()).collect();
    let cut: Vec<i64> = cut.iter().copied().collect();
    let name = account.as_str();
    let (first, end) = (quarter(period.start()), quarter(period.end()));
    let values: [&(dyn ToSql + Sync); 5] = [&name, &first, &end, &starts, &cut];
    Ok(tx.query(&tx.prepare_cached(SUMS).await?, &values).await?)
}

/// The events of these quarters, as far as they lie in the period: found by way of the transactions
/// that hold events of that time.
async fn events_of(
    tx: &Transaction<'_>,
    account: &AccountId,
    period: Period,
    quarters: &BTreeSet<i64>,
    through: Through,
) -> Result<Vec<Row>, Fault> {
    if quarters.is_empty() {
        return Ok(Vec::new());
    }
    let starts = quarters.iter().map(|q| q.saturating_mul(QUARTER_SECS));
    let ends = starts
        .clone()
        .map(|start| start.saturating_add(QUARTER_SECS));
    let starts: Vec<i64> = starts.map(|at| at.max(period.start().secs())).collect();
    let ends: Vec<i64> = ends.map(|at| at.min(period.end().secs())).collect();
    let sql = format!(
        "SELECT e.meter, e.time, e.quantity \
         FROM unnest($2::bigint[], $3::bigint[]) AS q (start, stop) \
         JOIN account_commits AS k ON k.account = $1 \
             AND k.first_time < q.stop AND k.last_time >= q.start \
         CROSS JOIN LATERAL (SELECT * FROM events AS e WHERE e.account = k.account \
             AND e.commit_id = k.commit_id AND e.time >= q.start AND e.time < q.stop \
             OFFSET 0) AS e \
         WHERE NOT e.is_sample AND {}",
        through.counts(4)
    );
    let name = account.as_str();
    let position = bigint(through.position);
    let values: [&(dyn ToSql + Sync); 4] = [&name, &starts, &ends, &position];
    Ok(tx.query(&tx.prepare_cached(&sql).await?, &values).await?)
}

async fn since(
    tx: &Transaction<'_>,
    account: &AccountId,
    period: Period,
    through: Through,
) -> Result<Vec<Row>, Fault> {
    if !through.is_past {
        return Ok(Vec::new());
    }
    let name = account.as_str();
    let (start, end) = (period.start().secs(), period.end().secs());
    let position = bigint(through.position);
    let values: [&(dyn ToSql + Sync); 4] = [&name, &start, &end, &position];
    Ok(tx.query(&tx.prepare_cached(SINCE).await?, &values).await?)
}

/// Reads a sum, which may have become too large.
fn sum(row: &Row, column: usize, account: &AccountId) -> Result<Quantity, Fault> {
    let Numeric(sum) = row.try_get(column)?;
    sum.map(Quantity::new).ok_or_else(|| Fault::sum(account))
}

struct Tally<'q> {
    account: &'q AccountId,
    steps: &'q [Period],
    amounts: Amounts,
}

impl Tally<'_> {
    /// Adds an event from its meter, time and quantity.
    fn add_event(&mut self, row: &Row) -> Result<(), Fault> {
        let at = Timestamp::from_secs(row.try_get(1)?);
        let next = self.steps.partition_point(|step| step.start() <= at);
        match next.checked_sub(1) {
            Some(step) => self.add(row.try_get(0)?, step, quantity(row, 2)?),
            None => Ok(()),
        }
    }

    fn add(&mut self, meter: Uuid, step: usize, quantity: Quantity) -> Result<(), Fault> {
        let zeros = || vec![Quantity::ZERO; self.steps.len()];
        let sums = self.amounts.entry(meter).or_insert_with(zeros);
        if let Some(sum) = sums.get_mut(step) {
            let more = sum.checked_add(quantity);
            *sum = more.map_err(|_| Fault::sum(self.account))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::period;

    #[test]
    fn only_quarters_with_an_edge_within_are_cut() {
        let cut = |text| -> Vec<i64> {
            let period = period(text);
            let quarters = cut_quarters(&[period], period);
            let first = quarter(period.start());
            quarters.into_iter().map(|q| q - first).collect()
        };
        assert_eq!(cut("2026-01-01..2026-02-01"), [0; 0]);
        assert_eq!(cut("2026-01-01T00:00:01Z..2026-01-01T01:00:00Z"), [0]);
        assert_eq!(cut("2026-01-01T00:00:00Z..2026-01-01T00:59:59Z"), [3]);
        assert_eq!(cut("2026-01-01T00:00:01Z..2026-01-01T00:00:02Z"), [0]);
    }
}
