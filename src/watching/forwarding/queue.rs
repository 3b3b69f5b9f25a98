//! Which alerts an Alertmanager is to be told of, and when again.

use std::collections::BTreeMap;
use std::time::Duration;

use orszem_model::{Labels, Timestamp};
use orszem_notify::ForwardedAlert;

/// How often it is told of an alert.
const RESEND_EVERY: Duration = Duration::from_secs(60);
/// How long an alert is said to fire on: four times that, as Prometheus says it.
pub(super) const FIRES_FOR: Duration = Duration::from_secs(240);
/// How long it is told that an alert is over.
const RESOLVED_FOR: Duration = Duration::from_secs(15 * 60);
/// Alerts that fire or are over; further ones are left out and counted.
const ALERTS_MAX: usize = 10_000;

/// Alerts by their labels.
#[derive(Debug, Default)]
pub(in crate::watching) struct Queue {
    held: BTreeMap<Labels, Held>,
}

#[derive(Debug)]
struct Held {
    alert: ForwardedAlert,
    resolved_at: Option<Timestamp>,
    /// When it was told last as it is now; `None`: not yet.
    sent_at: Option<Timestamp>,
    /// It was told at all.
    is_known: bool,
}

impl Queue {
    /// What fires at `now`; what was there and is not any more is over. How many there was no room for.
    pub(super) fn see(&mut self, firing: Vec<ForwardedAlert>, now: Timestamp) -> usize {
        let mut dropped = 0;
        let mut gone: BTreeMap<Labels, ()> = self.held.keys().map(|labels| (labels.clone(), ())).collect();
        for alert in firing {
            gone.remove(&alert.labels);
            let is_full = self.held.len() >= ALERTS_MAX;
            match self.held.get_mut(&alert.labels) {
                Some(held) => {
                    let is_same = held.resolved_at.is_none()
                        && held.alert.annotations == alert.annotations
                        && held.alert.starts_at == alert.starts_at;
                    if !is_same {
                        (held.resolved_at, held.sent_at) = (None, None);
                    }
                    held.alert = alert;
                }
                None if is_full => dropped += 1,
                None => {
                    let labels = alert.labels.clone();
                    self.held.insert(labels, Held { alert, resolved_at: None, sent_at: None, is_known: false });
                }
            }
        }
        for labels in gone.into_keys() {
            if let Some(held) = self.held.get_mut(&labels).filter(|held| held.resolved_at.is_none()) {
                (held.resolved_at, held.sent_at) = (Some(now), None);
            }
        }
        // Nobody has to be told the end of what nobody was told of.
        self.held.retain(|_, held| {
            held.resolved_at.is_none_or(|resolved| held.is_known && now < resolved.after(RESOLVED_FOR))
        });
        dropped
    }

    /// What is to be told at `now`, at most `count`.
    pub(super) fn due(&self, now: Timestamp, count: usize) -> Vec<ForwardedAlert> {
        let due = self.held.values().filter(|held| held.is_due(now)).take(count);
        due.map(|held| ForwardedAlert {
            ends_at: held.resolved_at.unwrap_or_else(|| now.after(FIRES_FOR)),
            ..held.alert.clone()
        })
        .collect()
    }

    /// How many wait.
    pub(super) fn waiting(&self, now: Timestamp) -> usize {
        self.held.values().filter(|held| held.is_due(now)).count()
    }

    /// These were told at `at`.
    pub(super) fn sent(&mut self, alerts: &[ForwardedAlert], at: Timestamp) {
        for alert in alerts {
            if let Some(held) = self.held.get_mut(&alert.labels) {
                (held.sent_at, held.is_known) = (Some(at), true);
            }
        }
    }
}

impl Held {
    fn is_due(&self, now: Timestamp) -> bool {
        self.sent_at.is_none_or(|sent| now >= sent.after(RESEND_EVERY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    fn alert(name: &str, since: i64) -> ForwardedAlert {
        ForwardedAlert {
            labels: Labels::from([("alertname", name)]),
            annotations: Labels::default(),
            starts_at: at(since),
            ends_at: Timestamp(0),
            generator: String::new(),
        }
    }

    /// Sees what fires and sends what is due; names with the seconds of the end that is told.
    fn turn(queue: &mut Queue, second: i64, firing: &[(&str, i64)]) -> Vec<(String, i64)> {
        let firing = firing.iter().map(|(name, since)| alert(name, *since)).collect();
        assert_eq!(queue.see(firing, at(second)), 0);
        let due = queue.due(at(second), 10);
        queue.sent(&due, at(second));
        let name = |alert: &ForwardedAlert| alert.labels.get("alertname").unwrap_or("").to_owned();
        due.iter().map(|alert| (name(alert), alert.ends_at.0 / 1_000_000_000)).collect()
    }

    #[test]
    fn alerts_are_repeated_while_they_fire_and_a_while_after() {
        let mut queue = Queue::default();
        let told = |name: &str, end: i64| vec![(name.to_owned(), end)];
        assert_eq!(turn(&mut queue, 10, &[("A", 5)]), told("A", 250));
        assert_eq!(turn(&mut queue, 12, &[("A", 5)]), []);
        assert_eq!(turn(&mut queue, 69, &[("A", 5)]), []);
        assert_eq!(turn(&mut queue, 70, &[("A", 5)]), told("A", 310));
        assert_eq!(turn(&mut queue, 72, &[]), told("A", 72), "its end is told at once");
        assert_eq!(turn(&mut queue, 100, &[]), []);
        assert_eq!(turn(&mut queue, 132, &[]), told("A", 72));
        assert_eq!(turn(&mut queue, 140, &[("A", 139)]), told("A", 380), "it fires again");
        assert_eq!(turn(&mut queue, 150, &[]), told("A", 150));
        assert_eq!(turn(&mut queue, 150 + 899, &[]), told("A", 150));
        assert_eq!(turn(&mut queue, 150 + 900, &[]), []);
        assert_eq!(queue.held.len(), 0);
    }

    #[test]
    fn what_could_not_be_told_is_told_later_and_its_end_only_if_it_was() {
        let mut queue = Queue::default();
        queue.see(vec![alert("A", 0), alert("B", 0)], at(1));
        queue.sent(&[alert("A", 0)], at(1));
        assert_eq!(queue.waiting(at(2)), 1);
        queue.see(Vec::new(), at(3));
        let due: Vec<Labels> = queue.due(at(3), 10).into_iter().map(|alert| alert.labels).collect();
        assert_eq!(due, [Labels::from([("alertname", "A")])]);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut queue = Queue::default();
        let many: Vec<ForwardedAlert> = (0..=ALERTS_MAX).map(|number| alert(&number.to_string(), 0)).collect();
        assert_eq!(queue.see(many.clone(), at(1)), 1);
        assert_eq!((queue.due(at(1), 256).len(), queue.waiting(at(1))), (256, ALERTS_MAX));
        assert_eq!(queue.see(many, at(2)), 1);
    }
}
