//! When a query runs next, and what it counted.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Local};
use tokio::time::Instant;

use super::series::Series;
use crate::error::Reason;
use crate::metric::{Metric, Schedule};

/// A query that failed waits longer each time, at most this.
const BACK_OFF_MAX: Duration = Duration::from_secs(600);
/// So many failures in turn for want of a table or a grant put a query into quarantine.
const LASTING_MAX: u32 = 3;
/// How often it is tried there.
const QUARANTINE: Duration = Duration::from_secs(3600);

/// A metric, and how it went.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) metric: Metric,
    pub(super) name: String,
    pub(super) due: Instant,
    /// When its series were told last.
    pub(super) told: Instant,
    pub(super) series: Series,
    pub(super) took: Option<Duration>,
    pub(super) rows: usize,
    pub(super) errors: BTreeMap<Reason, u64>,
    /// Seconds since 1970.
    pub(super) last_success: Option<f64>,
    pub(super) failing: Option<Reason>,
    failures: u32,
    lasting: u32,
}

impl Query {
    /// Due at once.
    pub(super) fn new(metric: Metric, name: String, now: Instant) -> Self {
        Self {
            metric,
            name,
            due: now,
            told: now,
            series: Series::default(),
            took: None,
            rows: 0,
            errors: BTreeMap::new(),
            last_success: None,
            failing: None,
            failures: 0,
            lasting: 0,
        }
    }

    /// Begins anew; `begun` and `clock` are both when the run began.
    pub(super) fn succeeded(&mut self, interval: Duration, begun: Instant, clock: &DateTime<Local>) {
        (self.failures, self.lasting) = (0, 0);
        self.due = begun + self.pause(interval, clock);
    }

    /// Puts off the next run after one that [`Self::took`] so long; whether the query is in quarantine from now on.
    pub(super) fn failed(
        &mut self,
        reason: Reason,
        interval: Duration,
        begun: Instant,
        clock: &DateTime<Local>,
    ) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.lasting = if reason.is_lasting() { self.lasting.saturating_add(1) } else { 0 };
        let scheduled = begun + self.pause(interval, clock);
        // A run that took its whole deadline is followed by a pause too.
        let ended = begun + self.took.unwrap_or_default();
        if self.lasting >= LASTING_MAX {
            self.due = scheduled.max(ended + QUARANTINE);
            return self.lasting == LASTING_MAX;
        }
        let longer = interval.saturating_mul(1_u32 << self.failures.min(10));
        self.due = scheduled.max(ended + longer.min(BACK_OFF_MAX));
        false
    }

    /// How long it is until the schedule's next run.
    fn pause(&self, interval: Duration, clock: &DateTime<Local>) -> Duration {
        match &self.metric.schedule {
            None => interval,
            Some(Schedule::Every(every)) => *every,
            // A schedule that never comes again waits a day and looks again.
            Some(Schedule::Cron(cron)) => {
                // A timer may be a little early by the wall clock; the same moment does not come twice.
                let after = *clock + chrono::TimeDelta::milliseconds(500);
                let next = cron.find_next_occurrence(&after, false).ok();
                let until = next.and_then(|next| next.signed_duration_since(clock).to_std().ok());
                until.unwrap_or(Duration::from_secs(86_400))
            }
        }
    }
}
