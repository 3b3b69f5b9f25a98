//! The task that probes one target.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orszem_availability::verdict::{Effect, Input, Policy, Verdict, Vote, Watch};
use orszem_scrape::{Running, Scraped, millis};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::booth::{Booth, Cast};
use super::canaries::Canaries;
use super::config::Plan;
use super::series::Series;
use crate::conditions::{Condition, Known};
use crate::error::Failure;
use crate::probers::{Extras, Outcome, Prober};

/// What all tasks that probe have in common.
#[derive(Clone, Debug)]
pub struct Watching {
    pub prober: Prober,
    /// How many probes run at once.
    pub places: Arc<Semaphore>,
    /// Takes the samples, and is waited for.
    pub sink: mpsc::Sender<Scraped>,
    /// Takes the votes, and says who is asked for one.
    pub booth: Booth,
    pub canaries: Canaries,
}

/// Probes a target until `cancel` is cancelled, which ends its series. Must be called within a tokio runtime.
pub fn keep_probing(plan: Arc<Plan>, watching: Watching, cancel: CancellationToken) -> Running {
    let name = plan.instance.clone();
    let task = Task::new(plan, watching);
    Running::start(&name, cancel.clone(), async move { task.run(&cancel).await })
}

struct Task {
    plan: Arc<Plan>,
    watching: Watching,
    series: Series,
    /// What this collector holds of it, whatever others see: whether it is to look again soon.
    watch: Watch,
    policy: Policy,
    extras: Extras,
}

impl Task {
    fn new(plan: Arc<Plan>, watching: Watching) -> Self {
        let series = Series::new(plan.labels.clone(), plan.external.clone());
        let wants_body = plan.conditions.iter().any(Condition::needs_body);
        let interval = i64::try_from(plan.interval.as_millis()).unwrap_or(i64::MAX);
        let fast = Policy::default().retry_after.min(interval);
        let policy =
            Policy { vote_age: interval.saturating_mul(4).max(60_000), retry_after: fast, ..Policy::default() };
        let extras = Extras { hostname: None, wants_body };
        Self { plan, watching, series, watch: Watch::default(), policy, extras }
    }

    async fn run(mut self, cancel: &CancellationToken) {
        let asked = self.watching.booth.register(&self.plan);
        let mut due = Instant::now() + self.plan.offset;
        let mut next = due;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = asked.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
            let probed = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                probed = self.probe() => probed,
            };
            let (scraped, retry) = self.take(probed);
            if self.watching.sink.send(scraped).await.is_err() {
                return;
            }
            let now = Instant::now();
            while due <= now {
                due += self.plan.interval;
            }
            next = retry.map_or(due, |pause| due.min(now + pause));
        }
        self.watching.booth.leave(&self.plan);
        let ending = self.series.end(millis(SystemTime::now()));
        if !ending.is_empty() && self.watching.sink.send(ending).await.is_err() {
            tracing::debug!("nobody takes the ends of a probe's series");
        }
    }

    /// Probes once; whoever fails, and finds that nothing else can be reached from here either, has no vote.
    async fn probe(&self) -> Probed {
        let Watching { prober, places, canaries, .. } = &self.watching;
        let place = places.acquire().await;
        let probing = prober.probe(&self.plan.module, &self.plan.target, &self.extras, self.plan.timeout);
        let mut outcome = probing.await;
        drop(place);
        let at = Instant::now();
        let now = millis(SystemTime::now());
        judge(&mut outcome, &self.plan.conditions, now / 1000);
        let isolated = if outcome.is_success() { None } else { canaries.isolated(prober).await };
        Probed { outcome, now, at, isolated }
    }

    /// The samples, and the pause before a retry where one is wanted.
    fn take(&mut self, probed: Probed) -> (Scraped, Option<Duration>) {
        let Probed { outcome, now, at, isolated } = probed;
        let (vote, reason) = match &isolated {
            Some(why) => (Vote::Unknown, why.clone()),
            None if outcome.is_success() => (Vote::Up, String::new()),
            None => (Vote::Down, outcome.reason()),
        };
        self.watching.booth.cast(&self.plan, Cast { vote, reason: reason.clone(), at, isolated });
        let ballot = Input::Ballot { site: String::new(), vote, reason };
        let mut retry = None;
        for effect in self.watch.step(ballot, &self.policy, now) {
            match effect {
                Effect::Retry { at, .. } => {
                    retry = Some(Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or_default()));
                }
                Effect::Changed { from, to, at: _, reason } => self.tell(from, to, &reason),
                // Who asks others is the server.
                Effect::AskOthers { .. } => {}
            }
        }
        (self.series.take(&outcome.report.page, now), retry)
    }

    fn tell(&self, from: Verdict, to: Verdict, reason: &str) {
        let (probe, target) = (self.plan.probe.as_str(), self.plan.instance.as_str());
        match (from, to) {
            (_, Verdict::Down) => warn!(probe, target, reason, "a target is down, as seen from here"),
            (Verdict::Recovering, Verdict::Up) => info!(probe, target, "a target is up again, as seen from here"),
            _ => tracing::debug!(probe, target, verdict = to.as_str(), reason, "a target's verdict has changed"),
        }
    }
}

/// A probe that has ended.
struct Probed {
    outcome: Outcome,
    /// When, in milliseconds since 1970 and as others are told.
    now: i64,
    at: Instant,
    /// Why nothing can be reached from here.
    isolated: Option<String>,
}

/// Has the first condition that does not hold fail the probe.
pub(crate) fn judge(outcome: &mut Outcome, conditions: &[Condition], now: i64) {
    let known = Known { facts: &outcome.report.facts, took: outcome.took, now };
    let broken = conditions.iter().find(|condition| !condition.holds(known)).map(ToString::to_string);
    if let Some(broken) = broken {
        outcome.fail(Failure::Condition(broken));
    }
}
