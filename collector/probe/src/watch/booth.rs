//! Votes on their way to the server, and targets that it asks for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use orszem_availability::verdict::Vote;
use orszem_availability::{Asked, Told, ToldVote, VOTES_MAX};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::config::Plan;

/// Votes of a target that wait, at most: as many as a lone collector needs against it. The oldest is forgotten first.
const WAITING_MAX: usize = 3;
/// The reason of a vote, in bytes.
const REASON_BYTES_MAX: usize = 500;

/// The votes of this collector; clones share one.
#[derive(Clone, Debug, Default)]
pub struct Booth {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Held {
    /// By probe and target.
    targets: BTreeMap<(String, String), Target>,
    /// Of the last vote.
    n: u64,
    /// Why nothing can be reached from here.
    isolated: Option<String>,
    epoch: u64,
}

#[derive(Debug)]
struct Target {
    plan: Plan,
    waiting: VecDeque<(u64, Cast)>,
    asked: Arc<Notify>,
}

/// One vote.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    pub(super) vote: Vote,
    pub(super) reason: String,
    /// When the probe ended.
    pub(super) at: Instant,
    /// Why nothing can be reached from here.
    pub(super) isolated: Option<String>,
}

impl Booth {
    /// Makes a target known; told when it is to be probed at once.
    pub(super) fn register(&self, plan: &Plan) -> Arc<Notify> {
        let asked = Arc::new(Notify::new());
        let target = Target { plan: plan.clone(), waiting: VecDeque::new(), asked: Arc::clone(&asked) };
        self.held().targets.insert(key(plan), target);
        asked
    }

    /// It is not probed any more.
    pub(super) fn leave(&self, plan: &Plan) {
        self.held().targets.remove(&key(plan));
    }

    pub(super) fn cast(&self, plan: &Plan, cast: Cast) {
        let mut held = self.held();
        held.isolated.clone_from(&cast.isolated);
        held.n += 1;
        let n = held.n;
        if let Some(target) = held.targets.get_mut(&key(plan)) {
            if target.waiting.len() >= WAITING_MAX {
                target.waiting.pop_front();
            }
            target.waiting.push_back((n, cast));
        }
        drop(held);
        self.inner.filled.notify_one();
    }

    /// Waits until there is a vote to be told.
    pub async fn filled(&self) {
        self.inner.filled.notified().await;
    }

    /// The votes that wait, in the order in which they were cast and as many as one request may have; they wait until
    /// they are [`Self::taken`].
    pub fn told(&self, collector: &str) -> Told {
        let mut held = self.held();
        if held.epoch == 0 {
            held.epoch = epoch();
        }
        let mut votes: Vec<ToldVote> = held.targets.values().flat_map(Target::votes).collect();
        votes.sort_unstable_by_key(|vote| vote.n);
        votes.truncate(VOTES_MAX);
        let (epoch, isolated) = (held.epoch, held.isolated.clone());
        Told { collector: collector.to_owned(), epoch, isolated, votes, wait_ms: 0 }
    }

    /// The server has these. Answers whether more wait.
    pub fn taken(&self, told: &Told) -> bool {
        let Some(last) = told.votes.last().map(|vote| vote.n) else { return false };
        let mut held = self.held();
        for target in held.targets.values_mut() {
            target.waiting.retain(|(n, _)| *n > last);
        }
        held.targets.values().any(|target| !target.waiting.is_empty())
    }

    /// Has targets probed at once; those that are not probed here are passed over.
    pub fn ask(&self, asked: &[Asked]) {
        let held = self.held();
        for Asked { probe, instance, within_ms: _ } in asked {
            if let Some(target) = held.targets.get(&(probe.clone(), instance.clone())) {
                target.asked.notify_one();
            }
        }
    }

    /// Whether anything is probed.
    pub fn is_empty(&self) -> bool {
        self.held().targets.is_empty()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
    fn votes(&self) -> impl Iterator<Item = ToldVote> {
        let Plan { probe, instance, interval, timeout, labels, .. } = &self.plan;
        let own = |name: &str| !matches!(name, "job" | "probe" | "instance");
        self.waiting.iter().map(move |(n, Cast { vote, reason, at, isolated: _ })| ToldVote {
            n: *n,
            probe: probe.clone(),
            instance: instance.clone(),
            vote: *vote,
            reason: orszem_model::prefix(reason, REASON_BYTES_MAX).to_owned(),
            age_ms: millis(at.elapsed()),
            interval_ms: millis(*interval),
            timeout_ms: millis(*timeout),
            labels: labels.iter().filter(|(name, _)| own(name)).map(|(n, v)| (n.clone(), v.clone())).collect(),
        })
    }
}

fn key(plan: &Plan) -> (String, String) {
    (plan.probe.clone(), plan.instance.clone())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Never the same for two runs of a host: the time, unless the clock is set back to the microsecond.
fn epoch() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(1).max(1)
}
