//! Delivering: the first message of each queue that is due, and the next only when that was taken,
//! so that a destination gets everything in order. One that fails holds nobody else up.

use std::sync::Arc;

use synor_economics::id::AccountId;
use synor_economics::notification::Event;
use synor_economics::period::Timestamp;
use synor_store::{
    Attempt, BillingContact, ChangeSet, Cursor, Delivery, DeliveryQueue, DeliveryState,
    Destination, Kind, ListQuery, OutboxMessage, Scope, WebhookEndpoint,
};
use tokio::sync::Semaphore;

use super::Outgoing;
use super::messenger::{Mail, Outcome, WebhookPost};
use crate::engine::Engine;
use crate::error::EngineError;

/// How many queues are looked at once, and how many are delivered from at the same time.
const QUEUES_AT_ONCE: usize = 256;
const TOGETHER: usize = 16;
/// How many messages a queue delivers before others have their turn again.
const MESSAGES_A_TURN: usize = 50;
/// How many deliveries are read at once.
const PAGE: usize = 200;

impl Engine {
    /// Delivers what is due; how many tries that took.
    pub(super) async fn deliver_due(&self, outgoing: &Outgoing) -> Result<usize, EngineError> {
        let query = ListQuery {
            limit: QUEUES_AT_ONCE,
            ..ListQuery::all(Kind::DeliveryQueue).open()
        };
        let queues: Vec<DeliveryQueue> = self.store.list(query).await?.items;
        let now = self.now();
        let room = Arc::new(Semaphore::new(TOGETHER));
        let due = queues.into_iter().filter(|queue| queue.next_at <= now);
        let turns = due.map(|queue| {
            let room = Arc::clone(&room);
            async move {
                let _place = room.acquire().await;
                self.deliver_from(outgoing, queue).await
            }
        });
        let mut tries = 0;
        for turn in futures_util::future::join_all(turns).await {
            tries += turn?;
        }
        Ok(tries)
    }

    async fn deliver_from(
        &self,
        outgoing: &Outgoing,
        queue: DeliveryQueue,
    ) -> Result<usize, EngineError> {
        let account = &queue.account_id;
        for tried in 0..MESSAGES_A_TURN {
            let Some(delivery) = self.first_of(&queue).await? else {
                self.empty(&queue).await?;
                return Ok(tried);
            };
            let outcome = match self.attempt(outgoing, &delivery).await? {
                Some(outcome) => outcome,
                // It is switched off: everything stays as it is until it is on again.
                None => {
                    self.empty(&queue).await?;
                    return Ok(tried);
                }
            };
            let goes_on = self.record(outgoing, account, &delivery, &outcome).await?;
            if matches!(outcome, Outcome::Taken(_)) {
                self.after_delivery(&delivery).await?;
            }
            if !goes_on {
                return Ok(tried + 1);
            }
        }
        Ok(MESSAGES_A_TURN)
    }

    /// The first delivery that waits for a queue's destination.
    async fn first_of(&self, queue: &DeliveryQueue) -> Result<Option<Delivery>, EngineError> {
        let mut after: Option<Cursor> = None;
        loop {
            let query = ListQuery {
                after,
                limit: PAGE,
                ..ListQuery::of(Kind::Delivery, &queue.account_id).open()
            };
            let page = self.store.list::<Delivery>(query).await?;
            let mut items = page.items.into_iter();
            if let Some(first) = items.find(|d| d.destination == queue.destination) {
                return Ok(Some(first));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(None),
            }
        }
    }

    /// Tries once; nothing if the destination is switched off.
    async fn attempt(
        &self,
        outgoing: &Outgoing,
        delivery: &Delivery,
    ) -> Result<Option<Outcome>, EngineError> {
        let id = delivery.message_id.to_string();
        let Some(message) = self.store.get::<OutboxMessage>(&id).await? else {
            return Ok(Some(never("the message is not in the outbox")));
        };
        match &delivery.destination {
            Destination::Webhook(endpoint) => {
                let found = self
                    .store
                    .get::<WebhookEndpoint>(&endpoint.to_string())
                    .await?;
                let Some(endpoint) = found.filter(|e| e.removed_at.is_none()) else {
                    return Ok(Some(never("the endpoint was removed")));
                };
                if !endpoint.enabled {
                    return Ok(None);
                }
                let post = webhook(&endpoint, &message, self.now())?;
                Ok(Some(outgoing.messenger.post(&post).await))
            }
            Destination::Email(account) => {
                let contact: Option<BillingContact> = self.store.get(account.as_str()).await?;
                let Some(to) = contact.and_then(|c| c.email) else {
                    return Ok(Some(never("the account has no e-mail address any more")));
                };
                let mail = self.mail(to, message).await?;
                Ok(Some(outgoing.messenger.mail(&mail).await))
            }
        }
    }

    async fn mail(&self, to: String, message: OutboxMessage) -> Result<Mail, EngineError> {
        let about = match &message.event {
            Event::InvoiceFinalized(facts) | Event::InvoicePaid(facts) => Some(facts.invoice_id),
            Event::InvoiceReminder(facts) => Some(facts.invoice_id),
            Event::CreditNoteIssued(facts) => Some(facts.invoice_id),
            Event::AutoPayAnnounced(facts) => Some(facts.invoice_id),
            Event::AccountSuspended(facts) => Some(facts.invoice_id),
            _ => None,
        };
        let invoice = match about {
            Some(id) => {
                let invoice = self.any_invoice(id).await?;
                let request = self.payments.request(&invoice).ok();
                Some((invoice, request))
            }
            None => None,
        };
        Ok(Mail {
            to,
            message_id: message.message_id,
            account: self.account(&message.account_id).await?,
            event: message.event,
            invoice,
            at: message.created_at,
        })
    }

    /// Writes a try down. Returns whether the next message may be tried.
    async fn record(
        &self,
        outgoing: &Outgoing,
        account: &AccountId,
        delivery: &Delivery,
        outcome: &Outcome,
    ) -> Result<bool, EngineError> {
        let scope = Scope::Outbox(account.clone());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let now = self.now();
            let mut changes = ChangeSet::new(Self::fresh_command("delivery"), now);
            changes.expect(scope.clone(), version);
            let (attempt, state) = told(outcome, now);
            changes.put(&delivery.clone().tried(attempt, state))?;
            let destination = delivery.destination.clone();
            let before = self.filled_queue(destination, account).await?;
            let queue = match outcome {
                Outcome::NotNow { reason, .. } => {
                    let queue = failed(before, outgoing, delivery, now);
                    if is_given_up(&queue, outgoing, now) {
                        self.switch_off(&queue, reason, &mut changes).await?;
                    }
                    queue
                }
                Outcome::Taken(_) | Outcome::Never { .. } => DeliveryQueue {
                    failures: 0,
                    failing_since: None,
                    next_at: now,
                    ..before
                },
            };
            changes.put(&queue)?;
            self.store.commit(changes).await?;
            Ok(queue.failures == 0)
        })
        .await
    }

    /// Nothing waits any more, as far as the book knows at this version.
    async fn empty(&self, queue: &DeliveryQueue) -> Result<(), EngineError> {
        let scope = Scope::Outbox(queue.account_id.clone());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let is_off = match &queue.destination {
                Destination::Webhook(id) => {
                    let endpoint = self.store.get::<WebhookEndpoint>(&id.to_string()).await?;
                    endpoint.is_some_and(|e| !e.enabled)
                }
                Destination::Email(_) => false,
            };
            if !is_off && self.first_of(queue).await?.is_some() {
                return Ok(());
            }
            let mut changes = ChangeSet::new(Self::fresh_command("delivered"), self.now());
            changes.expect(scope.clone(), version).put(&DeliveryQueue {
                is_waiting: false,
                failures: 0,
                failing_since: None,
                ..queue.clone()
            })?;
            self.store.commit(changes).await?;
            Ok(())
        })
        .await
    }

    /// Switches an endpoint off that has failed for too long. What waits for it stays.
    async fn switch_off(
        &self,
        queue: &DeliveryQueue,
        reason: &str,
        changes: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let Destination::Webhook(id) = &queue.destination else {
            return Ok(());
        };
        if let Some(endpoint) = self.store.get::<WebhookEndpoint>(&id.to_string()).await? {
            tracing::warn!(endpoint = %id, reason, "a webhook endpoint failed for long and is off");
            changes.put(&WebhookEndpoint {
                enabled: false,
                switched_off: Some(format!("it failed for too long: {reason}")),
                ..endpoint
            })?;
        }
        Ok(())
    }

    /// An invoice counts as sent when its mail was taken.
    async fn after_delivery(&self, delivery: &Delivery) -> Result<(), EngineError> {
        let is_invoice = delivery.event == "invoice.finalized"
            && matches!(delivery.destination, Destination::Email(_));
        if !is_invoice {
            return Ok(());
        }
        let id = delivery.message_id.to_string();
        let message: Option<OutboxMessage> = self.store.get(&id).await?;
        if let Some(Event::InvoiceFinalized(facts)) = message.map(|m| m.event) {
            let invoice = self.any_invoice(facts.invoice_id).await?;
            if invoice.status == synor_economics::billing::InvoiceStatus::Finalized {
                self.mark_sent(facts.invoice_id).await?;
            }
        }
        Ok(())
    }
}

fn never(reason: &str) -> Outcome {
    Outcome::Never {
        status: None,
        reason: reason.to_owned(),
    }
}

/// The body is the same for every try, so that a receiver can tell repetitions by it.
fn webhook(
    endpoint: &WebhookEndpoint,
    message: &OutboxMessage,
    now: Timestamp,
) -> Result<WebhookPost, EngineError> {
    let invalid = |e: serde_json::Error| EngineError::Invalid {
        field: "event",
        reason: e.to_string(),
    };
    let mut body = serde_json::to_value(&message.event).map_err(invalid)?;
    if let Some(fields) = body.as_object_mut() {
        fields.insert(
            "timestamp".to_owned(),
            message.created_at.to_string().into(),
        );
    }
    let previous = endpoint.previous.iter().filter(|p| p.until > now);
    let secrets = std::iter::once(&endpoint.secret).chain(previous.map(|p| &p.secret));
    Ok(WebhookPost {
        url: endpoint.url.clone(),
        message_id: message.message_id,
        now,
        body: body.to_string(),
        secrets: secrets.cloned().collect(),
    })
}

fn told(outcome: &Outcome, at: Timestamp) -> (Attempt, DeliveryState) {
    let (status, error, state) = match outcome {
        Outcome::Taken(status) => (*status, None, DeliveryState::Delivered),
        Outcome::NotNow { status, reason } => {
            (*status, Some(reason.clone()), DeliveryState::Pending)
        }
        Outcome::Never { status, reason } => {
            (*status, Some(reason.clone()), DeliveryState::Refused)
        }
    };
    (Attempt { at, status, error }, state)
}

fn failed(
    queue: DeliveryQueue,
    outgoing: &Outgoing,
    delivery: &Delivery,
    now: Timestamp,
) -> DeliveryQueue {
    let failures = queue.failures.saturating_add(1);
    // Differs by message and try, so that not all come back at once.
    let (high, low) = delivery.message_id.uuid().as_u64_pair();
    let chance = high ^ low.wrapping_mul(u64::from(failures) | 1);
    let wait = outgoing.retries.wait_secs(failures, chance);
    DeliveryQueue {
        failures,
        failing_since: queue.failing_since.or(Some(now)),
        next_at: Timestamp::from_secs(now.secs().saturating_add(wait)),
        ..queue
    }
}

fn is_given_up(queue: &DeliveryQueue, outgoing: &Outgoing, now: Timestamp) -> bool {
    let give_up = outgoing.retries.give_up_secs;
    queue
        .failing_since
        .is_some_and(|since| now.secs().saturating_sub(since.secs()) >= give_up)
}
