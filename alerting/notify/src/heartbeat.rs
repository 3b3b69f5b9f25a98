//! A heartbeat to a service elsewhere, which tells people when it stays out: the way of healthchecks.io and Uptime Kuma.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method};
use orszem_model::{Span, prefix};
use serde::{Deserialize, Serialize};

use crate::http::{Client, Reach, TlsFiles, Url, content, outcome, secret};
use crate::outcome::Outcome;

/// What is told of problems.
const BODY_BYTES_MAX: usize = 4_000;

/// `[notify.heartbeat]`: where it is told that this server is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// `{status}` in it is `up` or `down`; without it `fail` is appended to the path where something is not well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Holds the URL where that is a secret; it counts before `url`.
    pub url_file: Option<PathBuf>,
    pub interval: Span,
    pub method: BeatMethod,
    /// What is appended.
    pub fail: String,
    pub ca_file: Option<PathBuf>,
    pub timeout: Span,
}

/// How a heartbeat is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BeatMethod {
    Get,
    Head,
    /// With what is not well as its body.
    #[default]
    Post,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            url_file: None,
            interval: Span::secs(60),
            method: BeatMethod::default(),
            fail: "/fail".to_owned(),
            ca_file: None,
            timeout: Span::secs(15),
        }
    }
}

/// Sends heartbeats.
#[derive(Debug)]
pub struct Heartbeat {
    config: HeartbeatConfig,
    client: Client,
}

impl Heartbeat {
    /// Of a configuration that was validated. Reads no file.
    pub fn new(config: &HeartbeatConfig) -> Self {
        let files = TlsFiles { ca: config.ca_file.clone(), ..TlsFiles::default() };
        Self { config: config.clone(), client: Client::new(files, Reach::Anywhere) }
    }

    pub fn interval(&self) -> Duration {
        self.config.interval.duration()
    }

    /// One heartbeat; `problems` are sentences that say what is not well, none where all is. Ends within the deadline.
    pub async fn beat(&self, problems: &[String], now: SystemTime) -> Outcome {
        match tokio::time::timeout(self.config.timeout.duration(), self.send(problems, now)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::retry(&format!("no answer within {}", self.config.timeout)),
        }
    }

    async fn send(&self, problems: &[String], now: SystemTime) -> Outcome {
        let text = match &self.config.url_file {
            None => self.config.url.clone(),
            Some(path) => match secret(path).await {
                Ok(text) => text,
                Err(error) => return error.outcome(),
            },
        };
        let Ok(url) = Url::parse(&target(&text, &self.config.fail, problems.is_empty())) else {
            return Outcome::refused("url_file holds no http or https URL");
        };
        let (method, headers, body) = match self.config.method {
            BeatMethod::Get => (Method::GET, HeaderMap::new(), Bytes::new()),
            BeatMethod::Head => (Method::HEAD, HeaderMap::new(), Bytes::new()),
            BeatMethod::Post => (Method::POST, content("text/plain; charset=utf-8"), said(problems)),
        };
        match self.client.request(method, &url, headers, body).await {
            Ok(answer) => outcome(&answer, String::new(), now),
            Err(error) => error.outcome(),
        }
    }
}

fn said(problems: &[String]) -> Bytes {
    let text = if problems.is_empty() { "ok".to_owned() } else { problems.join("\n") };
    Bytes::from(prefix(&text, BODY_BYTES_MAX).to_owned())
}

/// Where a heartbeat goes.
fn target(url: &str, fail: &str, is_well: bool) -> String {
    if url.contains("{status}") {
        return url.replace("{status}", if is_well { "up" } else { "down" });
    }
    if is_well {
        return url.to_owned();
    }
    match url.split_once('?') {
        Some((path, query)) => format!("{}{fail}?{query}", path.trim_end_matches('/')),
        None => format!("{}{fail}", url.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sink::Sink;

    #[test]
    fn a_failure_goes_where_the_service_looks_for_it() {
        for (url, well, unwell) in [
            ("https://hc/ping/1", "https://hc/ping/1", "https://hc/ping/1/fail"),
            ("https://hc/ping/1?rid=2", "https://hc/ping/1?rid=2", "https://hc/ping/1/fail?rid=2"),
            ("https://k/push/x?status={status}", "https://k/push/x?status=up", "https://k/push/x?status=down"),
        ] {
            assert_eq!((target(url, "/fail", true).as_str(), target(url, "/fail", false).as_str()), (well, unwell));
        }
    }

    #[tokio::test]
    async fn what_is_not_well_is_said() {
        let sink = Sink::start().await;
        let beat = |method, problems: &'static [&'static str], path: &'static str| {
            let config = HeartbeatConfig { url: sink.url(path), method, ..HeartbeatConfig::default() };
            let problems: Vec<String> = problems.iter().map(|text| (*text).to_owned()).collect();
            async move { Heartbeat::new(&config).beat(&problems, SystemTime::UNIX_EPOCH).await }
        };
        assert_eq!(beat(BeatMethod::Post, &[], "/ok").await, Outcome::delivered("HTTP 200 OK: thanks", String::new()));
        beat(BeatMethod::Get, &["disk"], "/ok").await;
        beat(BeatMethod::Post, &["disk", "outbox"], "/ok").await;
        let failed = beat(BeatMethod::Post, &[], "/fails").await;
        assert!(matches!(failed, Outcome::Retry { .. }), "{failed:?}");
        let got: Vec<(String, String)> =
            sink.all().iter().map(|got| (got.path.clone(), String::from_utf8_lossy(&got.body).into_owned())).collect();
        let expected = [("/ok", "ok"), ("/ok/fail", ""), ("/ok/fail", "disk\noutbox"), ("/fails", "ok")];
        assert_eq!(got, expected.map(|(path, body)| (path.to_owned(), body.to_owned())));
    }
}
