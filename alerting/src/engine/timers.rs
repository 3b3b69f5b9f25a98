//! Timers: rows with a time, so that a restart goes on where it was.

use orszem_model::Timestamp;

use super::Alerting;
use super::observe::Change;
use crate::alert::{AlertKey, State};
use crate::limits::{EDGES_AFTER, LATE_SETTLE, LATE_SETTLE_MAX, REVIEW_AFTER, SILENCES_KEPT};
use crate::rows::{Of, TimerOf};
use crate::silence::HasPeriod;
use crate::threshold::Series;

/// Timers that one step runs at most; a bound for what should never go round in circles.
const RUNS_MAX: usize = 1_000_000;

impl Alerting {
    /// Sets a timer, or removes it.
    pub(super) fn set_timer(&mut self, of: TimerOf, at: Option<Timestamp>) {
        let old = self.timers.get(&of).copied();
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.due.remove(&(old, of.clone()));
        }
        match at {
            Some(at) => {
                self.timers.insert(of.clone(), at);
                self.due.insert((at, of.clone()));
            }
            None => {
                self.timers.remove(&of);
            }
        }
        self.dirty.insert(Of::Timer(of));
    }

    /// Sets a timer unless it is due earlier.
    pub(super) fn set_timer_earlier(&mut self, of: TimerOf, at: Timestamp) {
        if self.timers.get(&of).is_none_or(|old| at < *old) {
            self.set_timer(of, Some(at));
        }
    }

    /// Runs what is due by `now`.
    pub(super) fn run_timers(&mut self, now: Timestamp) {
        for _ in 0..RUNS_MAX {
            let Some((at, of)) = self.due.first().cloned() else { return };
            if at > now {
                return;
            }
            self.set_timer(of.clone(), None);
            match of {
                TimerOf::Incident(id) => self.review(id, now),
                TimerOf::Alert(key) => self.run_alert(&key, now),
                TimerOf::Mailbox(recipient) => self.flush_digest(&recipient, now),
                TimerOf::Edges => {
                    self.purge_silences(now);
                    self.review_all(now);
                    self.edges_changed(now);
                }
                TimerOf::Late => self.tell_late(now),
            }
        }
    }

    /// An alert may end by itself, fall silent, or be steady again.
    fn run_alert(&mut self, key: &AlertKey, now: Timestamp) {
        let Some(alert) = self.alerts.get(key) else { return };
        let (expires_at, mut series) = (alert.expires_at, alert.series);
        if let Some(at) = expires_at.filter(|at| *at <= now && alert.state.is_active()) {
            let reason = "its sender did not send it again";
            self.change(key, &Change { to: State::Ok, at, shown_at: at, value: f64::NAN, reason }, now);
        }
        if let Some(no_data) = self.plan.rule(&key.rule).and_then(|rule| rule.no_data) {
            let changed = series.silence(&no_data, self.meta.started_at, now);
            let heard = series.last().map(|last| last.max(self.meta.started_at));
            if let Some(alert) = self.alerts.get_mut(key) {
                alert.series = series;
                let is_silent = heard.is_some_and(|heard| heard.after(no_data.after) <= now);
                if is_silent && series.state() == State::Ok {
                    // It is not waited for any more.
                    alert.series = Series::default();
                }
            }
            if let Some(to) = changed {
                let reason = "nothing was heard of it";
                self.change(key, &Change { to, at: now, shown_at: now, value: f64::NAN, reason }, now);
            }
        }
        let config = self.plan.config.flap;
        if let Some(alert) = self.alerts.get_mut(key) {
            alert.flap.pass(&config, now);
            self.dirty.insert(Of::Alert(key.clone()));
        }
        self.settle(key, now);
    }

    /// Something changed in what suppresses: incidents are looked at again, and the next boundary is found.
    pub(super) fn edges_changed(&mut self, now: Timestamp) {
        let silences = self.silences.values().filter_map(|silence| silence.boundary(now));
        let windows = self.maintenance.values().filter_map(|window| window.boundary(now));
        let times = self.plan.times().map(|calendar| calendar.boundary(now));
        let next = silences.chain(windows).chain(times).min();
        self.set_timer(TimerOf::Edges, next);
    }

    /// Looks at all open incidents within a second: what suppresses them may be different.
    pub(super) fn review_all(&mut self, now: Timestamp) {
        let ids: Vec<u64> = self.incidents.keys().copied().collect();
        for id in ids {
            self.set_timer_earlier(TimerOf::Incident(id), now.after(EDGES_AFTER));
        }
    }

    pub(super) fn review_soon(&mut self, incident: u64, now: Timestamp) {
        self.set_timer_earlier(TimerOf::Incident(incident), now.after(REVIEW_AFTER));
    }

    fn purge_silences(&mut self, now: Timestamp) {
        let is_old = |until: Option<Timestamp>| until.is_some_and(|until| until.after(SILENCES_KEPT) <= now);
        let silences = self.silences.iter().filter(|(_, silence)| is_old(silence.item.period().until));
        let silences: Vec<String> = silences.map(|(id, _)| id.clone()).collect();
        for id in silences {
            self.silences.remove(&id);
            self.dirty.insert(Of::Silence(id));
        }
        let windows = self.maintenance.iter().filter(|(_, window)| is_old(window.item.period().until));
        let windows: Vec<String> = windows.map(|(id, _)| id.clone()).collect();
        for id in windows {
            self.maintenance.remove(&id);
            self.dirty.insert(Of::Maintenance(id));
        }
    }

    /// History came in: it is told when no more of it comes.
    pub(super) fn late_came(&mut self, now: Timestamp) {
        let since = *self.meta.late_since.get_or_insert(now);
        let at = now.after(LATE_SETTLE).min(since.after(LATE_SETTLE_MAX));
        self.set_timer(TimerOf::Late, Some(at));
        self.dirty.insert(Of::Meta);
    }

    pub(super) fn start(&mut self, now: Timestamp) {
        self.meta.started_at = now;
        self.meta.hold_until = now.after(self.plan.config.restart_hold);
        self.meta.hold_critical_until =
            now.after(self.plan.config.restart_hold_critical.min(self.plan.config.restart_hold));
        self.dirty.insert(Of::Meta);
        self.edges_changed(now);
    }

    pub(super) fn end_hold(&mut self, now: Timestamp) {
        self.meta.hold_until = self.meta.hold_until.min(now);
        self.meta.hold_critical_until = self.meta.hold_critical_until.min(now);
        self.dirty.insert(Of::Meta);
        self.review_all(now);
    }
}
