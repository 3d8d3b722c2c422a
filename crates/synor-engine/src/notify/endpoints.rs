//! Who is told: an account's endpoints with their secrets, its e-mail address, and what was
//! delivered of its messages.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use synor_economics::id::{AccountId, EndpointId, MessageId};
use synor_economics::notification::EventFilter;
use synor_economics::period::{DAY_SECS, Timestamp};
use synor_store::{
    BillingContact, ChangeSet, Delivery, DeliveryState, Destination, Kind, ListQuery,
    OutboxMessage, Page, PreviousSecret, Scope, WebhookEndpoint,
};
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::EngineError;

/// How long a secret that was replaced is still signed with, in seconds.
pub const ROTATION_OVERLAP_SECS: i64 = DAY_SECS;
/// The most endpoints that one account has.
const ENDPOINTS_MAX: usize = 16;
/// The longest address that is taken, in bytes.
const TEXT_MAX_BYTES: usize = 2_000;

/// An endpoint to be added.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// Where to.
    pub url: String,
    /// Which events; all, if there are none.
    #[serde(default)]
    pub events: Vec<String>,
}

/// What is to change about an endpoint; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    /// Where to.
    #[serde(default)]
    pub url: Option<String>,
    /// Which events.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// Whether events are posted.
    #[serde(default)]
    pub enabled: Option<bool>,
}

impl Engine {
    /// Adds an endpoint. Its secret is in the answer.
    pub async fn add_webhook_endpoint(
        &self,
        account: &AccountId,
        new: NewEndpoint,
    ) -> Result<WebhookEndpoint, EngineError> {
        self.account(account).await?;
        self.check_url(&new.url)?;
        let endpoint = WebhookEndpoint {
            endpoint_id: EndpointId::from_uuid(Uuid::now_v7()),
            account_id: account.clone(),
            url: new.url,
            events: filter(new.events)?,
            secret: new_signing_secret()?,
            previous: None,
            enabled: true,
            switched_off: None,
            created_at: self.now(),
            removed_at: None,
        };
        self.change_subscribers(|| async {
            if self.webhook_endpoints(account).await?.len() >= ENDPOINTS_MAX {
                let reason = format!("an account has at most {ENDPOINTS_MAX}");
                return Err(invalid("endpoints", reason));
            }
            Ok(endpoint.clone())
        })
        .await
    }

    /// The endpoints of an account, oldest first.
    pub async fn webhook_endpoints(
        &self,
        account: &AccountId,
    ) -> Result<Vec<WebhookEndpoint>, EngineError> {
        let query = ListQuery::of(Kind::WebhookEndpoint, account).open();
        Ok(self.store.list(query).await?.items)
    }

    /// An endpoint of an account.
    pub async fn webhook_endpoint(
        &self,
        account: &AccountId,
        id: EndpointId,
    ) -> Result<WebhookEndpoint, EngineError> {
        let found: Option<WebhookEndpoint> = self.store.get(&id.to_string()).await?;
        let own = found.filter(|e| e.account_id == *account && e.removed_at.is_none());
        own.ok_or_else(|| EngineError::NotFound {
            what: "webhook endpoint",
            id: id.to_string(),
        })
    }

    /// Changes an endpoint. One that is switched on again gets what waits for it.
    pub async fn change_webhook_endpoint(
        &self,
        account: &AccountId,
        id: EndpointId,
        change: EndpointChange,
    ) -> Result<WebhookEndpoint, EngineError> {
        if let Some(url) = &change.url {
            self.check_url(url)?;
        }
        let events = change.events.map(filter).transpose()?;
        let endpoint = self
            .edit(account, id, |mut endpoint| {
                if let Some(url) = &change.url {
                    endpoint.url.clone_from(url);
                }
                if let Some(events) = &events {
                    endpoint.events = events.clone();
                }
                if let Some(enabled) = change.enabled {
                    endpoint.enabled = enabled;
                    endpoint.switched_off = None;
                }
                Ok(endpoint)
            })
            .await?;
        if endpoint.enabled {
            self.wake(Destination::Webhook(id), account).await?;
        }
        Ok(endpoint)
    }

    /// Gives an endpoint a new secret. Messages are signed with the one before, too, for a day.
    pub async fn rotate_webhook_secret(
        &self,
        account: &AccountId,
        id: EndpointId,
    ) -> Result<WebhookEndpoint, EngineError> {
        let until = Timestamp::from_secs(self.now().secs().saturating_add(ROTATION_OVERLAP_SECS));
        self.edit(account, id, |endpoint| {
            Ok(WebhookEndpoint {
                previous: Some(PreviousSecret {
                    secret: endpoint.secret.clone(),
                    until,
                }),
                secret: new_signing_secret()?,
                ..endpoint
            })
        })
        .await
    }

    /// Removes an endpoint. What waits for it is not delivered any more.
    pub async fn remove_webhook_endpoint(
        &self,
        account: &AccountId,
        id: EndpointId,
    ) -> Result<WebhookEndpoint, EngineError> {
        let now = self.now();
        self.edit(account, id, |endpoint| {
            Ok(WebhookEndpoint {
                enabled: false,
                removed_at: Some(now),
                ..endpoint
            })
        })
        .await
    }

    /// Sets or removes the address that an account's e-mail goes to.
    pub async fn set_billing_email(
        &self,
        account: &AccountId,
        email: Option<String>,
    ) -> Result<BillingContact, EngineError> {
        self.account(account).await?;
        if let Some(email) = &email {
            let parts = email.split_once('@');
            let is_plain =
                email.len() <= 254 && !email.contains(|c: char| c.is_control() || c == ' ');
            if !is_plain || parts.is_none_or(|(name, host)| name.is_empty() || host.is_empty()) {
                return Err(invalid(
                    "email",
                    format!("`{email}` is not an e-mail address"),
                ));
            }
        }
        let contact = BillingContact {
            account_id: account.clone(),
            email,
            set_at: self.now(),
        };
        self.change_subscribers(|| async { Ok(contact.clone()) })
            .await
    }

    /// The address that an account's e-mail goes to.
    pub async fn billing_contact(
        &self,
        account: &AccountId,
    ) -> Result<Option<BillingContact>, EngineError> {
        self.account(account).await?;
        Ok(self.store.get(account.as_str()).await?)
    }

    /// What was, and is to be, delivered of an account's messages, newest first.
    pub async fn deliveries(
        &self,
        account: &AccountId,
        after: Option<synor_store::Cursor>,
        limit: usize,
    ) -> Result<Page<Delivery>, EngineError> {
        self.account(account).await?;
        let query = ListQuery {
            newest_first: true,
            after,
            limit,
            ..ListQuery::of(Kind::Delivery, account)
        };
        Ok(self.store.list(query).await?)
    }

    /// A message of an account.
    pub async fn outbox_message(
        &self,
        account: &AccountId,
        id: MessageId,
    ) -> Result<OutboxMessage, EngineError> {
        let found: Option<OutboxMessage> = self.store.get(&id.to_string()).await?;
        let own = found.filter(|m| m.account_id == *account);
        own.ok_or_else(|| EngineError::NotFound {
            what: "message",
            id: id.to_string(),
        })
    }

    /// Delivers a message once more to an endpoint, whether or not it was taken before.
    pub async fn replay_message(
        &self,
        account: &AccountId,
        message: MessageId,
        endpoint: EndpointId,
    ) -> Result<Delivery, EngineError> {
        let endpoint = self.webhook_endpoint(account, endpoint).await?;
        let message = self.outbox_message(account, message).await?;
        let destination = Destination::Webhook(endpoint.endpoint_id);
        let scope = Scope::Outbox(account.clone());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let id = Delivery::id(message.message_id, &destination);
            let known: Option<Delivery> = self.store.get(&id).await?;
            let delivery = Delivery {
                message_id: message.message_id,
                destination: destination.clone(),
                account_id: account.clone(),
                event: message.event.name().to_owned(),
                created_at: message.created_at,
                state: DeliveryState::Pending,
                tries: known.as_ref().map_or(0, |d| d.tries),
                attempts: known.map(|d| d.attempts).unwrap_or_default(),
            };
            let queue = self.filled_queue(destination.clone(), account).await?;
            let mut changes = ChangeSet::new(Self::fresh_command("replay"), self.now());
            changes
                .expect(scope.clone(), version)
                .put(&delivery)?
                .put(&queue)?;
            self.store.commit(changes).await?;
            Ok(delivery)
        })
        .await
    }

    /// Lets a queue go on now.
    async fn wake(&self, destination: Destination, account: &AccountId) -> Result<(), EngineError> {
        let scope = Scope::Outbox(account.clone());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let mut queue = self.filled_queue(destination.clone(), account).await?;
            queue.next_at = self.now();
            queue.failing_since = None;
            let mut changes = ChangeSet::new(Self::fresh_command("wake"), self.now());
            changes.expect(scope.clone(), version).put(&queue)?;
            self.store.commit(changes).await?;
            Ok(())
        })
        .await
    }

    async fn edit(
        &self,
        account: &AccountId,
        id: EndpointId,
        edit: impl Fn(WebhookEndpoint) -> Result<WebhookEndpoint, EngineError>,
    ) -> Result<WebhookEndpoint, EngineError> {
        self.change_subscribers(|| async { edit(self.webhook_endpoint(account, id).await?) })
            .await
    }

    /// Stores what a decision about subscribers came to, and makes everybody look again.
    async fn change_subscribers<D, F>(&self, decision: impl Fn() -> F) -> Result<D, EngineError>
    where
        D: synor_store::Document,
        F: Future<Output = Result<D, EngineError>>,
    {
        let scope = Scope::Subscribers;
        let changed = self
            .decide(&scope, || async {
                let version = self.store.version(&scope).await?;
                let after = decision().await?;
                let mut changes = ChangeSet::new(Self::fresh_command("subscribers"), self.now());
                changes.expect(scope.clone(), version).put(&after)?;
                self.store.commit(changes).await?;
                Ok(after)
            })
            .await?;
        self.subscribers.forget();
        Ok(changed)
    }

    fn check_url(&self, url: &str) -> Result<(), EngineError> {
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if !is_web || url.len() > TEXT_MAX_BYTES {
            return Err(invalid(
                "url",
                format!("`{url}` is not an address of the web"),
            ));
        }
        match self.outgoing.get() {
            Some(outgoing) => {
                let checked = outgoing.messenger.check_url(url);
                checked.map_err(|reason| invalid("url", reason))
            }
            None => Ok(()),
        }
    }
}

const fn invalid(field: &'static str, reason: String) -> EngineError {
    EngineError::Invalid { field, reason }
}

fn filter(events: Vec<String>) -> Result<EventFilter, EngineError> {
    EventFilter::new(events).map_err(|error| invalid("events", error.to_string()))
}

/// A secret as the scheme wants it: 32 random bytes.
fn new_signing_secret() -> Result<String, EngineError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| invalid("random", format!("the machine gives no random bytes: {e}")))?;
    Ok(format!("whsec_{}", BASE64_STANDARD.encode(bytes)))
}
