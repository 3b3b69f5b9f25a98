//! Whether a target is up, as several collectors see it.
//!
//! Pure: a state, an input and the time give the next state and what is to be done. A failure that one collector sees
//! makes the target suspect. Where there are others they are asked at once, and the quorum of those that are healthy
//! decides; a lone collector asks twice more itself. Who can't reach its own canaries votes unknown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one collector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vote {
    Up,
    Down,
    /// It can't tell: its own canaries fail.
    Unknown,
}

/// What is held of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nobody who is healthy has voted.
    #[default]
    Unknown,
    Up,
    /// A failure was seen, and is not confirmed.
    Suspect,
    Down,
    /// It was down, and works again, but not for long.
    Recovering,
}

impl Verdict {
    /// As it stands in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Recovering => "recovering",
        }
    }

    /// As the gauge `probe_verdict` has it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Up => 1,
            Self::Suspect => 2,
            Self::Recovering => 3,
            Self::Down => 4,
        }
    }
}

/// How many votes it takes, and how long they are waited for. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Votes against the target that make it down; 0 for more than half of the healthy collectors.
    pub quorum: usize,
    /// Failures after the first that a lone collector needs.
    pub retries: u32,
    /// The pause before each of them.
    pub retry_after: i64,
    /// How long the others may take to answer.
    pub deadline: i64,
    /// Successes in turn that end an outage.
    pub recover_after: u32,
    /// How long a vote counts.
    pub vote_age: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { quorum: 0, retries: 2, retry_after: 1_000, deadline: 5_000, recover_after: 2, vote_age: 60_000 }
    }
}

/// What happens to a target. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A collector has probed.
    Ballot { site: String, vote: Vote, reason: String },
    /// A collector is gone for good.
    Left { site: String },
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The collector is to probe again at this time, from another port and with a fresh address.
    Retry { site: String, at: i64 },
    /// All others are to probe at once, and have until then.
    AskOthers { except: String, deadline: i64 },
    /// The verdict is another one.
    Changed { from: Verdict, to: Verdict, at: i64, reason: String },
}

/// The last vote of a collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    pub vote: Vote,
    pub at: i64,
    pub reason: String,
}

/// All that is known of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    pub verdict: Verdict,
    /// When the verdict became what it is.
    pub since: i64,
    /// By collector.
    pub ballots: BTreeMap<String, Ballot>,
    /// Failures of a lone collector since the target is suspect, the first among them.
    failures: u32,
    /// Rounds in turn that a majority has found it up, while it recovers.
    rounds: u32,
    /// Votes before this are of an earlier round.
    round_since: i64,
    /// Votes against the target while most find it up.
    pub dissent: usize,
}

/// The votes of those who are healthy.
struct Count {
    ups: usize,
    downs: usize,
    /// Healthy collectors, whether they have voted in this round or not.
    healthy: usize,
}

impl Watch {
    /// Takes an input at `now`.
    pub fn step(&mut self, input: Input, policy: &Policy, now: i64) -> Vec<Effect> {
        let mut effects = Vec::new();
        let voter = match input {
            Input::Ballot { site, vote, reason } => {
                self.ballots.insert(site.clone(), Ballot { vote, at: now, reason });
                Some((site, vote))
            }
            Input::Left { site } => {
                self.ballots.remove(&site);
                None
            }
            Input::Tick => None,
        };
        self.ballots.retain(|_, ballot| now.saturating_sub(ballot.at) <= policy.vote_age);
        let all = self.count(i64::MIN);
        self.dissent = if all.downs < self.needed(policy, all.healthy) { all.downs } else { 0 };
        if all.healthy == 0 {
            self.change(Verdict::Unknown, "no healthy collector has voted", now, &mut effects);
            return effects;
        }
        match self.verdict {
            Verdict::Unknown | Verdict::Up => self.look_for_failure(voter, policy, now, &mut effects),
            Verdict::Suspect => self.confirm(voter, policy, now, &mut effects),
            Verdict::Down | Verdict::Recovering => self.look_for_recovery(policy, now, &mut effects),
        }
        effects
    }

    fn look_for_failure(
        &mut self,
        voter: Option<(String, Vote)>,
        policy: &Policy,
        now: i64,
        effects: &mut Vec<Effect>,
    ) {
        match voter {
            Some((site, Vote::Down)) => {
                let reason = self.reason();
                self.change(Verdict::Suspect, &reason, now, effects);
                (self.failures, self.round_since) = (1, now);
                if self.is_lone() {
                    self.retry(site, policy, now, effects);
                } else {
                    let deadline = now.saturating_add(policy.deadline);
                    effects.push(Effect::Retry { site: site.clone(), at: now.saturating_add(policy.retry_after) });
                    effects.push(Effect::AskOthers { except: site, deadline });
                }
            }
            Some((_, Vote::Up)) if self.verdict == Verdict::Unknown => {
                self.change(Verdict::Up, "it was reached", now, effects);
            }
            Some(_) | None => {}
        }
    }

    fn confirm(&mut self, voter: Option<(String, Vote)>, policy: &Policy, now: i64, effects: &mut Vec<Effect>) {
        if self.is_lone() {
            match voter {
                Some((_, Vote::Up)) => self.change(Verdict::Up, "a retry reached it", now, effects),
                Some((site, Vote::Down)) => {
                    self.failures = self.failures.saturating_add(1);
                    self.retry(site, policy, now, effects);
                }
                Some((_, Vote::Unknown)) | None => {}
            }
            return;
        }
        let count = self.count(self.round_since);
        let needed = self.needed(policy, count.healthy);
        let is_late = now.saturating_sub(self.round_since) >= policy.deadline;
        let voters = count.ups + count.downs;
        if count.downs >= needed || (is_late && count.downs >= 2 && count.downs >= self.needed(policy, voters)) {
            let reason = self.reason();
            self.go_down(&reason, now, effects);
        } else if count.downs + (count.healthy - voters) < needed || (is_late && count.ups > 0) {
            self.change(Verdict::Up, "most collectors reach it", now, effects);
        } else if is_late {
            self.change(Verdict::Unknown, "the other collectors have not answered", now, effects);
        }
    }

    fn retry(&mut self, site: String, policy: &Policy, now: i64, effects: &mut Vec<Effect>) {
        if self.failures > policy.retries {
            let reason = self.reason();
            self.go_down(&reason, now, effects);
        } else {
            effects.push(Effect::Retry { site, at: now.saturating_add(policy.retry_after) });
        }
    }

    fn go_down(&mut self, reason: &str, now: i64, effects: &mut Vec<Effect>) {
        (self.rounds, self.round_since) = (0, now.saturating_add(1));
        self.change(Verdict::Down, reason, now, effects);
    }

    /// A round ends when all who are healthy have voted in it, or when most have found it up.
    fn look_for_recovery(&mut self, policy: &Policy, now: i64, effects: &mut Vec<Effect>) {
        let count = self.count(self.round_since);
        let needed = self.needed(policy, count.healthy);
        if count.downs >= needed {
            let was_recovering = self.verdict == Verdict::Recovering;
            (self.rounds, self.round_since) = (0, now.saturating_add(1));
            if was_recovering {
                let reason = self.reason();
                self.change(Verdict::Down, &reason, now, effects);
            }
        } else if count.ups > count.healthy.saturating_sub(needed) {
            self.rounds = self.rounds.saturating_add(1);
            self.round_since = now.saturating_add(1);
            let is_over = self.rounds >= policy.recover_after;
            let next = if is_over { Verdict::Up } else { Verdict::Recovering };
            self.change(next, "it is reached again", now, effects);
        }
    }

    /// Whether nobody else can confirm a failure.
    fn is_lone(&self) -> bool {
        self.count(i64::MIN).healthy <= 1
    }

    /// Votes that make a target down among so many healthy collectors. One among several is never enough.
    fn needed(&self, policy: &Policy, healthy: usize) -> usize {
        let least = if self.is_lone() { 1 } else { 2 };
        let wanted = if policy.quorum == 0 { healthy / 2 + 1 } else { policy.quorum.min(healthy) };
        wanted.max(least.min(healthy.max(1)))
    }

    fn count(&self, since: i64) -> Count {
        let mut count = Count { ups: 0, downs: 0, healthy: 0 };
        for ballot in self.ballots.values() {
            count.healthy += usize::from(ballot.vote != Vote::Unknown);
            match ballot.vote {
                Vote::Up if ballot.at >= since => count.ups += 1,
                Vote::Down if ballot.at >= since => count.downs += 1,
                Vote::Up | Vote::Down | Vote::Unknown => {}
            }
        }
        count
    }

    /// What those who vote against it say, each thing once.
    fn reason(&self) -> String {
        let mut told: Vec<&str> = Vec::new();
        for ballot in self.ballots.values().filter(|ballot| ballot.vote == Vote::Down) {
            if !told.contains(&ballot.reason.as_str()) {
                told.push(&ballot.reason);
            }
        }
        told.join("; ")
    }

    fn change(&mut self, to: Verdict, reason: &str, now: i64, effects: &mut Vec<Effect>) {
        if self.verdict == to {
            return;
        }
        let from = std::mem::replace(&mut self.verdict, to);
        self.since = now;
        effects.push(Effect::Changed { from, to, at: now, reason: reason.to_owned() });
    }
}

#[cfg(test)]
mod tests;
