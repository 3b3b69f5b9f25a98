//! Text files: found by pattern, followed through every way of rotation, read exactly once.
//!
//! A file is known by device and inode while it is there, and by what it holds when it is not: a fingerprint of its
//! beginning, and the bytes before the place that was read to. So a renamed file is read to its end, a copy that was
//! made before the original was cut gives what was not read of it, and a compressed one is gone on with where the plain
//! one was left. Where bytes are lost for good, a [`Gap`] says so.

mod begin;
mod candidate;
mod content;
mod cut;
mod families;
mod followed;
mod gap;
mod kinship;
mod listing;
mod order;
mod position;
mod release;
mod resume;
mod search;
mod settle;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture;
pub(crate) mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use orszem_parse::Recogniser;
use tracing::debug;

pub(crate) use gap::{Gap, GapReason};

use crate::counters::{Counters, add, count};
use crate::{FileState, FileStatus, StartAt, glob};
use families::Families;
use followed::{Followed, Outcome, Reading};
use listing::Listing;
use position::{FileId, Position};
use watch::{Events, Watch};

/// How often all files are looked at where no event says to.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often directories are listed where no event says to.
const SEARCH_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked at most under the names that events were of.
const SEARCH_PAUSE: Duration = Duration::from_millis(100);
/// Names that events were of and that are not looked at yet; beyond this directories are listed instead.
const STALE_MAX: usize = 16_384;
/// How long after the start the rest of a half-read file holds back what is newer under its name. It may be renamed or
/// compressed just while directories are listed, and is found by one of the next searches. After that what is newer is
/// read, and once [`FileOptions::rotate_wait`] has passed since the start a [`Gap`] tells of what was not found.
const REST_WAIT: Duration = Duration::from_secs(3);
/// What one file may hand over before it is the next one's turn.
const SHARE_BYTES: usize = 1 << 20;
/// How long a compressed file that does not unpack may still be under way.
const DAMAGED_WAIT: Duration = Duration::from_secs(5);
/// Positions of files that are done with; beyond this the oldest are forgotten.
const DONE_MAX: usize = 4_096;
/// The same while rotated files wait to be opened: what is forgotten then would be read again.
const DONE_WAITING_MAX: usize = 65_536;
/// Positions of an earlier run's files that are not found yet; beyond this the oldest are given up before
/// [`FileOptions::rotate_wait`] is over.
const MISSING_MAX: usize = 4_096;
/// The key of [`FileSource::floor`] among the positions, whose other keys are eight bytes.
const FLOOR_KEY: &[u8] = b"floor";

/// The usual [`FileOptions::rotated_max`].
pub(crate) const ROTATED_MAX: usize = 4_096;

/// What is followed, and how.
#[derive(Clone, Debug)]
pub(crate) struct FileOptions {
    /// The first that matches a file counts.
    pub(crate) groups: Vec<FileGroup>,
    pub(crate) depth_max: usize,
    pub(crate) from: StartAt,
    pub(crate) first_read_bytes_max: u64,
    pub(crate) files_max: usize,
    /// Rotated files that are open at once. With more, each name's oldest come first, and the rest waits on disk.
    pub(crate) rotated_max: usize,
    pub(crate) rotate_wait: Duration,
    pub(crate) line_bytes_max: usize,
}

/// Files that go together.
#[derive(Clone, Debug)]
pub(crate) struct FileGroup {
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    /// How their records are told apart and read.
    pub(crate) recogniser: Recogniser,
    /// How long a record's next line is waited for.
    pub(crate) record_wait: Duration,
}

impl FileOptions {
    /// The group of a file; `None` when it is not to be followed.
    fn group_of(&self, path: &Path) -> Option<usize> {
        self.groups
            .iter()
            .position(|group| glob::any_matches(&group.include, path) && !glob::any_matches(&group.exclude, path))
    }

    fn record_wait(&self, group: usize) -> Duration {
        self.groups.get(group).map_or(LOOK_EVERY, |group| group.record_wait)
    }

    fn recogniser(&self, group: usize) -> Recogniser {
        self.groups.get(group).map_or_else(Recogniser::auto, |group| group.recogniser.clone())
    }
}

/// What the receiver of a record learns of its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileFacts<'a> {
    /// Tells files apart; never given twice.
    pub(crate) slot: u64,
    /// The name that it is, or was, written under.
    pub(crate) path: &'a Path,
    /// Its place in [`FileOptions::groups`].
    pub(crate) group: usize,
    /// Its last change.
    pub(crate) modified: Timestamp,
    /// It was there when the file was opened.
    pub(crate) is_backlog: bool,
}

/// A record, or a piece of one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// Lines without the last one's end.
    pub(crate) bytes: &'a [u8],
    pub(crate) is_split: bool,
}

/// What became of a record that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// The batch is full; the record is offered again later.
    Full,
}

/// A generation of a file that was cut before it was read to its end, or may have been.
#[derive(Debug)]
struct Cut {
    position: Position,
    group: usize,
    size_seen: u64,
    since: Instant,
}

/// All followed files.
#[derive(Debug)]
pub(crate) struct FileSource {
    options: FileOptions,
    counters: Arc<Counters>,
    watch: Watch,
    open: BTreeMap<u64, Followed>,
    /// Positions without an open file: done with, or of an earlier run and not found again yet.
    closed: BTreeMap<u64, Position>,
    cut: BTreeMap<u64, Cut>,
    /// The slots of the three by the name that is, or was, written under.
    families: Families,
    /// Names of which some rotated files wait on disk, as too many are open, with the last change of the first that
    /// waits: nothing newer is read.
    held: BTreeMap<PathBuf, Timestamp>,
    /// How many rotated files are open, and how many were found that were never seen under their own name; of one
    /// search.
    rotated_open: usize,
    unseen: usize,
    /// Files that are there and were read to this offset, whose position is forgotten.
    past: HashMap<FileId, u64>,
    /// Files whose content is known from another one, with their size when that was found.
    aliases: HashMap<FileId, u64>,
    /// Files that are copies of an open one: their size, and its slot.
    copies: HashMap<FileId, (u64, u64)>,
    binary: BTreeSet<FileId>,
    /// All that the last search found.
    present: BTreeSet<FileId>,
    unreadable: BTreeMap<PathBuf, FileStatus>,
    next_slot: u64,
    /// Slots of `closed` whose position is not in the queue yet, and slots that are to be forgotten.
    changed: BTreeSet<u64>,
    forgotten: BTreeSet<u64>,
    gaps: Vec<Gap>,
    is_first_start: bool,
    /// Rotated files older than this were done with before.
    unseen_since: Timestamp,
    /// What `unseen_since` has to be after a restart, as rotated files wait that no position tells of.
    floor: Option<Timestamp>,
    is_floor_changed: bool,
    started: Option<Instant>,
    searched: Option<Instant>,
    /// When directories were listed as a whole.
    listed: Option<Instant>,
    looked: Option<Instant>,
    wants_search: bool,
    /// Events can't tell what is in directories: they have to be listed.
    wants_listing: bool,
    /// Something was not what the listing said: events will tell why, where there are any.
    is_in_doubt: bool,
    listing: Listing,
    /// Events that files were not looked at for.
    events: Events,
    /// Names to look at again.
    stale: BTreeSet<PathBuf>,
    turn: Option<u64>,
    buffer: Vec<u8>,
}

impl FileSource {
    /// Goes on from `positions`, as [`Self::changes`] gave them.
    pub(crate) fn new<'p>(
        options: FileOptions,
        counters: Arc<Counters>,
        positions: impl Iterator<Item = (&'p [u8], &'p [u8])>,
        is_first_start: bool,
        now: Timestamp,
    ) -> Self {
        let mut closed = BTreeMap::new();
        let mut floor = None;
        for (key, value) in positions {
            if key == FLOOR_KEY {
                floor = value.try_into().ok().map(|bytes| Timestamp(i64::from_be_bytes(bytes)));
                continue;
            }
            match (key.try_into().map(u64::from_be_bytes), Position::decode(value)) {
                (Ok(slot), Some(position)) => drop(closed.insert(slot, position)),
                _ => count(&counters.positions_undecodable),
            }
        }
        let last_seen = floor.or_else(|| closed.values().map(|position| position.seen).max());
        Self {
            next_slot: closed.last_key_value().map_or(0, |(slot, _)| slot + 1),
            unseen_since: last_seen.unwrap_or(now),
            options,
            counters,
            watch: Watch::new(),
            open: BTreeMap::new(),
            families: Families::of(closed.iter().map(|(slot, position)| (*slot, position.path.as_path()))),
            held: BTreeMap::new(),
            rotated_open: 0,
            unseen: 0,
            past: HashMap::new(),
            floor,
            is_floor_changed: false,
            closed,
            cut: BTreeMap::new(),
            aliases: HashMap::new(),
            copies: HashMap::new(),
            binary: BTreeSet::new(),
            present: BTreeSet::new(),
            unreadable: BTreeMap::new(),
            changed: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            gaps: Vec::new(),
            is_first_start,
            started: None,
            searched: None,
            listed: None,
            looked: None,
            wants_search: true,
            wants_listing: true,
            is_in_doubt: false,
            listing: Listing::default(),
            events: Events::default(),
            stale: BTreeSet::new(),
            turn: None,
            buffer: Vec::new(),
        }
    }

    /// Goes on with other options. Files that still match stay open; the others are closed where they are.
    pub(crate) fn reconfigure(&mut self, options: FileOptions) {
        self.options = options;
        let mut leaving = Vec::new();
        for (slot, followed) in &mut self.open {
            match self.options.group_of(&followed.position.path) {
                Some(group) => {
                    followed.regroup(group, self.options.recogniser(group));
                }
                None => leaving.push(*slot),
            }
        }
        for slot in leaving {
            self.close(slot, false);
        }
        self.wants_search = true;
        self.wants_listing = true;
    }

    /// Looks for files, rotations and cuts, and opens what is new. Never reads records, so it goes on while the queue is
    /// full and no rotated file is missed.
    pub(crate) fn watch(&mut self, now: Timestamp, tick: Instant) {
        self.started.get_or_insert(tick);
        self.note_events();
        let events = std::mem::take(&mut self.events);
        if Self::has_passed(self.looked, LOOK_EVERY, tick) || events.has_lost {
            self.looked = Some(tick);
            self.look(|_| true, tick);
        } else if !events.written.is_empty() {
            self.look(|followed| events.written.contains(followed.path()), tick);
        }
        let is_calm = self.held.is_empty() && !self.is_in_doubt && self.awaited(tick).is_empty();
        let is_due = Self::has_passed(self.listed, if is_calm { SEARCH_EVERY } else { LOOK_EVERY }, tick);
        if is_due || (self.wants_search && Self::has_passed(self.searched, SEARCH_PAUSE, tick)) {
            self.wants_search = false;
            self.wants_listing |= is_due;
            if !self.held.is_empty() {
                self.close_quiet(now, tick);
            }
            self.search(now, tick);
            self.searched = Some(tick);
        }
        self.let_go(now, tick);
    }

    fn has_passed(last: Option<Instant>, every: Duration, tick: Instant) -> bool {
        last.is_none_or(|at| tick.saturating_duration_since(at) >= every)
    }

    /// Takes what happened, so that it is looked at and searched for.
    fn note_events(&mut self) {
        let Events { written, moved, has_moved, has_lost, needs_listing } = self.watch.take();
        self.wants_search |= has_moved;
        self.wants_listing |= needs_listing;
        self.stale.extend(written.iter().cloned().chain(moved));
        if self.stale.len() > STALE_MAX {
            self.stale.clear();
            self.wants_listing = true;
        }
        self.events.written.extend(written);
        self.events.has_lost |= has_lost;
    }

    /// Looks again at a name that was not what the listing said, and before long at everything.
    fn doubt(&mut self, path: &Path) {
        self.stale.insert(path.to_owned());
        self.is_in_doubt = true;
        self.wants_search = true;
    }

    fn look(&mut self, which: impl Fn(&Followed) -> bool, tick: Instant) {
        for followed in self.open.values_mut().filter(|followed| which(followed)) {
            if let Err(error) = followed.look(tick) {
                count(&self.counters.read_errors);
                debug!(path = %followed.path().display(), %error, "a followed file can't be looked at");
            }
        }
    }

    /// Hands over records until the batch is full (`true`) or nothing whole is left. Of a file and what it was rotated
    /// to, the older comes first.
    pub(crate) fn read(
        &mut self,
        now: Timestamp,
        tick: Instant,
        sink: &mut impl FnMut(&FileFacts<'_>, &mut Recogniser, Piece<'_>) -> Taken,
    ) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        let is_full = self.read_in_turns(now, tick, &mut buffer, sink);
        buffer.shrink_to(followed::CHUNK_BYTES * 2);
        self.buffer = buffer;
        is_full
    }

    fn read_in_turns(
        &mut self,
        now: Timestamp,
        tick: Instant,
        buffer: &mut Vec<u8>,
        sink: &mut impl FnMut(&FileFacts<'_>, &mut Recogniser, Piece<'_>) -> Taken,
    ) -> bool {
        loop {
            let mut has_more = false;
            for slot in self.order(tick) {
                let Some(followed) = self.open.get_mut(&slot) else { continue };
                let record_wait = followed.patience(self.options.record_wait(followed.group));
                let before = followed.position.offset;
                let (rotate_wait, line_bytes_max) = (self.options.rotate_wait, self.options.line_bytes_max);
                let reading = Reading { now, tick, slot, rotate_wait, record_wait, line_bytes_max };
                match followed.read(&reading, SHARE_BYTES, buffer, sink) {
                    // What a rotated file held back may be next.
                    Ok(Outcome::Idle) => {
                        has_more |= followed.rotated.is_some() && followed.position.offset != before;
                    }
                    Ok(Outcome::More) => has_more = true,
                    Ok(Outcome::Full) => {
                        self.turn = Some(slot);
                        return true;
                    }
                    Ok(Outcome::Truncated) => self.cut(slot, now, tick),
                    Err(error) => {
                        count(&self.counters.read_errors);
                        let path = followed.path().clone();
                        self.unreadable.insert(path.clone(), FileStatus::unreadable(&path, &error));
                        if followed.fail(tick, DAMAGED_WAIT) && followed.content.is_compressed() {
                            self.give_up_damaged(slot, now);
                        }
                    }
                }
            }
            if !has_more {
                self.turn = None;
                return false;
            }
        }
    }

    /// Positions that are not in the queue yet.
    pub(crate) fn changes(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let key = |slot: u64| slot.to_be_bytes().to_vec();
        let mut changes: Vec<(Vec<u8>, Option<Vec<u8>>)> =
            std::mem::take(&mut self.forgotten).into_iter().map(|slot| (key(slot), None)).collect();
        for slot in std::mem::take(&mut self.changed) {
            let position = self.closed.get(&slot).or_else(|| self.cut.get(&slot).map(|cut| &cut.position));
            changes.extend(position.map(|position| (key(slot), Some(position.encode()))));
        }
        if std::mem::take(&mut self.is_floor_changed) {
            changes.push((FLOOR_KEY.to_vec(), self.floor.map(|floor| floor.0.to_be_bytes().to_vec())));
        }
        for (slot, followed) in &mut self.open {
            if std::mem::take(&mut followed.is_changed) {
                changes.push((key(*slot), Some(followed.position.encode())));
            }
        }
        changes
    }

    /// What was lost since the last call.
    pub(crate) fn gaps(&mut self) -> Vec<Gap> {
        add(&self.counters.gaps, self.gaps.len() as u64);
        std::mem::take(&mut self.gaps)
    }

    /// Every file that is followed or can't be, by path.
    pub(crate) fn statuses(&self) -> Vec<FileStatus> {
        let followed = self.open.values().map(|file| FileStatus {
            path: file.path().clone(),
            state: FileState::Following,
            size: file.size,
            position: file.position.offset,
            lag: file.lag(),
        });
        let mut all: Vec<FileStatus> = followed.chain(self.unreadable.values().cloned()).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    /// Sleeps until something happens to a file, at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        if self.events.written.is_empty() {
            self.watch.wait(timeout);
        }
    }
}
