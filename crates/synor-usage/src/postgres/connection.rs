//! Connections of the pool, and what becomes of those that break.

use deadpool_postgres::{Client, Object, Pool};

use super::fault::Fault;

/// A connection that answers. Those that the server has closed while they lay idle are thrown away,
/// which the pool by itself would notice only once it has tried to use them.
pub(super) async fn connection(pool: &Pool) -> Result<Client, Fault> {
    loop {
        let client = pool.get().await?;
        let fresh = Object::metrics(&client).recycle_count == 0;
        if fresh || client.check_connection().await.is_ok() {
            return Ok(client);
        }
        drop(Object::take(client));
    }
}

/// Gives the connection back to the pool, unless it is what failed.
pub(super) fn keep_unless_lost<T>(client: Client, outcome: &Result<T, Fault>) {
    if outcome.as_ref().is_err_and(Fault::is_lost) {
        drop(Object::take(client));
    }
}
