//! How events lie in rows, and how rows are read back: strictly, so that a value that was never
//! written is an error and not another value.

use std::fmt::Display;
use std::str::FromStr;

use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::{Dimensions, EventId, ResourceType, UsageEvent};
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::{Fault, shared};
use super::numeric::Numeric;
use crate::log::LogPosition;
use crate::prepared::{MeterKey, dimensions_text};

/// The seconds in a bucket of the sums. In no time zone has a day begun within a quarter of an hour
/// since 1972, so that days and months are made of whole ones.
pub(super) const QUARTER_SECS: i64 = 900;

/// The quarter of an hour that an instant lies in, counted from 1970.
pub(super) fn quarter(at: Timestamp) -> i64 {
    at.secs().div_euclid(QUARTER_SECS)
}

/// The id of a meter: what it says, put through a hash, so that every process derives the same one
/// without asking. The account is not part of it, because it stands before the id in every key.
pub(super) fn meter_id(meter: &MeterKey) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    let resource = meter.resource.to_string();
    let provider = meter.provider.as_ref().map_or("", |id| id.as_str());
    let kind = if meter.is_sample { "level" } else { "amount" };
    // No part but the last holds a line break.
    for part in [&resource, kind, provider, &meter.dimensions] {
        hasher.update(part.as_bytes());
        hasher.update(b"\n");
    }
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    Uuid::from_bytes(id)
}

/// The end of the log and of the chain over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) position: LogPosition,
    pub(super) chain: [u8; 32],
}

impl Head {
    /// Before the first commit.
    pub(super) const START: Self = Self {
        position: 0,
        chain: [0; 32],
    };

    /// The head after one more commit of this many records. Each link covers everything before it,
    /// so that a record altered, removed, inserted or moved breaks its link and every later one.
    pub(super) fn followed_by(self, records: u64, digest: &[u8; 32]) -> Self {
        let position = self.position.saturating_add(records);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.chain);
        hasher.update(digest);
        hasher.update(&position.to_be_bytes());
        Self {
            position,
            chain: *hasher.finalize().as_bytes(),
        }
    }

    /// Reads `position, chain`.
    pub(super) fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            position: position(row, 0)?,
            chain: digest(row, 1)?,
        })
    }
}

/// What stands for a withdrawal in the chain, as its digest does for an event.
pub(super) fn withdrawal_digest(event: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"withdrawal of the event with the digest");
    hasher.update(event);
    *hasher.finalize().as_bytes()
}

/// A meter as it is stored.
pub(super) struct Meter {
    pub(super) id: Uuid,
    pub(super) resource: ResourceType,
    pub(super) is_sample: bool,
    pub(super) provider: Option<ProviderId>,
    pub(super) dimensions: Dimensions,
}

impl Meter {
    /// The columns that [`Meter::read`] takes.
    pub(super) const COLUMNS: &str = "m.meter, m.resource, m.is_sample, m.provider, m.dimensions";

    /// Reads a meter from [`Meter::COLUMNS`], which start at column `first`.
    pub(super) fn read(row: &Row, first: usize) -> Result<Self, Fault> {
        let provider: &str = row.try_get(first + 3)?;
        Ok(Self {
            id: row.try_get(first)?,
            resource: parsed(row, first + 1)?,
            is_sample: row.try_get(first + 2)?,
            provider: match provider {
                "" => None,
                _ => Some(parsed(row, first + 3)?),
            },
            dimensions: dimensions(row, first + 4)?,
        })
    }

    /// Whether the id is that of what the meter says.
    pub(super) fn is_itself(&self, account: &AccountId) -> bool {
        let key = dimensions_text(&self.dimensions).map(|dimensions| MeterKey {
            account: account.clone(),
            resource: self.resource,
            is_sample: self.is_sample,
            provider: self.provider.clone(),
            dimensions,
        });
        key.is_ok_and(|key| meter_id(&key) == self.id)
    }
}

/// An event as it is stored, with what guards it.
pub(super) struct StoredEvent {
    event: UsageEvent,
    digest: [u8; 32],
    /// Whether its meter is what its id says.
    is_of_meter: bool,
}

impl StoredEvent {
    /// The columns that [`StoredEvent::read`] takes. What an event refers to and is not there reads
    /// as NULL, which is an error.
    pub(super) fn columns() -> String {
        format!(
            "e.account, e.source, e.id, e.time, e.quantity, e.correction, e.digest, {}",
            Meter::COLUMNS
        )
    }

    /// Reads an event from [`StoredEvent::columns`], which start at column `first`.
    pub(super) fn read(row: &Row, first: usize) -> Result<Self, Fault> {
        let meter = Meter::read(row, first + 7)?;
        let account = parsed(row, first)?;
        Ok(Self {
            is_of_meter: meter.is_itself(&account),
            digest: digest(row, first + 6)?,
            event: UsageEvent {
                identity: EventId {
                    account,
                    source: row.try_get(first + 1)?,
                    id: row.try_get(first + 2)?,
                },
                resource: meter.resource,
                quantity: quantity(row, first + 4)?,
                is_sample: meter.is_sample,
                time: Timestamp::from_secs(row.try_get(first + 3)?),
                provider: meter.provider,
                dimensions: meter.dimensions,
                correction: row.try_get(first + 5)?,
            },
        })
    }

    /// The event, if it still says what was appended.
    pub(super) fn verified(self, position: LogPosition) -> Result<UsageEvent, Fault> {
        match self.event.digest() {
            Ok(digest) if digest == self.digest && self.is_of_meter => Ok(self.event),
            _ => Err(Fault::Damaged {
                position,
                reason: "the event differs from its digest".to_owned(),
            }),
        }
    }
}

/// A position as PostgreSQL counts; beyond its integers there is none.
pub(super) fn bigint(position: LogPosition) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Reads what [`bigint`] wrote.
pub(super) fn position(row: &Row, column: usize) -> Result<LogPosition, Fault> {
    let position: i64 = row.try_get(column)?;
    LogPosition::try_from(position).map_err(|_| strange("a position is below zero"))
}

/// Reads a quantity; one beyond 128 bits was never written.
pub(super) fn quantity(row: &Row, column: usize) -> Result<Quantity, Fault> {
    let Numeric(number) = row.try_get(column)?;
    number
        .map(Quantity::new)
        .ok_or_else(|| strange("a quantity has more than 128 bits"))
}

/// Reads the 32 bytes of a digest.
pub(super) fn digest(row: &Row, column: usize) -> Result<[u8; 32], Fault> {
    let bytes: &[u8] = row.try_get(column)?;
    <[u8; 32]>::try_from(bytes).map_err(|_| strange("a digest does not have 32 bytes"))
}

/// Reads a value from its text.
pub(super) fn parsed<T: FromStr<Err: Display>>(row: &Row, column: usize) -> Result<T, Fault> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|e: T::Err| strange(&e.to_string()))
}

fn dimensions(row: &Row, column: usize) -> Result<Dimensions, Fault> {
    let text: &str = row.try_get(column)?;
    let dimensions = serde_json::from_str(text).map_err(|e| strange(&e.to_string()))?;
    match dimensions_text(&dimensions) {
        Ok(again) if again == text => Ok(dimensions),
        _ => Err(strange("dimensions are not written as they were")),
    }
}

/// A value that this program never wrote.
pub(super) fn strange(reason: &str) -> Fault {
    Fault::Strange(shared(reason))
}
