//! Has the server in use know what the probes find, and the probes know what it asks for.

use std::sync::PoisonError;
use std::time::Duration;

use orszem_availability::{Reply, Told, WAIT_MS_MAX};
use orszem_model::chain;
use tracing::{info, warn};

use super::CollectorHandle;
use crate::output::edges::TellError;
use crate::output::votes::VoteSender;

/// Votes are gathered for this long.
const GATHER: Duration = Duration::from_millis(200);
/// How often it is looked whether there is a server, and something to probe.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause after a failure, and how long it grows.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Tells votes as they are cast, until the collector is stopped. Of each target the last three wait for the server.
pub(super) async fn keep_voting(handle: CollectorHandle) {
    let Some(booth) = handle.booth() else { return };
    let mut telling = Telling::new(handle.clone(), "votes");
    let mut has_more = false;
    loop {
        if !has_more {
            tokio::select! {
                () = handle.inner.shutdown.cancelled() => return,
                () = booth.filled() => {}
            }
            tokio::time::sleep(GATHER).await;
        }
        let told = booth.told(&handle.inner.shared.identity().host);
        let is_told = match telling.tell(&told).await {
            Some(Reply { asked }) => {
                booth.ask(&asked);
                has_more = booth.taken(&told);
                true
            }
            None => false,
        };
        if !is_told {
            has_more = true;
            if telling.pause().await {
                return;
            }
        }
    }
}

/// Waits at the server for targets that it asks for, until the collector is stopped.
pub(super) async fn keep_answering(handle: CollectorHandle) {
    let Some(booth) = handle.booth() else { return };
    let mut telling = Telling::new(handle.clone(), "questions");
    loop {
        if booth.is_empty() {
            if telling.wait(LOOK_EVERY).await {
                return;
            }
            continue;
        }
        let votes = booth.told(&handle.inner.shared.identity().host);
        let told = Told { votes: Vec::new(), wait_ms: WAIT_MS_MAX * 4 / 5, ..votes };
        let shutdown = handle.inner.shutdown.clone();
        let answer = tokio::select! {
            () = shutdown.cancelled() => return,
            answer = telling.tell(&told) => answer,
        };
        match answer {
            Some(Reply { asked }) => booth.ask(&asked),
            None => {
                if telling.pause().await {
                    return;
                }
            }
        }
    }
}

/// The connection to the server in use, and how it does.
struct Telling {
    handle: CollectorHandle,
    what: &'static str,
    sender: Option<VoteSender>,
    pause: Duration,
    is_failure_told: bool,
}

impl Telling {
    fn new(handle: CollectorHandle, what: &'static str) -> Self {
        Self { handle, what, sender: None, pause: PAUSE, is_failure_told: false }
    }

    /// One attempt; `None` if it has failed, which is logged once.
    async fn tell(&mut self, told: &Told) -> Option<Reply> {
        let url = self.handle.inner.shared.endpoint_in_use()?;
        match self.attempt(&url, told).await {
            Ok(reply) => {
                if std::mem::replace(&mut self.is_failure_told, false) {
                    info!(endpoint = url, what = self.what, "the server takes votes of probes again");
                }
                self.pause = PAUSE;
                Some(reply)
            }
            Err(error) => {
                self.sender = None;
                if !std::mem::replace(&mut self.is_failure_told, true) {
                    let error = chain(&error);
                    warn!(endpoint = url, what = self.what, error, "the server does not take votes of probes");
                }
                None
            }
        }
    }

    async fn attempt(&mut self, url: &str, told: &Told) -> Result<Reply, TellError> {
        let config = self.handle.inner.config.lock().unwrap_or_else(PoisonError::into_inner).output.clone();
        let sender = match self.sender.take().filter(|sender| sender.is_for(&config, url)) {
            Some(sender) => sender,
            None => VoteSender::new(&config, url)?,
        };
        self.sender.insert(sender).tell(told).await
    }

    /// Waits longer each time, after a failure. Whether the collector was stopped meanwhile.
    async fn pause(&mut self) -> bool {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        self.wait(pause).await
    }

    async fn wait(&self, span: Duration) -> bool {
        tokio::select! {
            () = self.handle.inner.shutdown.cancelled() => true,
            () = tokio::time::sleep(span) => false,
        }
    }
}
