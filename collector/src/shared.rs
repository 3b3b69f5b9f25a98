//! What the threads of a collector tell each other and whoever asks.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use orszem_model::Timestamp;
use orszem_queue::Monitor;

use crate::cluster::latest::Latest;
use crate::counters::Counters;
use crate::metrics;
use crate::output::{EndpointState, EndpointStatus, OutputStatus, Signal};
use crate::pipeline::Notice;
use crate::report::{EndpointReport, EndpointReportState, FileReport, FileReportState, Report};
use crate::throttle::{Throttle, used};
use crate::{FileState, FileStatus};

/// Notices that wait to be told. They are rare; beyond, the log and the counter have them.
const NOTICES_MAX: usize = 16;

/// The state of a running collector.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) counters: Arc<Counters>,
    pub(crate) queue: Monitor,
    /// What is known of the cluster.
    pub(crate) cluster: Latest,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    output: OutputStatus,
    identity: Identity,
    throttle: Throttle,
    files: Vec<FileStatus>,
    /// Why nothing is read; by signal.
    blocked: [Option<String>; 2],
    /// Why nothing is sent, where that is not the server's doing; by signal.
    unsent: [Option<String>; 2],
    /// What scrapes and measures, where that runs.
    metrics: Option<metrics::View>,
    /// What the sending task has to tell in-band; at most [`NOTICES_MAX`].
    notices: Vec<Notice>,
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
        cluster: Latest,
    ) -> Self {
        let state = State {
            output,
            identity,
            throttle,
            files: Vec::new(),
            blocked: [None, None],
            unsent: [None, None],
            metrics: None,
            notices: Vec::new(),
        };
        Self { counters, queue, cluster, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why nothing can be queued; `true` if that is news.
    pub(crate) fn block(&self, signal: Signal, reason: &str) -> bool {
        let blocked = &mut self.state().blocked[signal as usize];
        let is_news = blocked.as_deref() != Some(reason);
        *blocked = Some(reason.to_owned());
        is_news
    }

    /// The queue takes batches again.
    pub(crate) fn unblocked(&self, signal: Signal) {
        self.state().blocked[signal as usize] = None;
    }

    /// Notes why nothing can be sent; `true` if that is news.
    pub(crate) fn not_sending(&self, signal: Signal, reason: &str) -> bool {
        let unsent = &mut self.state().unsent[signal as usize];
        let is_news = unsent.as_deref() != Some(reason);
        *unsent = Some(reason.to_owned());
        is_news
    }

    /// The queue gives batches again.
    pub(crate) fn sending(&self, signal: Signal) {
        self.state().unsent[signal as usize] = None;
    }

    /// Metrics are taken, too.
    pub(crate) fn set_metrics(&self, view: metrics::View) {
        self.state().metrics = Some(view);
    }

    /// Has something told in-band.
    pub(crate) fn tell(&self, notice: Notice) {
        let mut state = self.state();
        if state.notices.len() < NOTICES_MAX {
            state.notices.push(notice);
        }
    }

    /// What is to be told in-band.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut self.state().notices)
    }

    /// Whether reading, sending, and the server are at fault.
    pub(crate) fn troubles(&self) -> [bool; 3] {
        let state = self.state();
        let metrics = state.metrics.as_ref();
        [
            state.blocked.iter().any(Option::is_some),
            state.unsent.iter().any(Option::is_some),
            state.output.endpoints().into_iter().any(is_failing)
                || metrics.is_some_and(|view| view.output().endpoints().into_iter().any(is_failing)),
        ]
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
    pub(crate) fn set_output(&self, signal: Signal, output: OutputStatus) {
        let mut state = self.state();
        match signal {
            Signal::Logs => state.output = output,
            Signal::Metrics => state.metrics.iter_mut().for_each(|view| view.set_output(output.clone())),
        }
    }

    /// The server that records are sent to now.
    pub(crate) fn endpoint_in_use(&self) -> Option<String> {
        self.state().output.in_use()
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
        for (blocked, what) in state.blocked.iter().zip(["nothing is read", "no metrics are queued"]) {
            problems.extend(blocked.iter().map(|reason| format!("{what}: {reason}")));
        }
        for (unsent, what) in state.unsent.iter().zip(["nothing is sent", "no metrics are sent"]) {
            problems.extend(unsent.iter().map(|reason| format!("{what}: {reason}")));
        }
        let failing = endpoints.iter().filter(|endpoint| endpoint.state == EndpointReportState::Failing);
        problems.extend(failing.map(|end| format!("{} does not take records: {}", end.url, end.last_error)));
        problems.extend(state.metrics.iter().flat_map(metrics::View::problems));
        if state.throttle.is_over_memory() {
            problems.push("reading pauses: more memory is used than collector.memory_max".to_owned());
        }
        let queue_dropped = queue.dropped_oldest.records + queue.dropped_newest.records;
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
            dropped: queue_dropped + values.records_throttled,
            queue_dropped,
            gaps: values.gaps,
            rejected: output.refused_records,
            dead_letters: output.dead_lettered,
            problems,
            files,
            endpoints,
            metrics: state.metrics.as_ref().map(|view| view.report(&values)).unwrap_or_default(),
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

pub(crate) fn is_failing(status: EndpointStatus) -> bool {
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
