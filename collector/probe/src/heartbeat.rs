//! Heartbeats: jobs that say themselves that they ran, and are down when they do not.
//!
//! Pure. A signal and the time give the next state; the state and the time give what is held of the job.

use std::collections::BTreeMap;

use orszem_availability::verdict::Verdict;
use orszem_model::Span;
use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A job that is expected to say that it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// Unique; letters, digits, `.`, `_` and `-`. The label `probe` of its series, and the end of the path it is told at.
    pub name: String,
    /// How often it runs, 10 s to 366 days.
    pub interval: Span,
    /// How late it may be, and how long a run may take that said it begins; 1 s to 30 days.
    pub grace: Span,
    /// Labels of its series.
    pub labels: BTreeMap<String, String>,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self { name: String::new(), interval: Span::days(1), grace: Span::hours(1), labels: BTreeMap::new() }
    }
}

/// What is wrong with the heartbeats; keys are such as `heartbeat[2].interval`.
pub fn validate_heartbeats(all: &[HeartbeatConfig]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (at, HeartbeatConfig { name, interval, grace, labels }) in all.iter().enumerate() {
        let mut tell = |key: &str, value: String, what: &str, remedy: &str| {
            wrong.push(Wrong::new(format!("heartbeat[{at}].{key}"), value, what, remedy));
        };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_name) {
            tell("name", format!("{name:?}"), "is no name", "write 1 to 128 letters, digits, `.`, `_` or `-`");
        }
        if all.iter().take(at).any(|other| other.name == *name) {
            tell("name", format!("{name:?}"), "is another heartbeat's already", "rename one of the two");
        }
        if !(Span::secs(10)..=Span::days(366)).contains(interval) {
            tell("interval", interval.to_string(), "is out of range", "write \"10s\" to \"366d\"");
        }
        if !(Span::secs(1)..=Span::days(30)).contains(grace) {
            tell("grace", grace.to_string(), "is out of range", "write \"1s\" to \"30d\"");
        }
        for (label, value) in labels {
            let begins = |b: u8| b.is_ascii_alphabetic() || b == b'_';
            let is_label = label.bytes().next().is_some_and(begins)
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !is_label || matches!(label.as_str(), "instance" | "probe" | "job") {
                let remedy = "use letters, digits and _, and not `job`, `instance` or `probe`, which are told anyway";
                tell(&format!("labels.{label}"), format!("{value:?}"), "can't be a label", remedy);
            }
        }
    }
    wrong
}

/// What a job says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It begins.
    Start,
    /// It has ended well.
    Success,
    /// It has ended badly.
    Fail,
}

impl Signal {
    /// The end of the path after the name: nothing, `start`, `fail`, or the exit status of the job, 0 to 255.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "success" => Some(Self::Success),
            "start" => Some(Self::Start),
            "fail" => Some(Self::Fail),
            status => status.parse::<u8>().ok().map(|status| if status == 0 { Self::Success } else { Self::Fail }),
        }
    }
}

/// All that is known of a job. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Since when it is listened for.
    pub since: i64,
    /// When it last ended well.
    pub succeeded: Option<i64>,
    /// When it last ended badly, if it has not ended well since.
    pub failed: Option<i64>,
    /// When the run that is under way began.
    pub started: Option<i64>,
    /// How long the last run took that had said when it began.
    pub took: Option<i64>,
}

/// What is held of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Unknown until it comes or is missed for the first time; else up or down.
    pub verdict: Verdict,
    /// Why it is down; empty otherwise.
    pub reason: String,
    /// When that changes unless it says something, in milliseconds since 1970.
    pub until: Option<i64>,
}

impl Heartbeat {
    /// A job that is expected from now on.
    pub fn new(now: i64) -> Self {
        Self { since: now, ..Self::default() }
    }

    /// Takes what it says at `now`.
    pub fn take(&mut self, signal: Signal, now: i64) {
        match signal {
            Signal::Start => self.started = Some(now),
            Signal::Success | Signal::Fail => {
                self.took = self.started.take().map(|started| now.saturating_sub(started).max(0)).or(self.took);
                match signal {
                    Signal::Fail => self.failed = Some(now),
                    Signal::Success | Signal::Start => (self.succeeded, self.failed) = (Some(now), None),
                }
            }
        }
    }

    /// Nobody listened from `seen` until `now`. What may have been said meanwhile is not held against it: it is expected
    /// anew.
    pub fn resume(&mut self, config: &HeartbeatConfig, seen: i64, now: i64) {
        if self.held(config, seen).verdict == Verdict::Down {
            return;
        }
        let base = self.base();
        let (half, whole) = (millis(config.interval) / 2, millis(config.interval).saturating_add(millis(config.grace)));
        let may_have_ended = self.started.take_if(|_| now > seen).is_some();
        if may_have_ended || (now >= base.saturating_add(half) && seen <= base.saturating_add(whole)) {
            self.since = now;
        }
    }

    /// From when on the interval counts.
    fn base(&self) -> i64 {
        self.succeeded.map_or(self.since, |succeeded| succeeded.max(self.since))
    }

    /// What is held of it at `now`.
    pub fn held(&self, config: &HeartbeatConfig, now: i64) -> Held {
        let down = |reason: String| Held { verdict: Verdict::Down, reason, until: None };
        if self.failed.is_some() {
            return down("it said that it failed".to_owned());
        }
        let end = self.started.map(|started| started.saturating_add(millis(config.grace)));
        if end.is_some_and(|end| now > end) {
            return down(format!("it began, and did not end within {}", config.grace));
        }
        let due = self.base().saturating_add(millis(config.interval));
        let missed = due.saturating_add(millis(config.grace));
        // A run that began in time is not missed yet.
        if now > missed && self.started.is_none_or(|started| started > missed) {
            return down(match self.succeeded {
                Some(_) => format!("it did not come within {} and {}", config.interval, config.grace),
                None => format!("it has never come, within {} and {}", config.interval, config.grace),
            });
        }
        let verdict = if self.succeeded.is_some() { Verdict::Up } else { Verdict::Unknown };
        Held { verdict, reason: String::new(), until: Some(end.unwrap_or(missed)) }
    }
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.duration().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> HeartbeatConfig {
        let (interval, grace) = (Span::secs(60), Span::secs(10));
        HeartbeatConfig { name: "backup".into(), interval, grace, ..HeartbeatConfig::default() }
    }

    /// Plays signals at seconds, and looks at a second.
    fn look(signals: &[(i64, &str)], at: i64) -> (Verdict, String, Option<i64>) {
        let mut heartbeat = Heartbeat::new(0);
        for (second, signal) in signals {
            heartbeat.take(Signal::parse(signal).expect("a signal"), second * 1000);
        }
        let Held { verdict, reason, until } = heartbeat.held(&config(), at * 1000);
        (verdict, reason, until.map(|until| until / 1000))
    }

    #[test]
    fn a_job_is_down_when_it_is_late_fails_or_does_not_end() {
        let up = |until| (Verdict::Up, String::new(), Some(until));
        let down = |reason: &str| (Verdict::Down, reason.to_owned(), None);
        for (signals, at, expected) in [
            (&[][..], 70, (Verdict::Unknown, String::new(), Some(70))),
            (&[], 71, down("it has never come, within 1m and 10s")),
            (&[(5, "")], 75, up(75)),
            (&[(5, "0")], 76, down("it did not come within 1m and 10s")),
            (&[(5, ""), (80, "")], 81, up(150)),
            (&[(5, ""), (20, "fail")], 21, down("it said that it failed")),
            (&[(5, ""), (20, "2"), (30, "start")], 31, down("it said that it failed")),
            (&[(5, ""), (20, "fail"), (30, "success")], 31, up(100)),
            (&[(5, ""), (20, "start")], 30, up(30)),
            (&[(5, ""), (20, "start")], 31, down("it began, and did not end within 10s")),
            (&[(5, ""), (74, "start")], 84, up(84)),
            (&[(5, ""), (74, "start"), (80, "")], 150, up(150)),
            (&[(5, ""), (80, "start")], 81, down("it did not come within 1m and 10s")),
        ] {
            assert_eq!(look(signals, at), expected, "{signals:?} {at}");
        }
    }

    #[test]
    fn what_may_have_been_said_while_nobody_listened_is_not_held_against_it() {
        let resumed = |signals: &[(i64, &str)], seen: i64, now: i64, at: i64| {
            let mut heartbeat = Heartbeat::new(0);
            for (second, signal) in signals {
                heartbeat.take(Signal::parse(signal).expect("a signal"), second * 1000);
            }
            heartbeat.resume(&config(), seen * 1000, now * 1000);
            let Held { verdict, until, .. } = heartbeat.held(&config(), at * 1000);
            (verdict, until.map(|until| until / 1000))
        };
        // Due at 60, missed at 70.
        assert_eq!(resumed(&[(0, "")], 50, 500, 500), (Verdict::Up, Some(570)));
        assert_eq!(resumed(&[(0, "")], 5, 6, 6), (Verdict::Up, Some(70)));
        assert_eq!(resumed(&[(0, "")], 71, 500, 500), (Verdict::Down, None));
        assert_eq!(resumed(&[(0, "fail")], 1, 500, 500), (Verdict::Down, None));
        assert_eq!(resumed(&[(0, ""), (5, "start")], 6, 500, 501), (Verdict::Up, Some(570)));
    }

    #[test]
    fn runs_that_say_when_they_begin_are_measured() {
        let mut heartbeat = Heartbeat::new(0);
        heartbeat.take(Signal::Success, 1_000);
        assert_eq!(heartbeat.took, None);
        heartbeat.take(Signal::Start, 2_000);
        heartbeat.take(Signal::Fail, 5_000);
        let failed =
            Heartbeat { since: 0, succeeded: Some(1_000), failed: Some(5_000), started: None, took: Some(3_000) };
        assert_eq!(heartbeat, failed);
        heartbeat.take(Signal::Success, 6_000);
        assert_eq!(heartbeat, Heartbeat { succeeded: Some(6_000), failed: None, ..failed });
        for bad in ["256", "-1", "stop", "Start"] {
            assert_eq!(Signal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let labels = BTreeMap::from([("job".to_owned(), "x".to_owned()), ("team".to_owned(), "a".to_owned())]);
        let bad = HeartbeatConfig { name: "a b".into(), interval: Span::secs(1), grace: Span::secs(0), labels };
        let told =
            |all: &[HeartbeatConfig]| validate_heartbeats(all).into_iter().map(|wrong| wrong.key).collect::<Vec<_>>();
        let keys = ["heartbeat[0].name", "heartbeat[0].interval", "heartbeat[0].grace", "heartbeat[0].labels.job"];
        assert_eq!(told(&[bad]), keys);
        assert_eq!(told(&[config(), config()]), ["heartbeat[1].name"]);
        assert_eq!(told(&[config()]), [""; 0]);
    }
}
