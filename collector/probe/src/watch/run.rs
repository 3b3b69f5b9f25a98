//! The task that probes one target.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orszem_scrape::{Running, Scraped, millis};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::config::Plan;
use super::series::Series;
use crate::conditions::{Condition, Known};
use crate::error::Failure;
use crate::page;
use crate::probers::{Extras, Outcome, Prober};
use crate::verdict::{Effect, Input, Policy, Verdict, Vote, Watch};

/// Probes a target until `cancel` is cancelled, which ends its series; each probe's samples go into `sink`, which is
/// waited for. `places` is how many probes run at once. Must be called within a tokio runtime.
pub fn keep_probing(
    plan: Arc<Plan>,
    prober: Prober,
    places: Arc<Semaphore>,
    sink: mpsc::Sender<Scraped>,
    cancel: CancellationToken,
) -> Running {
    let name = plan.instance.clone();
    let task = Task::new(plan, prober, places);
    Running::start(&name, cancel.clone(), async move { task.run(&sink, &cancel).await })
}

struct Task {
    plan: Arc<Plan>,
    prober: Prober,
    places: Arc<Semaphore>,
    series: Series,
    watch: Watch,
    policy: Policy,
    extras: Extras,
}

impl Task {
    fn new(plan: Arc<Plan>, prober: Prober, places: Arc<Semaphore>) -> Self {
        let series = Series::new(plan.labels.clone(), plan.external.clone());
        let wants_body = plan.conditions.iter().any(Condition::needs_body);
        let interval = i64::try_from(plan.interval.as_millis()).unwrap_or(i64::MAX);
        let fast = Policy::default().retry_after.min(interval);
        let policy =
            Policy { vote_age: interval.saturating_mul(4).max(60_000), retry_after: fast, ..Policy::default() };
        let extras = Extras { hostname: None, wants_body };
        Self { plan, prober, places, series, watch: Watch::default(), policy, extras }
    }

    async fn run(mut self, sink: &mpsc::Sender<Scraped>, cancel: &CancellationToken) {
        let mut due = Instant::now() + self.plan.offset;
        let mut next = due;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = tokio::time::sleep_until(next) => {}
            }
            let probing = async {
                let place = self.places.acquire().await;
                let outcome = self.prober.probe(&self.plan.module, &self.plan.target, &self.extras, self.plan.timeout);
                let outcome = outcome.await;
                drop(place);
                outcome
            };
            let outcome = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                outcome = probing => outcome,
            };
            let (scraped, retry) = self.take(outcome);
            if sink.send(scraped).await.is_err() {
                return;
            }
            let now = Instant::now();
            while due <= now {
                due += self.plan.interval;
            }
            next = retry.map_or(due, |pause| due.min(now + pause));
        }
        let ending = self.series.end(millis(SystemTime::now()));
        if !ending.is_empty() && sink.send(ending).await.is_err() {
            tracing::debug!("nobody takes the ends of a probe's series");
        }
    }

    /// The samples, and the pause before a retry where one is wanted.
    fn take(&mut self, mut outcome: Outcome) -> (Scraped, Option<Duration>) {
        let now = millis(SystemTime::now());
        judge(&mut outcome, &self.plan.conditions, now / 1000);
        let vote = if outcome.is_success() { Vote::Up } else { Vote::Down };
        let ballot = Input::Ballot { site: String::new(), vote, reason: outcome.reason() };
        let mut retry = None;
        for effect in self.watch.step(ballot, &self.policy, now) {
            match effect {
                Effect::Retry { at, .. } => {
                    retry = Some(Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or_default()));
                }
                Effect::Changed { from, to, at: _, reason } => self.tell(from, to, &reason),
                Effect::AskOthers { .. } => {}
            }
        }
        outcome.report.page.set(page::VERDICT, f64::from(self.watch.verdict.number()));
        (self.series.take(&outcome.report.page, now), retry)
    }

    fn tell(&self, from: Verdict, to: Verdict, reason: &str) {
        let (probe, target) = (self.plan.probe.as_str(), self.plan.instance.as_str());
        match (from, to) {
            (_, Verdict::Down) => warn!(probe, target, reason, "a target is down"),
            (Verdict::Recovering, Verdict::Up) => info!(probe, target, "a target is up again"),
            _ => tracing::debug!(probe, target, verdict = to.as_str(), reason, "a target's verdict has changed"),
        }
    }
}

/// Has the first condition that does not hold fail the probe.
pub(crate) fn judge(outcome: &mut Outcome, conditions: &[Condition], now: i64) {
    let known = Known { facts: &outcome.report.facts, took: outcome.took, now };
    let broken = conditions.iter().find(|condition| !condition.holds(known)).map(ToString::to_string);
    if let Some(broken) = broken {
        outcome.fail(Failure::Condition(broken));
    }
}
