//! Chats whose messages can be changed: Telegram's `sendMessage` and `editMessageText`, Slack's `chat.postMessage` and
//! `chat.update`. They are known by the last part of the URL, so that a server of one's own counts, too. Slack's incoming
//! webhooks name no message and can't change one.

use std::time::SystemTime;

use http::StatusCode;
use http::uri::PathAndQuery;
use orszem_alerting::Kind;
use orszem_client::Answer;
use serde::Deserialize;
use serde_json::Value;

use crate::http::{self as web, Url};
use crate::notice::Notice;
use crate::outcome::Outcome;

/// Errors of Slack that may pass.
const SLACK_PASSES: [&str; 6] =
    ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"];
/// Errors of Slack by which a message can't be changed, but another one may be sent.
const SLACK_FIXED: [&str; 3] = ["message_not_found", "cant_update_message", "edit_window_closed"];
/// What Telegram says when a message can't be changed, but another one may be sent.
const TELEGRAM_FIXED: [&str; 3] = ["message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID"];
/// What Telegram says when a message shows all of it already.
const TELEGRAM_SAME: &str = "message is not modified";

/// A service whose messages can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chat {
    Telegram,
    Slack,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Ended(Outcome),
    /// There is nothing to change any more: it is to be sent as a new message.
    Missing,
}

/// What Slack answers, with the status 200 whatever happens.
#[derive(Deserialize)]
struct SlackSaid {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    ts: String,
}

impl Chat {
    pub(super) fn of(url: &Url) -> Option<Self> {
        match url.path.path().rsplit('/').next()? {
            "sendMessage" => Some(Self::Telegram),
            "chat.postMessage" => Some(Self::Slack),
            _ => None,
        }
    }

    /// Where messages are changed; `None` where that is no URL.
    pub(super) fn changes_at(self, url: &Url) -> Option<Url> {
        let (send, change) = match self {
            Self::Telegram => ("sendMessage", "editMessageText"),
            Self::Slack => ("chat.postMessage", "chat.update"),
        };
        let path = format!("{}{change}", url.path.path().strip_suffix(send)?);
        let path = match url.path.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        Some(Url { path: path.parse::<PathAndQuery>().ok()?, ..url.clone() })
    }

    /// The message that is changed instead of sending another one. A change makes no sound: what is to be heard is sent.
    pub(super) fn earlier(notice: &Notice) -> Option<&str> {
        let is_silent = match notice.intent.kind {
            Kind::Update => !notice.intent.message.is_loud,
            Kind::Resolve => true,
            Kind::Open | Kind::Escalate | Kind::Remind | Kind::Test | Kind::Digest | Kind::Report => false,
        };
        notice.earlier.as_deref().filter(|_| is_silent)
    }

    /// The body of a new message; `None` where it is no JSON object.
    pub(super) fn sending(self, body: &[u8], target: &str) -> Option<Vec<u8>> {
        match self {
            // Its template names the chat.
            Self::Telegram => Some(body.to_vec()),
            Self::Slack => with(body, &[("channel", target.into())]),
        }
    }

    /// The body that changes the message `id`; `None` where it is none of this service, or the body no JSON object.
    pub(super) fn changing(self, body: &[u8], id: &str) -> Option<Vec<u8>> {
        match self {
            Self::Telegram => with(body, &[("message_id", id.parse::<i64>().ok()?.into())]),
            Self::Slack => {
                let (channel, ts) = id.split_once('/')?;
                with(body, &[("channel", channel.into()), ("ts", ts.into())])
            }
        }
    }

    /// What an answer to a new message means.
    pub(super) fn sent(self, answer: &Answer, remote_id: String, now: SystemTime) -> Outcome {
        match self {
            Self::Telegram => web::outcome(answer, remote_id, now),
            Self::Slack => match slack_said(answer) {
                Some(SlackSaid { ok: true, channel, ts, .. }) => {
                    Outcome::delivered(&format!("HTTP {}", answer.status), format!("{channel}/{ts}"))
                }
                Some(SlackSaid { error, .. }) => slack_failed(&error),
                None => web::outcome(answer, String::new(), now),
            },
        }
    }

    /// What an answer to the change of the message `id` means.
    pub(super) fn changed(self, answer: &Answer, id: &str, now: SystemTime) -> Changed {
        match self {
            Self::Telegram if answer.status == StatusCode::BAD_REQUEST => {
                let body = answer.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                if body.contains(TELEGRAM_SAME) {
                    return Changed::Ended(Outcome::delivered("it shows all of it already", id));
                }
                if TELEGRAM_FIXED.iter().any(|error| body.contains(error)) {
                    return Changed::Missing;
                }
                Changed::Ended(web::outcome(answer, String::new(), now))
            }
            Self::Telegram => Changed::Ended(web::outcome(answer, id.to_owned(), now)),
            Self::Slack => match slack_said(answer) {
                Some(SlackSaid { ok: false, error, .. }) if SLACK_FIXED.contains(&error.as_str()) => Changed::Missing,
                _ => Changed::Ended(self.sent(answer, id.to_owned(), now)),
            },
        }
    }
}

fn slack_said(answer: &Answer) -> Option<SlackSaid> {
    let body = answer.body.as_deref().filter(|_| answer.status.is_success())?;
    serde_json::from_slice(body).ok()
}

fn slack_failed(error: &str) -> Outcome {
    let words = format!("Slack says {error}");
    if SLACK_PASSES.contains(&error) { Outcome::retry(&words) } else { Outcome::refused(&words) }
}

/// A JSON object with further fields.
fn with(body: &[u8], fields: &[(&str, Value)]) -> Option<Vec<u8>> {
    let Ok(Value::Object(mut object)) = serde_json::from_slice::<Value>(body) else { return None };
    for (name, value) in fields {
        object.insert((*name).to_owned(), value.clone());
    }
    serde_json::to_vec(&object).ok()
}
