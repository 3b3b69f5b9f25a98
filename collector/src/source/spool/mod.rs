//! The spool: events that `orszem event` left, oldest first, each once.
//!
//! A file is removed when the batch with its record is durable in the queue. The batch carries a position that names
//! the file, so that a file which outlives a crash is known to be taken; the position goes when the file is gone for
//! certain.

mod matching;
mod taking;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use orszem_model::observation::{Origin, Seen};
use orszem_model::{Severity, chain};
use orszem_queue::Changes;
use tracing::warn;

use crate::counters::{Counters, count};
use crate::pipeline::Notice;
use crate::pipeline::notice_text as text;
use crate::source::files::watch::Watch;
use crate::spool::{Event, PARTIAL, Told, WHOLE, sync_directory};
use matching::{Look, Matching};
use taking::{Refused, read};

/// What stands before a file's name in its position, and the position of what was reported lately.
const FILE_PREFIX: &[u8] = b"s/";
const MATCHING_POSITION: &[u8] = b"c/events";
/// The directory is listed at least this often, whatever the kernel tells.
const LIST_EVERY: Duration = Duration::from_secs(5);
/// Files that wait for their batch to be durable; beyond, no more are taken.
const TAKEN_MAX: usize = 10_000;
/// Names that one listing looks at.
const NAMES_MAX: usize = 2 * crate::spool::FILES_MAX;
/// Where files go that can't be read, and how many of them are kept.
const ASIDE: &str = "aside";
const ASIDE_MAX: usize = 1_000;
/// What was begun and not finished for so long is removed.
const PARTIAL_AGE: Duration = Duration::from_secs(3_600);

/// How far a file is that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Its record is in the open batch.
    Open,
    /// Its batch is closed.
    Closed,
    /// Its batch is in the queue.
    Appended,
    /// Its batch is durable, the file can go.
    Durable,
}

/// The directory that is watched.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    is_active: bool,
    watch: Watch,
    has_moved: bool,
    listed: Option<Instant>,
    /// Names of files that were not looked at yet, oldest first.
    waiting: VecDeque<String>,
    taken: BTreeMap<String, Step>,
    /// Files that are gone for certain, whose positions can go.
    gone: Vec<String>,
    /// Files that can't be opened now; they are looked at again with the next listing.
    closed_to_us: BTreeSet<String>,
    matching: Matching,
    is_matching_changed: bool,
    /// What can't be done with the directory was told.
    is_trouble_told: bool,
    notices: Vec<Notice>,
    counters: Arc<Counters>,
}

impl Spool {
    /// Goes on from the queue's `positions`.
    pub(crate) fn new(directory: PathBuf, positions: &BTreeMap<Vec<u8>, Vec<u8>>, counters: Arc<Counters>) -> Self {
        let name = |key: &Vec<u8>| String::from_utf8(key.strip_prefix(FILE_PREFIX)?.to_vec()).ok();
        let taken = positions.keys().filter_map(name).map(|name| (name, Step::Appended));
        let matching = positions.get(MATCHING_POSITION).map(|bytes| Matching::decode(bytes));
        Self {
            directory,
            is_active: true,
            watch: Watch::new(),
            has_moved: false,
            listed: None,
            waiting: VecDeque::new(),
            taken: taken.collect(),
            gone: Vec::new(),
            closed_to_us: BTreeSet::new(),
            matching: matching.unwrap_or_default(),
            is_matching_changed: false,
            is_trouble_told: false,
            notices: Vec::new(),
            counters,
        }
    }

    /// Whether events are taken.
    pub(crate) fn set_active(&mut self, is_active: bool) {
        self.is_active = is_active;
    }

    /// What is to be told in-band.
    pub(crate) fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Gives observations to `take` until it answers that the batch is full (`true`), or there are no more.
    pub(crate) fn read(&mut self, reporter: &str, tick: Instant, mut take: impl FnMut(&Seen) -> bool) -> bool {
        if !self.is_active {
            return false;
        }
        self.look(tick);
        while self.taken.len() < TAKEN_MAX
            && let Some(name) = self.waiting.pop_front()
        {
            if self.taken.contains_key(&name) {
                continue;
            }
            let event = match read(&self.directory.join(&name)) {
                Ok(event) => event,
                Err(Refused::Gone) => continue,
                Err(Refused::Closed(error)) => {
                    self.tell_closed(name, &error);
                    continue;
                }
                Err(Refused::Unreadable(reason)) => {
                    self.set_aside(&name, &reason);
                    continue;
                }
            };
            if !self.tell(&name, &event, reporter, &mut take) {
                self.waiting.push_front(name);
                return true;
            }
        }
        false
    }

    /// `false` when the batch is full.
    fn tell(&mut self, name: &str, event: &Event, reporter: &str, take: &mut impl FnMut(&Seen) -> bool) -> bool {
        let received = event.received;
        let is_taken = match event.told() {
            Ok(Some(Told::Drbd(handler))) => take(&handler.seen(reporter, received)),
            Ok(Some(Told::Pacemaker(told))) => {
                let look = self.matching.look(&told, received);
                // An alert has the time that it happened at, so it is told even where the notification came first.
                let is_repeat = match look {
                    Look::New => false,
                    Look::Known => true,
                    Look::Matches(_) => told.origin != Origin::Alert,
                };
                let is_taken = is_repeat || take(&told.clone().seen(reporter, received));
                if is_taken {
                    self.matching.remember(&told, received, look);
                    self.is_matching_changed = true;
                    if is_repeat {
                        count(&self.counters.events_repeated);
                    }
                }
                is_taken
            }
            Ok(None) => {
                self.set_aside(name, "it tells no event");
                return true;
            }
            Err(error) => {
                self.set_aside(name, &format!("{} ({})", chain(&error), event.summary()));
                return true;
            }
        };
        if is_taken {
            count(&self.counters.events_taken);
            self.taken.insert(name.to_owned(), Step::Open);
        }
        is_taken
    }

    /// Positions that are not in the queue yet; the batch is closed.
    pub(crate) fn changes(&mut self) -> Changes {
        let key = |name: &str| [FILE_PREFIX, name.as_bytes()].concat();
        let mut changes: Changes = self.gone.drain(..).map(|name| (key(&name), None)).collect();
        for (name, step) in self.taken.iter_mut().filter(|(_, step)| **step == Step::Open) {
            *step = Step::Closed;
            changes.insert(key(name), Some(vec![1]));
        }
        if std::mem::take(&mut self.is_matching_changed) {
            changes.insert(MATCHING_POSITION.to_vec(), Some(self.matching.encode()));
        }
        changes
    }

    /// The batch that was closed is in the queue.
    pub(crate) fn appended(&mut self) {
        self.step(Step::Closed, Step::Appended);
    }

    /// All that is in the queue is durable: files that were taken can go.
    pub(crate) fn synced(&mut self) {
        self.step(Step::Appended, Step::Durable);
        self.remove();
    }

    fn step(&mut self, from: Step, to: Step) {
        self.taken.values_mut().filter(|step| **step == from).for_each(|step| *step = to);
    }

    /// Removes what is durable. The positions go only when the directory is synced: a file that comes back after a loss
    /// of power would be taken again.
    fn remove(&mut self) {
        let durable = self.taken.iter().filter(|(_, step)| **step == Step::Durable).map(|(name, _)| name.clone());
        let mut removed = Vec::new();
        for name in durable.collect::<Vec<_>>() {
            match fs::remove_file(self.directory.join(&name)) {
                Ok(()) => removed.push(name),
                Err(error) if error.kind() == ErrorKind::NotFound => removed.push(name),
                Err(error) => return self.trouble("can't remove an event that was taken", &error),
            }
        }
        if removed.is_empty() {
            return;
        }
        match sync_directory(&self.directory) {
            Ok(()) => {}
            // Then the files are, too.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return self.trouble("can't sync the directory", &error),
        }
        for name in removed {
            self.taken.remove(&name);
            self.gone.push(name);
        }
    }

    /// Lists the directory where something happened in it, and now and then.
    fn look(&mut self, tick: Instant) {
        self.has_moved |= self.watch.take().has_moved;
        let is_due = self.listed.is_none_or(|at| tick.saturating_duration_since(at) >= LIST_EVERY);
        let has_news = self.has_moved && self.waiting.is_empty();
        if !is_due && !has_news {
            return;
        }
        self.has_moved = false;
        self.listed = Some(tick);
        self.watch.add(&BTreeSet::from([self.directory.clone()]));
        self.remove();
        match self.list() {
            Ok(()) => {}
            // There is none where nothing uses it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.trouble("can't list the events", &error),
        }
    }

    fn list(&mut self) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)?.take(NAMES_MAX) {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            match Path::new(&name).extension().and_then(|extension| extension.to_str()) {
                Some(WHOLE) => names.push(name),
                Some(PARTIAL) => remove_old(&entry.path()),
                _ => {}
            }
        }
        names.sort();
        self.closed_to_us.retain(|name| names.binary_search(name).is_ok());
        self.waiting = names.into();
        Ok(())
    }

    fn tell_closed(&mut self, name: String, error: &io::Error) {
        if self.closed_to_us.len() < TAKEN_MAX && self.closed_to_us.insert(name) {
            count(&self.counters.events_unreadable);
            self.trouble("can't open an event", error);
        }
    }

    fn trouble(&mut self, what: &str, error: &io::Error) {
        if !std::mem::replace(&mut self.is_trouble_told, true) {
            let directory = self.directory.display();
            warn!(%error, %directory, "{what}; the collector's user has to be in the group of the directory");
            let told = format!("{what} in {directory}: {error}");
            self.notices.push(notice("collector.spool", told, &self.directory));
        }
    }

    /// Puts away what is no event, and tells it.
    fn set_aside(&mut self, name: &str, reason: &str) {
        count(&self.counters.events_unreadable);
        let path = self.directory.join(name);
        warn!(file = %path.display(), reason, "an event can't be read");
        self.notices.push(notice("collector.unreadable_event", format!("an event can't be read: {reason}"), &path));
        if let Err(error) = move_aside(&self.directory, name) {
            self.trouble("can't put away an event that can't be read", &error);
            // It would be told again and again.
            self.taken.insert(name.to_owned(), Step::Durable);
        }
    }
}

fn notice(name: &'static str, told: String, path: &Path) -> Notice {
    Notice { name, severity: Severity::WARN, text: told, fields: vec![text("spool.path", path.display().to_string())] }
}

/// Beyond [`ASIDE_MAX`] it is removed.
fn move_aside(directory: &Path, name: &str) -> io::Result<()> {
    let aside = directory.join(ASIDE);
    match fs::create_dir(&aside) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    if fs::read_dir(&aside)?.take(ASIDE_MAX).count() >= ASIDE_MAX {
        return fs::remove_file(directory.join(name));
    }
    fs::rename(directory.join(name), aside.join(name))
}

/// What a killed writer left. What can't be looked at or removed is looked at again.
fn remove_old(partial: &Path) {
    let age = fs::symlink_metadata(partial)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    if age.is_some_and(|age| age > PARTIAL_AGE)
        && let Err(error) = fs::remove_file(partial)
    {
        tracing::debug!(%error, "what was left by a killed writer is not removed");
    }
}
