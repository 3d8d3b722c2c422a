//! An event in its packed form, shared by the write-ahead file, the active segment and the archive.
//!
//! [`RowRef`] borrows everything, so that a million events can be sorted, compared and written
//! without an allocation each. [`encode`] and [`decode`] define the bytes; `code` says which byte
//! stands for which resource.

use std::collections::BTreeMap;

use synor_economics::id::IdError;
use synor_economics::metering::{EventId, ResourceType, UsageEvent};
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;
use thiserror::Error;

use crate::log::{LogPosition, LoggedEvent};

mod code;
mod dimensions;
mod packed;

pub(crate) use dimensions::{DimensionsRef, pack_dimensions};
pub(crate) use packed::{decode, encode, put_meter, said};

/// Bytes or values that are not an event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RowError {
    /// The bytes do not follow the packed form.
    #[error("the packed event is malformed: {0}")]
    Malformed(&'static str),
    /// An account or provider that is none.
    #[error("the packed event names what cannot be: {0}")]
    Name(#[from] IdError),
}

/// An event that lives elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowRef<'a> {
    /// Its place in the log. Not part of the packed bytes: what frames them knows it.
    pub(crate) position: LogPosition,
    /// Whose usage it is.
    pub(crate) account: &'a str,
    /// What was used.
    pub(crate) resource: ResourceType,
    /// Whether the quantity is a sample of a level.
    pub(crate) is_sample: bool,
    /// How much, in base units.
    pub(crate) quantity: i128,
    /// When, in seconds since 1970 (UTC).
    pub(crate) time_secs: i64,
    /// Who reported it.
    pub(crate) source: &'a str,
    /// Its name at the source.
    pub(crate) id: &'a str,
    /// Who did the work.
    pub(crate) provider: Option<&'a str>,
    /// Anything else that tells usage apart.
    pub(crate) dimensions: DimensionsRef<'a>,
    /// Whether it may reduce.
    pub(crate) correction: bool,
}

impl<'a> RowRef<'a> {
    /// The event as a row; `scratch` is overwritten with its packed dimensions.
    pub(crate) fn of(
        position: LogPosition,
        event: &'a UsageEvent,
        scratch: &'a mut Vec<u8>,
    ) -> Self {
        scratch.clear();
        pack_dimensions(
            event.dimensions.len(),
            event
                .dimensions
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str())),
            scratch,
        );
        Self {
            position,
            account: event.identity.account.as_str(),
            resource: event.resource,
            is_sample: event.is_sample,
            quantity: event.quantity.get(),
            time_secs: event.time.secs(),
            source: &event.identity.source,
            id: &event.identity.id,
            provider: event.provider.as_ref().map(|name| name.as_str()),
            dimensions: DimensionsRef::packed_by_us(scratch),
            correction: event.correction,
        }
    }

    /// The event that the row holds; an error if an account or provider is not a name.
    pub(crate) fn event(&self) -> Result<UsageEvent, RowError> {
        let pairs = self.dimensions.iter();
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(UsageEvent {
            identity: EventId {
                account: self.account.parse()?,
                source: self.source.to_owned(),
                id: self.id.to_owned(),
            },
            resource: self.resource,
            quantity: Quantity::new(self.quantity),
            is_sample: self.is_sample,
            time: Timestamp::from_secs(self.time_secs),
            provider: self.provider.map(str::parse).transpose()?,
            dimensions: owned.collect::<BTreeMap<_, _>>(),
            correction: self.correction,
        })
    }

    /// The event with its position, as it was appended: rows do not know of withdrawals.
    pub(crate) fn logged(&self) -> Result<LoggedEvent, RowError> {
        Ok(LoggedEvent {
            position: self.position,
            withdrawn: None,
            event: self.event()?,
        })
    }

    /// What a segment is sorted by when it is sealed.
    pub(crate) fn sealed_order(&self) -> (&'a str, i64, LogPosition) {
        (self.account, self.time_secs, self.position)
    }
}

#[cfg(test)]
pub(crate) mod tests;
