//! The endpoints as they stand: which one is used, how each does, and what was counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::counts::{Counts, OutputCounts, Retries, RetryCounts, add};

/// How an endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// Not used so far, or no longer.
    Standby,
    /// It took the last batch.
    Sending,
    /// It is full and said when to come back.
    Busy,
    /// It answers with errors of its own.
    Failing,
    /// There is no connection.
    Unreachable,
    /// It refuses for a reason that somebody has to put right.
    Misconfigured,
}

/// An endpoint as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// As configured; `in-process` for a server in the same process.
    pub url: String,
    pub state: EndpointState,
    /// Of the last failure; stays when sending works again.
    pub last_error: Option<String>,
    /// When it came into this state.
    pub since: SystemTime,
    pub sent_batches: u64,
}

/// A cheap handle on what sending does; clones share it.
#[derive(Clone, Debug)]
pub struct OutputStatus {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoints: Mutex<Vec<EndpointStatus>>,
    /// The endpoint in use.
    current: watch::Sender<usize>,
    /// A better one to go back to; the number of endpoints for none.
    better: AtomicUsize,
    counts: Counts,
    retries: Retries,
}

impl OutputStatus {
    pub(super) fn new(urls: impl Iterator<Item = String>) -> Self {
        let since = SystemTime::now();
        let status =
            |url| EndpointStatus { url, state: EndpointState::Standby, last_error: None, since, sent_batches: 0 };
        let endpoints: Vec<_> = urls.map(status).collect();
        let better = AtomicUsize::new(endpoints.len());
        let inner = Inner {
            endpoints: Mutex::new(endpoints),
            current: watch::Sender::new(0),
            better,
            counts: Counts::default(),
            retries: Retries::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// All endpoints, in the order of preference.
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        self.lock().clone()
    }

    /// The URL of the one in use.
    pub fn in_use(&self) -> Option<String> {
        self.lock().get(self.current()).map(|endpoint| endpoint.url.clone())
    }

    /// What was counted.
    pub fn counts(&self) -> OutputCounts {
        self.inner.counts.values()
    }

    /// Why batches were sent again.
    pub fn retries(&self) -> RetryCounts {
        self.inner.retries.values()
    }

    pub(super) fn counting(&self) -> &Counts {
        &self.inner.counts
    }

    pub(super) fn retrying(&self) -> &Retries {
        &self.inner.retries
    }

    pub(super) fn current(&self) -> usize {
        *self.inner.current.borrow()
    }

    pub(super) fn watch_current(&self) -> watch::Receiver<usize> {
        self.inner.current.subscribe()
    }

    /// Notes that the endpoint in use took a batch.
    pub(super) fn sent(&self) {
        let at = self.current();
        let mut endpoints = self.lock();
        let Some(endpoint) = endpoints.get_mut(at) else { return };
        endpoint.sent_batches += 1;
        if endpoint.state != EndpointState::Sending {
            info!(endpoint = endpoint.url, "batches are taken");
            (endpoint.state, endpoint.since) = (EndpointState::Sending, SystemTime::now());
        }
    }

    /// Notes a failure of the endpoint in use; logs it when the state is new. `remedy` says what to do about it.
    pub(super) fn failed(&self, state: EndpointState, reason: &str, remedy: &str) {
        let at = self.current();
        let mut endpoints = self.lock();
        let Some(endpoint) = endpoints.get_mut(at) else { return };
        endpoint.last_error = Some(reason.to_owned());
        if endpoint.state == state {
            return;
        }
        (endpoint.state, endpoint.since) = (state, SystemTime::now());
        let url = endpoint.url.as_str();
        match state {
            EndpointState::Misconfigured => {
                error!(endpoint = url, reason, remedy, "a server refuses batches; they are kept and sent again");
            }
            EndpointState::Busy | EndpointState::Failing | EndpointState::Unreachable => {
                warn!(endpoint = url, reason, remedy, "a server takes no batches; they are kept and sent again");
            }
            EndpointState::Standby | EndpointState::Sending => {}
        }
    }

    /// Moves on to the next endpoint.
    pub(super) fn move_on(&self) {
        let from = self.current();
        let endpoints = self.lock();
        let to = (from + 1) % endpoints.len().max(1);
        let url = |at: usize| endpoints.get(at).map_or("", |endpoint| endpoint.url.as_str());
        warn!(from = url(from), to = url(to), "sending moves on to another server");
        add(&self.inner.counts.failovers, 1);
        drop(endpoints);
        self.use_endpoint(to);
    }

    /// Says that a better endpoint than the one in use is ready again.
    pub(super) fn offer(&self, better: usize) {
        self.inner.better.store(better, Ordering::Release);
    }

    /// Moves back to a better endpoint if one was offered since.
    pub(super) fn move_back(&self) {
        let none = self.lock().len();
        let (from, to) = (self.current(), self.inner.better.swap(none, Ordering::AcqRel));
        if to >= from {
            return;
        }
        if let Some(left) = self.lock().get_mut(from) {
            (left.state, left.since) = (EndpointState::Standby, SystemTime::now());
        }
        let url = self.lock().get(to).map_or(String::new(), |endpoint| endpoint.url.clone());
        info!(to = url, "sending moves back to a better server");
        add(&self.inner.counts.failbacks, 1);
        self.use_endpoint(to);
    }

    fn use_endpoint(&self, at: usize) {
        self.inner.current.send_replace(at);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EndpointStatus>> {
        self.inner.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
