//! What a channel is handed: the intent, and what else is known by the time that it is sent.

use orszem_alerting::Intent;
use orszem_model::Timestamp;

/// Something to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub intent: Intent,
    /// Where to, as the channel reads it: a mail address, a topic, a chat, a push subscription in JSON. Most often the
    /// target of the intent's recipient.
    pub target: String,
    pub links: Links,
    /// What can be done from the message itself.
    pub actions: Vec<Action>,
    /// What else is to be said, as name and text.
    pub facts: Vec<(String, String)>,
    /// What the channel calls the last message about the same incident to the same recipient, to change it.
    pub earlier: Option<String>,
    /// The series in question, for channels that show a plot.
    pub curve: Option<Curve>,
}

/// Where more is to be seen; empty where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The incident's page.
    pub incident: String,
    /// The log lines around it.
    pub logs: String,
    pub graph: String,
    /// Where it can be silenced.
    pub silence: String,
}

/// What a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// Acknowledge.
    Ack,
    /// Leave me alone for a while.
    Snooze,
}

impl ActionKind {
    /// Its name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Snooze => "snooze",
        }
    }
}

/// A button: the URL takes a POST without a login, as it carries a token. A GET only asks whether it is meant, as
/// scanners of mail follow every link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub kind: ActionKind,
    pub url: String,
}

/// A series over time, with the thresholds that it is judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Which of the message's alerts it is of, counted from 0.
    pub alert: usize,
    /// Oldest first; what is not a number is a gap.
    pub points: Vec<(Timestamp, f64)>,
    pub warning: Option<f64>,
    pub critical: Option<f64>,
}

impl Notice {
    /// The intent alone, to the target that it names.
    pub fn new(intent: Intent) -> Self {
        let target = intent.recipient.target.clone();
        Self {
            intent,
            target,
            links: Links::default(),
            actions: Vec::new(),
            facts: Vec::new(),
            earlier: None,
            curve: None,
        }
    }
}
