//! Rules over stored history: what would have fired, found by the evaluators that run live.
//!
//! Time is that of the data. Groups come first, then thresholds, which may read what groups record, then logs and facts,
//! one rule after the other. Nothing is stored, nobody is told.

mod changes;
mod episodes;
mod groups;
mod layered;
mod records;
mod replayer;
mod series;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use orszem_model::{Span, Timestamp};
use orszem_promql::{Interrupt, Interruption, SourceError};

use super::{RuleSources, own_rules_of};
use crate::indexer::Indexer;
use crate::samples::Samples;
use changes::Changes;
pub use changes::{Change, Failing};
pub use episodes::{Episode, RuleSummary, episodes, summaries};
pub use replayer::{Replayer, WrongRules};

/// The longest range of a replay.
const REPLAY_RANGE_MAX: Duration = Duration::from_secs(31 * 86_400);
/// Rules of a replay.
const REPLAY_RULES_MAX: usize = 1_000;
/// Evaluations of groups; a replay with more is refused.
const REPLAY_EVALUATIONS_MAX: u64 = 500_000;
/// Samples that thresholds are shown; what is behind them is not looked at, and that is said.
const REPLAY_SAMPLES_MAX: u64 = 50_000_000;
/// Records and facts that rules are shown, of all rules together; the same.
const REPLAY_RECORDS_MAX: u64 = 5_000_000;
/// Changes of alerts; the same.
const REPLAY_CHANGES_MAX: usize = 200_000;
/// What came before the range is looked at for no longer than this.
const LEAD_MAX: Duration = Duration::from_secs(7 * 86_400);

/// What is to be replayed.
#[derive(Clone, Debug)]
pub struct ReplayAsk {
    pub rules: RuleSources,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// When a replay has to end, and whether anybody still waits for it.
#[derive(Clone, Debug)]
pub struct ReplayPatience {
    pub until: Instant,
    pub cancel: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// Of each alert in their order, from before the range on where an alert began before it.
    pub changes: Vec<Change>,
    /// Rules that could not be evaluated.
    pub failing: Vec<Failing>,
    /// What was looked at.
    pub evaluations: u64,
    pub samples: u64,
    pub records: u64,
    /// Why it is not all, a sentence for each reason.
    pub partial: Vec<String>,
}

/// Why there is no replay. The texts are for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the range ends before it begins")]
    Backwards,
    #[error("the range is longer than {}", Span(REPLAY_RANGE_MAX))]
    TooLong,
    #[error("there are {count} rules, of which {REPLAY_RULES_MAX} can be replayed at once")]
    TooManyRules { count: usize },
    #[error(
        "the groups would be evaluated {count} times, of which {REPLAY_EVALUATIONS_MAX} are allowed: take a shorter range \
         or a longer interval"
    )]
    TooManyEvaluations { count: u64 },
    #[error("nobody waits for it any more")]
    Cancelled,
    #[error("series can't be read")]
    Series(#[source] SourceError),
    #[error("facts can't be asked for")]
    Facts(#[source] orszem_search::ParseError),
    #[error("records can't be read")]
    Records(#[source] orszem_logs::Error),
}

/// A replay under way.
struct Run<'a> {
    ask: &'a ReplayAsk,
    patience: &'a ReplayPatience,
    changes: Changes,
    done: Replayed,
}

/// Replays rules over what the stores hold. Blocks on the disk and computes for as long as `patience` allows.
///
/// # Errors
/// When the range or the rules are beyond a limit, when a store can't be read, or when nobody waits any more. At any
/// other limit the answer is what was found so far, and says so.
pub fn replay(
    indexer: &Indexer,
    samples: &Samples,
    ask: &ReplayAsk,
    patience: &ReplayPatience,
) -> Result<Replayed, ReplayError> {
    check(ask)?;
    let mut run = Run { ask, patience, changes: Changes::default(), done: Replayed::default() };
    let own = own_rules_of(&ask.rules);
    let source = samples.source(ask.rules.tenant);
    let recorded = run.groups(&source)?;
    run.thresholds(&own.thresholds, &recorded.over(&source))?;
    let snapshot = indexer.snapshot();
    for rule in own.logs {
        run.logs(rule, &snapshot)?;
    }
    run.events(own.events, &snapshot)?;
    Ok(run.end())
}

/// Whether it can be done.
fn check(ask: &ReplayAsk) -> Result<(), ReplayError> {
    let span = u64::try_from(ask.to.0.saturating_sub(ask.from.0)).map_err(|_| ReplayError::Backwards)?;
    let span = Duration::from_nanos(span);
    if span.is_zero() {
        return Err(ReplayError::Backwards);
    }
    if span > REPLAY_RANGE_MAX {
        return Err(ReplayError::TooLong);
    }
    let count = ask.rules.files.iter().map(|(_, file)| file.rules().count() + file.own.len()).sum();
    if count > REPLAY_RULES_MAX {
        return Err(ReplayError::TooManyRules { count });
    }
    let count = groups::evaluations(ask);
    if count > REPLAY_EVALUATIONS_MAX {
        return Err(ReplayError::TooManyEvaluations { count });
    }
    Ok(())
}

impl Run<'_> {
    /// Whether it goes on: not when its time is over, which is said.
    fn goes_on(&mut self, what: &str, at: Timestamp) -> Result<bool, ReplayError> {
        match self.patience.check() {
            Ok(()) if self.changes.is_full() => {
                self.cut(format!("there are more than {REPLAY_CHANGES_MAX} changes of alerts: {what} end at {at}"));
                Ok(false)
            }
            Ok(()) => Ok(true),
            Err(Interruption::TimedOut) => {
                self.cut(format!("its time was over: {what} end at {at}"));
                Ok(false)
            }
            Err(Interruption::Cancelled) => Err(ReplayError::Cancelled),
        }
    }

    /// Notes once why it is not all.
    fn cut(&mut self, reason: String) {
        if !self.done.partial.contains(&reason) {
            self.done.partial.push(reason);
        }
    }

    fn end(self) -> Replayed {
        let Self { ask: _, patience: _, changes, mut done } = self;
        (done.changes, done.failing) = changes.into_parts();
        done
    }
}

impl Interrupt for ReplayPatience {
    fn check(&self) -> Result<(), Interruption> {
        if self.cancel.load(Ordering::Relaxed) {
            Err(Interruption::Cancelled)
        } else if Instant::now() >= self.until {
            Err(Interruption::TimedOut)
        } else {
            Ok(())
        }
    }
}
