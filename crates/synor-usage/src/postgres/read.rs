//! Reads within one transaction, so that each answer is of one moment.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use futures_util::future::try_join_all;
use synor_economics::id::AccountId;
use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::summary::Tally;
use synor_economics::metering::{UsageKey, UsageSummary};
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::amounts::{Through, amounts};
use super::fault::Fault;
use super::numeric::Numeric;
use super::row::{Head, Meter, StoredEvent, bigint, parsed, position, quantity, strange};
use crate::log::{
    ChangeQuery, EventQuery, LogPosition, LoggedEvent, Page, StreamPosition, SummaryQuery,
};
use crate::series::{LineTally, Series, SeriesQuery, held, steps};

/// Questions of one call that are under way at once: sent one behind the other, so that no answer
/// waits for the way of the next question.
const PIPELINED: usize = 32;

/// The end of the log.
pub(super) async fn head(tx: &Transaction<'_>) -> Result<Head, Fault> {
    let statement = tx
        .prepare_cached("SELECT position, chain FROM head WHERE one = 1")
        .await?;
    Head::read(&tx.query_one(&statement, &[]).await?)
}

/// [`UsageLog::summaries`](crate::UsageLog::summaries).
pub(super) async fn summaries(
    tx: &Transaction<'_>,
    queries: &[SummaryQuery],
) -> Result<Vec<UsageSummary>, Fault> {
    let head = head(tx).await?.position;
    let mut answers = Vec::with_capacity(queries.len());
    for together in queries.chunks(PIPELINED) {
        let mut asked = Vec::with_capacity(together.len());
        for query in together {
            asked.push(summary_of(tx, query, head));
        }
        answers.extend(try_join_all(asked).await?);
    }
    Ok(answers)
}

/// [`UsageLog::summary`](crate::UsageLog::summary).
pub(super) async fn summary(
    tx: &Transaction<'_>,
    query: &SummaryQuery,
) -> Result<UsageSummary, Fault> {
    let head = head(tx).await?.position;
    summary_of(tx, query, head).await
}

async fn summary_of(
    tx: &Transaction<'_>,
    query: &SummaryQuery,
    head: LogPosition,
) -> Result<UsageSummary, Fault> {
    let SummaryQuery {
        account, period, ..
    } = query;
    let position = query.through.map_or(head, |through| through.min(head));
    let through = Through {
        position,
        is_past: position < head,
    };
    let steps = [*period];
    let (meters, mut amounts, levels) = tokio::try_join!(
        meters(tx, account),
        amounts(tx, account, &steps, through),
        samples(tx, account, *period, through),
    )?;
    let mut tally = Tally::default();
    for meter in meters {
        let used = if meter.is_sample {
            let samples = levels.get(&meter.id).map(Vec::as_slice);
            integrate(samples.unwrap_or_default(), *period).map_err(|_| Fault::sum(account))?
        } else {
            let sums = amounts.remove(&meter.id).unwrap_or_default();
            sums.first().copied().unwrap_or_default()
        };
        let key = UsageKey::new(meter.resource, &meter.dimensions, meter.provider);
        tally.add(key, used).map_err(|_| Fault::sum(account))?;
    }
    Ok(UsageSummary {
        account: account.clone(),
        period: *period,
        rows: tally.into_rows(),
        log_position: position,
    })
}

/// [`UsageLog::series`](crate::UsageLog::series).
pub(super) async fn series(tx: &Transaction<'_>, query: &SeriesQuery) -> Result<Series, Fault> {
    let mut lines = LineTally::new(steps(query.period, query.step, &query.zone)?);
    let position = head(tx).await?.position;
    let through = Through {
        position,
        is_past: false,
    };
    let account = &query.account;
    let (meters, mut amounts, levels) = tokio::try_join!(
        meters(tx, account),
        amounts(tx, account, lines.steps(), through),
        samples(tx, account, query.period, through),
    )?;
    let overflow = |_| Fault::sum(account);
    for meter in meters {
        let is_wanted = query.resource.is_none_or(|wanted| wanted == meter.resource);
        if !is_wanted {
            continue;
        }
        let quantities = if meter.is_sample {
            let samples = levels.get(&meter.id).map(Vec::as_slice).unwrap_or_default();
            let held = lines.steps().iter().map(|&step| held(samples, step));
            held.collect::<Result<_, _>>().map_err(overflow)?
        } else {
            let none = || vec![Quantity::ZERO; lines.steps().len()];
            amounts.remove(&meter.id).unwrap_or_else(none)
        };
        let group = match &query.split {
            Some(split) => split.group(meter.provider.as_ref(), &meter.dimensions),
            None => None,
        };
        lines
            .add(meter.resource, group, quantities)
            .map_err(overflow)?;
    }
    Ok(lines.into_series(account.clone(), position))
}

const CHANGED: &str = "
SELECT EXISTS (
    SELECT FROM account_commits AS c
    CROSS JOIN LATERAL (
        SELECT e.ordinal FROM events AS e
        WHERE e.account = c.account AND e.commit_id = c.commit_id AND e.time < $3 OFFSET 0
    ) AS e
    WHERE c.account = $1 AND c.last_position > $2 AND c.first_time < $3
        AND c.before + e.ordinal > $2
) OR EXISTS (
    SELECT FROM withdrawals AS w WHERE w.account = $1 AND w.position > $2 AND w.time < $3
)";

/// [`UsageLog::changes_since`](crate::UsageLog::changes_since).
pub(super) async fn changes_since(
    tx: &Transaction<'_>,
    queries: &[ChangeQuery],
) -> Result<Vec<bool>, Fault> {
    let mut answers = Vec::with_capacity(queries.len());
    for together in queries.chunks(PIPELINED) {
        let mut asked = Vec::with_capacity(together.len());
        for query in together {
            asked.push(changed_since(tx, query));
        }
        answers.extend(try_join_all(asked).await?);
    }
    Ok(answers)
}

async fn changed_since(tx: &Transaction<'_>, query: &ChangeQuery) -> Result<bool, Fault> {
    let statement = tx.prepare_cached(CHANGED).await?;
    let (account, position) = (query.account.as_str(), bigint(query.position));
    let before = query.before.secs();
    let values: [&(dyn ToSql + Sync); 3] = [&account, &position, &before];
    Ok(tx.query_one(&statement, &values).await?.try_get(0)?)
}

/// [`UsageLog::events`](crate::UsageLog::events).
pub(super) async fn events(
    tx: &Transaction<'_>,
    query: &EventQuery,
) -> Result<Page<LoggedEvent>, Fault> {
    let limit = query.page_limit();
    let (first, end) = match query.period {
        Some(period) => (period.start().secs(), period.end().secs()),
        // The end does not belong to a period; no event lies in the last second there is.
        None => (i64::MIN, i64::MAX),
    };
    let sql = format!(
        "SELECT c.before + e.ordinal, w.position, {} \
         FROM account_commits AS c \
         JOIN events AS e ON e.account = c.account AND e.commit_id = c.commit_id \
         LEFT JOIN meters AS m ON m.account = e.account AND m.meter = e.meter \
         LEFT JOIN withdrawals AS w \
             ON w.account = e.account AND w.source = e.source AND w.id = e.id \
         WHERE c.account = $1 AND c.last_position > $2 AND c.before + e.ordinal > $2 \
             AND c.first_time < $4 AND c.last_time >= $3 AND e.time >= $3 AND e.time < $4 \
             AND ($5::text IS NULL OR m.resource = $5) \
         ORDER BY c.last_position, e.ordinal LIMIT $6",
        StoredEvent::columns()
    );
    let (account, after) = (query.account.as_str(), bigint(query.after));
    let resource = query.resource.map(|resource| resource.to_string());
    // One more than the page holds tells whether there is a next one.
    let rows_max = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let values: [&(dyn ToSql + Sync); 6] = [&account, &after, &first, &end, &resource, &rows_max];
    let rows = tx.query(&tx.prepare_cached(&sql).await?, &values).await?;
    let mut items: Vec<LoggedEvent> = Vec::with_capacity(rows.len());
    let has_more = rows.len() > limit;
    for row in rows.iter().take(limit) {
        let at = position(row, 0)?;
        let withdrawn: Option<i64> = row.try_get(1)?;
        items.push(LoggedEvent {
            position: at,
            withdrawn: withdrawn.map(|_| position(row, 1)).transpose()?,
            event: StoredEvent::read(row, 2)?.verified(at)?,
        });
    }
    let next = items.last().map(|last| last.position).filter(|_| has_more);
    Ok(Page { items, next })
}

/// [`UsageLog::stream_positions`](crate::UsageLog::stream_positions).
pub(super) async fn stream_positions(
    tx: &Transaction<'_>,
    stream: &str,
) -> Result<Vec<StreamPosition>, Fault> {
    let sql = "SELECT partition, next_offset FROM streams WHERE stream = $1 ORDER BY partition";
    let rows = tx.query(&tx.prepare_cached(sql).await?, &[&stream]).await?;
    let positions = rows.iter().map(|row| {
        let partition: i64 = row.try_get(0)?;
        let Numeric(offset) = row.try_get(1)?;
        let offset = offset.and_then(|offset| u64::try_from(offset).ok());
        Ok(StreamPosition {
            stream: stream.to_owned(),
            partition: u32::try_from(partition).map_err(|_| strange("no such partition"))?,
            next_offset: offset.ok_or_else(|| strange("no such offset"))?,
        })
    });
    positions.collect()
}

/// [`UsageLog::accounts`](crate::UsageLog::accounts). A meter is there if and only if an event is.
pub(super) async fn accounts(tx: &Transaction<'_>) -> Result<Vec<AccountId>, Fault> {
    let sql = "SELECT DISTINCT account FROM meters ORDER BY account";
    let rows = tx.query(&tx.prepare_cached(sql).await?, &[]).await?;
    rows.iter().map(|row| parsed(row, 0)).collect()
}

async fn meters(tx: &Transaction<'_>, account: &AccountId) -> Result<Vec<Meter>, Fault> {
    let sql = format!(
        "SELECT {} FROM meters AS m WHERE m.account = $1",
        Meter::COLUMNS
    );
    let statement = tx.prepare_cached(&sql).await?;
    let rows = tx.query(&statement, &[&account.as_str()]).await?;
    rows.iter().map(|row| Meter::read(row, 0)).collect()
}

/// The samples that say what each level was in the period: from the one that it opens with to the
/// last one before its end, one per second.
async fn samples(
    tx: &Transaction<'_>,
    account: &AccountId,
    period: Period,
    through: Through,
) -> Result<HashMap<Uuid, Vec<Sample>>, Fault> {
    let counts = through.counts(4);
    let sql = format!(
        "SELECT e.meter, e.time, e.quantity FROM meters AS m \
         CROSS JOIN LATERAL (SELECT coalesce((SELECT e.time FROM events AS e \
             WHERE e.account = m.account AND e.meter = m.meter AND e.is_sample AND e.time <= $2 AND {counts} \
             ORDER BY e.time DESC LIMIT 1), $2) AS time) AS opening \
         JOIN events AS e ON e.account = m.account AND e.meter = m.meter AND e.is_sample \
             AND e.time >= opening.time AND e.time < $3 \
         WHERE m.account = $1 AND m.is_sample AND {counts} \
         ORDER BY e.meter, e.time, e.source, e.id"
    );
    let (start, end) = (period.start().secs(), period.end().secs());
    let (name, position) = (account.as_str(), bigint(through.position));
    let values: [&(dyn ToSql + Sync); 4] = [&name, &start, &end, &position];
    let rows = tx.query(&tx.prepare_cached(&sql).await?, &values).await?;
    let mut levels: HashMap<Uuid, Vec<Sample>> = HashMap::new();
    for row in &rows {
        let samples = levels.entry(row.try_get(0)?).or_default();
        let sample = Sample {
            at: Timestamp::from_secs(row.try_get(1)?),
            level: quantity(row, 2)?,
        };
        match samples.last_mut() {
            // Of one second the greater source and id, which comes later, holds.
            Some(last) if last.at == sample.at => *last = sample,
            _ => samples.push(sample),
        }
    }
    Ok(levels)
}
