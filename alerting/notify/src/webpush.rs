//! Pushes to browsers: RFC 8030, encrypted for the browser alone (RFC 8291), under the server's own key (RFC 8292). The
//! content is declarative web push, which browsers show without any help and others read as JSON.

mod encryption;
mod subscription;
mod vapid;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use orszem_alerting::Level;
use orszem_model::{chain, prefix};
use ring::digest;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use crate::config::WebPushConfig;
use crate::http::{self as web, Client, HttpError, Reach, TlsFiles, content, put, sensitive};
use crate::notice::Notice;
use crate::outcome::Outcome;
use crate::template::Templates;
use crate::view::{Site, View};

pub use subscription::{Subscription, SubscriptionError};
pub use vapid::{VapidError, VapidKey};

/// The longest content, in bytes: with what encryption adds it stays under the 4,096 that every push service takes.
const CONTENT_BYTES_MAX: usize = 3_800;
/// The longest text of a notification, in bytes; more is to be seen on the page.
const BODY_BYTES_MAX: usize = 1_200;
/// Beyond this length links are left out of the content, as they would fill it.
const LINK_BYTES_MAX: usize = 400;

/// A push channel.
#[derive(Debug)]
pub(crate) struct WebPush {
    config: WebPushConfig,
    client: Client,
    random: SystemRandom,
}

/// Why a push could not be made.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the server's key can't be used")]
    Key(#[from] VapidError),
    #[error("the target is no subscription")]
    Subscription(#[from] SubscriptionError),
    #[error("{0} is not among the hosts that may be pushed to")]
    Host(String),
    #[error("the endpoint is not https")]
    Plain,
    #[error("there is no time before 1970")]
    Clock,
    #[error("the content can't be encrypted")]
    Encrypt(#[from] encryption::EncryptError),
}

impl PushError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Http(error) => error.outcome(),
            Self::Key(_) | Self::Clock | Self::Encrypt(_) => Outcome::retry(&chain(self)),
            // Nothing can be sent there, ever.
            Self::Subscription(_) => Outcome::gone(&chain(self)),
            Self::Host(_) | Self::Plain => Outcome::refused(&chain(self)),
        }
    }
}

impl WebPush {
    pub(crate) fn new(config: &WebPushConfig) -> Self {
        let reach = if config.allow_private { Reach::Anywhere } else { Reach::Public };
        let files = TlsFiles { ca: config.ca_file.clone(), ..TlsFiles::default() };
        Self { config: config.clone(), client: Client::new(files, reach), random: SystemRandom::new() }
    }

    /// Sends one push. Whoever calls has a deadline; a push that was cut off by it may have arrived, and takes the place
    /// of the earlier one when it is sent again.
    pub(crate) async fn send(&self, notice: &Notice, site: &Site, templates: &Templates, now: SystemTime) -> Outcome {
        let view = View::new(notice, site);
        let short = templates.short(&view);
        let outcome = match self.push(notice, &view, now).await {
            Ok(outcome) => outcome,
            Err(error) => error.outcome(),
        };
        match short.problem {
            Some(problem) => outcome.with_note(&problem),
            None => outcome,
        }
    }

    async fn push(&self, notice: &Notice, view: &View<'_>, now: SystemTime) -> Result<Outcome, PushError> {
        let subscription = Subscription::parse(&notice.target)?;
        let endpoint = subscription.url();
        let is_below = |host: &String| endpoint.host == *host || endpoint.host.ends_with(&format!(".{host}"));
        if !self.config.hosts.is_empty() && !self.config.hosts.iter().any(is_below) {
            return Err(PushError::Host(endpoint.host.clone()));
        }
        if !endpoint.is_https && !self.config.allow_private {
            return Err(PushError::Plain);
        }
        let key = VapidKey::read(&self.config.key_file).await?;
        let seconds = now.duration_since(UNIX_EPOCH).map_err(|_| PushError::Clock)?.as_secs();
        let token = key.authorization(&endpoint.origin(), &self.config.subject, seconds, &self.random)?;
        let mut headers = content("application/octet-stream");
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
        headers.insert(AUTHORIZATION, sensitive(&token, "the server's key")?);
        put(&mut headers, "ttl", &self.config.ttl.duration().as_secs().to_string())?;
        put(&mut headers, "urgency", urgency(notice))?;
        put(&mut headers, "topic", &topic(&view.thread))?;
        let body = encryption::encrypt(&subscription, &content_of(view), &self.random)?;
        let answer = self.client.post(endpoint, headers, Bytes::from(body)).await?;
        let remote_id = location(&answer.headers);
        if [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&answer.status) {
            return Ok(Outcome::gone(&format!("HTTP {}: the browser gave the subscription up", answer.status)));
        }
        Ok(web::outcome(&answer, remote_id, now))
    }
}

/// What the browser shows. Texts are cut, and links left out, until it fits.
fn content_of(view: &View<'_>) -> Vec<u8> {
    let mut body_bytes = BODY_BYTES_MAX;
    loop {
        let content = serde_json::to_vec(&declaration(view, body_bytes)).expect("texts and numbers are JSON");
        if content.len() <= CONTENT_BYTES_MAX || body_bytes == 0 {
            return content;
        }
        body_bytes /= 2;
    }
}

/// The JSON of declarative web push (RFC 8030 content `application/notification+json`), with what a service worker wants
/// besides in `data`. A button leads to the form that asks whether it is meant; a service worker may POST to its `url`.
fn declaration(view: &View<'_>, body_bytes: usize) -> Value {
    let lines = [view.what.as_str(), view.note, &view.counts, view.entity];
    let body: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let fits = |url: &&str| url.len() <= LINK_BYTES_MAX;
    let incident = Some(view.links.incident).filter(|url| !url.is_empty()).filter(fits);
    let navigate = incident.unwrap_or(view.external_url);
    let buttons = view.actions.iter().filter(|button| fits(&button.url));
    let actions: Vec<Value> = buttons
        .map(
            |button| json!({ "action": button.kind, "title": button.label, "navigate": button.url, "url": button.url }),
        )
        .collect();
    json!({
        "web_push": 8030,
        "notification": {
            "title": view.heading,
            "body": prefix(&body.join("\n"), body_bytes),
            "lang": view.t.language,
            "dir": "ltr",
            "tag": topic(&view.thread),
            "navigate": navigate,
            "silent": !view.is_loud,
            "renotify": view.is_loud,
            "requireInteraction": view.status == "firing" && view.severity == "critical",
            "timestamp": view.started_at_unix.saturating_mul(1_000),
            "actions": actions,
            "data": {
                "key": view.key,
                "incident": view.incident,
                "kind": view.kind,
                "severity": view.severity,
            },
        },
    })
}

/// A name for the thread that push services and browsers take: 32 characters of base64url. A push that was not delivered
/// yet is replaced by the next one of its topic.
fn topic(thread: &str) -> String {
    let hash = digest::digest(&digest::SHA256, thread.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..24])
}

/// How soon a phone is to be woken (RFC 8030 §5.3).
fn urgency(notice: &Notice) -> &'static str {
    match (notice.intent.message.is_loud, notice.intent.message.level) {
        (true, Level::Critical) => "high",
        (true, Level::Warning) => "normal",
        (false, _) => "low",
    }
}

/// What the push service calls the message.
fn location(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    prefix(location, LINK_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests;
