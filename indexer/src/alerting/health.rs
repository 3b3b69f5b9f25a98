//! Whether this server can be relied on to tell of what it sees: what a heartbeat and a dead man's switch stand for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use orszem_model::{Span, Timestamp};

use super::{AlertingHandle, GroupView};
use crate::error::chain;
use crate::indexer::Indexer;
use crate::samples::Samples;

/// The engine answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Messages are delivered, refused or given up within this time; what waits for longer is told.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Own rules are told the time twice a second, and groups at their interval; what is later by more than this is told …
const LATE_MAX: Duration = Duration::from_secs(60);
/// … or by so many intervals of a group.
const INTERVALS_MAX: u32 = 3;

/// How alerting is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// A sentence for each thing that is not well; none: all is.
    pub problems: Vec<String>,
    /// How late the group is that is latest.
    pub evaluation_lag: Duration,
    /// How long the message waits that waits longest.
    pub outbox_age: Duration,
}

impl AlertingHandle {
    /// Looks at evaluation, messages and intake at `now`. `started` is when this server did.
    pub async fn health(&self, indexer: &Indexer, samples: &Samples, started: Timestamp, now: Timestamp) -> Health {
        let mut health = Health::default();
        match tokio::time::timeout(ANSWER_WITHIN, self.read(|_, _| ())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => health.problems.push(format!("the engine of alerts does not answer: {}", chain(&error))),
            Err(_) => {
                let within = Span(ANSWER_WITHIN);
                health.problems.push(format!("the engine of alerts does not answer within {within}"));
            }
        }
        let groups = Arc::clone(&self.groups.borrow());
        health.see_groups(&groups, started, now);
        let looked_at = Timestamp(self.own_looked_at.load(Ordering::Relaxed)).max(started);
        let late = since(looked_at, now);
        if late > LATE_MAX {
            health.problems.push(format!("own rules have not been evaluated for {}", rounded(late)));
        }
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || store.waiting_since()).await {
            Ok(Ok(waiting)) => health.see_outbox(waiting, now),
            Ok(Err(error)) => health.problems.push(format!("what is to be sent can't be read: {}", chain(&error))),
            Err(error) => health.problems.push(format!("what is to be sent can't be read: {error}")),
        }
        if indexer.is_disk_full() || samples.is_disk_full() {
            health.problems.push("the disk is full: nothing is taken in".to_owned());
        }
        health
    }
}

impl Health {
    fn see_groups(&mut self, groups: &[GroupView], started: Timestamp, now: Timestamp) {
        for group in groups {
            let interval = Duration::from_millis(group.interval_ms.unsigned_abs());
            let evaluated_at = group.evaluated_at.map_or(started, |at| Timestamp(at.saturating_mul(1_000_000)));
            let late = since(evaluated_at.max(started), now).saturating_sub(interval);
            self.evaluation_lag = self.evaluation_lag.max(late);
            if late > LATE_MAX.max(interval * INTERVALS_MAX) {
                let late = rounded(late);
                self.problems.push(format!("the group {} of {} is {late} late", group.name, group.file));
            }
        }
    }

    fn see_outbox(&mut self, waiting: Option<Timestamp>, now: Timestamp) {
        self.outbox_age = waiting.map_or(Duration::ZERO, |waiting| since(waiting, now));
        if self.outbox_age > WAIT_MAX {
            let age = rounded(self.outbox_age);
            self.problems.push(format!("a message has waited for {age}: see orszem alerts deliveries"));
        }
    }
}

fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_nanos(u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0))
}

fn rounded(span: Duration) -> Span {
    Span(Duration::from_secs(span.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(interval_s: i64, evaluated_s: Option<i64>) -> GroupView {
        GroupView {
            file: "a.yml".to_owned(),
            name: "g".to_owned(),
            interval_ms: interval_s * 1_000,
            evaluated_at: evaluated_s.map(|at| at * 1_000),
            ..GroupView::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    #[test]
    fn groups_that_are_late_are_told() {
        let seen = |interval, evaluated, now| {
            let mut health = Health::default();
            health.see_groups(&[group(interval, evaluated)], at(1_000), at(now));
            (health.problems, health.evaluation_lag.as_secs())
        };
        let late = |text: &str| vec![format!("the group g of a.yml is {text} late")];
        assert_eq!(seen(15, Some(1_000), 1_015), (vec![], 0));
        assert_eq!(seen(15, Some(1_000), 1_075), (vec![], 60));
        assert_eq!(seen(15, Some(1_000), 1_077), (late("1m2s"), 62));
        // One of an hour may be three hours late; one that was never evaluated is late from the start on.
        assert_eq!(seen(3_600, Some(1_000), 1_000 + 4 * 3_600), (vec![], 10_800));
        assert_eq!(seen(3_600, Some(1_000), 1_001 + 4 * 3_600), (late("3h1s"), 10_801));
        assert_eq!(seen(15, None, 1_016), (vec![], 1));
        // Evaluated long ago by another run: it counts from the start on.
        assert_eq!(seen(15, Some(10), 1_016), (vec![], 1));
    }

    #[test]
    fn messages_that_wait_are_told() {
        let seen = |waiting: Option<i64>, now| {
            let mut health = Health::default();
            health.see_outbox(waiting.map(at), at(now));
            (health.problems.len(), health.outbox_age.as_secs())
        };
        assert_eq!(seen(None, 1_000), (0, 0));
        assert_eq!(seen(Some(700), 1_000), (0, 300));
        assert_eq!(seen(Some(699), 1_000), (1, 301));
    }
}
