//! Pacemaker: `crm_mon` in intervals, and the configuration when it has changed.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_cluster::pacemaker::change::Watch;
use orszem_cluster::pacemaker::cib::{CibError, Configuration};
use orszem_cluster::pacemaker::metrics;
use orszem_cluster::pacemaker::status::{Status, StatusError};
use orszem_model::{Timestamp, chain};
use orszem_parse::Zone;
use tracing::warn;

use super::command::{self, Answer, RunError};
use super::poller::{INSTALLED_EVERY, Poller, Telling, Ways};
use crate::clock;
use crate::cluster::latest::{Measured, Part};

/// Pacemaker 2.0.3 and later, and before.
const NEW_FORM: [&str; 3] = ["-1", "--inactive", "--output-as=xml"];
const OLD_FORM: [&str; 3] = ["-1", "--inactive", "--as-xml"];

/// What is asked, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PacemakerConfig {
    pub(crate) reporter: String,
    pub(crate) crm_mon: String,
    pub(crate) cibadmin: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// It is told where it is not installed.
    pub(crate) is_required: bool,
}

/// Starts asking.
pub(crate) fn start(config: PacemakerConfig, ways: &Ways) -> io::Result<Poller<PacemakerConfig>> {
    let asked = config.clone();
    Poller::start(Part::Pacemaker, config, asked.is_required, ways, move |telling| Asking::new(asked, telling).run())
}

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("crm_mon can't be asked")]
    Run(#[from] RunError),
    #[error("the answer of crm_mon can't be used ({reason})")]
    Status {
        reason: String,
        #[source]
        source: StatusError,
    },
}

/// Why the configuration is not known.
#[derive(Debug, thiserror::Error)]
enum ConfigurationError {
    #[error("cibadmin can't be asked")]
    Run(#[from] RunError),
    #[error("the answer of cibadmin can't be used ({reason})")]
    Cib {
        reason: String,
        #[source]
        source: CibError,
    },
}

struct Asking {
    config: PacemakerConfig,
    telling: Telling,
    watch: Watch,
    zone: Zone,
    is_old_form: bool,
    configuration: Option<Arc<Configuration>>,
    /// The last change of the configuration that is known.
    known: String,
    is_unreadable_told: bool,
}

impl Asking {
    fn new(config: PacemakerConfig, telling: Telling) -> Self {
        Self {
            watch: Watch::new(&config.reporter),
            config,
            telling,
            zone: clock::local_zone(),
            is_old_form: false,
            configuration: None,
            known: String::new(),
            is_unreadable_told: false,
        }
    }

    fn run(mut self) {
        while !self.telling.control.is_stopped() {
            let begun = Instant::now();
            let next = match self.poll(begun) {
                Ok(()) => self.config.interval,
                Err(PollError::Run(RunError::Stopped)) => return,
                Err(PollError::Run(error @ RunError::NotInstalled { .. })) => {
                    self.telling.is_away(&chain(&error));
                    INSTALLED_EVERY
                }
                Err(error) => {
                    self.telling.silent(&chain(&error));
                    self.config.interval
                }
            };
            self.telling.control.pause_unless_hurried(begun, next);
        }
    }

    /// Asks once and tells what is new.
    fn poll(&mut self, begun: Instant) -> Result<(), PollError> {
        let mut status = self.status()?;
        let at = clock::now();
        // Pacemaker keeps it as a text in the zone of whoever made the change; that is most likely this one.
        status.summary.changed = status.summary.changed.map(|changed| self.to_utc(changed));
        if status.summary.changed_text != self.known || self.configuration.is_none() {
            self.ask_configuration(&status.summary.changed_text);
        }
        let cluster = self.telling.latest.cluster();
        if !cluster.is_empty() {
            status.cluster_name = cluster;
        }
        let samples = metrics::samples(&status, self.configuration.as_deref());
        let measured = Measured { is_well: true, took: begun.elapsed(), samples, ..Measured::default() };
        self.telling.measured(measured);
        self.telling.answers();
        self.telling.see(self.watch.step(&status, at));
        Ok(())
    }

    /// Asks in the form that was understood last; where it is not, in the other.
    fn status(&mut self) -> Result<Status, PollError> {
        let first = self.ask(self.is_old_form)?;
        let refused = match Status::read(&first.text(), 0) {
            Ok(status) => return Ok(status),
            Err(error) => error,
        };
        // A usage text is no document; what is one was understood, whatever it says.
        if matches!(refused, StatusError::Xml(_)) && first.code != Some(0) {
            let second = self.ask(!self.is_old_form)?;
            match Status::read(&second.text(), 0) {
                Ok(status) => {
                    self.is_old_form = !self.is_old_form;
                    return Ok(status);
                }
                Err(source @ StatusError::Xml(_)) => {
                    self.telling.failed();
                    return Err(PollError::Status { reason: first.reason(), source });
                }
                Err(source) => {
                    self.is_old_form = !self.is_old_form;
                    self.telling.failed();
                    return Err(PollError::Status { reason: second.reason(), source });
                }
            }
        }
        self.telling.failed();
        Err(PollError::Status { reason: first.reason(), source: refused })
    }

    fn ask(&self, is_old_form: bool) -> Result<Answer, RunError> {
        let form = if is_old_form { OLD_FORM } else { NEW_FORM };
        let answer = command::run(&self.config.crm_mon, &form, self.config.timeout, &self.telling.control);
        self.telling.asked(&answer);
        answer
    }

    /// What it was stays known where there is no answer; the next poll asks again.
    fn ask_configuration(&mut self, changed: &str) {
        match self.read_configuration() {
            Ok(configuration) => {
                let configuration = Arc::new(configuration);
                self.telling.latest.set_configuration(Arc::clone(&configuration));
                self.configuration = Some(configuration);
                changed.clone_into(&mut self.known);
                self.is_unreadable_told = false;
            }
            Err(error) if !std::mem::replace(&mut self.is_unreadable_told, true) => {
                warn!(error = &error as &dyn std::error::Error, "the cluster's configuration is not known");
            }
            Err(_) => {}
        }
    }

    fn read_configuration(&self) -> Result<Configuration, ConfigurationError> {
        let answer = command::run(&self.config.cibadmin, &["--query"], self.config.timeout, &self.telling.control);
        self.telling.asked(&answer);
        let answer = answer?;
        Configuration::read(&answer.text()).map_err(|source| {
            self.telling.failed();
            ConfigurationError::Cib { reason: answer.reason(), source }
        })
    }

    fn to_utc(&self, shown: Timestamp) -> Timestamp {
        const SECOND: i64 = 1_000_000_000;
        Timestamp(self.zone.to_unix(shown.0.div_euclid(SECOND)).saturating_mul(SECOND))
    }
}
