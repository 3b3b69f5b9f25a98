//! Own rules in the server: thresholds where samples are applied, rules about logs and facts behind the logs' journal.
//!
//! What they have come to is saved every few seconds with the place in the journal. A start reads on from there and
//! looks at what the store has of the time since, and tells the engine only what is different from what it knows: what
//! was told before a crash is not told again, and what was not is.

mod feed;
mod saved;
mod stage;
#[cfg(test)]
pub(super) mod tests;
mod warm;

use std::path::Path;
use std::time::Duration;

use orszem_rules::own::OwnRules;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{AlertingHandle, RuleSources};
use crate::error::Error;
use crate::indexer::Indexer;
use crate::samples::Samples;
pub(super) use feed::show_fact;
use stage::Stage;

/// The cursor in the journal of logs.
const SUBSCRIBER: &str = "orszem-rules";
/// How often the evaluators are told the time.
const TICK: Duration = Duration::from_millis(500);
/// How long to wait after a failure, which most often is a full disk.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The own rules of rule files.
pub fn own_rules_of(sources: &RuleSources) -> OwnRules {
    let mut rules = OwnRules::default();
    sources.files.iter().for_each(|(_, file)| rules.extend(file.own.clone()));
    rules
}

/// What the evaluators see, and where they tell it.
pub struct OwnParts<'a> {
    pub data_dir: &'a Path,
    /// Whose series and records count.
    pub tenant: u32,
    pub rules: OwnRules,
    pub indexer: &'a Indexer,
    pub samples: Samples,
    pub handle: AlertingHandle,
}

/// The evaluators while they run.
#[derive(Debug)]
pub struct OwnRulesService {
    rules: mpsc::Sender<OwnRules>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// The way in for other rules.
#[derive(Clone, Debug)]
pub struct OwnRulesReloader(mpsc::Sender<OwnRules>);

impl OwnRulesReloader {
    /// Puts other rules in force, after the engine has them. What those that stay have come to stays.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub async fn reload(&self, rules: OwnRules) -> Result<(), Error> {
        self.0.send(rules).await.map_err(|_| Error::ShuttingDown)
    }
}

/// What is counted of them.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnMetrics {
    told: Counter,
    failures: Counter,
    undecodable: Counter,
    watched: Gauge,
    overlooked: Gauge,
    lag_bytes: Gauge,
}

impl OwnRulesService {
    /// Goes on where the last one ended, in a task of its own. The engine is to know the rules already.
    ///
    /// # Errors
    /// When the cursor can't be made or the state not be read. One that is damaged is set aside, logged, and begun anew.
    pub fn start(parts: OwnParts<'_>, registry: &mut Registry) -> Result<Self, Error> {
        let metrics = OwnMetrics::default();
        metrics.register(registry);
        let stage = Stage::open(parts, metrics)?;
        let stop = CancellationToken::new();
        let (rules, reloads) = mpsc::channel(1);
        let running = tokio::spawn(run(stage, reloads, stop.clone()));
        Ok(Self { rules, stop, running })
    }

    /// The way in for other rules.
    pub fn reloader(&self) -> OwnRulesReloader {
        OwnRulesReloader(self.rules.clone())
    }

    /// Ends it. What is not told yet, the next start tells.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the evaluators of own rules ended badly; the next start goes on with what they saved");
        }
    }
}

impl OwnMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("orszem_rules_told", "Changes that own rules told the engine of alerts", self.told.clone());
        let failures = "Times that own rules could not be evaluated, told or saved; each is tried again";
        registry.register("orszem_rules_failures", failures, self.failures.clone());
        let undecodable = "Batches of the journal that own rules could not read";
        registry.register("orszem_rules_undecodable", undecodable, self.undecodable.clone());
        registry.register("orszem_rules_watched", "Alerts that thresholds watch, quiet ones too", self.watched.clone());
        let overlooked = "Series, records and facts that a limit kept out of own rules";
        registry.register("orszem_rules_overlooked", overlooked, self.overlooked.clone());
        let lag = "Bytes of the journal of logs that are applied and were not looked at by own rules yet";
        registry.register("orszem_rules_lag_bytes", lag, self.lag_bytes.clone());
    }
}

async fn run(stage: Stage, mut reloads: mpsc::Receiver<OwnRules>, stop: CancellationToken) {
    let mut stage = stage;
    let wake = stage.wake();
    while !stop.is_cancelled() {
        let round = tokio::task::spawn_blocking(move || {
            let advanced = stage.advance();
            (stage, advanced)
        });
        let advanced = match round.await {
            Ok((back, advanced)) => {
                stage = back;
                advanced
            }
            Err(error) => {
                tracing::error!(%error, "own rules are not evaluated until the next start: their stage has failed");
                return;
            }
        };
        let told = match advanced {
            Ok(has_more) => stage.tell().await.map(|()| has_more),
            Err(error) => Err(error),
        };
        match told {
            Ok(true) => continue,
            Ok(false) => {}
            Err(Error::ShuttingDown) => break,
            Err(error) => {
                stage.failed(&error);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(AFTER_FAILURE) => continue,
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(TICK) => {}
            () = wake.notified() => {}
            changed = stage.changed() => if changed.is_err() { break },
            rules = reloads.recv() => match rules {
                Some(rules) => stage.replace(rules),
                None => break,
            },
        }
    }
    let ended = tokio::task::spawn_blocking(move || stage.end());
    if let Err(error) = ended.await {
        tracing::error!(%error, "saving the state of own rules ended badly");
    }
}
