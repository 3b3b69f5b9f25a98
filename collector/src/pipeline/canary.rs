//! A numbered record every ten seconds on the same way as all others, so that the server can tell what is missing.

use std::time::{Duration, Instant};

use orszem_model::{Severity, Timestamp};

use super::notice::{Notice, number, text};
use crate::report::Report;

/// How often one is written.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// The position under which its number is kept in the queue.
pub(crate) const POSITION: &[u8] = b"c/canary";
/// Problems that a canary names; the status file has all.
const PROBLEMS_MAX: usize = 20;

/// Counts the canaries of an epoch.
#[derive(Debug)]
pub(crate) struct Canary {
    epoch: u64,
    next: u64,
    is_changed: bool,
    last: Option<Instant>,
}

impl Canary {
    /// Goes on where the queue's positions say.
    pub(crate) fn new(epoch: u64, position: Option<&[u8]>) -> Self {
        let next = position.and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        Self { epoch, next: next.unwrap_or(0), is_changed: false, last: None }
    }

    pub(crate) fn is_due(&self, tick: Instant) -> bool {
        self.last.is_none_or(|last| tick.saturating_duration_since(last) >= EVERY)
    }

    /// The next one.
    pub(crate) fn notice(&mut self, now: Timestamp, tick: Instant, report: &Report) -> Notice {
        let seq = self.next;
        self.next += 1;
        self.is_changed = true;
        self.last = Some(tick);
        let mut fields = vec![
            number("canary.seq", seq),
            number("canary.epoch", self.epoch),
            number("canary.sent", now.0.unsigned_abs()),
            text("collector.version", report.version.as_str()),
            text("collector.config_hash", report.config_hash.as_str()),
            number("collector.started", report.started_ns.unsigned_abs()),
            number("collector.files", report.files_followed),
            number("collector.files_unreadable", report.files_unreadable),
            number("collector.lag_bytes", report.lag_bytes),
            number("collector.queue_bytes", report.queue_bytes),
            number("collector.queue_batches", report.queue_batches),
            number("collector.dropped", report.dropped),
            number("collector.gaps", report.gaps),
            number("collector.rejected", report.rejected),
            text("collector.os", report.os.as_str()),
            text("collector.user", report.user.as_str()),
        ];
        let problems = report.problems.iter().take(PROBLEMS_MAX).enumerate();
        fields.extend(problems.map(|(at, problem)| {
            (format!("collector.problem.{at}").into(), orszem_parse::Value::Text(problem.clone().into()))
        }));
        Notice { name: "collector.canary", severity: Severity::INFO, text: format!("canary {seq}"), fields }
    }

    /// Its number, for the queue record that holds it.
    pub(crate) fn change(&mut self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let is_changed = std::mem::take(&mut self.is_changed);
        is_changed.then(|| (POSITION.to_vec(), Some(self.next.to_le_bytes().to_vec())))
    }
}
