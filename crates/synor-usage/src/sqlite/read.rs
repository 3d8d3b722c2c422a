//! Reads within one transaction, so that each answer is of one moment.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};
use synor_economics::id::AccountId;
use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::summary::Tally;
use synor_economics::metering::{UsageKey, UsageSummary};
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;

use super::fault::Fault;
use super::row::{Head, Meter, StoredEvent, quantity, row_id};
use crate::log::{EventQuery, LogPosition, LoggedEvent, Page, StreamPosition};
use crate::series::{LineTally, Series, SeriesQuery, held, steps};

/// [`UsageLog::summary`](crate::UsageLog::summary).
pub(super) fn summary(
    tx: &Transaction<'_>,
    account: &AccountId,
    period: Period,
    through: Option<LogPosition>,
) -> Result<UsageSummary, Fault> {
    let head = Head::read(tx)?.position;
    let through = through.map_or(head, |position| position.min(head));
    let overflow = |error| Fault::sum(account, error);
    let mut tally = Tally::default();
    let sums = sums_by_meter(tx, account, period, through)?;
    for meter in meters(tx, account)? {
        let used = if meter.is_sample {
            let samples = samples(tx, &meter, period, through)?;
            integrate(&samples, period).map_err(overflow)?
        } else {
            sums.get(&meter.id).copied().unwrap_or(Quantity::ZERO)
        };
        let key = UsageKey::new(meter.resource, &meter.dimensions, meter.provider);
        tally.add(key, used).map_err(overflow)?;
    }
    Ok(UsageSummary {
        account: account.clone(),
        period,
        rows: tally.into_rows(),
        log_position: through,
    })
}

/// [`UsageLog::series`](crate::UsageLog::series).
pub(super) fn series(tx: &Transaction<'_>, query: &SeriesQuery) -> Result<Series, Fault> {
    let head = Head::read(tx)?.position;
    let overflow = |error| Fault::sum(&query.account, error);
    let mut lines = LineTally::new(steps(query.period, query.step, &query.zone)?);
    for meter in meters(tx, &query.account)? {
        if query
            .resource
            .is_some_and(|wanted| wanted != meter.resource)
        {
            continue;
        }
        let quantities = if meter.is_sample {
            let samples = samples(tx, &meter, query.period, head)?;
            let held = lines.steps().iter().map(|&step| held(&samples, step));
            held.collect::<Result<Vec<_>, _>>().map_err(overflow)?
        } else {
            let mut sums = vec![Quantity::ZERO; lines.steps().len()];
            for_each_amount(tx, &meter, query.period, head, |at, amount| {
                if let Some(sum) = lines.step_of(at).and_then(|step| sums.get_mut(step)) {
                    *sum = sum.checked_add(amount).map_err(overflow)?;
                }
                Ok(())
            })?;
            sums
        };
        let group = match &query.split {
            Some(split) => split.group(meter.provider.as_ref(), &meter.dimensions),
            None => None,
        };
        lines
            .add(meter.resource, group, quantities)
            .map_err(overflow)?;
    }
    Ok(lines.into_series(query.account.clone(), head))
}

/// [`UsageLog::changed_since`](crate::UsageLog::changed_since).
pub(super) fn changed_since(
    tx: &Transaction<'_>,
    account: &AccountId,
    position: LogPosition,
    before: Timestamp,
) -> Result<bool, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM events INDEXED BY events_by_account \
         WHERE account = (SELECT id FROM accounts WHERE name = ?1) AND position > ?2 AND time < ?3) \
         OR EXISTS (SELECT 1 FROM withdrawals INDEXED BY withdrawals_by_account \
         WHERE account = (SELECT id FROM accounts WHERE name = ?1) AND position > ?2 AND time < ?3)",
    )?;
    let values = params![account.as_str(), row_id(position), before.secs()];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

/// [`UsageLog::events`](crate::UsageLog::events).
pub(super) fn events(tx: &Transaction<'_>, query: &EventQuery) -> Result<Page<LoggedEvent>, Fault> {
    let limit = query.page_limit();
    let (first, last) = match query.period {
        Some(period) => (period.start(), period.end().plus_secs(-1)),
        None => (
            Timestamp::from_secs(i64::MIN),
            Timestamp::from_secs(i64::MAX),
        ),
    };
    let mut statement = tx.prepare_cached(&format!(
        "{} WHERE e.account = (SELECT id FROM accounts WHERE name = ?1) AND e.position > ?2 \
         AND e.time BETWEEN ?3 AND ?4 AND (?5 IS NULL OR m.resource = ?5) \
         ORDER BY e.position LIMIT ?6",
        StoredEvent::select("INDEXED BY events_by_account")
    ))?;
    let mut rows = statement.query(params![
        query.account.as_str(),
        row_id(query.after),
        first.secs(),
        last.secs(),
        query.resource.map(|resource| resource.to_string()),
        // One more than the page holds tells whether there is a next one.
        i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1),
    ])?;
    let mut items = Vec::new();
    let mut next = None;
    while let Some(row) = rows.next()? {
        if items.len() == limit {
            next = items.last().map(|last: &LoggedEvent| last.position);
            break;
        }
        let position = StoredEvent::position(row)?;
        let stored = StoredEvent::read(row)?;
        items.push(LoggedEvent {
            position,
            withdrawn: stored.withdrawn,
            event: stored.verified(position)?,
        });
    }
    Ok(Page { items, next })
}

/// [`UsageLog::stream_positions`](crate::UsageLog::stream_positions).
pub(super) fn stream_positions(
    tx: &Transaction<'_>,
    stream: &str,
) -> Result<Vec<StreamPosition>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT partition, next_offset FROM streams WHERE stream = ?1 ORDER BY partition",
    )?;
    let rows = statement.query_map([stream], |row| {
        Ok(StreamPosition {
            stream: stream.to_owned(),
            partition: row.get(0)?,
            next_offset: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// [`UsageLog::accounts`](crate::UsageLog::accounts).
pub(super) fn accounts(tx: &Transaction<'_>) -> Result<Vec<AccountId>, Fault> {
    let mut statement = tx.prepare_cached("SELECT name FROM accounts ORDER BY name")?;
    let rows = statement.query_map([], |row| super::row::parsed(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn meters(tx: &Transaction<'_>, account: &AccountId) -> Result<Vec<Meter>, Fault> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {} FROM meters AS m WHERE m.account = (SELECT id FROM accounts WHERE name = ?1)",
        Meter::COLUMNS
    ))?;
    let rows = statement.query_map([account.as_str()], |row| Meter::read(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The sums of the account's amounts, those of all meters in one statement: an account has a dozen
/// meters, and each statement costs as much as several rows.
fn sums_by_meter(
    tx: &Transaction<'_>,
    account: &AccountId,
    period: Period,
    through: LogPosition,
) -> Result<HashMap<i64, Quantity>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT m.id, e.quantity FROM meters AS m \
         CROSS JOIN events AS e INDEXED BY events_by_meter ON e.meter = m.id \
         WHERE m.account = (SELECT id FROM accounts WHERE name = ?1) AND m.is_sample = 0 \
         AND e.time >= ?2 AND e.time < ?3 AND e.position <= ?4 \
         AND NOT EXISTS (SELECT 1 FROM withdrawals AS w \
                         WHERE w.event = e.position AND w.position <= ?4)",
    )?;
    let (start, end) = (period.start().secs(), period.end().secs());
    let mut rows = statement.query(params![account.as_str(), start, end, row_id(through)])?;
    let mut sums = HashMap::new();
    while let Some(row) = rows.next()? {
        let sum: &mut Quantity = sums.entry(row.get(0)?).or_default();
        let added = sum.checked_add(quantity(row, 1)?);
        *sum = added.map_err(|error| Fault::sum(account, error))?;
    }
    Ok(sums)
}

fn for_each_amount(
    tx: &Transaction<'_>,
    meter: &Meter,
    period: Period,
    through: LogPosition,
    mut each: impl FnMut(Timestamp, Quantity) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT time, quantity FROM events INDEXED BY events_by_meter \
         WHERE meter = ?1 AND time >= ?2 AND time < ?3 AND position <= ?4 \
         AND NOT EXISTS (SELECT 1 FROM withdrawals AS w \
                         WHERE w.event = events.position AND w.position <= ?4)",
    )?;
    let (start, end) = (period.start().secs(), period.end().secs());
    let mut rows = statement.query(params![meter.id, start, end, row_id(through)])?;
    while let Some(row) = rows.next()? {
        each(Timestamp::from_secs(row.get(0)?), quantity(row, 1)?)?;
    }
    Ok(())
}

/// The samples that say what the level was in the period: from the one that it opens with to the
/// last one before its end, one per second.
fn samples(
    tx: &Transaction<'_>,
    meter: &Meter,
    period: Period,
    through: LogPosition,
) -> Result<Vec<Sample>, Fault> {
    let (start, end) = (period.start().secs(), period.end().secs());
    let through = row_id(through);
    let mut opening = tx.prepare_cached(
        "SELECT time FROM events INDEXED BY events_by_meter \
         WHERE meter = ?1 AND time <= ?2 AND position <= ?3 \
         AND NOT EXISTS (SELECT 1 FROM withdrawals AS w \
                         WHERE w.event = events.position AND w.position <= ?3) \
         ORDER BY time DESC LIMIT 1",
    )?;
    let opening: Option<i64> = opening
        .query_row(params![meter.id, start, through], |row| row.get(0))
        .optional()?;
    let mut statement = tx.prepare_cached(
        "SELECT time, quantity, position FROM events INDEXED BY events_by_meter \
         WHERE meter = ?1 AND time >= ?2 AND time < ?3 AND position <= ?4 \
         AND NOT EXISTS (SELECT 1 FROM withdrawals AS w \
                         WHERE w.event = events.position AND w.position <= ?4) ORDER BY time",
    )?;
    let mut rows = statement.query(params![meter.id, opening.unwrap_or(start), end, through])?;
    let mut samples: Vec<Sample> = Vec::new();
    let mut last_position = 0;
    while let Some(row) = rows.next()? {
        let at = Timestamp::from_secs(row.get(0)?);
        let level = quantity(row, 1)?;
        let position: i64 = row.get(2)?;
        match samples.last_mut() {
            // Identities are not in the index; only samples of the same second need them.
            Some(last) if last.at == at => {
                if !outranks(tx, position, last_position)? {
                    continue;
                }
                last.level = level;
            }
            _ => samples.push(Sample { at, level }),
        }
        last_position = position;
    }
    Ok(samples)
}

/// Whether the first of two samples of the same second holds: the one with the greater source and
/// id does.
fn outranks(tx: &Transaction<'_>, position: i64, other: i64) -> Result<bool, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT (s.name, e.id) > (t.name, f.id) FROM events AS e, events AS f \
         JOIN sources AS s ON s.id = e.source JOIN sources AS t ON t.id = f.source \
         WHERE e.position = ?1 AND f.position = ?2",
    )?;
    Ok(statement.query_row([position, other], |row| row.get(0))?)
}
