//! From the outbox to destinations: of each message one delivery for every endpoint that wants it,
//! and one for the account's e-mail.

use std::collections::BTreeSet;

use synor_economics::id::AccountId;
use synor_economics::notification::Event;
use synor_store::{
    BillingContact, ChangeSet, Delivery, DeliveryQueue, DeliveryState, Destination, Kind,
    ListQuery, OutboxMessage, Scope, WebhookEndpoint,
};

use super::Outgoing;
use crate::engine::Engine;
use crate::error::EngineError;

/// How many messages are looked at once.
const MESSAGES_AT_ONCE: usize = 500;

/// Whether people are told by e-mail; the rest is for programs.
const fn is_mailed(event: &Event) -> bool {
    matches!(
        event,
        Event::InvoiceFinalized(_)
            | Event::InvoicePaid(_)
            | Event::InvoiceReminder(_)
            | Event::CreditNoteIssued(_)
            | Event::AutoPayAnnounced(_)
            | Event::AutoPayPaused(_)
            | Event::AlertFired(_)
            | Event::AccountSuspended(_)
    )
}

impl Engine {
    /// Makes deliveries of what is in the outbox; of how many messages.
    pub(super) async fn hand_on(&self, outgoing: &Outgoing) -> Result<usize, EngineError> {
        let query = ListQuery {
            limit: MESSAGES_AT_ONCE,
            ..ListQuery::all(Kind::OutboxMessage).open()
        };
        let messages: Vec<OutboxMessage> = self.store.list(query).await?.items;
        let accounts: BTreeSet<_> = messages.iter().map(|m| m.account_id.clone()).collect();
        for account in &accounts {
            self.hand_on_of(outgoing, account).await?;
        }
        Ok(messages.len())
    }

    async fn hand_on_of(
        &self,
        outgoing: &Outgoing,
        account: &AccountId,
    ) -> Result<(), EngineError> {
        let scope = Scope::Outbox(account.clone());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let query = ListQuery {
                limit: MESSAGES_AT_ONCE,
                ..ListQuery::of(Kind::OutboxMessage, account).open()
            };
            let messages: Vec<OutboxMessage> = self.store.list(query).await?.items;
            let endpoints = self.webhook_endpoints(account).await?;
            let contact: Option<BillingContact> = self.store.get(account.as_str()).await?;
            let has_mail =
                outgoing.messenger.sends_mail() && contact.is_some_and(|c| c.email.is_some());
            let mut changes = ChangeSet::new(Self::fresh_command("hand on"), self.now());
            changes.expect(scope.clone(), version);
            let mut filled = BTreeSet::new();
            for message in messages {
                for destination in wanted_by(&message.event, &endpoints, has_mail, account) {
                    changes.put(&delivery(&message, &destination))?;
                    filled.insert(destination);
                }
                changes.put(&OutboxMessage {
                    is_handed_on: true,
                    ..message
                })?;
            }
            for destination in filled {
                let queue = self.filled_queue(destination, account).await?;
                changes.put(&queue)?;
            }
            self.store.commit(changes).await?;
            Ok(())
        })
        .await
    }

    /// A destination's queue with something in it. Waits that are under way stay.
    pub(super) async fn filled_queue(
        &self,
        destination: Destination,
        account: &AccountId,
    ) -> Result<DeliveryQueue, EngineError> {
        let known: Option<DeliveryQueue> = self.store.get(&destination.to_string()).await?;
        Ok(match known {
            Some(queue) if queue.is_waiting => queue,
            _ => DeliveryQueue {
                destination,
                account_id: account.clone(),
                is_waiting: true,
                next_at: self.now(),
                failures: 0,
                failing_since: None,
            },
        })
    }
}

fn wanted_by(
    event: &Event,
    endpoints: &[WebhookEndpoint],
    has_mail: bool,
    account: &AccountId,
) -> Vec<Destination> {
    let wanting = endpoints
        .iter()
        // One that was switched off for failing goes on where it stopped, once it is back.
        .filter(|e| (e.enabled || e.switched_off.is_some()) && e.events.wants(event.name()));
    let webhooks = wanting.map(|e| Destination::Webhook(e.endpoint_id));
    let mail = (has_mail && is_mailed(event)).then(|| Destination::Email(account.clone()));
    webhooks.chain(mail).collect()
}

fn delivery(message: &OutboxMessage, destination: &Destination) -> Delivery {
    Delivery {
        message_id: message.message_id,
        destination: destination.clone(),
        account_id: message.account_id.clone(),
        event: message.event.name().to_owned(),
        created_at: message.created_at,
        state: DeliveryState::Pending,
        tries: 0,
        attempts: Vec::new(),
    }
}
