//! What a server needs to replay rules: its stores, and the rules and settings in force.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use orszem_model::Timestamp;
use orszem_promql::ParseOptions;
use orszem_rules::Problem;

use super::{ReplayAsk, ReplayError, ReplayPatience, Replayed, replay};
use crate::alerting::RuleSources;
use crate::indexer::Indexer;
use crate::samples::Samples;

/// Replays rules over the stores of a server. Clones share one.
#[derive(Clone)]
pub struct Replayer {
    indexer: Indexer,
    samples: Samples,
    sources: Arc<RwLock<Arc<RuleSources>>>,
}

/// Something that is wrong with a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{problem}")]
pub struct WrongRules {
    pub file: String,
    pub problem: Problem,
}

impl Replayer {
    /// With the rules that are in force.
    pub fn new(indexer: &Indexer, samples: &Samples, sources: RuleSources) -> Self {
        let sources = Arc::new(RwLock::new(Arc::new(sources)));
        Self { indexer: indexer.clone(), samples: samples.clone(), sources }
    }

    /// Other rules are in force.
    pub fn replace(&self, sources: RuleSources) {
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
    }

    /// A replay of `files`, names with texts, or of the rules in force where there are none. `interval` takes the place
    /// of the configuration's.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn ask(
        &self,
        files: &[(String, String)],
        (from, to): (Timestamp, Timestamp),
        interval: Option<Duration>,
    ) -> Result<ReplayAsk, Vec<WrongRules>> {
        let in_force = Arc::clone(&self.sources.read().unwrap_or_else(PoisonError::into_inner));
        let mut rules = RuleSources::clone(&in_force);
        rules.interval = interval.unwrap_or(rules.interval);
        if files.is_empty() {
            return Ok(ReplayAsk { rules, from, to });
        }
        rules.files.clear();
        let options = ParseOptions { is_experimental: rules.environment.is_experimental };
        let mut wrong = Vec::new();
        for (name, text) in files {
            match orszem_rules::read(text, options) {
                Ok(file) => rules.files.push((name.clone(), file)),
                Err(problems) => {
                    wrong.extend(problems.0.into_iter().map(|problem| WrongRules { file: name.clone(), problem }));
                }
            }
        }
        if wrong.is_empty() { Ok(ReplayAsk { rules, from, to }) } else { Err(wrong) }
    }

    /// See [`replay`].
    ///
    /// # Errors
    /// As [`replay`].
    pub fn run(&self, ask: &ReplayAsk, patience: &ReplayPatience) -> Result<Replayed, ReplayError> {
        replay(&self.indexer, &self.samples, ask, patience)
    }
}
