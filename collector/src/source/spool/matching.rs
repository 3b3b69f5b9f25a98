//! Which events of this host are reports of one: an alert and ClusterMon's notification of it, or one alert for several
//! recipients.

use std::collections::VecDeque;
use std::time::Duration;

use orszem_cluster::pacemaker::alert::{Event, Key};
use orszem_model::Timestamp;
use orszem_model::observation::Origin;
use serde::{Deserialize, Serialize};

/// How far apart the reports of one event are at most.
const WINDOW: Duration = Duration::from_secs(10);
/// Reports that are remembered, and fencings, which are known for good; beyond, the oldest are forgotten.
const REPORTS_MAX: usize = 1_000;
const FENCINGS_MAX: usize = 256;

/// What is known of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    New,
    Known,
    /// It is the other report of this one.
    Matches(usize),
}

/// What was reported lately.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Matching {
    reports: VecDeque<Report>,
    fencings: VecDeque<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    key: String,
    at: i64,
    is_alert: bool,
    sequence: Option<u64>,
    /// One of the other kind was taken for the same.
    is_matched: bool,
}

impl Matching {
    /// Goes on with what [`Self::encode`] gave; with nothing where that can't be read.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "what was reported lately is not known; an event may come twice");
            Self::default()
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Texts and numbers can be written as JSON; if not, nothing is remembered.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether the event, which came at `received`, was reported before.
    pub(super) fn look(&self, event: &Event, received: Timestamp) -> Look {
        let Some(key) = event.key() else { return Look::New };
        if let Key::Fencing { reference } = &key {
            return if self.fencings.contains(reference) { Look::Known } else { Look::New };
        }
        let (key, at) = (key.to_string(), event.at.unwrap_or(received));
        let is_alert = event.origin == Origin::Alert;
        let is_close = |report: &Report| report.at.abs_diff(at.0) <= WINDOW.as_nanos() as u64;
        let alike = self.reports.iter().enumerate().filter(|(_, report)| report.key == key && is_close(report));
        for (number, report) in alike {
            if report.is_alert != is_alert {
                // Each report stands for one of the other kind: what happens twice is reported twice by both.
                if !report.is_matched {
                    return Look::Matches(number);
                }
            } else if is_alert && report.at == at.0 && report.sequence == event.sequence && event.at.is_some() {
                return Look::Known;
            }
        }
        Look::New
    }

    /// Remembers the event, of which [`Self::look`] has just said `look`.
    pub(super) fn remember(&mut self, event: &Event, received: Timestamp, look: Look) {
        match (look, event.key()) {
            (Look::Matches(number), _) => {
                self.reports.get_mut(number).into_iter().for_each(|report| report.is_matched = true);
            }
            (Look::New, Some(Key::Fencing { reference })) => {
                self.fencings.push_back(reference);
                let beyond = self.fencings.len().saturating_sub(FENCINGS_MAX);
                self.fencings.drain(..beyond);
            }
            (Look::New, Some(key)) => {
                self.reports.retain(|report| report.at > received.before(WINDOW * 6).0);
                let beyond = (self.reports.len() + 1).saturating_sub(REPORTS_MAX);
                self.reports.drain(..beyond);
                self.reports.push_back(Report {
                    key: key.to_string(),
                    at: event.at.unwrap_or(received).0,
                    is_alert: event.origin == Origin::Alert,
                    sequence: event.sequence,
                    is_matched: false,
                });
            }
            (Look::New, None) | (Look::Known, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use orszem_cluster::pacemaker::alert;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn is_repeat(matching: &mut Matching, event: &Event, second: i64) -> bool {
        let received = Timestamp(second * SECOND);
        let look = matching.look(event, received);
        matching.remember(event, received, look);
        look != Look::New
    }

    fn operation(prefix: &str, task: &str, more: &[(&str, &str)]) -> Event {
        let base = [("node", "n1"), ("rsc", "vip"), ("task", task), ("rc", "0"), ("status", "0")];
        let pairs = base.iter().chain(more).map(|(name, value)| (format!("{prefix}{name}"), (*value).to_owned()));
        alert::read(pairs).expect("is complete").expect("is an event")
    }

    fn alerted(task: &str, second: &str, sequence: &str) -> Event {
        let more =
            [("kind", "resource"), ("version", "2.1.5"), ("timestamp_epoch", second), ("node_sequence", sequence)];
        operation("CRM_alert_", task, &more)
    }

    fn notified(task: &str) -> Event {
        operation("CRM_notify_", task, &[])
    }

    #[test]
    fn an_alert_and_its_notification_are_one_and_what_happens_twice_is_two() {
        let mut matching = Matching::default();
        let mut is_repeat = |event: &Event, second: i64| is_repeat(&mut matching, event, second);
        assert!(!is_repeat(&alerted("start", "100", "1"), 101));
        assert!(is_repeat(&alerted("start", "100", "1"), 101), "for another recipient");
        assert!(is_repeat(&notified("start"), 102));
        assert!(!is_repeat(&notified("start"), 103), "a second start, whose alert comes later");
        assert!(is_repeat(&alerted("start", "103", "3"), 103));
        assert!(!is_repeat(&alerted("stop", "103", "4"), 103), "another task");
        assert!(!is_repeat(&notified("stop"), 120), "too late");
    }

    #[test]
    fn it_goes_on_after_a_restart() {
        let mut matching = Matching::default();
        assert!(!is_repeat(&mut matching, &alerted("start", "100", "1"), 100));
        let mut again = Matching::decode(&matching.encode());
        assert_eq!(again, matching);
        assert!(is_repeat(&mut again, &notified("start"), 101));
        assert_eq!(Matching::decode(b"?"), Matching::default());
    }

    #[test]
    fn a_fencing_is_known_by_its_reference_for_good() {
        let fenced = |reference: &str| {
            let text = format!("Operation reboot of n2 by n1 for pacemaker-controld.86@n3: OK (ref={reference})");
            let pairs = [
                ("CRM_alert_kind", "fencing"),
                ("CRM_alert_version", "2.1.5"),
                ("CRM_alert_node", "n2"),
                ("CRM_alert_task", "st_notify_fence"),
                ("CRM_alert_desc", text.as_str()),
                ("CRM_alert_rc", "0"),
            ];
            alert::read(pairs).expect("is complete").expect("is an event")
        };
        let mut matching = Matching::default();
        assert!(!is_repeat(&mut matching, &fenced("a"), 1));
        assert!(!is_repeat(&mut matching, &fenced("b"), 1));
        assert!(is_repeat(&mut matching, &fenced("a"), 9_000));
    }

    #[test]
    fn little_is_remembered() {
        let mut matching = Matching::default();
        for number in 0..5_000 {
            assert!(!is_repeat(&mut matching, &alerted(&format!("t{number}"), "100", "1"), 100));
        }
        assert_eq!(matching.reports.len(), REPORTS_MAX);
        assert!(!is_repeat(&mut matching, &alerted("start", "900", "1"), 900));
        assert_eq!(matching.reports.len(), 1);
    }
}
