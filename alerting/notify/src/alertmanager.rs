//! Alerts for an Alertmanager elsewhere, as Prometheus sends them: `POST /api/v2/alerts`.

use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use orszem_model::{Labels, Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::http::{Client, Reach, TlsFiles, Url, authorize, content, outcome};
use crate::outcome::Outcome;

/// The API, behind the path of the URL.
const PATH: &str = "/api/v2/alerts";

/// `[[notify.alertmanager]]`: an Alertmanager that is told of all own alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertmanagerConfig {
    pub name: String,
    /// Without `/api/v2`.
    pub url: String,
    pub token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// Whether the alert `Watchdog` is sent as long as this server is well: a dead man's switch.
    pub watchdog: bool,
    pub timeout: Span,
}

impl Default for AlertmanagerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            token_file: None,
            user: String::new(),
            password_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            watchdog: false,
            timeout: Span::secs(10),
        }
    }
}

/// An alert as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedAlert {
    pub labels: Labels,
    pub annotations: Labels,
    pub starts_at: Timestamp,
    /// When it ended, or until when it fires unless it is sent again.
    pub ends_at: Timestamp,
    pub generator: String,
}

/// Sends alerts to one Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    config: AlertmanagerConfig,
    client: Client,
}

impl Alertmanager {
    /// Of a configuration that was validated. Reads no file.
    pub fn new(config: &AlertmanagerConfig) -> Self {
        let files = TlsFiles {
            ca: config.ca_file.clone(),
            certificate: config.certificate_file.clone(),
            key: config.key_file.clone(),
        };
        Self { config: config.clone(), client: Client::new(files, Reach::Anywhere) }
    }

    /// Sends them together, once. Ends within the deadline.
    pub async fn send(&self, alerts: &[ForwardedAlert], now: SystemTime) -> Outcome {
        match tokio::time::timeout(self.config.timeout.duration(), self.post(alerts, now)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::retry(&format!("no answer within {}", self.config.timeout)),
        }
    }

    async fn post(&self, alerts: &[ForwardedAlert], now: SystemTime) -> Outcome {
        let AlertmanagerConfig { url, token_file, user, password_file, .. } = &self.config;
        let Ok(url) = Url::parse(&format!("{}{PATH}", url.trim_end_matches('/'))) else {
            return Outcome::refused("it has no http or https URL");
        };
        let mut headers = content("application/json");
        let authorized = authorize(&mut headers, token_file.as_deref(), user, password_file.as_deref()).await;
        if let Err(error) = authorized {
            return error.outcome();
        }
        let body = Value::Array(alerts.iter().map(shown).collect()).to_string();
        match self.client.post(&url, headers, Bytes::from(body)).await {
            Ok(answer) => outcome(&answer, String::new(), now),
            Err(error) => error.outcome(),
        }
    }
}

fn shown(alert: &ForwardedAlert) -> Value {
    let ForwardedAlert { labels, annotations, starts_at, ends_at, generator } = alert;
    json!({
        "labels": object(labels),
        "annotations": object(annotations),
        "startsAt": starts_at.to_string(),
        "endsAt": ends_at.to_string(),
        "generatorURL": generator,
    })
}

fn object(labels: &Labels) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<String, Value>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sink::Sink;

    #[tokio::test]
    async fn alerts_are_sent_as_prometheus_sends_them() {
        let sink = Sink::start().await;
        let config = AlertmanagerConfig { url: sink.url("/am/"), ..AlertmanagerConfig::default() };
        let alert = ForwardedAlert {
            labels: Labels::from([("alertname", "Hot"), ("host", "a")]),
            annotations: Labels::from([("summary", "it is hot")]),
            starts_at: Timestamp(0),
            ends_at: Timestamp(240_000_000_000),
            generator: String::new(),
        };
        let sent = Alertmanager::new(&config).send(&[alert], SystemTime::UNIX_EPOCH).await;
        assert_eq!(sent, Outcome::delivered("HTTP 200 OK: thanks", String::new()));
        let got = sink.last();
        assert_eq!((got.path.as_str(), got.header("content-type")), ("/am/api/v2/alerts", "application/json"));
        let expected = json!([{
            "labels": {"alertname": "Hot", "host": "a"},
            "annotations": {"summary": "it is hot"},
            "startsAt": "1970-01-01T00:00:00Z",
            "endsAt": "1970-01-01T00:04:00Z",
            "generatorURL": "",
        }]);
        assert_eq!(got.json(), expected);
        let config = AlertmanagerConfig { url: sink.url("/fails"), ..config };
        let failed = Alertmanager::new(&config).send(&[], SystemTime::UNIX_EPOCH).await;
        assert!(matches!(failed, Outcome::Retry { .. }), "{failed:?}");
    }
}
