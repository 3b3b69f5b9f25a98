//! ntfy: a topic of a server that phones listen to. All messages of an incident are one notification there, which later
//! ones change (servers from 2.16 on; older ones show each by itself).

use std::time::SystemTime;

use bytes::Bytes;
use orszem_alerting::{Kind, Level};
use orszem_client::Answer;
use orszem_model::prefix;
use serde::{Deserialize, Serialize};

use crate::config::NtfyConfig;
use crate::http::{self as web, Client, HttpError, Reach, TlsFiles, Url, authorize, content, put};
use crate::notice::{ActionKind, Notice};
use crate::outcome::Outcome;
use crate::template::Templates;
use crate::view::{Site, View};

/// The longest message that servers take by default, in bytes; a longer one becomes an attachment.
const MESSAGE_BYTES_MAX: usize = 4_000;
/// The longest name of a topic.
const TOPIC_BYTES_MAX: usize = 64;
/// Buttons of a notification.
const ACTIONS_MAX: usize = 3;

/// An ntfy server.
#[derive(Debug)]
pub(crate) struct Ntfy {
    config: NtfyConfig,
    client: Client,
}

/// What is published.
#[derive(Serialize)]
struct Publication<'a> {
    topic: &'a str,
    title: &'a str,
    message: &'a str,
    priority: u8,
    tags: Vec<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    click: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Button<'a>>,
    sequence_id: &'a str,
}

#[derive(Serialize)]
struct Button<'a> {
    action: &'static str,
    label: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'static str,
    /// Whether the notification goes when it worked.
    clear: bool,
}

/// What a server answers.
#[derive(Deserialize)]
struct Published {
    id: String,
}

impl Ntfy {
    pub(crate) fn new(config: &NtfyConfig) -> Self {
        let files = TlsFiles { ca: config.ca_file.clone(), ..TlsFiles::default() };
        Self { config: config.clone(), client: Client::new(files, Reach::Anywhere) }
    }

    /// Publishes one message. Whoever calls has a deadline.
    pub(crate) async fn send(&self, notice: &Notice, site: &Site, templates: &Templates, now: SystemTime) -> Outcome {
        let view = View::new(notice, site);
        let text = templates.text(&view);
        let outcome = match self.publish(notice, &view, &text.text, now).await {
            Ok(outcome) => outcome,
            Err(error) => error.outcome(),
        };
        match text.problem {
            Some(problem) => outcome.with_note(&problem),
            None => outcome,
        }
    }

    async fn publish(
        &self,
        notice: &Notice,
        view: &View<'_>,
        text: &str,
        now: SystemTime,
    ) -> Result<Outcome, HttpError> {
        let topic = notice.target.trim();
        if !is_topic(topic) {
            return Ok(Outcome::refused(&format!("{topic:?} is no topic: letters, digits, - and _, at most 64")));
        }
        let Ok(url) = Url::parse(&self.config.url) else {
            return Ok(Outcome::refused("the URL of the ntfy server is none"));
        };
        let sequence = sequence(&view.thread);
        let publication = Publication {
            topic,
            title: &view.heading,
            message: message(view, text),
            priority: priority(notice),
            tags: vec![tag(notice), view.severity],
            click: view.links.incident,
            actions: buttons(view),
            sequence_id: &sequence,
        };
        let body = serde_json::to_vec(&publication).expect("texts and numbers are JSON");
        let mut headers = content("application/json");
        put(&mut headers, "x-sequence-id", &sequence)?;
        let NtfyConfig { token_file, user, password_file, .. } = &self.config;
        let secret = authorize(&mut headers, token_file.as_deref(), user, password_file.as_deref()).await?;
        let answer = self.client.post(&url, headers, Bytes::from(body)).await?;
        let outcome = match web::outcome(&answer, String::new(), now) {
            Outcome::Delivered { .. } => delivered(&answer),
            other @ (Outcome::Retry { .. } | Outcome::Refused { .. }) => other,
        };
        Ok(match secret {
            Some(secret) => outcome.without(&secret),
            None => outcome,
        })
    }
}

/// Whether a server takes messages under this name.
pub(crate) fn is_topic(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty() && text.len() <= TOPIC_BYTES_MAX && text.chars().all(is_plain)
}

/// What a server took. Its answer repeats the message, of which only the id is told.
fn delivered(answer: &Answer) -> Outcome {
    let said = format!("HTTP {}", answer.status);
    match answer.body.as_ref().map(|body| serde_json::from_slice::<Published>(body)) {
        Some(Ok(Published { id })) => Outcome::delivered(&said, prefix(&id, 64)),
        // Something else answers at the URL, as a proxy does.
        Some(Err(_)) | None => Outcome::delivered(&said, "").with_note("the answer is none of an ntfy server"),
    }
}

/// The text without its first line, which is the title.
fn message<'a>(view: &'a View<'_>, text: &'a str) -> &'a str {
    let rest = text.strip_prefix(view.heading.as_str()).unwrap_or(text).trim_start();
    let rest = if rest.is_empty() { view.heading.as_str() } else { rest };
    prefix(rest, MESSAGE_BYTES_MAX)
}

/// From 1 to 5: 4 and 5 make a sound, 5 until somebody looks.
fn priority(notice: &Notice) -> u8 {
    let message = &notice.intent.message;
    match (notice.intent.kind, message.is_loud, message.level) {
        (_, false, _) => 2,
        (Kind::Resolve | Kind::Test | Kind::Digest | Kind::Report, true, _) => 3,
        (Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind, true, Level::Critical) => 5,
        (Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind, true, Level::Warning) => 4,
    }
}

/// The sign in front of the title, by the name that ntfy knows.
fn tag(notice: &Notice) -> &'static str {
    match (notice.intent.kind, notice.intent.message.level) {
        (Kind::Resolve, _) => "white_check_mark",
        (Kind::Test, _) => "test_tube",
        (Kind::Digest | Kind::Report, _) => "memo",
        (Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind, Level::Critical) => "rotating_light",
        (Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind, Level::Warning) => "warning",
    }
}

fn buttons<'a>(view: &'a View<'_>) -> Vec<Button<'a>> {
    let posts = view.actions.iter().map(|button| Button {
        action: "http",
        label: button.label,
        url: button.url,
        method: "POST",
        clear: button.kind == ActionKind::Ack.name(),
    });
    let links = [(view.t.view, view.links.incident), (view.t.logs, view.links.logs)];
    let views = links.into_iter().filter(|(_, url)| !url.is_empty());
    let views = views.map(|(label, url)| Button { action: "view", label, url, method: "", clear: false });
    posts.chain(views).take(ACTIONS_MAX).collect()
}

/// What servers take for a sequence: 64 letters, digits, `-` and `_`.
fn sequence(thread: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    thread.chars().map(sign).take(64).collect()
}

#[cfg(test)]
mod tests;
