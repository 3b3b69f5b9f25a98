//! What of a configuration can't be used, told all at once.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use orszem_model::{Span, without_password};

use super::{
    AlertmanagerConfig, COLLECTOR_ADDRESSES_MAX, CollectorsConfig, EmailConfig, EmailTls, ExecConfig, HeartbeatConfig,
    NotifyConfig, NtfyConfig, WebPushConfig, WebhookConfig,
};
use crate::http::Url;
use crate::template::is_built_in;

/// The longest name of a channel, and of the site.
const NAME_BYTES_MAX: usize = 64;
/// What one attempt may take.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long push services are asked to keep what they can't deliver: RFC 8030 names no limit, they have theirs.
const TTL_MAX: Duration = Duration::from_secs(28 * 86_400);
/// How often heartbeats are sent.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));
/// How long collectors wait before they tell, and how much longer each next one.
const AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));
const SPREAD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));
/// How many of them may tell.
const TELLERS_MAX: u32 = 10;

/// A value that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {value:?} {wrong}; {remedy}")]
pub struct ConfigError {
    /// Where, with the section: `notify.email[0].port`.
    pub key: String,
    /// As it stands; empty where it is missing.
    pub value: String,
    pub wrong: &'static str,
    /// What to write instead.
    pub remedy: &'static str,
}

/// Collects what is wrong with one table.
struct Check<'e> {
    at: String,
    errors: &'e mut Vec<ConfigError>,
}

impl Check<'_> {
    fn wrong(
        &mut self,
        is_wrong: bool,
        key: &str,
        value: impl fmt::Display,
        wrong: &'static str,
        remedy: &'static str,
    ) {
        if is_wrong {
            self.errors.push(ConfigError {
                key: format!("{}.{key}", self.at),
                value: value.to_string(),
                wrong,
                remedy,
            });
        }
    }

    fn name(&mut self, name: &str) {
        let is_wrong = name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control);
        self.wrong(is_wrong, "name", name, "is no name", "write up to 64 characters; addresses of contacts name it");
    }

    fn timeout(&mut self, timeout: Span) {
        let is_wrong = !(TIMEOUTS.0..=TIMEOUTS.1).contains(&timeout.duration());
        self.wrong(is_wrong, "timeout", timeout, "is out of range", "write 1s to 5m");
    }

    fn url(&mut self, key: &str, url: &str) {
        let is_wrong = Url::parse(&url.replace("{target}", "x")).is_err();
        self.wrong(
            is_wrong,
            key,
            without_password(url),
            "is no http or https URL",
            "write it whole, without a user and password",
        );
    }

    fn login(&mut self, user: &str, password_file: Option<&PathBuf>) {
        let is_half = user.is_empty() == password_file.is_some();
        self.wrong(is_half, "user", user, "and password_file go together", "name both, or neither");
    }
}

impl NotifyConfig {
    /// Everything that is wrong, by its key; files are not looked at.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut check = Check { at: "notify".to_owned(), errors: &mut errors };
        let zone = &self.time_zone;
        check.wrong(self.zone().is_err(), "time_zone", zone, "is no time zone", "write a name as Europe/Budapest");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let origin = &self.origin;
        let is_wrong = origin.is_empty() || origin.len() > NAME_BYTES_MAX || !origin.chars().all(is_plain);
        check.wrong(is_wrong, "origin", origin, "is no name of a site", "write letters, digits, - and .");
        if !self.external_url.is_empty() {
            check.url("external_url", &self.external_url);
        }
        let mut names: Vec<(String, &str)> = Vec::new();
        for (at, email) in self.email.iter().enumerate() {
            names.push((email.validate(format!("notify.email[{at}]"), &mut errors), &email.name));
        }
        for (at, webpush) in self.webpush.iter().enumerate() {
            names.push((webpush.validate(format!("notify.webpush[{at}]"), &mut errors), &webpush.name));
        }
        for (at, ntfy) in self.ntfy.iter().enumerate() {
            names.push((ntfy.validate(format!("notify.ntfy[{at}]"), &mut errors), &ntfy.name));
        }
        for (at, webhook) in self.webhook.iter().enumerate() {
            names.push((webhook.validate(format!("notify.webhook[{at}]"), &mut errors), &webhook.name));
        }
        for (at, exec) in self.exec.iter().enumerate() {
            names.push((exec.validate(format!("notify.exec[{at}]"), &mut errors), &exec.name));
        }
        for (at, alertmanager) in self.alertmanager.iter().enumerate() {
            names.push((alertmanager.validate(format!("notify.alertmanager[{at}]"), &mut errors), &alertmanager.name));
        }
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.validate(&mut errors);
        }
        if let Some(collectors) = &self.collectors {
            collectors.validate(self, &mut errors);
        }
        for (place, (at, name)) in names.iter().enumerate() {
            let is_twice = names.iter().take(place).any(|(_, other)| other == name);
            let mut check = Check { at: at.clone(), errors: &mut errors };
            check.wrong(is_twice, "name", name, "names another channel, too", "write a name of its own");
        }
        errors
    }
}

impl EmailConfig {
    /// The first thing that is wrong with it, by its key alone.
    pub fn wrong(&self) -> Option<ConfigError> {
        let mut errors = Vec::new();
        let at = self.validate(String::new(), &mut errors);
        let first = errors.into_iter().next()?;
        let key = first.key.strip_prefix(&format!("{at}.")).unwrap_or(&first.key).to_owned();
        Some(ConfigError { key, ..first })
    }

    fn validate(&self, at: String, errors: &mut Vec<ConfigError>) -> String {
        let Self { name, host, port, tls, ca_file: _, user, password_file, from, reply_to, hello, timeout } = self;
        let mut check = Check { at, errors };
        let is_mailbox = |text: &str| text.parse::<lettre::message::Mailbox>().is_ok();
        let is_host = |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
        check.name(name);
        check.timeout(*timeout);
        check.wrong(!is_host(host), "host", host, "is no host", "write a name or an address");
        check.wrong(*port == Some(0), "port", 0, "is no port", "write 1 to 65535, or leave it out");
        check.wrong(!is_mailbox(from), "from", from, "is no mail address", "write Name <user@example.com>");
        check.wrong(
            !reply_to.is_empty() && !is_mailbox(reply_to),
            "reply_to",
            reply_to,
            "is no mail address",
            "write user@example.com",
        );
        check.wrong(
            !hello.is_empty() && !is_host(hello),
            "hello",
            hello,
            "is no host",
            "write a name, or leave it out",
        );
        check.login(user, password_file.as_ref());
        let is_open = *tls == EmailTls::None && !user.is_empty() && !is_this_host(host);
        check.wrong(is_open, "tls", "none", "would send the password in the clear", "write starttls or tls");
        check.at
    }
}

impl WebPushConfig {
    fn validate(&self, at: String, errors: &mut Vec<ConfigError>) -> String {
        let Self { name, key_file, subject, ttl, hosts, allow_private: _, ca_file: _, timeout } = self;
        let mut check = Check { at, errors };
        check.name(name);
        check.timeout(*timeout);
        let is_missing = key_file.as_os_str().is_empty();
        check.wrong(is_missing, "key_file", "", "is missing", "name a file with a P-256 key in PKCS #8 (PEM)");
        let is_contact = subject.starts_with("mailto:") && subject.contains('@') || subject.starts_with("https://");
        check.wrong(!is_contact, "subject", subject, "is no contact", "write mailto:admin@example.com or an https URL");
        check.wrong(ttl.duration() > TTL_MAX, "ttl", ttl, "is too long", "write at most 28d");
        let is_wrong = |host: &&String| host.is_empty() || host.contains(['/', ':', '*', '@']);
        if let Some(host) = hosts.iter().find(is_wrong) {
            check.wrong(true, "hosts", host, "is no host", "write a name alone; those below it are meant, too");
        }
        check.at
    }
}

impl NtfyConfig {
    fn validate(&self, at: String, errors: &mut Vec<ConfigError>) -> String {
        let Self { name, url, token_file, user, password_file, ca_file: _, timeout } = self;
        let mut check = Check { at, errors };
        check.name(name);
        check.timeout(*timeout);
        check.url("url", url);
        check.login(user, password_file.as_ref());
        let is_double = token_file.is_some() && !user.is_empty();
        check.wrong(is_double, "user", user, "and token_file exclude each other", "name one of them");
        check.at
    }
}

impl WebhookConfig {
    fn validate(&self, at: String, errors: &mut Vec<ConfigError>) -> String {
        let Self { name, url, url_file, body, content_type, headers, header_files, token_file, user, .. } = self;
        let Self { password_file, secret_file: _, signing_key_file: _, ca_file: _, certificate_file, key_file, .. } =
            self;
        let mut check = Check { at, errors };
        check.name(name);
        check.timeout(self.timeout);
        match url_file {
            None => check.url("url", url),
            Some(_) => check.wrong(!url.is_empty(), "url", url, "and url_file exclude each other", "name one of them"),
        }
        let is_file = body.contains('/') || body.starts_with('.');
        check.wrong(
            body.is_empty() || is_file,
            "body",
            body,
            "is no format",
            "write alertmanager, slack, mattermost, teams, telegram, pagerduty, sms or the name of a template",
        );
        let is_type = http::HeaderValue::from_str(content_type).is_ok();
        check.wrong(!is_type, "content_type", content_type, "is no media type", "write one as text/plain");
        let names = headers.keys().chain(header_files.keys());
        if let Some(name) = names.into_iter().find(|name| name.parse::<http::HeaderName>().is_err()) {
            check.wrong(true, "headers", name, "is no name of a header", "write one as X-Token");
        }
        if let Some((name, _)) = headers.iter().find(|(_, value)| http::HeaderValue::from_str(value).is_err()) {
            check.wrong(true, "headers", name, "has a value that can't be sent", "write printable characters");
        }
        check.login(user, password_file.as_ref());
        let is_double = token_file.is_some() && !user.is_empty();
        check.wrong(is_double, "user", user, "and token_file exclude each other", "name one of them");
        let is_half = certificate_file.is_some() != key_file.is_some();
        check.wrong(is_half, "certificate_file", "", "and key_file go together", "name both, or neither");
        check.at
    }
}

impl AlertmanagerConfig {
    fn validate(&self, at: String, errors: &mut Vec<ConfigError>) -> String {
        let Self { name, url, token_file, user, password_file, ca_file: _, certificate_file, key_file, .. } = self;
        let mut check = Check { at, errors };
        check.name(name);
        check.timeout(self.timeout);
        check.url("url", url);
        check.login(user, password_file.as_ref());
        let is_double = token_file.is_some() && !user.is_empty();
        check.wrong(is_double, "user", user, "and token_file exclude each other", "name one of them");
        let is_half = certificate_file.is_some() != key_file.is_some();
        check.wrong(is_half, "certificate_file", "", "and key_file go together", "name both, or neither");
        check.at
    }
}

impl HeartbeatConfig {
    fn validate(&self, errors: &mut Vec<ConfigError>) {
        let Self { url, url_file, interval, method: _, fail: _, ca_file: _, timeout } = self;
        let mut check = Check { at: "notify.heartbeat".to_owned(), errors };
        check.timeout(*timeout);
        if url_file.is_none() {
            check.url("url", &url.replace("{status}", "up"));
        }
        let is_wrong = !(INTERVALS.0..=INTERVALS.1).contains(&interval.duration());
        check.wrong(is_wrong, "interval", interval, "is out of range", "write 1s to 1d");
    }
}

impl CollectorsConfig {
    fn validate(&self, notify: &NotifyConfig, errors: &mut Vec<ConfigError>) {
        let Self { addresses, after, spread, tellers } = self;
        let mut check = Check { at: "notify.collectors".to_owned(), errors };
        let count = addresses.len();
        check.wrong(count == 0, "addresses", "[]", "names nobody", "name somebody, or leave the section out");
        check.wrong(count > COLLECTOR_ADDRESSES_MAX, "addresses", count, "are too many", "write at most 8");
        let is_wrong = !(AFTER.0..=AFTER.1).contains(&after.duration());
        check.wrong(is_wrong, "after", after, "is out of range", "write 1s to 1d");
        let is_wrong = !(SPREAD.0..=SPREAD.1).contains(&spread.duration());
        check.wrong(is_wrong, "spread", spread, "is out of range", "write 1s to 1h");
        let is_wrong = !(1..=TELLERS_MAX).contains(tellers);
        check.wrong(is_wrong, "tellers", tellers, "is out of range", "write 1 to 10");
        for (at, address) in addresses.iter().enumerate() {
            let mut check = Check { at: format!("notify.collectors.addresses[{at}]"), errors: &mut *check.errors };
            let (channel, to) = (&address.channel, &address.to);
            let is_mail = notify.email.iter().any(|email| email.name == *channel);
            let webhook = notify.webhook.iter().find(|webhook| webhook.name == *channel);
            let is_ntfy = notify.ntfy.iter().any(|ntfy| ntfy.name == *channel);
            let is_known = is_mail || is_ntfy || webhook.is_some();
            check.wrong(
                !is_known,
                "channel",
                channel,
                "is no channel that collectors can use",
                "name one of [[notify.email]], [[notify.ntfy]] and [[notify.webhook]]",
            );
            let is_own = webhook.is_some_and(|webhook| !is_built_in(&webhook.body));
            check.wrong(
                is_own,
                "channel",
                channel,
                "has a template of the site as its body, which collectors do not have",
                "name a channel with a built-in body",
            );
            let is_wrong = is_mail && !crate::email::is_address(to);
            check.wrong(is_wrong, "to", to, "is no mail address", "write user@example.com");
            let is_wrong = is_ntfy && !crate::ntfy::is_topic(to.trim());
            check.wrong(is_wrong, "to", to, "is no topic", "write letters, digits, - and _, at most 64");
        }
    }
}

impl ExecConfig {
    fn validate(&self, at: String, errors: &mut Vec<ConfigError>) -> String {
        let Self { name, program, arguments, timeout } = self;
        let mut check = Check { at, errors };
        check.name(name);
        check.timeout(*timeout);
        check.wrong(!program.is_absolute(), "program", program.display(), "is no whole path", "write one from / on");
        if let Some(argument) = arguments.iter().find(|argument| argument.contains('\0')) {
            check.wrong(true, "arguments", argument, "holds a zero byte", "leave it out");
        }
        check.at
    }
}

/// Whether what is sent there stays on this machine.
fn is_this_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
