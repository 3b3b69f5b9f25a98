//! `/app/v1/contacts` and `/app/v1/devices`: who can be told, and the browsers that people had themselves be told by.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get, post};
use bytes::Bytes;
use orszem_alerting::{Address, Contact, DEVICES, Level};
use orszem_indexer::alerting::{AlertingHandle, DEVICES_MAX, Device, NewDevice};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use super::incidents::{Ours, answer, failed, shown_target};

/// The longest name of a device, in characters.
const NAME_MAX: usize = 80;

/// The push channel that browsers subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushChannel {
    /// Its name in the configuration.
    pub name: String,
    /// The public half of the server's key, as `applicationServerKey` takes it.
    pub key: String,
}

/// What browsers subscribe to.
pub trait Push: Send + Sync {
    /// The channel; `None` where there is none, or its key can't be read. Blocks on the disk.
    fn channel(&self) -> Option<PushChannel>;

    /// What is wrong with a subscription, in words without secrets.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, subscription: &str) -> Result<(), String>;
}

/// The way to alerting, to push, and the tenant that both are about.
#[derive(Clone)]
pub struct DevicesApi {
    alerting: AlertingHandle,
    push: Arc<dyn Push>,
    tenant: u32,
}

impl DevicesApi {
    pub fn new(alerting: AlertingHandle, push: Arc<dyn Push>, tenant: u32) -> Self {
        Self { alerting, push, tenant }
    }

    /// The routes; each request needs an [`Access`](super::access::Access) in its extensions.
    pub fn router(self) -> Router {
        Router::new()
            .route("/app/v1/contacts", get(contacts))
            .route("/app/v1/devices", get(list).post(add))
            .route("/app/v1/devices/seen", post(seen))
            .route("/app/v1/devices/{id}", delete(remove))
            .with_state(self)
    }
}

impl AsRef<u32> for DevicesApi {
    fn as_ref(&self) -> &u32 {
        &self.tenant
    }
}

/// `GET /app/v1/contacts`: all contacts with their addresses, devices among them.
async fn contacts(State(api): State<DevicesApi>, _: Ours) -> Result<Response, ApiError> {
    let read = api.alerting.read(|engine, _| engine.plan().contacts().cloned().collect::<Vec<Contact>>());
    let found = read.await.map_err(failed)?;
    let contacts: Vec<Value> = found.iter().map(contact).collect();
    answer(&json!({ "status": "ok", "contacts": contacts }))
}

fn contact(contact: &Contact) -> Value {
    let address = |address: &Address| {
        let Address { channel, target, level_min } = address;
        json!({ "channel": channel, "to": shown_target(target), "level_min": level_min.name() })
    };
    let addresses: Vec<Value> = contact.addresses.iter().map(address).collect();
    json!({ "name": contact.name, "addresses": addresses, "quiet": contact.quiet })
}

/// `GET /app/v1/devices`, with what a browser subscribes to and whose it can be.
async fn list(State(api): State<DevicesApi>, _: Ours) -> Result<Response, ApiError> {
    let devices = api.alerting.devices().await.map_err(failed)?;
    let push = channel(&api).await?;
    let names = contact_names(&api).await?;
    let devices: Vec<Value> = devices.iter().map(device).collect();
    let push = push.map(|push| json!({ "channel": push.name, "key": push.key }));
    answer(&json!({ "status": "ok", "devices": devices, "push": push, "contacts": names }))
}

fn device(device: &Device) -> Value {
    let Device { id, new, made_at, seen_at } = device;
    json!({
        "id": id, "contact": new.contact, "name": new.name, "level_min": new.level_min.name(),
        "service": shown_target(&new.target), "made_at": made_at.to_string(),
        "seen_at": seen_at.map(|at| at.to_string()),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    contact: String,
    name: String,
    #[serde(default)]
    level_min: Option<String>,
    subscription: Subscription,
}

/// What `PushSubscription.toJSON()` gives; what else browsers put into it is not kept.
#[derive(Deserialize)]
struct Subscription {
    endpoint: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// `POST /app/v1/devices`: durable, and told from now on, when it is answered.
async fn add(State(api): State<DevicesApi>, _: Ours, body: Bytes) -> Result<Response, ApiError> {
    let body: Add =
        serde_json::from_slice(&body).map_err(|error| ApiError::Parameters { reason: error.to_string() })?;
    let wrong = |name: &'static str, reason: String| ApiError::Parameter { name, reason };
    let Add { contact, name, level_min, subscription: Subscription { endpoint, keys: Keys { p256dh, auth } } } = body;
    if name.trim().is_empty() || name.chars().count() > NAME_MAX {
        return Err(wrong("name", format!("write 1 to {NAME_MAX} characters")));
    }
    let level = level_min.as_deref().unwrap_or(Level::Warning.name());
    let level_min = Level::named(level).ok_or_else(|| wrong("level_min", "write warning or critical".to_owned()))?;
    let target = json!({ "endpoint": endpoint, "keys": { "p256dh": p256dh, "auth": auth } }).to_string();
    api.push.check(&target).map_err(|reason| wrong("subscription", reason))?;
    let names = contact_names(&api).await?;
    if !names.contains(&contact) {
        return Err(wrong("contact", format!("there is no contact {contact:?}; name one of {}", names.join(", "))));
    }
    let push = channel(&api).await?;
    let none = || ApiError::Refused { reason: "there is no [[notify.webpush]], so browsers can't be told".to_owned() };
    let channel = push.ok_or_else(none)?.name;
    let new = NewDevice { contact, name: name.trim().to_owned(), channel, endpoint, target, level_min };
    let id = api.alerting.add_device(new).await.map_err(failed)?;
    let full = || ApiError::Refused { reason: format!("there are {DEVICES_MAX} devices; remove one first") };
    answer(&json!({ "status": "ok", "device": id.ok_or_else(full)? }))
}

/// `DELETE /app/v1/devices/{id}`.
async fn remove(State(api): State<DevicesApi>, _: Ours, Path(id): Path<i64>) -> Result<Response, ApiError> {
    match api.alerting.remove_device(id).await.map_err(failed)? {
        true => answer(&json!({ "status": "ok", "device": id })),
        false => Err(ApiError::NoSuchDevice),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    endpoint: String,
}

/// `POST /app/v1/devices/seen`: a browser says that a message came.
async fn seen(State(api): State<DevicesApi>, _: Ours, body: Bytes) -> Result<Response, ApiError> {
    let Seen { endpoint } =
        serde_json::from_slice(&body).map_err(|error| ApiError::Parameters { reason: error.to_string() })?;
    match api.alerting.device_seen(endpoint).await.map_err(failed)? {
        true => answer(&json!({ "status": "ok" })),
        false => Err(ApiError::NoSuchDevice),
    }
}

async fn channel(api: &DevicesApi) -> Result<Option<PushChannel>, ApiError> {
    let push = Arc::clone(&api.push);
    Ok(tokio::task::spawn_blocking(move || push.channel()).await?)
}

/// Whose a device can be.
async fn contact_names(api: &DevicesApi) -> Result<Vec<String>, ApiError> {
    let read = api.alerting.read(|engine, _| {
        let plan = engine.plan();
        let names = plan.contacts().map(|contact| contact.name.clone());
        if plan.tells_nobody() { vec![DEVICES.to_owned()] } else { names.collect() }
    });
    read.await.map_err(failed)
}
