//! What the groups of a stream have acknowledged, and its removal.

use std::collections::HashMap;

use redis::{RedisError, Value, cmd, from_redis_value};

use super::connection::Connection;

/// What Redis tells of a group.
pub(super) struct Group {
    pub(super) name: String,
    /// Entries delivered and not acknowledged.
    pub(super) pending: u64,
    /// Entries not delivered yet. Redis does not know it after some removals from the stream.
    pub(super) lag: Option<u64>,
    last_delivered: String,
}

/// The groups of a stream.
pub(super) async fn groups(
    connection: &mut Connection,
    stream: &str,
) -> Result<Vec<Group>, RedisError> {
    let mut info = cmd("XINFO");
    info.arg("GROUPS").arg(stream);
    let groups: Vec<HashMap<String, Value>> = connection.run(&info).await?;
    let group = |mut group: HashMap<String, Value>| {
        let mut take = |field: &str| group.remove(field).unwrap_or(Value::Nil);
        Ok(Group {
            name: from_redis_value(take("name"))?,
            pending: from_redis_value(take("pending"))?,
            lag: from_redis_value(take("lag"))?,
            last_delivered: from_redis_value(take("last-delivered-id"))?,
        })
    };
    groups.into_iter().map(group).collect()
}

/// Removes the entries that every group has acknowledged, and returns how many. The groups are those
/// of a moment ago: since then they can only have acknowledged more.
pub(super) async fn acknowledged(
    connection: &mut Connection,
    stream: &str,
    groups: &[Group],
) -> Result<u64, RedisError> {
    let mut first_kept: Option<EntryId> = None;
    for group in groups {
        let id = match group.pending {
            // The last entry itself stays, which is as good and needs no successor of an id.
            0 => group.last_delivered.clone(),
            _ => match first_pending(connection, stream, &group.name).await? {
                Some(id) => id,
                None => group.last_delivered.clone(),
            },
        };
        let Some(id) = EntryId::parse(&id) else {
            return Ok(0);
        };
        first_kept = Some(first_kept.map_or(id, |first| first.min(id)));
    }
    let Some(EntryId { millis, number }) = first_kept else {
        return Ok(0);
    };
    let mut trim = cmd("XTRIM");
    // Approximately: whole nodes of the stream at once, which costs next to nothing.
    trim.arg(stream).arg("MINID").arg("~");
    connection.run(trim.arg(format!("{millis}-{number}"))).await
}

async fn first_pending(
    connection: &mut Connection,
    stream: &str,
    group: &str,
) -> Result<Option<String>, RedisError> {
    let mut pending = cmd("XPENDING");
    pending.arg(stream).arg(group);
    let (_, first, _, _): (u64, Option<String>, Value, Value) = connection.run(&pending).await?;
    Ok(first)
}

/// An entry's id, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EntryId {
    millis: u64,
    number: u64,
}

impl EntryId {
    fn parse(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-')?;
        Some(Self {
            millis: millis.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}
