//! What a scenario plays on: one of the two with its folder and a receiver, and what became of what it was given.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::party::{Party, Running};
use crate::alerting::sink::{Hit, Sink, alerts};
use crate::alerting::{Waits, get, post_alert, silence};

/// What is not told within this time counts as lost: many times the waits of every scenario.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a scenario went.
pub(super) type Outcome = Result<Kept, Harm>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Once,
    /// The same message again, under a key by which the receiver tells that it is the same.
    AgainUnderItsKey,
    /// All of it, in so many messages.
    In(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    /// This never came, or was forgotten.
    Lost(String),
    /// This came so often, and nothing tells that it is the same.
    Doubled(String, usize),
    /// Somebody was told what nobody should have been.
    Told(String),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once => f.write_str("kept"),
            Self::AgainUnderItsKey => f.write_str("kept; sent again under the same key"),
            Self::In(messages) => write!(f, "kept; {messages} message{}", if *messages == 1 { "" } else { "s" }),
        }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(what) => write!(f, "LOST: {what}"),
            Self::Doubled(what, times) => write!(f, "DOUBLED: {what}, {times} times"),
            Self::Told(what) => write!(f, "WRONGLY TOLD: {what}"),
        }
    }
}

pub(super) struct Stage<'p> {
    party: &'p Party,
    waits: Waits,
    folder: TempDir,
    pub(super) sink: Sink,
    running: Option<Running>,
}

impl<'p> Stage<'p> {
    /// Starts a fresh one.
    pub(super) fn new(party: &'p Party, waits: Waits) -> Self {
        let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
        let running = Some(party.start(folder.path(), &sink, waits));
        Self { party, waits, folder, sink, running }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it was started")
    }

    /// Ends it by a signal and starts it again.
    pub(super) fn restart(&mut self, signal: &str) {
        self.running.take().expect("it was started").end(signal);
        self.running = Some(self.party.start(self.folder.path(), &self.sink, self.waits));
    }

    /// A sender says that this fires, since a moment ago; it is accepted.
    pub(super) fn fires(&self, name: &str) {
        self.says(&json!({ "alertname": name }), true, 1);
    }

    /// A sender says that this is over; it is accepted.
    pub(super) fn is_over(&self, name: &str) {
        self.says(&json!({ "alertname": name }), false, 10);
    }

    /// The same with other labels than the name alone, and since when.
    pub(super) fn says(&self, labels: &Value, is_firing: bool, since_s: i64) {
        let (status, answer) = post_alert(self.running(), labels, is_firing, since_s);
        assert_eq!(status, 200, "{answer}");
    }

    pub(super) fn silences(&self, name: &str, lasts: Duration) {
        silence(self.running(), name, lasts);
    }

    /// How many silences hold.
    pub(super) fn count_silences(&self) -> usize {
        let silences = get(self.running(), "/api/v2/silences");
        let silences = silences.as_array().expect("a list").iter();
        silences.filter(|silence| silence["status"]["state"] == "active").count()
    }

    /// Waits until the receiver is told that this fires, or that it is over.
    pub(super) fn tells(&self, name: &str, status: &str) -> Result<(), Harm> {
        let begun = Instant::now();
        while !self.sink.was_told(name, status) {
            if begun.elapsed() > PATIENCE {
                return Err(Harm::Lost(format!("{name} {status}")));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    /// That the receiver was not told this.
    pub(super) fn does_not_tell(&self, name: &str, status: &str) -> Result<(), Harm> {
        if self.sink.was_told(name, status) { Err(Harm::Told(format!("{name} {status}"))) } else { Ok(()) }
    }

    /// Whether the receiver was told this once, or several times, which it can tell to be the same.
    pub(super) fn times(&self, name: &str, status: &str) -> Outcome {
        let one = [(name.to_owned(), status.to_owned())];
        let told: Vec<Hit> = self.sink.hits().into_iter().filter(|hit| alerts(&hit.body) == one).collect();
        let keys: BTreeSet<&str> = told.iter().map(|hit| hit.key.as_str()).collect();
        match told.len() {
            0 => Err(Harm::Lost(format!("{name} {status}"))),
            1 => Ok(Kept::Once),
            _ if keys.len() == 1 && !keys.contains("") => Ok(Kept::AgainUnderItsKey),
            times => Err(Harm::Doubled(format!("{name} {status}"), times)),
        }
    }
}

/// Lets time go by, where that is a step.
pub(super) fn pause(lasts: Duration) {
    let until = Instant::now() + lasts;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
