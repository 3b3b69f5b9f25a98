//! What is known of targets and of those who probe them.

use std::collections::BTreeMap;

use orszem_availability::ToldVote;
use orszem_availability::ledger::Held;
use orszem_availability::verdict::{Policy, Verdict, Vote, Watch};
use serde::{Deserialize, Serialize};

/// Targets of all tenants; votes about further ones are refused, counted.
pub(super) const TARGETS_MAX: usize = 100_000;
/// Collectors of all tenants that vote; so with these.
pub(super) const COLLECTORS_MAX: usize = 10_000;
/// The least time for which a vote counts, in milliseconds; else four intervals.
const VOTE_AGE_MIN: i64 = 60_000;
/// What others may take beyond the timeout of a probe until their answer is here, in milliseconds.
const ANSWER: i64 = 3_000;
/// Who reaches none of this many targets or more that all others reach is itself cut off.
const OUT_OF_STEP: usize = 3;

/// Who is probed, by whose configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetKey {
    pub tenant: u32,
    /// The name of the probe.
    pub probe: String,
    pub instance: String,
}

/// A target as its collectors see it. Times are milliseconds since 1970. It is written to disk as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Never given twice.
    #[serde(skip)]
    pub id: i64,
    /// Labels of its series beside `job`, `probe` and `instance`.
    pub labels: BTreeMap<String, String>,
    pub interval_ms: i64,
    pub timeout_ms: i64,
    pub watch: Watch,
    /// The last entry of its ledger, and since when.
    pub held: Option<Held>,
    pub entered: i64,
    /// The failure that made it suspect.
    pub(super) failing_since: i64,
    /// When it was reached again.
    pub(super) recovering_since: i64,
    /// The last vote of anyone.
    pub voted_at: i64,
}

impl Target {
    pub(super) fn new(id: i64) -> Self {
        Self {
            id,
            labels: BTreeMap::new(),
            interval_ms: 30_000,
            timeout_ms: 5_000,
            watch: Watch::default(),
            held: None,
            entered: 0,
            failing_since: 0,
            recovering_since: 0,
            voted_at: 0,
        }
    }

    pub(super) fn describe(&mut self, vote: &ToldVote) {
        let millis = |span: u64| i64::try_from(span).unwrap_or(i64::MAX).clamp(1, 86_400_000);
        (self.interval_ms, self.timeout_ms) = (millis(vote.interval_ms), millis(vote.timeout_ms));
        if self.labels != vote.labels {
            self.labels.clone_from(&vote.labels);
        }
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            deadline: self.timeout_ms.saturating_add(ANSWER).max(5_000),
            vote_age: self.vote_age(),
            ..Policy::default()
        }
    }

    pub(super) fn vote_age(&self) -> i64 {
        self.interval_ms.saturating_mul(4).max(VOTE_AGE_MIN)
    }

    /// What stands in the ledger of a verdict that is held.
    pub(super) fn held_as(&self) -> Held {
        match self.watch.verdict {
            Verdict::Up => Held::Up,
            Verdict::Down | Verdict::Recovering => Held::Down,
            Verdict::Unknown => Held::Unknown,
            // It is not confirmed.
            Verdict::Suspect => self.held.unwrap_or(Held::Unknown),
        }
    }
}

/// A collector that votes. It is written to disk as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Collector {
    /// The last vote that was taken, and of which run.
    pub(super) epoch: u64,
    pub(super) n: u64,
    /// Why it has no vote: its canaries do not answer.
    pub(super) isolated: Option<String>,
    pub(super) seen_at: i64,
}

/// A collector as others see it.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorView {
    pub name: String,
    /// Milliseconds since 1970.
    pub seen_at: i64,
    /// Why it is held to be cut off.
    pub isolated: Option<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Known {
    pub(super) targets: BTreeMap<TargetKey, Target>,
    pub(super) collectors: BTreeMap<(u32, String), Collector>,
    /// Collectors that reach nothing that others reach, without saying so themselves, and the words for it.
    pub(super) out_of_step: BTreeMap<(u32, String), String>,
    pub(super) last_id: i64,
}

impl Known {
    /// The targets of a tenant, by probe and instance.
    pub fn targets(&self, tenant: u32) -> impl Iterator<Item = (&TargetKey, &Target)> {
        self.targets.iter().filter(move |(key, _)| key.tenant == tenant)
    }

    /// The collectors of a tenant that vote, by name.
    pub fn collectors(&self, tenant: u32) -> impl Iterator<Item = CollectorView> {
        let own = self.collectors.iter().filter(move |((of, _), _)| *of == tenant);
        own.map(|(key, collector)| CollectorView {
            name: key.1.clone(),
            seen_at: collector.seen_at,
            isolated: self.isolated(key).map(str::to_owned),
        })
    }

    /// Why a collector is held to be cut off.
    pub(super) fn isolated(&self, key: &(u32, String)) -> Option<&str> {
        let own = self.collectors.get(key).and_then(|collector| collector.isolated.as_deref());
        own.or_else(|| self.out_of_step.get(key).map(String::as_str))
    }

    /// How many find a target down while most reach it; those who are cut off themselves are none of them.
    pub fn dissent(&self, key: &TargetKey, target: &Target) -> usize {
        if target.watch.dissent == 0 {
            return 0;
        }
        let downs = target.watch.ballots.iter().filter(|(_, ballot)| ballot.vote == Vote::Down);
        downs.filter(|(site, _)| self.isolated(&(key.tenant, (*site).clone())).is_none()).count()
    }

    /// Finds those who are out of step with all others.
    pub(super) fn compare(&mut self) {
        // By collector: targets that all others reach, and how many of them it does not.
        let mut tally: BTreeMap<(u32, &str), (usize, usize)> = BTreeMap::new();
        for (key, target) in &self.targets {
            let ballots = &target.watch.ballots;
            let of = |vote| ballots.values().filter(|ballot| ballot.vote == vote).count();
            let (ups, downs) = (of(Vote::Up), of(Vote::Down));
            if ups < 2 || downs > 1 {
                continue;
            }
            for (site, ballot) in ballots {
                let (all, missed) = tally.entry((key.tenant, site)).or_default();
                *all += 1;
                *missed += usize::from(ballot.vote == Vote::Down);
            }
        }
        let cut_off = tally.into_iter().filter(|(_, (all, missed))| *missed >= OUT_OF_STEP && all == missed);
        let told = |((tenant, site), (_, missed)): ((u32, &str), (usize, usize))| {
            ((tenant, site.to_owned()), format!("it reaches none of {missed} targets that all others reach"))
        };
        self.out_of_step = cut_off.map(told).collect();
    }
}
