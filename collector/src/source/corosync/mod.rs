//! corosync: its tools in intervals.

#[cfg(test)]
mod tests;

use std::io;
use std::time::{Duration, Instant};

use orszem_cluster::corosync::change::{View, Watch};
use orszem_cluster::corosync::device::DeviceStatus;
use orszem_cluster::corosync::links::Links;
use orszem_cluster::corosync::map::{Map, Statistics};
use orszem_cluster::corosync::quorum::Quorum;
use orszem_cluster::corosync::{ToolError, metrics};
use orszem_model::chain;

use super::command::{self, Answer, RunError};
use super::poller::{INSTALLED_EVERY, Poller, Telling, Ways};
use crate::clock;
use crate::cluster::latest::{Measured, Part};

/// What is asked, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CorosyncConfig {
    pub(crate) reporter: String,
    pub(crate) quorumtool: String,
    pub(crate) cfgtool: String,
    pub(crate) cmapctl: String,
    pub(crate) qdevice_tool: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// It is told where it is not installed.
    pub(crate) is_required: bool,
}

/// Starts asking.
pub(crate) fn start(config: CorosyncConfig, ways: &Ways) -> io::Result<Poller<CorosyncConfig>> {
    let asked = config.clone();
    Poller::start(Part::Corosync, config, asked.is_required, ways, move |telling| {
        Asking { watch: Watch::new(&asked.reporter), config: asked, telling, has_device: false }.run();
    })
}

/// Why a tool's answer is not known.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("corosync's tools can't be asked")]
    Run(#[from] RunError),
    #[error("the answer can't be used ({reason})")]
    Tool {
        reason: String,
        #[source]
        source: ToolError,
    },
}

struct Asking {
    config: CorosyncConfig,
    telling: Telling,
    watch: Watch,
    /// A quorum device is configured, as far as is known.
    has_device: bool,
}

impl Asking {
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

    /// Asks all tools once. The quorum has to be told; each of the others may be missing or silent.
    fn poll(&mut self, begun: Instant) -> Result<(), PollError> {
        // It ends with 2 where there is no quorum.
        let quorum = self.ask(&self.config.quorumtool, &["-s"], Quorum::read)?;
        let links = self.part(&self.config.cfgtool, &["-s"], Links::read)?;
        let map = self.part(&self.config.cmapctl, &[], Map::read)?;
        if let Some(map) = &map {
            self.has_device = !map.device_model.is_empty();
            self.telling.latest.set_cluster(&map.cluster_name);
        }
        let statistics = self.part(&self.config.cmapctl, &["-m", "stats"], Statistics::read)?;
        let device = match self.has_device || quorum.device.is_some() {
            true => self.part(&self.config.qdevice_tool, &["-s"], DeviceStatus::read)?,
            false => None,
        };
        let at = clock::now();
        let view = View { quorum: Some(quorum), links, map, device };
        let seen = self.watch.step(&view, at);
        let mut samples = metrics::samples(view.quorum.as_ref(), view.links.as_ref(), self.watch.names());
        samples.extend(statistics.iter().flat_map(|statistics| metrics::measured(statistics, self.watch.names())));
        let measured = Measured { is_well: true, took: begun.elapsed(), samples, ..Measured::default() };
        self.telling.measured(measured);
        self.telling.answers();
        self.telling.see(seen);
        Ok(())
    }

    /// An answer that may be missing: it is counted.
    fn part<T>(
        &self,
        program: &str,
        arguments: &[&str],
        read: impl Fn(&str) -> Result<T, ToolError>,
    ) -> Result<Option<T>, PollError> {
        match self.ask(program, arguments, read) {
            Ok(value) => Ok(Some(value)),
            Err(error @ PollError::Run(RunError::Stopped)) => Err(error),
            Err(error) => {
                tracing::debug!(program, error = &error as &dyn std::error::Error, "a tool of corosync tells nothing");
                Ok(None)
            }
        }
    }

    fn ask<T>(
        &self,
        program: &str,
        arguments: &[&str],
        read: impl Fn(&str) -> Result<T, ToolError>,
    ) -> Result<T, PollError> {
        let answer = command::run(program, arguments, self.config.timeout, &self.telling.control);
        self.telling.asked(&answer);
        let answer = answer?;
        read(&all(&answer)).map_err(|source| {
            self.telling.failed();
            PollError::Tool { reason: answer.reason(), source }
        })
    }
}

/// What it says of not being able to answer may be on either side.
fn all(answer: &Answer) -> String {
    format!("{}\n{}", answer.text(), answer.complaint)
}
