//! Leases. They are written beside the one writer, on a connection of their own and without a sync:
//! a lease that a power failure forgets is taken again.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::schema::BUSY_TIMEOUT;
use crate::lease::{Lease, machine_millis, millis};

/// Opens the file for leases; its tables are there.
pub fn open(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // The writer moves pages into the file, so that it alone waits for that.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// Takes or renews a lease; false if another holds it.
pub fn take(c: &Connection, job: &str, holder: &str, time: Duration) -> rusqlite::Result<bool> {
    let now = machine_millis();
    let until = now.saturating_add(millis(time));
    let changed = c
        .prepare_cached(
            "INSERT INTO leases (job, holder, until_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
             WHERE leases.holder = excluded.holder OR leases.until_ms <= ?4",
        )?
        .execute(params![job, holder, until, now])?;
    Ok(changed == 1)
}

/// Ends a lease, if this holder has it.
pub fn release(c: &Connection, job: &str, holder: &str) -> rusqlite::Result<()> {
    c.prepare_cached("DELETE FROM leases WHERE job = ? AND holder = ?")?
        .execute([job, holder])?;
    Ok(())
}

/// The leases that are held.
pub fn held(c: &Connection) -> rusqlite::Result<Vec<Lease>> {
    let now = machine_millis();
    let sql = "SELECT job, holder, until_ms FROM leases WHERE until_ms > ? ORDER BY job";
    let mut statement = c.prepare_cached(sql)?;
    let leases = statement.query_map([now], |row| {
        let until: u64 = row.get(2)?;
        Ok(Lease {
            job: row.get(0)?,
            holder: row.get(1)?,
            left: Duration::from_millis(until.saturating_sub(now)),
        })
    })?;
    leases.collect()
}
