//! Webhooks: a POST of Alertmanager's JSON, or of what a template makes of it for a service that wants its own.

mod alertmanager;
mod chat;
mod signature;

use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use orszem_client::Answer;
use orszem_model::prefix;
use serde_json::Value;

use crate::config::WebhookConfig;
use crate::http::{self as web, Client, HttpError, Reach, TlsFiles, Url, authorize, put, secret, sensitive};
use crate::notice::Notice;
use crate::outcome::Outcome;
use crate::template::Templates;
use crate::view::{Site, View};

use chat::{Changed, Chat};

/// Alertmanager's own body.
const ALERTMANAGER: &str = "alertmanager";
/// Where answers say what they call a message: Telegram, PagerDuty, SMS gateways and chats.
const IDS: [&str; 5] = ["/result/message_id", "/dedup_key", "/id", "/message_id", "/messages/0/id"];
/// The longest id that is kept, in bytes.
const ID_BYTES_MAX: usize = 200;

/// A service that takes POSTs.
#[derive(Debug)]
pub(crate) struct Webhook {
    config: WebhookConfig,
    /// The name of its template; `None` for Alertmanager's body.
    template: Option<String>,
    client: Client,
}

/// A body with its media type.
#[derive(Clone)]
struct Body {
    bytes: Vec<u8>,
    kind: String,
    /// What was wrong with the template.
    problem: Option<String>,
}

impl Webhook {
    pub(crate) fn new(config: &WebhookConfig) -> Self {
        let WebhookConfig { ca_file: ca, certificate_file: certificate, key_file: key, .. } = config.clone();
        let template = (config.body != ALERTMANAGER).then(|| match config.body.contains('.') {
            true => config.body.clone(),
            false => format!("{}.json", config.body),
        });
        let client = Client::new(TlsFiles { ca, certificate, key }, Reach::Anywhere);
        Self { config: config.clone(), template, client }
    }

    /// The template that it needs, if it needs one.
    pub(crate) fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// Posts one message. Whoever calls has a deadline.
    pub(crate) async fn send(&self, notice: &Notice, site: &Site, templates: &Templates, now: SystemTime) -> Outcome {
        let mut secrets = Vec::new();
        let outcome = match self.post(notice, site, templates, now, &mut secrets).await {
            Ok(outcome) => outcome,
            Err(error) => error.outcome(),
        };
        secrets.iter().fold(outcome, |outcome, secret| outcome.without(secret))
    }

    async fn post(
        &self,
        notice: &Notice,
        site: &Site,
        templates: &Templates,
        now: SystemTime,
        secrets: &mut Vec<String>,
    ) -> Result<Outcome, HttpError> {
        let view = View::new(notice, site);
        let url = match &self.config.url_file {
            Some(path) => {
                let url = secret(path).await?;
                secrets.push(url.clone());
                url
            }
            None => self.config.url.clone(),
        };
        let Ok(url) = Url::parse(&with_target(&url, &notice.target)) else {
            return Ok(Outcome::refused("the URL of the webhook is none"));
        };
        secrets.extend((url.path.as_str().len() > 8).then(|| url.path.as_str().to_owned()));
        let key = match &self.config.secret_file {
            Some(path) => secret(path).await?,
            None => String::new(),
        };
        let body = self.body(notice, &view, templates, &key);
        secrets.push(key);
        let chat = Chat::of(&url);
        let changed = match chat.zip(Chat::earlier(notice)) {
            Some((chat, earlier)) => self.change(chat, &url, earlier, &view, (&body, now), secrets).await?,
            None => Changed::Missing,
        };
        let outcome = match (changed, chat) {
            (Changed::Ended(outcome), _) => outcome,
            (Changed::Missing, Some(chat)) => {
                let bytes = chat.sending(&body.bytes, &notice.target).unwrap_or_else(|| body.bytes.clone());
                let answer = self.request(&url, &view, &Body { bytes, ..body.clone() }, now, secrets).await?;
                chat.sent(&answer, remote_id(answer.body.as_deref()), now)
            }
            (Changed::Missing, None) => {
                let answer = self.request(&url, &view, &body, now, secrets).await?;
                web::outcome(&answer, remote_id(answer.body.as_deref()), now)
            }
        };
        Ok(match body.problem {
            Some(problem) => outcome.with_note(&problem),
            None => outcome,
        })
    }

    /// Changes the message `earlier` into what the body says.
    async fn change(
        &self,
        chat: Chat,
        url: &Url,
        earlier: &str,
        view: &View<'_>,
        (body, now): (&Body, SystemTime),
        secrets: &mut Vec<String>,
    ) -> Result<Changed, HttpError> {
        let Some((url, bytes)) = chat.changes_at(url).zip(chat.changing(&body.bytes, earlier)) else {
            return Ok(Changed::Missing);
        };
        secrets.push(url.path.as_str().to_owned());
        let answer = self.request(&url, view, &Body { bytes, ..body.clone() }, now, secrets).await?;
        Ok(chat.changed(&answer, earlier, now))
    }

    async fn request(
        &self,
        url: &Url,
        view: &View<'_>,
        body: &Body,
        now: SystemTime,
        secrets: &mut Vec<String>,
    ) -> Result<Answer, HttpError> {
        let headers = self.headers(view, body, now, secrets).await?;
        self.client.post(url, headers, Bytes::from(body.bytes.clone())).await
    }

    fn body(&self, notice: &Notice, view: &View<'_>, templates: &Templates, key: &str) -> Body {
        let mut problem = None;
        if let Some(name) = &self.template {
            let attempt = templates.body(name, view, key);
            problem = attempt.problem;
            if let Some(text) = attempt.text {
                let usual = if name.ends_with(".json") { "application/json" } else { "text/plain; charset=utf-8" };
                let configured = &self.config.content_type;
                let kind = if configured.is_empty() { usual.to_owned() } else { configured.clone() };
                return Body { bytes: text.into_bytes(), kind, problem };
            }
        }
        let bytes = alertmanager::body(notice, view).into_bytes();
        Body { bytes, kind: "application/json".to_owned(), problem }
    }

    async fn headers(
        &self,
        view: &View<'_>,
        body: &Body,
        now: SystemTime,
        secrets: &mut Vec<String>,
    ) -> Result<HeaderMap, HttpError> {
        let WebhookConfig { headers: plain, header_files, token_file, user, password_file, signing_key_file, .. } =
            &self.config;
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_str(&body.kind);
        headers.insert(CONTENT_TYPE, kind.map_err(|_| HttpError::Header { place: "content_type".to_owned() })?);
        put(&mut headers, "idempotency-key", &view.key)?;
        let wrong = |name: &String| HttpError::Header { place: name.clone() };
        for (name, value) in plain {
            let key: HeaderName = name.parse().map_err(|_| wrong(name))?;
            headers.insert(key, HeaderValue::from_str(value).map_err(|_| wrong(name))?);
        }
        for (name, path) in header_files {
            let key: HeaderName = name.parse().map_err(|_| wrong(name))?;
            let value = secret(path).await?;
            headers.insert(key, sensitive(&value, name)?);
            secrets.push(value);
        }
        secrets.extend(authorize(&mut headers, token_file.as_deref(), user, password_file.as_deref()).await?);
        if let Some(path) = signing_key_file {
            let key = secret(path).await?;
            signature::sign(&mut headers, &key, &view.key, now, &body.bytes)?;
            secrets.push(key);
        }
        Ok(headers)
    }
}

/// A URL with the target in it, encoded.
fn with_target(url: &str, target: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
    // A space is `+` only in forms.
    url.replace("{target}", &encoded.replace('+', "%20"))
}

/// What the answer calls the message, in one of the places where services say it.
fn remote_id(body: Option<&[u8]>) -> String {
    let Some(answer) = body.and_then(|body| serde_json::from_slice::<Value>(body).ok()) else { return String::new() };
    let id = IDS.iter().find_map(|place| match answer.pointer(place)? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    id.map(|id| prefix(&id, ID_BYTES_MAX).to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
