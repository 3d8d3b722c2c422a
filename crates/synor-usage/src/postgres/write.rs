//! One transaction for the batches that share it: what is known already is looked up, the rest is
//! inserted and summed, and only then the end of the log is locked and moved.
//!
//! Everything is locked in one order: meters, events, sums, streams, each of them sorted, and last
//! the end of the log. So transactions of other processes are waited for, but never in a circle.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::{Client, Transaction};
use synor_economics::id::AccountId;
use synor_economics::metering::EventId;
use synor_economics::period::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fault::Fault;
use super::known::KnownMeters;
use super::numeric::Numeric;
use super::plan::{Held, Plan};
use super::row::{Head, bigint, digest, quantity, strange};
use crate::error::UsageLogError;
use crate::log::Appended;
use crate::prepared::{MeterKey, PreparedBatch};

/// What a transaction did.
pub(super) struct Committed {
    /// For each batch.
    pub(super) answers: Vec<Result<Appended, UsageLogError>>,
    /// Meters that are in the database from now on.
    pub(super) meters: Vec<(AccountId, Uuid)>,
}

/// The events of these identities, each by its place in the arrays. A subquery with a limit is
/// answered once per identity through the index, however many there are.
const HELD: &str = "
SELECT i.place, h.digest, h.meter, h.is_sample, h.time, h.quantity, h.is_withdrawn
FROM unnest($1::text[], $2::text[], $3::text[])
    WITH ORDINALITY AS i (account, source, id, place)
CROSS JOIN LATERAL (
    SELECT e.digest, e.meter, e.is_sample, e.time, e.quantity,
        EXISTS (SELECT FROM withdrawals AS w
                WHERE w.account = e.account AND w.source = e.source AND w.id = e.id) AS is_withdrawn
    FROM events AS e
    WHERE e.account = i.account AND e.source = i.source AND e.id = i.id
    LIMIT 1
) AS h";

const INSERT_METERS: &str = "
INSERT INTO meters (account, meter, resource, is_sample, provider, dimensions)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::boolean[], $5::text[], $6::text[])
ON CONFLICT DO NOTHING";

const INSERT_EVENTS: &str = "
INSERT INTO events (account, source, id, meter, time, quantity, correction, digest, ordinal,
    is_sample, commit_id)
SELECT i.*, $11::bigint FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[],
    $6::numeric[], $7::boolean[], $8::bytea[], $9::integer[], $10::boolean[]) AS i
ON CONFLICT DO NOTHING";

const ADD_SUMS: &str = "
INSERT INTO sums (account, quarter, meter, quantity)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::numeric[])
ON CONFLICT (account, quarter, meter)
DO UPDATE SET quantity = sums.quantity + excluded.quantity";

const REMEMBER_STREAMS: &str = "
INSERT INTO streams (stream, partition, next_offset)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::numeric[])
ON CONFLICT (stream, partition) DO UPDATE
SET next_offset = greatest(streams.next_offset, excluded.next_offset)";

const HEAD: &str = "SELECT position, chain FROM head WHERE one = 1";
const LOCK_HEAD: &str = "SELECT position, chain FROM head WHERE one = 1 FOR UPDATE";
const MOVE_HEAD: &str = "UPDATE head SET position = $1, chain = $2 WHERE one = 1";

const INSERT_COMMIT: &str = "
INSERT INTO commits (id, before, records, chain) VALUES ($1, $2, $3, $4)";

const INSERT_SPANS: &str = "
INSERT INTO account_commits (account, commit_id, before, last_position, first_time, last_time)
SELECT i.account, $5::bigint, $6::bigint, $6::bigint + i.last, i.first_time, i.last_time
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
    AS i (account, last, first_time, last_time)";

const INSERT_WITHDRAWALS: &str = "
INSERT INTO withdrawals (account, source, id, position, time, commit_id)
SELECT i.account, i.source, i.id, $7::bigint + i.ordinal, i.time, $6::bigint
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[])
    AS i (account, source, id, ordinal, time)
ON CONFLICT DO NOTHING";

/// Commits the batches in one transaction. Events are checked before they get here, so what fails
/// now fails for all of them; only a withdrawal of what is not there refuses its own batch alone.
pub(super) async fn commit(
    client: &mut Client,
    known: &KnownMeters,
    batches: &[&PreparedBatch],
) -> Result<Committed, Fault> {
    let tx = client.transaction().await?;
    let held = held(&tx, batches).await?;
    let mut plan = Plan::new(batches.iter().copied(), held)?;
    let mut meters = Vec::new();
    if plan.records() > 0 {
        meters = new_meters(&tx, known, &plan).await?;
    }
    let before = if plan.records() > 0 {
        append(&tx, &mut plan).await?
    } else {
        remember_streams(&tx, &plan).await?;
        let head = tx.query_one(&tx.prepare_cached(HEAD).await?, &[]).await?;
        Head::read(&head)?
    };
    tx.commit().await?;
    let mut answers = plan.answers;
    for answer in answers.iter_mut().flatten() {
        answer.position = answer.position.saturating_add(before.position);
    }
    Ok(Committed { answers, meters })
}

/// What the log holds of the identities that the batches name.
async fn held<'b>(
    tx: &Transaction<'_>,
    batches: &[&'b PreparedBatch],
) -> Result<HashMap<&'b EventId, Held>, Fault> {
    let named: BTreeSet<&EventId> = batches
        .iter()
        .flat_map(|batch| {
            let events = batch.events.iter().map(|e| &e.event.identity);
            events.chain(&batch.withdrawals)
        })
        .collect();
    let mut held = HashMap::with_capacity(named.len());
    if named.is_empty() {
        return Ok(held);
    }
    let named: Vec<_> = named.into_iter().collect();
    let (accounts, sources, ids) = identities(named.iter().copied());
    let statement = tx.prepare_cached(HELD).await?;
    for row in tx.query(&statement, &[&accounts, &sources, &ids]).await? {
        let place: i64 = row.try_get(0)?;
        let index = usize::try_from(place.saturating_sub(1)).ok();
        let id = index.and_then(|index| named.get(index));
        let id = id.ok_or_else(|| strange("an identity that was not asked for"))?;
        let event = Held {
            digest: digest(&row, 1)?,
            meter: row.try_get(2)?,
            is_sample: row.try_get(3)?,
            time: Timestamp::from_secs(row.try_get(4)?),
            quantity: quantity(&row, 5)?,
            is_withdrawn: row.try_get(6)?,
        };
        held.insert(*id, event);
    }
    Ok(held)
}

/// Inserts the meters that are not known to be there, and returns them.
async fn new_meters(
    tx: &Transaction<'_>,
    known: &KnownMeters,
    plan: &Plan<'_>,
) -> Result<Vec<(AccountId, Uuid)>, Fault> {
    let new = known.missing(plan.events.iter().map(|e| (&e.prepared.meter, e.meter)));
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let column = |text: fn(&MeterKey) -> String| -> Vec<String> {
        new.values().map(|meter| text(meter)).collect()
    };
    let accounts = column(|meter| meter.account.to_string());
    let resources = column(|meter| meter.resource.to_string());
    let providers = column(|meter| {
        meter
            .provider
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    });
    let dimensions = column(|meter| meter.dimensions.clone());
    let ids: Vec<Uuid> = new.keys().map(|(_, id)| *id).collect();
    let are_samples: Vec<bool> = new.values().map(|meter| meter.is_sample).collect();
    let statement = tx.prepare_cached(INSERT_METERS).await?;
    let values: [&(dyn ToSql + Sync); 6] = [
        &accounts,
        &ids,
        &resources,
        &are_samples,
        &providers,
        &dimensions,
    ];
    tx.execute(&statement, &values).await?;
    Ok(new.into_keys().collect())
}

/// Writes the plan and moves the end of the log behind it. Returns the end as it was before.
async fn append(tx: &Transaction<'_>, plan: &mut Plan<'_>) -> Result<Head, Fault> {
    let row = tx
        .query_one(
            &tx.prepare_cached("SELECT nextval('commit_ids')").await?,
            &[],
        )
        .await?;
    let commit_id: i64 = row.try_get(0)?;
    insert_events(tx, plan, commit_id).await?;
    add_sums(tx, plan).await?;
    remember_streams(tx, plan).await?;
    let lock = tx.prepare_cached(LOCK_HEAD).await?;
    let insert_commit = tx.prepare_cached(INSERT_COMMIT).await?;
    let move_head = tx.prepare_cached(MOVE_HEAD).await?;
    // From here on everybody else waits.
    let before = Head::read(&tx.query_one(&lock, &[]).await?)?;
    let records = plan.records();
    let after = before.followed_by(u64::try_from(records).unwrap_or_default(), &plan.digest());
    let (start, end) = (bigint(before.position), bigint(after.position));
    let chain = after.chain.as_slice();
    let commit: [&(dyn ToSql + Sync); 4] = [&commit_id, &start, &records, &chain];
    // Sent together, answered together.
    let (_, _, _, _) = tokio::try_join!(
        insert_spans(tx, plan, commit_id, start),
        insert_withdrawals(tx, plan, commit_id, start),
        async { Ok::<_, Fault>(tx.execute(&insert_commit, &commit).await?) },
        async { Ok::<_, Fault>(tx.execute(&move_head, &[&end, &chain]).await?) },
    )?;
    Ok(before)
}

/// Inserts the events, in order of identity. If one of them is there by now, others have written it
/// since it was looked up.
async fn insert_events(
    tx: &Transaction<'_>,
    plan: &mut Plan<'_>,
    commit_id: i64,
) -> Result<(), Fault> {
    if plan.events.is_empty() {
        return Ok(());
    }
    let events = &mut plan.events;
    events.sort_unstable_by(|a, b| a.prepared.event.identity.cmp(&b.prepared.event.identity));
    let (accounts, sources, ids) = identities(events.iter().map(|e| &e.prepared.event.identity));
    let meters: Vec<Uuid> = events.iter().map(|e| e.meter).collect();
    let times: Vec<i64> = events
        .iter()
        .map(|e| e.prepared.event.time.secs())
        .collect();
    let quantities = events
        .iter()
        .map(|e| Numeric::from(e.prepared.event.quantity));
    let quantities: Vec<Numeric> = quantities.collect();
    let corrections: Vec<bool> = events.iter().map(|e| e.prepared.event.correction).collect();
    let digests: Vec<&[u8]> = events
        .iter()
        .map(|e| e.prepared.digest.as_slice())
        .collect();
    let ordinals: Vec<i32> = events.iter().map(|e| e.ordinal).collect();
    let are_samples: Vec<bool> = events.iter().map(|e| e.prepared.event.is_sample).collect();
    let statement = tx.prepare_cached(INSERT_EVENTS).await?;
    let values: [&(dyn ToSql + Sync); 11] = [
        &accounts,
        &sources,
        &ids,
        &meters,
        &times,
        &quantities,
        &corrections,
        &digests,
        &ordinals,
        &are_samples,
        &commit_id,
    ];
    let inserted = tx.execute(&statement, &values).await?;
    all_of(inserted, events.len())
}

async fn add_sums(tx: &Transaction<'_>, plan: &Plan<'_>) -> Result<(), Fault> {
    if plan.sums.is_empty() {
        return Ok(());
    }
    let accounts: Vec<&str> = plan
        .sums
        .keys()
        .map(|(account, _, _)| account.as_str())
        .collect();
    let quarters: Vec<i64> = plan.sums.keys().map(|(_, quarter, _)| *quarter).collect();
    let meters: Vec<Uuid> = plan.sums.keys().map(|(_, _, meter)| *meter).collect();
    let quantities: Vec<Numeric> = plan.sums.values().map(|&sum| sum.into()).collect();
    let statement = tx.prepare_cached(ADD_SUMS).await?;
    tx.execute(&statement, &[&accounts, &quarters, &meters, &quantities])
        .await?;
    Ok(())
}

async fn remember_streams(tx: &Transaction<'_>, plan: &Plan<'_>) -> Result<(), Fault> {
    if plan.streams.is_empty() {
        return Ok(());
    }
    let streams: Vec<&str> = plan.streams.keys().map(|(stream, _)| *stream).collect();
    let partitions = plan
        .streams
        .keys()
        .map(|(_, partition)| i64::from(*partition));
    let partitions: Vec<i64> = partitions.collect();
    let offsets = plan
        .streams
        .values()
        .map(|&offset| Numeric(Some(offset.into())));
    let offsets: Vec<Numeric> = offsets.collect();
    let statement = tx.prepare_cached(REMEMBER_STREAMS).await?;
    tx.execute(&statement, &[&streams, &partitions, &offsets])
        .await?;
    Ok(())
}

async fn insert_spans(
    tx: &Transaction<'_>,
    plan: &Plan<'_>,
    commit_id: i64,
    before: i64,
) -> Result<(), Fault> {
    if plan.spans.is_empty() {
        return Ok(());
    }
    let accounts: Vec<&str> = plan.spans.keys().map(|account| account.as_str()).collect();
    let last: Vec<i32> = plan.spans.values().map(|span| span.last).collect();
    let first_times: Vec<i64> = plan.spans.values().map(|s| s.first_time.secs()).collect();
    let last_times: Vec<i64> = plan.spans.values().map(|s| s.last_time.secs()).collect();
    let statement = tx.prepare_cached(INSERT_SPANS).await?;
    let values: [&(dyn ToSql + Sync); 6] = [
        &accounts,
        &last,
        &first_times,
        &last_times,
        &commit_id,
        &before,
    ];
    tx.execute(&statement, &values).await?;
    Ok(())
}

async fn insert_withdrawals(
    tx: &Transaction<'_>,
    plan: &Plan<'_>,
    commit_id: i64,
    before: i64,
) -> Result<(), Fault> {
    if plan.withdrawals.is_empty() {
        return Ok(());
    }
    let (accounts, sources, ids) = identities(plan.withdrawals.iter().map(|w| w.event));
    let ordinals: Vec<i32> = plan.withdrawals.iter().map(|w| w.ordinal).collect();
    let times: Vec<i64> = plan.withdrawals.iter().map(|w| w.time.secs()).collect();
    let statement = tx.prepare_cached(INSERT_WITHDRAWALS).await?;
    let values: [&(dyn ToSql + Sync); 7] = [
        &accounts, &sources, &ids, &ordinals, &times, &commit_id, &before,
    ];
    let inserted = tx.execute(&statement, &values).await?;
    all_of(inserted, plan.withdrawals.len())
}

/// Whether everything was inserted; what was not is there by now.
fn all_of(inserted: u64, wanted: usize) -> Result<(), Fault> {
    if u64::try_from(wanted).is_ok_and(|wanted| wanted == inserted) {
        Ok(())
    } else {
        Err(Fault::Overtaken)
    }
}

/// The columns of identities.
fn identities<'e>(
    ids: impl Iterator<Item = &'e EventId> + Clone,
) -> (Vec<&'e str>, Vec<&'e str>, Vec<&'e str>) {
    (
        ids.clone().map(|id| id.account.as_str()).collect(),
        ids.clone().map(|id| id.source.as_str()).collect(),
        ids.map(|id| id.id.as_str()).collect(),
    )
}
