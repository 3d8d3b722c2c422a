//! Batches with what their rows need, worked out by the caller before a writer has to wait for it.

use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::{Dimensions, EventId, ResourceType, UsageEvent};
use synor_economics::money::MoneyError;

use crate::error::UsageLogError;
use crate::log::{Batch, StreamPosition, refuse_unsound};

/// A batch with what its rows need, worked out before the one writer has to wait for it.
pub(crate) struct PreparedBatch {
    pub(crate) events: Vec<PreparedEvent>,
    pub(crate) withdrawals: Vec<EventId>,
    pub(crate) read: Vec<StreamPosition>,
}

impl PreparedBatch {
    pub(crate) fn new(batch: Batch) -> Result<Self, UsageLogError> {
        let events = batch.events.into_iter().map(|event| {
            refuse_unsound(&event)?;
            let identity = event.identity.clone();
            PreparedEvent::new(event).map_err(|_| UsageLogError::Refused {
                event: Box::new(identity),
                reason: "it cannot be written as text",
            })
        });
        Ok(Self {
            events: events.collect::<Result<_, _>>()?,
            withdrawals: batch.withdrawals,
            read: batch.read,
        })
    }
}

/// An event with what its row needs, worked out before the one writer has to wait for it.
pub(crate) struct PreparedEvent {
    pub(crate) event: UsageEvent,
    pub(crate) digest: [u8; 32],
    pub(crate) meter: MeterKey,
}

/// What tells meters apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MeterKey {
    pub(crate) account: AccountId,
    pub(crate) resource: ResourceType,
    pub(crate) is_sample: bool,
    pub(crate) provider: Option<ProviderId>,
    /// As JSON with the names in order.
    pub(crate) dimensions: String,
}

impl PreparedEvent {
    pub(crate) fn new(event: UsageEvent) -> Result<Self, MoneyError> {
        Ok(Self {
            digest: event.digest()?,
            meter: MeterKey {
                account: event.identity.account.clone(),
                resource: event.resource,
                is_sample: event.is_sample,
                provider: event.provider.clone(),
                dimensions: dimensions_text(&event.dimensions)?,
            },
            event,
        })
    }
}

/// Dimensions as JSON with the names in order.
pub(crate) fn dimensions_text(dimensions: &Dimensions) -> Result<String, MoneyError> {
    // Text to text cannot fail; the error is the one that the digest has for the same case.
    serde_json::to_string(dimensions).map_err(|_| MoneyError::Overflow)
}
