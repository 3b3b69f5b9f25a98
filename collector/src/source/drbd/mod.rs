//! DRBD: `drbdsetup events2` as a child that is kept running, its status where that does not work.
//!
//! The child prints changes by themselves and, asked with a line, counters and the progress of resyncs. It ends when the
//! kernel had more to tell than it could take; then it is started again and all of its state is compared with what was
//! known. DRBD 8.4 tells progress in /proc/drbd alone.

mod child;
mod minors;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orszem_cluster::drbd::metrics::{self, Options};
use orszem_cluster::drbd::proc::{self, PROC_BYTES_MAX, Proc};
use orszem_cluster::drbd::row::{Part as DrbdPart, Row};
use orszem_cluster::drbd::snapshot::Snapshot;
use orszem_cluster::drbd::status_json;
use orszem_cluster::drbd::table::Table;
use orszem_model::chain;

use super::command::{self, RunError};
use super::poller::{INSTALLED_EVERY, Poller, Telling, Ways};
use crate::clock;
use crate::cluster::latest::{Measured, Part};
use crate::counters::count;

/// The pause before the child is started again, at first and at most.
const RESTART_AFTER: Duration = Duration::from_secs(1);
const RESTART_AFTER_MAX: Duration = Duration::from_secs(30);
/// A child that ran for so long did well.
const RUN_WELL: Duration = Duration::from_secs(30);

/// What is asked, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DrbdConfig {
    pub(crate) reporter: String,
    pub(crate) drbdsetup: String,
    pub(crate) proc_drbd: PathBuf,
    /// Where the names of 8.4's minors are.
    pub(crate) by_resource: PathBuf,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// It is told where it is not installed.
    pub(crate) is_required: bool,
}

/// Starts following.
pub(crate) fn start(config: DrbdConfig, ways: &Ways) -> io::Result<Poller<DrbdConfig>> {
    let followed = config.clone();
    Poller::start(Part::Drbd, config, followed.is_required, ways, move |telling| {
        Following::new(followed, telling).run()
    })
}

/// Why nothing is known of DRBD.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("drbdsetup can't be run")]
    Run(#[from] RunError),
    #[error("can't exchange with drbdsetup events2")]
    Exchange(#[source] io::Error),
    #[error("drbdsetup events2 wrote {lines} lines in a row that can't be understood")]
    Garbled { lines: usize },
    #[error("drbdsetup events2 wrote {bytes} bytes without the end of a line")]
    Endless { bytes: usize },
    #[error("drbdsetup events2 said nothing for {seconds} s")]
    Silent { seconds: u64 },
    #[error("drbdsetup events2 could not take all that the kernel told")]
    Overrun,
    #[error("drbdsetup events2 has ended ({reason})")]
    Ended { reason: String },
}

struct Following {
    config: DrbdConfig,
    telling: Telling,
    table: Table,
    /// Of the kernel module; empty where it is not known.
    version: String,
    /// The child is asked as that of 8.4 can be.
    is_plain: bool,
    /// The child said something that makes sense.
    has_answered: bool,
}

impl Following {
    fn new(config: DrbdConfig, telling: Telling) -> Self {
        let table = Table::new(&config.reporter);
        Self { table, config, telling, version: String::new(), is_plain: false, has_answered: false }
    }

    fn run(mut self) {
        let (mut pause, mut failures) = (RESTART_AFTER, 0_u32);
        while !self.telling.control.is_stopped() {
            let begun = Instant::now();
            // Without the module, drbdsetup would load it.
            if !self.config.proc_drbd.is_file() {
                self.telling.is_away(&format!("there is no {}", self.config.proc_drbd.display()));
                self.telling.control.pause(begun + self.config.interval);
                continue;
            }
            self.look_at_proc(false);
            let Err(error) = self.follow() else { return };
            if matches!(error, FollowError::Run(RunError::Stopped)) || self.telling.control.is_stopped() {
                return;
            }
            if matches!(error, FollowError::Run(RunError::NotInstalled { .. })) {
                self.telling.is_away(&chain(&error));
                self.telling.control.pause(begun + INSTALLED_EVERY);
                continue;
            }
            count(&self.telling.counters.drbd_restarts);
            tracing::debug!(error = &error as &dyn std::error::Error, "drbdsetup events2 is started again");
            self.table.flush();
            let has_run_well = self.has_answered && begun.elapsed() >= RUN_WELL;
            failures = if has_run_well { 0 } else { failures.saturating_add(1) };
            pause = if failures > 1 { (pause * 2).min(RESTART_AFTER_MAX) } else { RESTART_AFTER };
            // What was lost meanwhile is asked for, unless the next child tells it at once. One end is no trouble.
            if failures > 0 && !self.ask_status() && failures > 1 {
                self.telling.silent(&chain(&error));
            }
            self.rest(Instant::now() + pause, failures > 1);
        }
    }

    /// Waits for the next child; where there is none for long, the status is asked instead.
    fn rest(&mut self, until: Instant, is_asking: bool) {
        loop {
            self.telling.control.pause(until.min(Instant::now() + self.config.interval));
            if self.telling.control.is_stopped() || Instant::now() >= until {
                return;
            }
            if is_asking {
                self.ask_status();
            }
        }
    }

    /// One question for all of the status; whether it was answered. DRBD 8.4 has it in /proc/drbd alone.
    fn ask_status(&mut self) -> bool {
        let begun = Instant::now();
        let is_known = self.look_at_proc(true)
            || self.status().is_some_and(|snapshot| {
                let applied = self.table.apply_snapshot(&snapshot, clock::now());
                self.telling.see(applied.seen)
            });
        if is_known {
            self.telling.answers();
            self.publish(begun);
        }
        is_known
    }

    /// Progress where the child can't be asked for it.
    fn ask_progress(&mut self) {
        if let Some(snapshot) = self.status() {
            let seen = self.table.apply_progress(&snapshot, self.table.time(clock::now()));
            self.telling.see(seen);
        }
    }

    /// What `drbdsetup status --json` of DRBD 9 answers.
    fn status(&self) -> Option<Snapshot> {
        let DrbdConfig { drbdsetup, timeout, .. } = &self.config;
        let answer = command::run(drbdsetup, &["status", "--json"], *timeout, &self.telling.control);
        self.telling.asked(&answer);
        match answer.map(|answer| status_json::parse(&answer.output)) {
            Ok(Ok(snapshot)) => Some(snapshot),
            Ok(Err(error)) => {
                self.telling.failed();
                tracing::debug!(%error, "the status of drbdsetup can't be used");
                None
            }
            Err(error) => {
                tracing::debug!(%error, "drbdsetup gives no status");
                None
            }
        }
    }

    /// Reads /proc/drbd for what only it tells; whether that was all of a status, which counts if `is_all` is asked for.
    fn look_at_proc(&mut self, is_all: bool) -> bool {
        let proc = match read_proc(&self.config.proc_drbd) {
            Ok(proc) => proc,
            Err(reason) => {
                tracing::debug!(reason, "/proc/drbd can't be used");
                return false;
            }
        };
        self.version.clone_from(&proc.version);
        // DRBD 9 tells its version alone.
        if proc.devices.is_empty() {
            return false;
        }
        let by_name = minors::of(&self.config.by_resource);
        let snapshot = proc.snapshot(|minor| {
            let named = self.table.volume_of(minor).filter(|(resource, _)| *resource != proc::nameless(minor));
            named.or_else(|| by_name.get(&minor).map(|(resource, volume)| (resource.as_str(), *volume)))
        });
        let at = clock::now();
        let seen = match is_all {
            true => self.table.apply_snapshot(&snapshot, at).seen,
            false => self.table.apply_progress(&snapshot, self.table.time(at)),
        };
        self.telling.see(seen)
    }

    /// Shows what is known as samples and names.
    fn publish(&self, begun: Instant) {
        let minors: BTreeMap<u32, String> = self
            .table
            .rows()
            .filter_map(|(key, row)| match (&key.part, row) {
                (DrbdPart::Device { .. }, Row::Device(device)) => Some((device.minor?, key.resource.clone())),
                _ => None,
            })
            .collect();
        self.telling.latest.set_minors(minors);
        let versions = (!self.version.is_empty()).then(|| (self.version.clone(), String::new()));
        let options = Options { versions, ..Options::default() };
        let drbd = metrics::samples(&self.table, &options, self.table.time(clock::now()));
        let measured = Measured { is_well: true, took: begun.elapsed(), drbd, ..Measured::default() };
        self.telling.measured(measured);
    }
}

fn read_proc(path: &Path) -> Result<Proc, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(PROC_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    proc::parse(&text).map_err(|error| chain(&error))
}
