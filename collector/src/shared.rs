//! What the threads of a collector tell each other and whoever asks.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use orszem_model::Timestamp;
use orszem_queue::Monitor;

use crate::counters::Counters;
use crate::output::OutputStatus;
use crate::output::{EndpointState, EndpointStatus};
use crate::report::{EndpointReport, EndpointReportState, FileReport, FileReportState, Report};
use crate::throttle::{Throttle, used};
use crate::{FileState, FileStatus};

/// The state of a running collector.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) counters: Arc<Counters>,
    pub(crate) queue: Monitor,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    output: OutputStatus,
    identity: Identity,
    throttle: Throttle,
    files: Vec<FileStatus>,
    /// Why nothing is read.
    blocked: Option<String>,
    /// Why nothing is sent, where that is not the server's doing.
    unsent: Option<String>,
}

/// What does not change while a configuration is in force.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) host: String,
    pub(crate) config_hash: String,
    pub(crate) started: Timestamp,
    pub(crate) epoch: u64,
    pub(crate) queue_bytes_max: u64,
}

impl Shared {
    pub(crate) fn new(
        counters: Arc<Counters>,
        output: OutputStatus,
        queue: Monitor,
        identity: Identity,
        throttle: Throttle,
    ) -> Self {
        let state = State { output, identity, throttle, files: Vec::new(), blocked: None, unsent: None };
        Self { counters, queue, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why nothing can be queued; `true` if that is news.
    pub(crate) fn block(&self, reason: &str) -> bool {
        let mut state = self.state();
        let is_news = state.blocked.as_deref() != Some(reason);
        state.blocked = Some(reason.to_owned());
        is_news
    }

    /// The queue takes batches again.
    pub(crate) fn unblocked(&self) {
        self.state().blocked = None;
    }

    /// Notes why nothing can be sent; `true` if that is news.
    pub(crate) fn not_sending(&self, reason: &str) -> bool {
        let mut state = self.state();
        let is_news = state.unsent.as_deref() != Some(reason);
        state.unsent = Some(reason.to_owned());
        is_news
    }

    /// The queue gives batches again.
    pub(crate) fn sending(&self) {
        self.state().unsent = None;
    }

    /// Whether reading, sending, and the server are at fault.
    pub(crate) fn troubles(&self) -> [bool; 3] {
        let state = self.state();
        [state.blocked.is_some(), state.unsent.is_some(), state.output.endpoints().into_iter().any(is_failing)]
    }

    /// How long reading has to pause for its share of processor and memory.
    pub(crate) fn pause(&self, tick: Instant) -> std::time::Duration {
        self.state().throttle.pause(tick, used)
    }

    /// Another configuration is in force.
    pub(crate) fn reconfigure(&self, identity: Identity, throttle: Throttle) {
        let mut state = self.state();
        state.identity = identity;
        state.throttle = throttle;
    }

    /// Sending goes another way from now on.
    pub(crate) fn set_output(&self, output: OutputStatus) {
        self.state().output = output;
    }

    pub(crate) fn identity(&self) -> Identity {
        self.state().identity.clone()
    }

    pub(crate) fn publish(&self, files: Vec<FileStatus>) {
        self.state().files = files;
    }

    pub(crate) fn files(&self) -> Vec<FileStatus> {
        self.state().files.clone()
    }

    /// Everything there is to say.
    pub(crate) fn report(&self, now: Timestamp) -> Report {
        let state = self.state();
        let Identity { host, config_hash, started, epoch, queue_bytes_max } = state.identity.clone();
        let values = self.counters.values();
        let queue = self.queue.usage();
        let output = state.output.counts();
        let endpoints: Vec<EndpointReport> = state.output.endpoints().into_iter().map(endpoint_report).collect();
        let files: Vec<FileReport> = state.files.iter().map(file_report).collect();
        let is_unreadable = |file: &&FileReport| file.state == FileReportState::Unreadable;
        let unreadable = files.iter().filter(is_unreadable).count() as u64;
        let mut problems: Vec<String> = files
            .iter()
            .filter(is_unreadable)
            .map(|file| format!("can't read {}: {}; fix: {}", file.path.display(), file.reason, file.fix))
            .collect();
        problems.extend(state.blocked.iter().map(|reason| format!("nothing is read: {reason}")));
        problems.extend(state.unsent.iter().map(|reason| format!("nothing is sent: {reason}")));
        let failing = endpoints.iter().filter(|endpoint| endpoint.state == EndpointReportState::Failing);
        problems.extend(failing.map(|end| format!("{} does not take records: {}", end.url, end.last_error)));
        if state.throttle.is_over_memory() {
            problems.push("reading pauses: more memory is used than collector.memory_max".to_owned());
        }
        Report {
            written_ns: now.0,
            pid: std::process::id(),
            host,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_hash,
            os: os(),
            user: crate::status::own_name(),
            started_ns: started.0,
            epoch,
            files_followed: files.len() as u64 - unreadable,
            files_unreadable: unreadable,
            lag_bytes: state.files.iter().map(|file| file.lag).sum(),
            queue_bytes: queue.disk_bytes,
            queue_bytes_max,
            queue_batches: queue.queued.batches,
            dropped: queue.dropped_oldest.records + queue.dropped_newest.records + values.records_throttled,
            gaps: values.gaps,
            rejected: output.refused_records,
            dead_letters: output.dead_lettered,
            problems,
            files,
            endpoints,
            ..Report::default()
        }
    }
}

fn file_report(status: &FileStatus) -> FileReport {
    let (state, reason, fix) = match &status.state {
        FileState::Following => (FileReportState::Following, String::new(), String::new()),
        FileState::Unreadable { reason, fix } => (FileReportState::Unreadable, reason.clone(), fix.clone()),
    };
    let FileStatus { path, state: _, size, position, lag } = status.clone();
    FileReport { path, state, size, position, lag, reason, fix }
}

fn is_failing(status: EndpointStatus) -> bool {
    endpoint_report(status).state == EndpointReportState::Failing
}

fn endpoint_report(status: EndpointStatus) -> EndpointReport {
    let EndpointStatus { url, state, last_error, since: _, sent_batches: _ } = status;
    let state = match state {
        EndpointState::Sending => EndpointReportState::Active,
        EndpointState::Standby => EndpointReportState::Standby,
        EndpointState::Busy | EndpointState::Failing | EndpointState::Unreachable | EndpointState::Misconfigured => {
            EndpointReportState::Failing
        }
    };
    EndpointReport { url, state, last_sent_ns: 0, last_error: last_error.unwrap_or_default() }
}

/// The operating system's own name for itself.
fn os() -> String {
    let text = std::fs::read_to_string(Path::new("/etc/os-release")).unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches('"').to_owned())
}
