//! Documents of notifications come back as they were put.

use serde::{Deserialize, Serialize};
use synor_economics::id::{EndpointId, MessageId};

use super::documents::round_trip;
use super::sample::{NOW, account};
use crate::document::{Document, Keys, Kind};
use crate::notifications::{
    Attempt, BillingContact, Delivery, DeliveryQueue, DeliveryState, Destination, PreviousSecret,
    WebhookEndpoint,
};
use crate::store::Store;

/// A message, whose events are tested where they are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Message(String);

impl Document for Message {
    const KIND: Kind = Kind::OutboxMessage;
    fn keys(&self) -> Keys {
        Keys {
            id: self.0.clone(),
            ..Keys::default()
        }
    }
}

/// One of each kind, in its forms.
pub(super) async fn notification_documents(store: &dyn Store) {
    let endpoint_id = EndpointId::derived(&["endpoint"]);
    let message_id = MessageId::derived(&["message"]);
    let contact = BillingContact {
        account_id: account("acme"),
        email: Some("bills@acme.example".to_owned()),
        set_at: NOW,
    };
    let silent = BillingContact {
        email: None,
        ..contact.clone()
    };
    round_trip(store, &[contact, silent]).await;
    let endpoint = WebhookEndpoint {
        endpoint_id,
        account_id: account("acme"),
        url: "https://acme.example/hook".to_owned(),
        events: Default::default(),
        secret: "whsec_c2VjcmV0".to_owned(),
        previous: None,
        enabled: true,
        switched_off: None,
        created_at: NOW,
        removed_at: None,
    };
    let rotated = WebhookEndpoint {
        previous: Some(PreviousSecret {
            secret: "whsec_YmVmb3Jl".to_owned(),
            until: NOW.plus_secs(60),
        }),
        ..endpoint.clone()
    };
    round_trip(store, &[endpoint, rotated]).await;
    round_trip(store, &[Message("msg".to_owned())]).await;
    let destination = Destination::Webhook(endpoint_id);
    let delivery = Delivery {
        message_id,
        destination: destination.clone(),
        account_id: account("acme"),
        event: "invoice.paid".to_owned(),
        created_at: NOW,
        state: DeliveryState::Pending,
        tries: 0,
        attempts: Vec::new(),
    };
    let attempt = Attempt {
        at: NOW,
        status: Some(503),
        error: Some("unavailable".to_owned()),
    };
    let tried = delivery.clone().tried(attempt, DeliveryState::Pending);
    round_trip(store, &[delivery, tried]).await;
    let queue = DeliveryQueue {
        destination,
        account_id: account("acme"),
        is_waiting: true,
        next_at: NOW,
        failures: 3,
        failing_since: Some(NOW),
    };
    round_trip(store, &[queue]).await;
}
