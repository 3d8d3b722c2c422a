//! The documents of notifications: who is told, the outbox, and what became of each message.

use std::fmt;

use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, EndpointId, MessageId};
use synor_economics::notification::{Event, EventFilter};
use synor_economics::period::Timestamp;

use crate::document::{Document, Keys, Kind};

/// Where an account's e-mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingContact {
    /// Whose.
    pub account_id: AccountId,
    /// The address; absent when there is none any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    /// Since when.
    pub set_at: Timestamp,
}

/// A secret that was replaced, and is still signed with until receivers know the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: String,
    /// Until when it is signed with.
    pub until: Timestamp,
}

/// A place that an account's events are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    /// Which.
    pub endpoint_id: EndpointId,
    /// Whose events.
    pub account_id: AccountId,
    /// Where to.
    pub url: String,
    /// Which events; empty means all.
    pub events: EventFilter,
    /// What they are signed with: `whsec_` and base64.
    pub secret: String,
    /// The secret before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<PreviousSecret>,
    /// Whether events are posted.
    pub enabled: bool,
    /// Why it was switched off, if not by a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub switched_off: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was removed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub removed_at: Option<Timestamp>,
}

/// An event on its way out. It is written with the change that it tells of, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Which; the order of ids is the order of an account's messages.
    pub message_id: MessageId,
    /// Whose.
    pub account_id: AccountId,
    /// What happened.
    pub event: Event,
    /// When.
    pub created_at: Timestamp,
    /// Whether a delivery has been made of it for everybody who wants it.
    pub is_handed_on: bool,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "to")]
pub enum Destination {
    /// To an endpoint.
    Webhook(EndpointId),
    /// To the account's e-mail address.
    Email(AccountId),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(endpoint) => write!(f, "{endpoint}"),
            Self::Email(account) => write!(f, "email:{account}"),
        }
    }
}

/// A try to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// The status that was answered; absent where nothing was, or for e-mail.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why it failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its turn, or to be tried again.
    Pending,
    /// It was taken.
    Delivered,
    /// It will never be taken.
    Refused,
}

/// A message for one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which message.
    pub message_id: MessageId,
    /// Where to.
    pub destination: Destination,
    /// Whose.
    pub account_id: AccountId,
    /// What happened, such as `invoice.paid`.
    pub event: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// How far it has come.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// The last tries.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attempts: Vec<Attempt>,
}

impl Delivery {
    /// How many of the last tries are kept.
    const ATTEMPTS_MAX: usize = 10;

    /// What tells it apart among all.
    pub fn id(message_id: MessageId, destination: &Destination) -> String {
        format!("{message_id}/{destination}")
    }

    /// The same after another try.
    pub fn tried(mut self, attempt: Attempt, state: DeliveryState) -> Self {
        self.state = state;
        self.tries = self.tries.saturating_add(1);
        self.attempts.push(attempt);
        let surplus = self.attempts.len().saturating_sub(Self::ATTEMPTS_MAX);
        self.attempts.drain(..surplus);
        self
    }
}

/// What waits for one destination, and when its first message is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryQueue {
    /// Where to.
    pub destination: Destination,
    /// Whose.
    pub account_id: AccountId,
    /// Whether something waits.
    pub is_waiting: bool,
    /// When the first is tried.
    pub next_at: Timestamp,
    /// How many tries failed in a row.
    pub failures: u32,
    /// Since when they fail.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failing_since: Option<Timestamp>,
}

impl Document for BillingContact {
    const KIND: Kind = Kind::BillingContact;
    fn keys(&self) -> Keys {
        Keys {
            id: self.account_id.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.set_at.secs(),
            is_open: self.email.is_some(),
            ..Keys::default()
        }
    }
}

impl Document for WebhookEndpoint {
    const KIND: Kind = Kind::WebhookEndpoint;
    fn keys(&self) -> Keys {
        Keys {
            id: self.endpoint_id.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.created_at.secs(),
            is_open: self.removed_at.is_none(),
            ..Keys::default()
        }
    }
}

impl Document for OutboxMessage {
    const KIND: Kind = Kind::OutboxMessage;
    fn keys(&self) -> Keys {
        Keys {
            id: self.message_id.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.created_at.secs(),
            is_open: !self.is_handed_on,
            ..Keys::default()
        }
    }
}

impl Document for Delivery {
    const KIND: Kind = Kind::Delivery;
    fn keys(&self) -> Keys {
        Keys {
            id: Self::id(self.message_id, &self.destination),
            account: Some(self.account_id.clone()),
            sort_key: self.created_at.secs(),
            is_open: self.state == DeliveryState::Pending,
            ..Keys::default()
        }
    }
}

impl Document for DeliveryQueue {
    const KIND: Kind = Kind::DeliveryQueue;
    fn keys(&self) -> Keys {
        Keys {
            id: self.destination.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.next_at.secs(),
            is_open: self.is_waiting,
            ..Keys::default()
        }
    }
}
