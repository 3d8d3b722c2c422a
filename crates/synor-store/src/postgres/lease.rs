//! Leases, by the database's clock: what the nodes' own clocks say does not matter.

use std::time::Duration;

use deadpool_postgres::Client;

use super::{DatabaseError, signed, unsigned};
use crate::lease::{Lease, millis};

/// The database's present in milliseconds, which goes on inside a transaction.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Takes or renews a lease; false if another holds it.
pub async fn take(
    client: &Client,
    job: &str,
    holder: &str,
    time: Duration,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "INSERT INTO leases (job, holder, until_ms) VALUES ($1, $2, {NOW} + $3)
         ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
         WHERE leases.holder = excluded.holder OR leases.until_ms <= {NOW}"
    );
    let time = signed(millis(time))?;
    let statement = client.prepare_cached(&sql).await?;
    let changed = client.execute(&statement, &[&job, &holder, &time]).await?;
    Ok(changed == 1)
}

/// Ends a lease, if this holder has it.
pub async fn release(client: &Client, job: &str, holder: &str) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM leases WHERE job = $1 AND holder = $2";
    client.execute(sql, &[&job, &holder]).await?;
    Ok(())
}

/// The leases that are held.
pub async fn held(client: &Client) -> Result<Vec<Lease>, DatabaseError> {
    let sql = format!(
        "SELECT job, holder, until_ms - {NOW} FROM leases WHERE until_ms > {NOW} ORDER BY job"
    );
    let mut leases = Vec::new();
    for row in client.query(&sql, &[]).await? {
        let left: i64 = row.try_get(2)?;
        leases.push(Lease {
            job: row.try_get(0)?,
            holder: row.try_get(1)?,
            left: Duration::from_millis(unsigned(left.max(0))?),
        });
    }
    Ok(leases)
}
