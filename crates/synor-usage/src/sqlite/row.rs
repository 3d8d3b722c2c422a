//! How events are written in rows, and how rows are read back: strictly, so that a value that was
//! never written is an error and not another value.

use std::fmt::Display;
use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use synor_economics::id::ProviderId;
use synor_economics::metering::{Dimensions, EventId, ResourceType, UsageEvent};
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;

use super::fault::Fault;
use crate::log::LogPosition;
use crate::prepared::dimensions_text;

/// A meter as it is stored.
pub(super) struct Meter {
    pub(super) id: i64,
    pub(super) resource: ResourceType,
    pub(super) is_sample: bool,
    pub(super) provider: Option<ProviderId>,
    pub(super) dimensions: Dimensions,
}

impl Meter {
    /// The columns that [`Meter::read`] takes.
    pub(super) const COLUMNS: &str = "m.id, m.resource, m.is_sample, m.provider, m.dimensions";

    /// Reads a meter from [`Meter::COLUMNS`], which start at column `first`.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let provider: String = row.get(first + 3)?;
        Ok(Self {
            id: row.get(first)?,
            resource: parsed(row, first + 1)?,
            is_sample: flag(row, first + 2)?,
            provider: match provider.as_str() {
                "" => None,
                _ => Some(parsed(row, first + 3)?),
            },
            dimensions: dimensions(row, first + 4)?,
        })
    }
}

/// An event as it is stored, with what guards it.
pub(super) struct StoredEvent {
    pub(super) event: UsageEvent,
    pub(super) digest: [u8; 32],
    pub(super) chain: [u8; 32],
    /// The position of its withdrawal.
    pub(super) withdrawn: Option<LogPosition>,
}

impl StoredEvent {
    /// Selects whole events; a `WHERE` or `ORDER BY` may follow. What an event refers to and is not
    /// there reads as NULL, which is an error.
    pub(super) fn select(index: &str) -> String {
        format!(
            "SELECT e.position, a.name, s.name, e.id, e.time, e.quantity, e.correction, e.digest, \
             e.chain, m.account = e.account, w.position, {} \
             FROM events AS e {index} \
             LEFT JOIN withdrawals AS w ON w.event = e.position \
             LEFT JOIN accounts AS a ON a.id = e.account \
             LEFT JOIN sources AS s ON s.id = e.source \
             LEFT JOIN meters AS m ON m.id = e.meter",
            Meter::COLUMNS
        )
    }

    /// The position of a row of [`StoredEvent::select`].
    pub(super) fn position(row: &Row<'_>) -> rusqlite::Result<LogPosition> {
        position(row, 0)
    }

    /// Reads a row of [`StoredEvent::select`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        if !flag(row, 9)? {
            let reason = "the meter belongs to another account";
            return Err(invalid(9, Type::Integer, reason));
        }
        let meter = Meter::read(row, 11)?;
        let event = UsageEvent {
            identity: EventId {
                account: parsed(row, 1)?,
                source: row.get(2)?,
                id: row.get(3)?,
            },
            resource: meter.resource,
            quantity: quantity(row, 5)?,
            is_sample: meter.is_sample,
            time: Timestamp::from_secs(row.get(4)?),
            provider: meter.provider,
            dimensions: meter.dimensions,
            correction: flag(row, 6)?,
        };
        Ok(Self {
            event,
            digest: row.get(7)?,
            chain: row.get(8)?,
            withdrawn: match row.get(10)? {
                None::<i64> => None,
                Some(_) => Some(position(row, 10)?),
            },
        })
    }

    /// The event, if it still says what was appended.
    pub(super) fn verified(self, position: LogPosition) -> Result<UsageEvent, Fault> {
        match self.event.digest() {
            Ok(digest) if digest == self.digest => Ok(self.event),
            _ => Err(Fault::Damaged {
                position,
                reason: "the event differs from its digest".to_owned(),
            }),
        }
    }
}

/// The end of the log and of the chain over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) position: LogPosition,
    pub(super) chain: [u8; 32],
}

impl Head {
    /// Before the first event.
    pub(super) const START: Self = Self {
        position: 0,
        chain: [0; 32],
    };

    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement =
            connection.prepare_cached("SELECT position, chain FROM head WHERE only = 1")?;
        statement.query_row([], |row| {
            Ok(Self {
                position: StoredEvent::position(row)?,
                chain: row.get(1)?,
            })
        })
    }

    /// The head after one more event. Each link covers everything before it, so that an event
    /// altered, removed, inserted or moved breaks every later one.
    pub(super) fn followed_by(self, digest: &[u8; 32]) -> Self {
        let position = self.position.saturating_add(1);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.chain);
        hasher.update(digest);
        hasher.update(&position.to_be_bytes());
        Self {
            position,
            chain: *hasher.finalize().as_bytes(),
        }
    }
}

/// Reads what [`row_id`] wrote.
pub(super) fn position(row: &Row<'_>, column: usize) -> rusqlite::Result<LogPosition> {
    let position: i64 = row.get(column)?;
    LogPosition::try_from(position).map_err(|_| invalid(column, Type::Integer, "is below zero"))
}

/// What stands for a withdrawal in the chain, as the digest does for an event.
pub(super) fn withdrawal_digest(event: LogPosition) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"withdrawal of the event at");
    hasher.update(&event.to_be_bytes());
    *hasher.finalize().as_bytes()
}

/// A position as SQLite counts; beyond its integers there is none.
pub(super) fn row_id(position: LogPosition) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Sixteen bytes, two's complement, most significant first: no quantity is cut or rounded.
pub(super) fn quantity_bytes(quantity: Quantity) -> [u8; 16] {
    quantity.get().to_be_bytes()
}

/// Reads what [`quantity_bytes`] wrote.
pub(super) fn quantity(row: &Row<'_>, column: usize) -> rusqlite::Result<Quantity> {
    Ok(Quantity::new(i128::from_be_bytes(row.get(column)?)))
}

fn dimensions(row: &Row<'_>, column: usize) -> rusqlite::Result<Dimensions> {
    let text: String = row.get(column)?;
    let bad = |reason: &str| invalid(column, Type::Text, reason);
    let dimensions = serde_json::from_str(&text).map_err(|e| bad(&e.to_string()))?;
    match dimensions_text(&dimensions) {
        Ok(again) if again == text => Ok(dimensions),
        _ => Err(bad("the dimensions are not written as they were")),
    }
}

fn flag(row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
    match row.get(column)? {
        0_i64 => Ok(false),
        1 => Ok(true),
        other => Err(invalid(
            column,
            Type::Integer,
            &format!("{other} is neither 0 nor 1"),
        )),
    }
}

pub(super) fn parsed<T: FromStr<Err: Display>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|e: T::Err| invalid(column, Type::Text, &e.to_string()))
}

fn invalid(column: usize, kind: Type, reason: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, reason.to_owned().into())
}
