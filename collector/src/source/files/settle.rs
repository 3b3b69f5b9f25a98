//! Which file is which: new, renamed, copied and cut, compressed, or known from an earlier run.

use std::collections::{BTreeSet, HashMap};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use orszem_model::Timestamp;
use tracing::{debug, info, warn};

use super::begin::tail_before;
use super::candidate::Candidate;
use super::content::Compression;
use super::followed::{Followed, modified};
use super::kinship::Kinship;
use super::listing::{Entry, Listing};
use super::position::{FileId, Head, Position};
use super::search::{is_numbered, sort_oldest_first};
use super::{FileSource, Gap, GapReason, LOOK_EVERY};
use crate::FileStatus;
use crate::counters::count;

/// How much clocks and file times may be apart from the times in lines.
pub(super) const TIME_SLACK_NS: i64 = 1_000_000_000;
/// How long it may take from the end of a copy to the cut.
const CUT_WITHIN_NS: i64 = 5_000_000_000;
/// Rotated files that changed so long before the last position was saved were done with.
const UNSEEN_MARGIN_NS: i64 = 10_000_000_000;

impl FileSource {
    /// Looks into directories and settles what every file is. They are listed as a whole where events can't tell what
    /// happened, or may not have; else only names are looked at that events were of.
    pub(super) fn search(&mut self, now: Timestamp, tick: Instant) {
        let is_first = self.searched.is_none();
        let listing = self.list(tick);
        self.unreadable = listing.unreadable().clone();
        let mut by_id: HashMap<FileId, Vec<u64>> = HashMap::new();
        for (slot, position) in &self.closed {
            by_id.entry(position.id).or_default().push(*slot);
        }
        let opened: BTreeSet<FileId> = self.open.values().map(Followed::id).collect();
        let cut_before: BTreeSet<FileId> =
            listing.live().map(|(_, entry, _)| entry.id).filter(|id| by_id.contains_key(id)).collect();

        let mut live_ids = BTreeSet::new();
        let mut fresh = Vec::new();
        for (path, entry, group) in listing.live() {
            let id = entry.id;
            // Another name may be a link to the same file.
            let is_link = !live_ids.insert(id);
            if is_link || opened.contains(&id) || self.binary.contains(&id) {
                continue;
            }
            if !self.resume(path, &entry.metadata, by_id.get(&id), Some(group), tick) {
                fresh.push((path, id, group));
            }
        }
        let all: BTreeSet<FileId> =
            live_ids.into_iter().chain(listing.rotated().map(|(_, entry, _)| entry.id)).collect();
        self.aliases.retain(|id, _| all.contains(id));
        self.copies.retain(|id, _| all.contains(id));
        self.binary.retain(|id| all.contains(id));
        self.past.retain(|id, _| all.contains(id));
        self.held.clear();
        self.rotated_open = self.open.values().filter(|followed| followed.rotated.is_some()).count();
        self.unseen = 0;
        self.present = all;
        // First of all, so that what lies beside them is told from copies of them.
        for (path, id, group) in fresh {
            let begun = self.begin(path, id, group, is_first, now);
            self.note_failure(path, begun);
        }
        let rotated = self.unsettled(&listing, &opened, &by_id);
        let rechecked = self.rechecked(&rotated);
        for (path, metadata, family) in rotated {
            let id = FileId::of(&metadata);
            let is_alias = self.aliases.get(&id) == Some(&metadata.len());
            let is_copy = || {
                let copy = self.copies.get(&id);
                copy.filter(|(size, _)| *size == metadata.len())
                    .and_then(|(_, slot)| self.open.get(slot))
                    .is_some_and(|followed| followed.still_holds().is_ok_and(|holds| holds))
            };
            // A file beside the one that it is packed from may still be written.
            let is_doubled =
                || Compression::of(&path) != Compression::None && listing.is_rotated(&path.with_extension(""));
            let is_known = opened.contains(&id)
                || self.binary.contains(&id)
                || metadata.len() == 0
                || self.is_past(id, metadata.len())
                || (is_alias && !rechecked.contains(&id))
                || is_copy()
                || is_doubled();
            if is_known || (!is_alias && self.resume(&path, &metadata, by_id.get(&id), None, tick)) {
                continue;
            }
            if is_first && self.is_first_start && self.is_old(&metadata) {
                self.aliases.insert(id, metadata.len());
                continue;
            }
            if !is_alias && self.waits(&family, &metadata) {
                continue;
            }
            let settled = Candidate::open(path.clone(), family).and_then(|candidate| match candidate.id == id {
                true if is_alias => self.recheck(candidate, now, tick),
                true => self.settle(candidate, &cut_before, is_first, now, tick),
                false => Err(io::Error::from(io::ErrorKind::NotFound)),
            });
            self.note_failure(&path, settled);
        }
        self.notice_rotations(tick);
        self.set_floor();
        if self.unseen > 0 {
            info!(files = self.unseen, "reading files that were rotated before they were seen");
        }
        if is_first {
            self.is_first_start = false;
        }
        self.listing = listing;
    }

    /// What is in the directories now.
    fn list(&mut self, tick: Instant) -> Listing {
        let known: BTreeSet<&PathBuf> = self
            .closed
            .values()
            .filter(|position| !position.is_done)
            .chain(self.open.values().map(|followed| &followed.position))
            .chain(self.cut.values().map(|cut| &cut.position))
            .map(|position| &position.path)
            .collect();
        let known = known.into_iter().cloned().collect();
        self.note_events();
        let is_doubt_due = self.is_in_doubt && Self::has_passed(self.listed, LOOK_EVERY, tick);
        let changed = std::mem::take(&mut self.stale);
        if !(self.wants_listing || is_doubt_due || self.listed.is_none()) {
            let mut listing = std::mem::take(&mut self.listing);
            listing.refresh(&self.options, changed, known);
            return listing;
        }
        let listing = Listing::of(&self.options, known);
        let is_new = self.watch.add(listing.directories());
        self.wants_search |= is_new;
        self.wants_listing = is_new || !self.watch.covers(listing.directories());
        self.is_in_doubt = false;
        self.listed = Some(tick);
        listing
    }

    /// The rotated files that have to be looked into, oldest first: not those that are open, or known to hold nothing
    /// that was not read.
    fn unsettled(
        &self,
        listing: &Listing,
        opened: &BTreeSet<FileId>,
        by_id: &HashMap<FileId, Vec<u64>>,
    ) -> Vec<(PathBuf, Metadata, PathBuf)> {
        // What is known of the copies of a cut file may be found out to be something else.
        let cut: BTreeSet<&PathBuf> = self.cut.values().map(|cut| &cut.position.path).collect();
        let is_settled = |path: &Path, entry: &Entry, family: &PathBuf| {
            let Entry { metadata, id, .. } = entry;
            let last = || by_id.get(id).and_then(|slots| slots.iter().max()).and_then(|slot| self.closed.get(slot));
            !cut.contains(family)
                && (opened.contains(id)
                    || self.binary.contains(id)
                    || metadata.len() == 0
                    || self.is_past(*id, metadata.len())
                    || self.aliases.get(id) == Some(&metadata.len())
                    || last().is_some_and(|position| position.is_all_of(metadata, Compression::of(path))))
        };
        let mut rotated: Vec<(PathBuf, Metadata, PathBuf)> = listing
            .rotated()
            .filter(|(path, entry, family)| !is_settled(path, entry, family))
            .map(|(path, entry, family)| (path.clone(), entry.metadata.clone(), family.clone()))
            .collect();
        let mut numbered: BTreeSet<PathBuf> = rotated.iter().map(|(.., family)| family.clone()).collect();
        if !numbered.is_empty() {
            for (_, _, family) in listing.rotated().filter(|(path, ..)| !is_numbered(path)) {
                numbered.remove(family);
            }
        }
        sort_oldest_first(&mut rotated, &numbered);
        rotated
    }

    /// Whether a rotated file has to wait on disk, as too many are open. Of every name the oldest is let in.
    fn waits(&mut self, family: &Path, metadata: &Metadata) -> bool {
        if self.held.contains_key(family) {
            return true;
        }
        let at = modified(metadata);
        let is_older = |followed: &Followed| followed.is_unread() && followed.is_before(at);
        let mut open = self.families.slots(family).filter_map(|slot| self.open.get(&slot));
        let waits = self.rotated_open >= self.options.rotated_max && open.any(is_older);
        if waits {
            self.held.insert(family.to_owned(), at);
        }
        waits
    }

    /// While rotated files wait that no position tells of, a restart must not take them for done with.
    fn set_floor(&mut self) {
        let floor = (!self.held.is_empty()).then_some(self.unseen_since);
        self.is_floor_changed |= self.floor != floor;
        self.floor = floor;
    }

    /// Whether a file was read whose position is forgotten.
    fn is_past(&self, id: FileId, len: u64) -> bool {
        self.past.get(&id).is_some_and(|offset| id.born != 0 || len == *offset)
    }

    fn note_failure(&mut self, path: &Path, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => {}
            // It was renamed since the directory was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.doubt(path),
            Err(error) => drop(self.unreadable.insert(path.to_owned(), FileStatus::unreadable(path, &error))),
        }
    }

    /// Finds out what a rotated file of unknown identity is, and reads what was not read of it.
    fn settle(
        &mut self,
        mut candidate: Candidate,
        cut_before: &BTreeSet<FileId>,
        is_first: bool,
        now: Timestamp,
        tick: Instant,
    ) -> io::Result<()> {
        let size = candidate.metadata.len();
        self.refresh(&candidate.family, now, tick)?;
        match self.kinship(&mut candidate)? {
            Kinship::OfOpen(slot) => {
                let len = candidate.len()?;
                let tail = tail_before(&mut candidate.content, len)?;
                if let Some(followed) = self.open.get_mut(&slot) {
                    followed.look(tick)?;
                    followed.note_copy(len, tail);
                }
                self.copies.insert(candidate.id, (size, slot));
            }
            Kinship::OfCut(slot) => self.take_cut(candidate, slot, now, tick)?,
            Kinship::BeginningOfCut(slot) => self.close_cut(candidate, slot, now)?,
            Kinship::OfClosed(slot) => {
                let Some(position) = self.closed.get(&slot).cloned() else { return Ok(()) };
                if candidate.len()? > position.offset {
                    self.closed.remove(&slot);
                    let group = self.options.group_of(&position.path).unwrap_or(0);
                    self.take_over(candidate, slot, position, group, tick);
                } else {
                    self.aliases.insert(candidate.id, size);
                    let is_here = position.id != candidate.id && self.present.contains(&position.id);
                    if let Some(position) = self.closed.get_mut(&slot).filter(|p| !p.is_done && !is_here) {
                        position.is_done = true;
                        self.changed.insert(slot);
                    }
                }
            }
            Kinship::Unclear => self.doubt(&candidate.path),
            Kinship::Unseen => {
                if self.is_old(&candidate.metadata) {
                    self.aliases.insert(candidate.id, size);
                    return Ok(());
                }
                if is_first && self.is_first_start {
                    self.aliases.insert(candidate.id, size);
                    return self.remember(candidate, now);
                }
                self.tell_unseen(&candidate, cut_before, now);
                let slot = self.new_slot(&candidate.family);
                let position = Position {
                    id: candidate.id,
                    path: candidate.family.clone(),
                    offset: 0,
                    head: Head::default(),
                    tail: Vec::new(),
                    is_done: false,
                    is_mid_line: false,
                    seen: now,
                };
                let group = self.options.group_of(&candidate.family).unwrap_or(0);
                debug!(path = %candidate.path.display(), "reading a file that was rotated before it was seen");
                self.unseen += 1;
                self.take_over(candidate, slot, position, group, tick);
            }
        }
        Ok(())
    }

    /// Notes the content of a file that is not to be read.
    fn remember(&mut self, mut candidate: Candidate, now: Timestamp) -> io::Result<()> {
        let offset = candidate.len()?;
        let tail = tail_before(&mut candidate.content, offset)?;
        let Candidate { id, family: path, head, .. } = candidate;
        let slot = self.new_slot(&path);
        let head = Head::of(&head);
        let position = Position { id, path, offset, head, tail, is_done: true, is_mid_line: false, seen: now };
        self.changed.insert(slot);
        self.closed.insert(slot, position);
        Ok(())
    }

    /// Whether a rotated file was done with before the last position was saved.
    fn is_old(&self, metadata: &Metadata) -> bool {
        modified(metadata).0 < self.unseen_since.0.saturating_sub(UNSEEN_MARGIN_NS)
    }

    /// Reads `candidate` as what `slot` goes on with.
    pub(super) fn take_over(
        &mut self,
        candidate: Candidate,
        slot: u64,
        position: Position,
        group: usize,
        tick: Instant,
    ) {
        let Candidate { id, metadata, mut content, head, .. } = candidate;
        content.rest();
        self.rotated_open += 1;
        // A copy may hold less than is known of the original's beginning.
        let position = Position { id, head: Head::of(&head), is_done: false, ..position };
        let mut followed = Followed::new(content, &metadata, position, group, self.options.recogniser(group));
        followed.rotated = Some(tick);
        followed.is_let_in = true;
        self.open.insert(slot, followed);
    }

    /// A rotated file was never seen under its own name. If that name still has the inode that it had before, the file
    /// is a copy, and what was written between copying and cutting is in neither.
    fn tell_unseen(&mut self, candidate: &Candidate, cut_before: &BTreeSet<FileId>, now: Timestamp) {
        let live = std::fs::metadata(&candidate.family).ok().map(|metadata| FileId::of(&metadata));
        let is_copy = live.is_some_and(|id| {
            let was_there = || {
                cut_before.contains(&id)
                    || self.cut.values().any(|cut| cut.position.id == id)
                    || self.open.values().any(|followed| followed.id() == id)
            };
            match candidate.content.is_compressed() {
                _ if id.born == 0 => cut_before.contains(&id),
                false => candidate.id.born > id.born,
                true => was_there() && modified(&candidate.metadata).0.unsigned_abs() > id.born,
            }
        });
        if is_copy {
            let changed = modified(&candidate.metadata).0;
            self.gaps.push(Gap {
                path: candidate.family.clone(),
                from: Timestamp(changed - TIME_SLACK_NS),
                to: Timestamp(now.0.min(changed + CUT_WITHIN_NS)),
                bytes: 0,
                reason: GapReason::CopyTruncate,
            });
        }
    }

    /// Marks files whose name is gone or another file's.
    fn notice_rotations(&mut self, tick: Instant) {
        for followed in self.open.values_mut().filter(|followed| followed.rotated.is_none()) {
            let id = followed.id();
            let is_there = std::fs::metadata(followed.path()).is_ok_and(|metadata| FileId::of(&metadata) == id);
            if !is_there {
                count(&self.counters.files_rotated);
                followed.rotated = Some(tick);
                // What was written last comes before what is in the file that took its name.
                if let Err(error) = followed.look(tick) {
                    count(&self.counters.read_errors);
                    warn!(path = %followed.path().display(), %error, "a rotated file can't be looked at");
                }
            }
        }
    }

    /// A slot for what is, or was, written under `path`.
    pub(super) fn new_slot(&mut self, path: &Path) -> u64 {
        let slot = self.next_slot;
        self.next_slot += 1;
        self.families.add(path, slot);
        slot
    }
}
