//! What the threads that ask a cluster's tools have in common: how they are stopped, and where what they see goes.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orszem_model::Severity;
use orszem_model::observation::Seen;
use tracing::{info, warn};

use super::command::{self, RunError};
use crate::cluster::latest::{Latest, Measured, Part};
use crate::counters::{Counters, count};
use crate::pipeline::{Notice, notice_text as text};

/// How often a waiting thread looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// However much happens, a tool is not asked more often.
const HURRIED_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether a tool is installed meanwhile.
pub(super) const INSTALLED_EVERY: Duration = Duration::from_secs(60);

/// What a poller has to tell.
#[derive(Debug)]
pub(crate) enum Item {
    Seen(Box<Seen>),
    Notice(Box<Notice>),
}

/// Stops a thread and the tool that it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_stopped: AtomicBool,
    /// It is not to wait for its turn.
    is_hurried: AtomicBool,
    /// The process group that runs.
    group: Mutex<Option<u32>>,
}

impl Control {
    fn group(&self) -> MutexGuard<'_, Option<u32>> {
        self.0.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::Acquire)
    }

    pub(super) fn started(&self, group: u32) {
        *self.group() = Some(group);
        if self.is_stopped() {
            command::kill(group);
        }
    }

    pub(super) fn ended(&self) {
        *self.group() = None;
    }

    /// Ends the thread, and what it runs at once.
    pub(super) fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Release);
        if let Some(group) = *self.group() {
            command::kill(group);
        }
    }

    /// Waits until `until`, or until it is to stop.
    pub(super) fn pause(&self, until: Instant) {
        while !self.is_stopped() && Instant::now() < until {
            std::thread::park_timeout(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// Waits until it is its turn again, `interval` after it `begun`, or until something happens.
    pub(super) fn pause_unless_hurried(&self, begun: Instant, interval: Duration) {
        let (least, until) = (begun + HURRIED_EVERY.min(interval), begun + interval);
        while !self.is_stopped() && Instant::now() < until {
            if Instant::now() >= least && self.0.is_hurried.swap(false, Ordering::AcqRel) {
                return;
            }
            std::thread::park_timeout(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
    }
}

/// A thread that asks; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Poller<C> {
    pub(crate) config: C,
    control: Control,
}

impl<C> Poller<C> {
    /// Starts the thread. `is_required` has it told in-band, too, that the part has never answered.
    pub(super) fn start(
        part: Part,
        config: C,
        is_required: bool,
        ways: &Ways,
        run: impl FnOnce(Telling) + Send + 'static,
    ) -> io::Result<Self> {
        let control = Control::default();
        let Ways { items, latest, counters } = ways.clone();
        let state = State::Unknown;
        let telling =
            Telling { part, control: control.clone(), items, latest, counters, state, is_expected: is_required };
        std::thread::Builder::new().name(part.name().to_owned()).spawn(move || run(telling))?;
        Ok(Self { config, control })
    }
}

impl<C> Poller<C> {
    /// Has it ask soon.
    pub(super) fn hurry(&self) {
        self.control.0.is_hurried.store(true, Ordering::Release);
    }
}

impl<C> Drop for Poller<C> {
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// Where what is seen goes.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) items: SyncSender<Item>,
    pub(crate) latest: Latest,
    pub(crate) counters: Arc<Counters>,
}

/// Whether a part of the cluster answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    /// It is not installed, or its kernel module is not loaded.
    Away,
    Answers,
    /// It is installed and does not run, or can't be asked.
    Silent,
}

/// A poller's own end of it.
#[derive(Debug)]
pub(super) struct Telling {
    part: Part,
    pub(super) control: Control,
    items: SyncSender<Item>,
    pub(super) latest: Latest,
    pub(super) counters: Arc<Counters>,
    state: State,
    /// It has answered before, or has to.
    is_expected: bool,
}

impl Telling {
    /// Hands over what was seen; waits while the batch is not taken. `false` when it is to stop.
    pub(super) fn see(&self, seen: Vec<Seen>) -> bool {
        seen.into_iter().all(|seen| self.send(Item::Seen(Box::new(seen))))
    }

    fn send(&self, mut item: Item) -> bool {
        loop {
            if self.control.is_stopped() {
                return false;
            }
            item = match self.items.try_send(item) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(item)) => item,
            };
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// The part answers; that is told when it did not.
    pub(super) fn answers(&mut self) {
        self.is_expected = true;
        if std::mem::replace(&mut self.state, State::Answers) != State::Answers {
            info!(part = self.part.name(), "the cluster answers");
        }
    }

    /// The part is not here. That is nothing to tell, unless it is expected.
    pub(super) fn is_away(&mut self, reason: &str) {
        if self.is_expected {
            self.silent(reason);
        } else if std::mem::replace(&mut self.state, State::Away) != State::Away {
            tracing::debug!(part = self.part.name(), reason, "it is not here");
        }
        self.latest.forget_measured(self.part);
    }

    /// The part does not run, or its answer can't be used; told once until it answers again.
    pub(super) fn silent(&mut self, reason: &str) {
        self.latest.set_measured(self.part, Measured::default());
        if std::mem::replace(&mut self.state, State::Silent) == State::Silent {
            return;
        }
        let name = self.part.name();
        if !self.is_expected {
            info!(part = name, reason, "it is installed, and does not answer");
            return;
        }
        warn!(part = name, reason, "the cluster does not answer");
        self.send(Item::Notice(Box::new(Notice {
            name: "collector.cluster_silent",
            severity: Severity::WARN,
            text: format!("{name} does not answer: {reason}"),
            fields: vec![text("cluster.part", name), text("cluster.reason", reason)],
        })));
    }

    /// Shows what the part has measured.
    pub(super) fn measured(&self, measured: Measured) {
        self.latest.set_measured(self.part, measured);
    }

    /// Counts a question that had this outcome.
    pub(super) fn asked<T>(&self, outcome: &Result<T, RunError>) {
        count(&self.counters.cluster_polls);
        if let Err(error) = outcome
            && !matches!(error, RunError::Stopped | RunError::NotInstalled { .. })
        {
            self.failed();
            if error.was_killed() {
                count(&self.counters.cluster_polls_killed);
            }
        }
    }

    /// Counts an answer that can't be used.
    pub(super) fn failed(&self) {
        count(&self.counters.cluster_polls_failed);
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Tools that are shell scripts, and what a poller tells.

    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// Writes a tool; its path.
    pub(crate) fn script(directory: &Path, name: &str, text: &str) -> String {
        let (path, beside) = (directory.join(name), directory.join(format!("{name}.new")));
        std::fs::write(&beside, format!("#!/bin/sh\n{text}\n")).expect("writes");
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).expect("is made a program");
        std::fs::rename(&beside, &path).expect("renames");
        path.display().to_string()
    }

    pub(crate) fn ways() -> (Ways, Receiver<Item>) {
        let (items, received) = sync_channel(1024);
        (Ways { items, latest: Latest::default(), counters: Arc::new(Counters::default()) }, received)
    }

    /// What comes next, within a minute.
    pub(crate) fn next(items: &Receiver<Item>) -> Item {
        items.recv_timeout(Duration::from_secs(60)).expect("something is told")
    }

    pub(crate) fn next_seen(items: &Receiver<Item>) -> Seen {
        match next(items) {
            Item::Seen(seen) => *seen,
            Item::Notice(notice) => panic!("a notice: {}", notice.text),
        }
    }

    pub(crate) fn next_notice(items: &Receiver<Item>) -> String {
        match next(items) {
            Item::Notice(notice) => notice.text,
            Item::Seen(seen) => panic!("an observation: {seen:?}"),
        }
    }

    /// Waits until it holds, within a minute.
    pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}
