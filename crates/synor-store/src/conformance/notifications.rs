//! Documents of notifications come back as they were put.

use synor_economics::billing::CreditSource;
use synor_economics::id::{CreditId, EndpointId, MessageId};
use synor_economics::money::MicroSynor;
use synor_economics::notification::{CreditFacts, Event};

use super::documents::round_trip;
use super::sample::{NOW, account};
use crate::notifications::{
    Attempt, BillingContact, Delivery, DeliveryQueue, DeliveryState, Destination, OutboxMessage,
    PreviousSecret, WebhookEndpoint,
};
use crate::store::Store;

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
    let message = OutboxMessage {
        message_id,
        account_id: account("acme"),
        event: Event::CreditGranted(CreditFacts {
            credit_id: CreditId::derived(&["credit"]),
            account_id: account("acme"),
            amount_micro_synor: MicroSynor::new(i64::MAX),
            source: CreditSource::Promotional {
                campaign: "spring".to_owned(),
            },
            expires_at: None,
        }),
        created_at: NOW,
        is_handed_on: false,
    };
    let handed_on = OutboxMessage {
        is_handed_on: true,
        ..message.clone()
    };
    round_trip(store, &[message, handed_on]).await;
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
