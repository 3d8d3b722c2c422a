//! Taking events back: each once, under a position of its own, so that what was read before stays
//! readable as it was.

use rusqlite::{OptionalExtension, Transaction, params};
use synor_economics::metering::EventId;

use super::row::{Head, position, row_id, withdrawal_digest};
use crate::log::LogPosition;

/// An event that is held, as a withdrawal needs it.
pub(super) struct HeldEvent {
    position: LogPosition,
    account: i64,
    time_secs: i64,
}

/// The event of this identity.
pub(super) fn find(tx: &Transaction<'_>, id: &EventId) -> rusqlite::Result<Option<HeldEvent>> {
    let mut statement = tx.prepare_cached(
        "SELECT position, account, time FROM events \
         WHERE account = (SELECT id FROM accounts WHERE name = ?1) \
         AND source = (SELECT id FROM sources WHERE name = ?2) AND id = ?3",
    )?;
    let values = params![id.account.as_str(), id.source, id.id];
    let held = statement.query_row(values, |row| {
        Ok(HeldEvent {
            position: position(row, 0)?,
            account: row.get(1)?,
            time_secs: row.get(2)?,
        })
    });
    held.optional()
}

/// Withdraws the event and returns the new head; none if it was withdrawn before.
pub(super) fn insert(
    tx: &Transaction<'_>,
    held: &HeldEvent,
    head: Head,
) -> rusqlite::Result<Option<Head>> {
    let next = head.followed_by(&withdrawal_digest(held.position));
    let inserted = tx
        .prepare_cached(
            "INSERT INTO withdrawals (event, position, account, time, chain) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (event) DO NOTHING",
        )?
        .execute(params![
            row_id(held.position),
            row_id(next.position),
            held.account,
            held.time_secs,
            next.chain,
        ])?;
    Ok((inserted == 1).then_some(next))
}
