//! Which file is which: new, renamed, copied and cut, compressed, or known from an earlier run.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use orszem_model::Timestamp;
use tracing::{info, warn};

use super::begin::tail_before;
use super::candidate::{Candidate, is_copy};
use super::content::{Compression, Content};
use super::followed::{Followed, modified};
use super::position::{FileId, HEAD_BYTES, Head, Position};
use super::search::{Found, search, sort_oldest_first};
use super::{Cut, FileSource, Gap, GapReason};
use crate::FileStatus;
use crate::counters::count;

/// How much clocks and file times may be apart from the times in lines.
pub(super) const TIME_SLACK_NS: i64 = 1_000_000_000;
/// How long it may take from the end of a copy to the cut.
const CUT_WITHIN_NS: i64 = 5_000_000_000;
/// Of the files of one name that are known those that may yet be the copy of a cut one.
const RECHECKED_MAX: usize = 4;
/// Rotated files that changed so long before the last position was saved were done with.
const UNSEEN_MARGIN_NS: i64 = 10_000_000_000;

/// What a candidate turned out to be.
enum Kinship {
    /// The same as a cut generation, with what was not read of it.
    OfCut(u64),
    /// The same as a closed position, with or without more.
    OfClosed(u64),
    /// A copy of a file that is open, or a part of one.
    OfOpen(u64),
    /// A copy of a cut generation, made before all was written that was read of it.
    BeginningOfCut(u64),
    /// Only the next search can tell.
    Unclear,
    /// Nothing that was read.
    Unseen,
}

impl FileSource {
    /// Lists directories and settles what every file is.
    pub(super) fn search(&mut self, now: Timestamp, tick: Instant) {
        let known: BTreeSet<PathBuf> = self
            .closed
            .values()
            .filter(|position| !position.is_done)
            .chain(self.open.values().map(|followed| &followed.position))
            .chain(self.cut.values().map(|cut| &cut.position))
            .map(|position| position.path.clone())
            .collect();
        let Found { live, mut rotated, unreadable, directories } = search(&self.options, &known);
        self.watch.add(&directories);
        self.unreadable = unreadable.into_iter().map(|status| (status.path.clone(), status)).collect();
        sort_oldest_first(&mut rotated);
        let is_first = self.searched.is_none();
        let mut by_id: HashMap<FileId, Vec<u64>> = HashMap::new();
        for (slot, position) in &self.closed {
            by_id.entry(position.id).or_default().push(*slot);
        }
        let opened: BTreeSet<FileId> = self.open.values().map(Followed::id).collect();
        let cut_before: BTreeSet<FileId> =
            live.iter().map(|(_, metadata, _)| FileId::of(metadata)).filter(|id| by_id.contains_key(id)).collect();

        let live_ids: Vec<FileId> = live.iter().map(|(_, metadata, _)| FileId::of(metadata)).collect();
        let mut fresh = Vec::new();
        for (path, metadata, group) in live {
            let id = FileId::of(&metadata);
            if opened.contains(&id) || self.binary.contains(&id) {
                continue;
            }
            if !self.resume(&path, &metadata, by_id.get(&id), Some(group), tick) {
                fresh.push((path, id, group));
            }
        }
        let all: BTreeSet<FileId> = live_ids.into_iter().chain(rotated.iter().map(|(_, m, _)| FileId::of(m))).collect();
        self.aliases.retain(|id, _| all.contains(id));
        self.copies.retain(|id, _| all.contains(id));
        self.binary.retain(|id| all.contains(id));
        self.present = all;
        // First of all, so that what lies beside them is told from copies of them.
        for (path, id, group) in fresh {
            let begun = self.begin(&path, id, group, is_first, now);
            self.note_failure(&path, begun);
        }
        let rechecked = self.rechecked(&rotated);
        let names: BTreeSet<PathBuf> = rotated.iter().map(|(path, ..)| path.clone()).collect();
        for (path, metadata, family) in rotated {
            let id = FileId::of(&metadata);
            let is_alias = self.aliases.get(&id) == Some(&metadata.len());
            let is_copy = || {
                let copy = self.copies.get(&id);
                copy.is_some_and(|(size, slot)| *size == metadata.len() && self.open.contains_key(slot))
            };
            // A file beside the one that it is packed from may still be written.
            let is_doubled = || Compression::of(&path) != Compression::None && names.contains(&path.with_extension(""));
            let is_known = opened.contains(&id)
                || self.binary.contains(&id)
                || metadata.len() == 0
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
            let settled = Candidate::open(path.clone(), family).and_then(|candidate| match candidate.id == id {
                true if is_alias => self.recheck(candidate, now, tick),
                true => self.settle(candidate, &cut_before, is_first, now, tick),
                false => Err(io::Error::from(io::ErrorKind::NotFound)),
            });
            self.note_failure(&path, settled);
        }
        self.notice_rotations(tick);
        if is_first {
            self.is_first_start = false;
        }
    }

    fn note_failure(&mut self, path: &Path, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => {}
            // It was renamed since the directory was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.wants_search = true,
            Err(error) => drop(self.unreadable.insert(path.to_owned(), FileStatus::unreadable(path, &error))),
        }
    }

    /// Opens a file whose device and inode are known from closed positions; `false` when it is none of them.
    /// `group` is given for files that are followed under their own name.
    fn resume(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        slots: Option<&Vec<u64>>,
        group: Option<usize>,
        tick: Instant,
    ) -> bool {
        let mut slots: Vec<u64> = slots.into_iter().flatten().copied().collect();
        slots.sort_unstable_by(|a, b| b.cmp(a));
        let mut is_found = false;
        for slot in slots {
            let Some(position) = self.closed.get(&slot).cloned() else { continue };
            let continued = if is_found { Ok(None) } else { self.reopen(path, &position, group) };
            match continued {
                Ok(Some(mut followed)) => {
                    is_found = true;
                    let is_rest = !followed.content.is_compressed() && metadata.len() > position.offset;
                    if position.is_done && group.is_none() && !is_rest {
                        continue;
                    }
                    if group.is_none() {
                        followed.rotated = Some(tick);
                    }
                    followed.position.is_done = false;
                    info!(path = %path.display(), offset = position.offset, "going on");
                    self.closed.remove(&slot);
                    self.open.insert(slot, followed);
                }
                // The same name with another content: it was cut while nobody looked.
                Ok(None) if group.is_some() && !position.is_done && position.path == path && position.offset > 0 => {
                    self.closed.remove(&slot);
                    let (size_seen, group) = (position.offset, group.unwrap_or(0));
                    self.changed.insert(slot);
                    self.cut.insert(slot, Cut { position, group, size_seen, since: tick });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.wants_search = true;
                    return true;
                }
                Err(error) => {
                    self.unreadable.insert(path.to_owned(), FileStatus::unreadable(path, &error));
                    return true;
                }
            }
        }
        is_found
    }

    /// The file at `path` from `position` on, if it still is what was read up to there.
    fn reopen(&self, path: &Path, position: &Position, group: Option<usize>) -> io::Result<Option<Followed>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if FileId::of(&metadata) != position.id {
            // It was renamed since the directory was listed; the next search finds both.
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut content = Content::new(file, Compression::of(path))?;
        if !position.head.begins(&content.head()?) {
            return Ok(None);
        }
        let group = group.or_else(|| self.options.group_of(&position.path)).unwrap_or(0);
        let mut followed = Followed::new(content, &metadata, position.clone(), group, self.options.recogniser(group));
        Ok(followed.is_continued()?.then_some(followed))
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
            Kinship::OfOpen(slot) => drop(self.copies.insert(candidate.id, (size, slot))),
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
            Kinship::Unclear => self.wants_search = true,
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
                let slot = self.new_slot();
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
                info!(path = %candidate.path.display(), "reading a file that was rotated before it was seen");
                self.take_over(candidate, slot, position, group, tick);
            }
        }
        Ok(())
    }

    fn kinship(&self, candidate: &mut Candidate) -> io::Result<Kinship> {
        if let Some(slot) = self.cut_of(candidate)? {
            return Ok(Kinship::OfCut(slot));
        }
        for (slot, followed) in &self.open {
            let position = &followed.position;
            if position.path != candidate.family {
                continue;
            }
            if is_copy(candidate, followed)? {
                return Ok(Kinship::OfOpen(*slot));
            }
        }
        if let Some(slot) = self.closed_of(candidate)? {
            return Ok(Kinship::OfClosed(slot));
        }
        if self.is_unclear(candidate)? {
            return Ok(Kinship::Unclear);
        }
        Ok(self.beginning_of_cut(candidate)?.map_or(Kinship::Unseen, Kinship::BeginningOfCut))
    }

    /// Whether it goes on with a position whose own file was listed too, and is not open: one of the two came or went
    /// while the directory was read, as when a file was just compressed.
    fn is_unclear(&self, candidate: &mut Candidate) -> io::Result<bool> {
        for position in self.closed.values().filter(|position| !position.is_done && position.offset > 0) {
            if position.path == candidate.family
                && self.present.contains(&position.id)
                && candidate.continues(position)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The cut generation that `candidate` has all that was read of.
    fn cut_of(&self, candidate: &mut Candidate) -> io::Result<Option<u64>> {
        let mut best: Option<(u64, u64)> = None;
        for (slot, Cut { position, .. }) in &self.cut {
            let is_better = best.is_none_or(|(offset, _)| position.offset > offset);
            if is_better && position.path == candidate.family && candidate.continues(position)? {
                best = Some((position.offset, *slot));
            }
        }
        Ok(best.map(|(_, slot)| slot))
    }

    fn beginning_of_cut(&self, candidate: &mut Candidate) -> io::Result<Option<u64>> {
        for (slot, Cut { position, .. }) in &self.cut {
            if position.path == candidate.family && candidate.is_shorter(position)? {
                return Ok(Some(*slot));
            }
        }
        Ok(None)
    }

    /// The closed position that `candidate` has all of: the one that most is known of. What still has its own file goes on
    /// there, so that a file beside it can only be a copy of what was read.
    fn closed_of(&self, candidate: &mut Candidate) -> io::Result<Option<u64>> {
        let of_family = |position: &Position| position.path == candidate.family || position.id == candidate.id;
        let mut alike: Vec<(u64, &Position)> = self
            .closed
            .iter()
            .filter(|(_, position)| of_family(position) && position.head.begins(&candidate.head))
            .map(|(slot, position)| (*slot, position))
            .collect();
        // A compressed file is unpacked once for all of them.
        alike.sort_by_key(|(_, position)| position.offset);
        let mut best: Option<(u64, bool, u64)> = None;
        for (slot, position) in alike {
            let is_enough = !position.is_done
                || position.id == candidate.id
                || position.offset >= HEAD_BYTES as u64
                || candidate.len_if_small() == Some(position.offset);
            let is_elsewhere = position.id != candidate.id && self.present.contains(&position.id);
            let rank = (position.offset, !position.is_done, slot);
            if is_enough
                && best.is_none_or(|best| rank > best)
                && candidate.continues(position)?
                && !(is_elsewhere && candidate.len()? != position.offset)
            {
                best = Some(rank);
            }
        }
        Ok(best.map(|(_, _, slot)| slot))
    }

    /// Files whose content is known, and that may yet be the copy of one that was cut since.
    fn rechecked(&self, rotated: &[(PathBuf, Metadata, PathBuf)]) -> BTreeSet<FileId> {
        let mut left: HashMap<&Path, usize> =
            self.cut.values().map(|cut| (cut.position.path.as_path(), RECHECKED_MAX)).collect();
        let mut rechecked = BTreeSet::new();
        for (_, metadata, family) in rotated.iter().rev() {
            if let Some(left) = left.get_mut(family.as_path()).filter(|left| **left > 0) {
                *left -= 1;
                rechecked.insert(FileId::of(metadata));
            }
        }
        rechecked
    }

    /// Sees whether a file whose content is known is the copy of one that was cut.
    fn recheck(&mut self, mut candidate: Candidate, now: Timestamp, tick: Instant) -> io::Result<()> {
        if let Some(slot) = self.cut_of(&mut candidate)? {
            return self.take_cut(candidate, slot, now, tick);
        }
        match self.beginning_of_cut(&mut candidate)? {
            Some(slot) => self.close_cut(candidate, slot, now),
            None => Ok(()),
        }
    }

    /// Reads what was not read of a cut generation in its copy.
    fn take_cut(&mut self, mut candidate: Candidate, slot: u64, now: Timestamp, tick: Instant) -> io::Result<()> {
        let len = candidate.len()?;
        let Some(Cut { position, group, size_seen, since: _ }) = self.cut.remove(&slot) else { return Ok(()) };
        self.tell_cut(&candidate, len, &position, size_seen, now);
        self.aliases.remove(&candidate.id);
        self.take_over(candidate, slot, position, group, tick);
        Ok(())
    }

    /// A cut generation has a copy that ends before what was read: nothing is left to read, and the copy is known.
    fn close_cut(&mut self, mut candidate: Candidate, slot: u64, now: Timestamp) -> io::Result<()> {
        let len = candidate.len()?;
        let tail = tail_before(&mut candidate.content, len)?;
        let Some(Cut { position, size_seen, .. }) = self.cut.remove(&slot) else { return Ok(()) };
        self.tell_cut(&candidate, len, &position, size_seen, now);
        self.aliases.insert(candidate.id, candidate.metadata.len());
        let head = Head::of(&candidate.head);
        let position = Position { id: candidate.id, offset: len, head, tail, is_done: true, ..position };
        self.changed.insert(slot);
        self.closed.insert(slot, position);
        Ok(())
    }

    /// Notes the content of a file that is not to be read.
    fn remember(&mut self, mut candidate: Candidate, now: Timestamp) -> io::Result<()> {
        let offset = candidate.len()?;
        let tail = tail_before(&mut candidate.content, offset)?;
        let slot = self.new_slot();
        let Candidate { id, family: path, head, .. } = candidate;
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
    fn take_over(&mut self, candidate: Candidate, slot: u64, position: Position, group: usize, tick: Instant) {
        let Candidate { id, metadata, content, .. } = candidate;
        let position = Position { id, is_done: false, ..position };
        let mut followed = Followed::new(content, &metadata, position, group, self.options.recogniser(group));
        followed.rotated = Some(tick);
        self.open.insert(slot, followed);
    }

    /// Reports what of a cut file is in neither the copy nor what was read.
    fn tell_cut(&mut self, candidate: &Candidate, len: u64, position: &Position, size_seen: u64, now: Timestamp) {
        let from = if len > position.offset { modified(&candidate.metadata) } else { position.seen };
        self.gaps.push(Gap {
            path: position.path.clone(),
            from: Timestamp(from.0.min(now.0) - TIME_SLACK_NS),
            to: now,
            bytes: size_seen.saturating_sub(len.max(position.offset)),
            reason: GapReason::CopyTruncate,
        });
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

    /// The file holds something else than what was read: its next generation begins, and a copy of this one is looked for.
    pub(super) fn cut(&mut self, slot: u64, now: Timestamp, tick: Instant) {
        self.begin_again(slot, now, tick);
        self.search(now, tick);
    }

    fn begin_again(&mut self, slot: u64, now: Timestamp, tick: Instant) {
        let Some(followed) = self.open.remove(&slot) else { return };
        let Followed { content, position, group, size_seen, rotated, .. } = followed;
        count(&self.counters.files_truncated);
        let Ok(metadata) = content.file().metadata() else { return };
        let next = Position {
            id: position.id,
            path: position.path.clone(),
            offset: 0,
            head: Head::default(),
            tail: Vec::new(),
            is_done: false,
            is_mid_line: false,
            seen: now,
        };
        self.changed.insert(slot);
        self.cut.insert(slot, Cut { position, group, size_seen, since: tick });
        self.wants_search = true;
        let next_slot = self.new_slot();
        let mut followed = Followed::new(content, &metadata, next, group, self.options.recogniser(group));
        followed.backlog_end = 0;
        followed.rotated = rotated;
        self.open.insert(next_slot, followed);
    }

    /// Notices cuts of a file before something beside it is taken for what it is not.
    fn refresh(&mut self, path: &Path, now: Timestamp, tick: Instant) -> io::Result<()> {
        let mut cut = Vec::new();
        for (slot, followed) in self.open.iter().filter(|(_, followed)| followed.path() == path) {
            if !followed.still_holds()? {
                cut.push(*slot);
            }
        }
        for slot in cut {
            self.begin_again(slot, now, tick);
        }
        Ok(())
    }

    pub(super) fn new_slot(&mut self) -> u64 {
        let slot = self.next_slot;
        self.next_slot += 1;
        slot
    }
}
