//! The section `[notify]`: the channels that messages go through.

mod check;
mod collectors;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use orszem_model::Span;
use serde::{Deserialize, Serialize};

use crate::alertmanager::AlertmanagerConfig;
use crate::heartbeat::HeartbeatConfig;
use crate::texts::Language;

pub use check::ConfigError;
pub use collectors::{COLLECTOR_ADDRESSES_MAX, CollectorAddress, CollectorsConfig};

/// What messages look like, and where they can be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyConfig {
    pub language: Language,
    /// The zone of the times in messages, as in `Europe/Budapest`.
    pub time_zone: String,
    /// The site's name, which keeps its threads and message ids apart from others'.
    pub origin: String,
    /// Where people reach the page, for links.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub external_url: String,
    /// The folder of the site's own templates.
    pub templates: Option<PathBuf>,
    pub email: Vec<EmailConfig>,
    pub webpush: Vec<WebPushConfig>,
    pub ntfy: Vec<NtfyConfig>,
    pub webhook: Vec<WebhookConfig>,
    pub exec: Vec<ExecConfig>,
    /// Alertmanagers that are told of all own alerts; no contact's address names them.
    pub alertmanager: Vec<AlertmanagerConfig>,
    /// Where it is told that this server is well.
    pub heartbeat: Option<HeartbeatConfig>,
    /// What collectors are handed so that they tell people while this server is gone.
    pub collectors: Option<CollectorsConfig>,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            language: Language::default(),
            time_zone: "UTC".to_owned(),
            origin: "orszem".to_owned(),
            external_url: String::new(),
            templates: None,
            email: Vec::new(),
            webpush: Vec::new(),
            ntfy: Vec::new(),
            webhook: Vec::new(),
            exec: Vec::new(),
            alertmanager: Vec::new(),
            heartbeat: None,
            collectors: None,
        }
    }
}

/// `[[notify.email]]`: a mail server. The target is an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmailConfig {
    /// What addresses of contacts call it.
    pub name: String,
    pub host: String,
    /// If unset 587 with STARTTLS, 465 with TLS from the beginning, 25 without.
    pub port: Option<u16>,
    pub tls: EmailTls,
    /// The authorities to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// With a password file: logs in by PLAIN or LOGIN, never without TLS but to this host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    pub password_file: Option<PathBuf>,
    /// The sender, `Őrszem <orszem@example.com>`.
    pub from: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reply_to: String,
    /// What it calls itself to the server; if unset the domain of the sender.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hello: String,
    pub timeout: Span,
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmailTls {
    /// By STARTTLS, without which nothing is sent.
    #[default]
    Starttls,
    /// From the beginning.
    Tls,
    None,
}

/// `[[notify.webpush]]`: pushes to browsers. The target is a subscription as browsers give it, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebPushConfig {
    pub name: String,
    /// The server's own key (VAPID): P-256 in PKCS #8, PEM.
    pub key_file: PathBuf,
    /// Whom push services may turn to: `mailto:` or `https:`. Apple and Mozilla demand it.
    pub subject: String,
    /// How long a push service keeps what it can't deliver.
    pub ttl: Span,
    /// Hosts that may be pushed to, each with the names below it; none: all that are public.
    pub hosts: Vec<String>,
    /// Whether private addresses and plain HTTP are allowed, for push services of one's own.
    pub allow_private: bool,
    pub ca_file: Option<PathBuf>,
    pub timeout: Span,
}

/// `[[notify.ntfy]]`: an ntfy server. The target is a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NtfyConfig {
    pub name: String,
    pub url: String,
    pub token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub timeout: Span,
}

/// `[[notify.webhook]]`: any service that takes a POST. The target stands in `{target}` of the URL and in templates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    pub name: String,
    /// Where to; `{target}` is filled in. Where the URL is a secret, `url_file` holds it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    pub url_file: Option<PathBuf>,
    /// `alertmanager`, `slack`, `mattermost`, `teams`, `telegram`, `pagerduty`, `sms`, or a template of the site by its
    /// file's name.
    pub body: String,
    /// If unset that of JSON, or of plain text for a template that ends in `.txt`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    pub headers: BTreeMap<String, String>,
    /// Headers with what files hold.
    pub header_files: BTreeMap<String, PathBuf>,
    /// Holds a bearer token.
    pub token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    pub password_file: Option<PathBuf>,
    /// Holds what templates see as `secret`: PagerDuty's routing key.
    pub secret_file: Option<PathBuf>,
    /// Holds the key that requests are signed with, as Standard Webhooks say.
    pub signing_key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    /// The own certificate, with its chain, and its key, for servers that ask for one.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub timeout: Span,
}

/// `[[notify.exec]]`: a program of the site. It gets the message in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecConfig {
    pub name: String,
    /// Its whole path.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// It and all that it started are killed then.
    pub timeout: Span,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            host: String::new(),
            port: None,
            tls: EmailTls::default(),
            ca_file: None,
            user: String::new(),
            password_file: None,
            from: String::new(),
            reply_to: String::new(),
            hello: String::new(),
            timeout: Span::secs(30),
        }
    }
}

impl Default for WebPushConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            key_file: PathBuf::new(),
            subject: String::new(),
            ttl: Span::hours(4),
            hosts: Vec::new(),
            allow_private: false,
            ca_file: None,
            timeout: Span::secs(15),
        }
    }
}

impl Default for NtfyConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: "https://ntfy.sh".to_owned(),
            token_file: None,
            user: String::new(),
            password_file: None,
            ca_file: None,
            timeout: Span::secs(15),
        }
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            url_file: None,
            body: "alertmanager".to_owned(),
            content_type: String::new(),
            headers: BTreeMap::new(),
            header_files: BTreeMap::new(),
            token_file: None,
            user: String::new(),
            password_file: None,
            secret_file: None,
            signing_key_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            timeout: Span::secs(15),
        }
    }
}

impl Default for ExecConfig {
    fn default() -> Self {
        Self { name: String::new(), program: PathBuf::new(), arguments: Vec::new(), timeout: Span::secs(30) }
    }
}

impl NotifyConfig {
    /// The zone, by its name.
    pub(crate) fn zone(&self) -> Result<TimeZone, jiff::Error> {
        TimeZone::get(&self.time_zone)
    }
}

impl EmailConfig {
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            EmailTls::Starttls => 587,
            EmailTls::Tls => 465,
            EmailTls::None => 25,
        })
    }
}

#[cfg(test)]
mod tests;
