//! Webhooks and e-mail: who is told of an account's events, and what was delivered of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, EndpointId, MessageId};
use synor_economics::notification::EventFilter;
use synor_economics::period::Timestamp;
use synor_engine::{EndpointChange, NewEndpoint};
use synor_store::{Attempt, BillingContact, Delivery, DeliveryState, Destination, WebhookEndpoint};

use crate::auth::ForAccount;
use crate::problem::Problem;
use crate::request::{Body, Params, Part};
use crate::state::AppState;
use crate::wire::{ListPage, read_cursor, write_cursor};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 1_000;

/// An endpoint. Its secret is told when it is new, and never again.
#[derive(Serialize)]
pub struct ShownEndpoint {
    endpoint_id: EndpointId,
    account_id: AccountId,
    url: String,
    events: EventFilter,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    switched_off: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<Timestamp>,
    created_at: Timestamp,
}

impl ShownEndpoint {
    fn of(endpoint: WebhookEndpoint) -> Self {
        Self {
            endpoint_id: endpoint.endpoint_id,
            account_id: endpoint.account_id,
            url: endpoint.url,
            events: endpoint.events,
            enabled: endpoint.enabled,
            switched_off: endpoint.switched_off,
            secret: None,
            previous_secret_until: endpoint.previous.map(|previous| previous.until),
            created_at: endpoint.created_at,
        }
    }

    fn with_secret(endpoint: WebhookEndpoint) -> Self {
        let secret = Some(endpoint.secret.clone());
        Self {
            secret,
            ..Self::of(endpoint)
        }
    }
}

/// A delivery.
#[derive(Serialize)]
pub struct ShownDelivery {
    message_id: MessageId,
    destination: Destination,
    event: String,
    created_at: Timestamp,
    state: DeliveryState,
    tries: u32,
    attempts: Vec<Attempt>,
}

impl From<Delivery> for ShownDelivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            message_id: delivery.message_id,
            destination: delivery.destination,
            event: delivery.event,
            created_at: delivery.created_at,
            state: delivery.state,
            tries: delivery.tries,
            attempts: delivery.attempts,
        }
    }
}

/// An account's endpoints.
#[derive(Serialize)]
pub struct Endpoints {
    items: Vec<ShownEndpoint>,
}

/// `GET /billing/webhooks`
pub async fn list(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<Endpoints>, Problem> {
    state.engine.account(&account).await?;
    let endpoints = state.engine.webhook_endpoints(&account).await?;
    let items = endpoints.into_iter().map(ShownEndpoint::of).collect();
    Ok(Json(Endpoints { items }))
}

/// `POST /billing/webhooks`
pub async fn add(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(new): Body<NewEndpoint>,
) -> Result<(StatusCode, Json<ShownEndpoint>), Problem> {
    let endpoint = state.engine.add_webhook_endpoint(&account, new).await?;
    let shown = ShownEndpoint::with_secret(endpoint);
    Ok((StatusCode::CREATED, Json(shown)))
}

/// `POST /billing/webhooks/{id}`
pub async fn change(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
    Body(change): Body<EndpointChange>,
) -> Result<Json<ShownEndpoint>, Problem> {
    let (engine, id) = (&state.engine, read(&id)?);
    let endpoint = engine.change_webhook_endpoint(&account, id, change).await?;
    Ok(Json(ShownEndpoint::of(endpoint)))
}

/// `DELETE /billing/webhooks/{id}`
pub async fn remove(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
) -> Result<Json<ShownEndpoint>, Problem> {
    let (engine, id) = (&state.engine, read(&id)?);
    let endpoint = engine.remove_webhook_endpoint(&account, id).await?;
    Ok(Json(ShownEndpoint::of(endpoint)))
}

/// `POST /billing/webhooks/{id}/rotate`
pub async fn rotate(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
) -> Result<Json<ShownEndpoint>, Problem> {
    let (engine, id) = (&state.engine, read(&id)?);
    let endpoint = engine.rotate_webhook_secret(&account, id).await?;
    Ok(Json(ShownEndpoint::with_secret(endpoint)))
}

/// What is to be delivered again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    message_id: MessageId,
}

/// `POST /billing/webhooks/{id}/replay`
pub async fn replay(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Part(id): Part<String>,
    Body(replay): Body<Replay>,
) -> Result<Json<ShownDelivery>, Problem> {
    let (engine, id) = (&state.engine, read(&id)?);
    let delivery = engine
        .replay_message(&account, replay.message_id, id)
        .await?;
    Ok(Json(delivery.into()))
}

/// Which part of the list.
#[derive(Deserialize)]
pub struct ListParams {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /billing/deliveries`: newest first.
pub async fn deliveries(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Params(params): Params<ListParams>,
) -> Result<Json<ListPage<ShownDelivery>>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit: `{limit}` is not from 1 to {LIMIT_MAX}");
        return Err(Problem::invalid(detail));
    }
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let page = state.engine.deliveries(&account, after, limit).await?;
    Ok(Json(ListPage {
        next_cursor: page.next.as_ref().map(write_cursor),
        items: page.items.into_iter().map(ShownDelivery::from).collect(),
    }))
}

/// Where an account's e-mail goes.
#[derive(Serialize)]
pub struct ShownContact {
    account_id: AccountId,
    email: Option<String>,
}

/// `GET /billing/contact`
pub async fn contact(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
) -> Result<Json<ShownContact>, Problem> {
    let found: Option<BillingContact> = state.engine.billing_contact(&account).await?;
    Ok(Json(ShownContact {
        account_id: account,
        email: found.and_then(|contact| contact.email),
    }))
}

/// Where e-mail is to go; nowhere without an address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    #[serde(default)]
    email: Option<String>,
}

/// `POST /billing/contact`
pub async fn set_contact(
    State(state): State<AppState>,
    ForAccount(account): ForAccount,
    Body(new): Body<NewContact>,
) -> Result<Json<ShownContact>, Problem> {
    let set = state.engine.set_billing_email(&account, new.email).await?;
    Ok(Json(ShownContact {
        account_id: set.account_id,
        email: set.email,
    }))
}

fn read(id: &str) -> Result<EndpointId, Problem> {
    let parsed = id.parse();
    parsed.map_err(|_| Problem::invalid(format!("`{id}` is not a webhook endpoint id (whe_…)")))
}
