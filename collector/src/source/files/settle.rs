//! Which file is which: new, renamed, copied and cut, compressed, or known from an earlier run.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use tracing::{info, warn};

use super::content::{Compression, Content};
use super::followed::{Followed, modified};
use super::position::{FileId, HEAD_BYTES, Head, Position, TAIL_BYTES};
use super::search::{Found, search, sort_oldest_first};
use super::{Cut, DONE_MAX, FileSource, Gap, GapReason};
use crate::counters::{add, count};
use crate::{FileState, FileStatus, StartAt};

/// How long the copy of a cut file is looked for before it is taken to be lost.
const COPY_WAIT: Duration = Duration::from_secs(5);
/// How much clocks and file times may be apart from the times in lines.
const TIME_SLACK_NS: i64 = 1_000_000_000;
/// How long it may take from the end of a copy to the cut.
const CUT_WITHIN_NS: i64 = 5_000_000_000;
/// How much older a copy may be than what was read of the original before it was cut.
const COPIED_WITHIN_NS: i64 = 60_000_000_000;
/// Of the files of one name that are known those that may yet be the copy of a cut one.
const RECHECKED_MAX: usize = 4;
/// Rotated files that changed so long before the last position was saved were done with.
const UNSEEN_MARGIN_NS: i64 = 10_000_000_000;
/// What is compared to tell a copy from another file.
const COMPARE_BYTES: usize = 1 << 10;

/// A rotated name whose file is not known by device and inode.
struct Candidate {
    path: PathBuf,
    family: PathBuf,
    id: FileId,
    metadata: Metadata,
    content: Content,
    /// Its first bytes.
    head: Vec<u8>,
}

impl Candidate {
    fn open(path: PathBuf, family: PathBuf) -> io::Result<Self> {
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        let mut content = Content::new(file, Compression::of(&path))?;
        let head = content.head()?;
        Ok(Self { id: FileId::of(&metadata), path, family, metadata, content, head })
    }

    /// Whether it holds what was read up to `position`.
    fn continues(&mut self, position: &Position) -> io::Result<bool> {
        if position.head.len == 0 || !position.head.begins(&self.head) {
            return Ok(false);
        }
        let mut tail = vec![0; position.tail.len()];
        let begin = position.offset - tail.len() as u64;
        Ok(self.content.read_at(begin, &mut tail)? == tail.len() && tail == position.tail)
    }

    /// Whether it is a copy that was made before all up to `position` was written, as far as that can be told.
    fn is_shorter(&mut self, position: &Position) -> io::Result<bool> {
        let is_of_then = modified(&self.metadata).0 >= position.seen.0.saturating_sub(COPIED_WITHIN_NS);
        let is_like = is_of_then && position.head.is_like(&self.head);
        Ok(is_like && self.len()? < position.offset)
    }

    /// Its length, unless it holds more than a fingerprint covers.
    fn len_if_small(&self) -> Option<u64> {
        (self.head.len() < HEAD_BYTES).then_some(self.head.len() as u64)
    }

    /// What it holds, uncompressed.
    fn len(&mut self) -> io::Result<u64> {
        if !self.content.is_compressed() {
            return Ok(self.metadata.len());
        }
        let mut buffer = vec![0; 64 << 10];
        let mut len = 0;
        loop {
            match self.content.read_at(len, &mut buffer)? {
                0 => return Ok(len),
                got => len += got as u64,
            }
        }
    }
}

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

    /// Begins a file that is not known.
    fn begin(&mut self, path: &Path, listed: FileId, group: usize, is_first: bool, now: Timestamp) -> io::Result<()> {
        if self.open.len() >= self.options.files_max {
            let fix = "narrow collector.include, or raise collector.files_max, in the configuration".to_owned();
            let reason = format!("more than {} files match", self.options.files_max);
            let state = FileState::Unreadable { reason, fix };
            let status = FileStatus { path: path.to_owned(), state, size: 0, position: 0, lag: 0 };
            self.unreadable.insert(path.to_owned(), status);
            return Ok(());
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        if id != listed || self.open.values().any(|followed| followed.id() == id) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut content = Content::new(file, Compression::of(path))?;
        let head = content.head()?;
        if is_binary(&head) {
            self.binary.insert(id);
            return Ok(());
        }
        let mut candidate = Candidate { path: path.to_owned(), family: path.to_owned(), id, metadata, content, head };
        if let Some(slot) = self.moved(&mut candidate)? {
            let position = self.closed.remove(&slot).or_else(|| self.open.remove(&slot).map(|open| open.position));
            if let Some(position) = position {
                info!(path = %path.display(), offset = position.offset, "going on in a file that took another's place");
                let Candidate { id, metadata, content, .. } = candidate;
                let position = Position { id, ..position };
                let recogniser = self.options.recogniser(group);
                self.open.insert(slot, Followed::new(content, &metadata, position, group, recogniser));
                return Ok(());
            }
        }
        let Candidate { id, metadata, mut content, head, .. } = candidate;
        let offset = self.first_offset(&mut content, &metadata, is_first)?;
        let tail = tail_before(&mut content, offset)?;
        let (path, head) = (path.to_owned(), Head::of(&head));
        let position =
            Position { id, path: path.clone(), offset, head, tail, is_done: false, is_mid_line: false, seen: now };
        add(&self.counters.bytes_skipped, offset);
        info!(path = %path.display(), offset, "following");
        let slot = self.new_slot();
        self.open.insert(slot, Followed::new(content, &metadata, position, group, self.options.recogniser(group)));
        Ok(())
    }

    /// The slot of a file of this name that is gone, and whose content the new file goes on with.
    fn moved(&self, candidate: &mut Candidate) -> io::Result<Option<u64>> {
        for (slot, position) in self.closed.iter().filter(|(_, position)| !position.is_done) {
            let may_be = position.offset >= HEAD_BYTES as u64 && !self.present.contains(&position.id);
            if may_be && position.path == candidate.path && candidate.continues(position)? {
                return Ok(Some(*slot));
            }
        }
        for (slot, followed) in &self.open {
            let is_gone = || followed.content.file().metadata().is_ok_and(|metadata| metadata.nlink() == 0);
            if followed.path() == &candidate.path && is_gone() && has_all_of(candidate, followed)? {
                return Ok(Some(*slot));
            }
        }
        Ok(None)
    }

    /// Where a file is begun that nothing is known of.
    fn first_offset(&self, content: &mut Content, metadata: &Metadata, is_first: bool) -> io::Result<u64> {
        let is_old = self.is_first_start && is_first;
        if !is_old || content.is_compressed() {
            return Ok(0);
        }
        let size = metadata.len();
        let begin = match self.options.from {
            StartAt::End => return last_line_begin(content, size, self.options.line_bytes_max),
            StartAt::Start => size.saturating_sub(self.options.first_read_bytes_max),
        };
        if begin == 0 {
            return Ok(0);
        }
        // The next line's beginning.
        let mut buffer = vec![0; 64 << 10];
        let mut at = begin - 1;
        loop {
            let got = content.read_at(at, &mut buffer)?;
            match memchr::memchr(b'\n', &buffer[..got]) {
                Some(newline) => return Ok(at + newline as u64 + 1),
                None if got == 0 => return Ok(at),
                None => at += got as u64,
            }
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

    /// Closes what is quiet after a rotation, gives up what is not found, and forgets what is long done.
    pub(super) fn let_go(&mut self, now: Timestamp, tick: Instant) {
        let quiet: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, followed)| {
                let is_read = !followed.is_dirty && followed.lag() == 0;
                let is_quiet = followed.rotated.is_some_and(|since| {
                    followed.content.is_compressed()
                        || tick.saturating_duration_since(since) >= self.options.rotate_wait
                });
                let is_packed = followed.content.is_compressed() && followed.rotated.is_none();
                is_read && (is_quiet || is_packed)
            })
            .map(|(slot, _)| *slot)
            .collect();
        for slot in quiet {
            self.close(slot, true);
        }
        let lost: Vec<u64> = self
            .cut
            .iter()
            .filter(|(_, cut)| tick.saturating_duration_since(cut.since) >= COPY_WAIT)
            .map(|(slot, _)| *slot)
            .collect();
        for slot in lost {
            if let Some(Cut { mut position, size_seen, .. }) = self.cut.remove(&slot) {
                warn!(path = %position.path.display(), "a file was cut and no copy of it is found");
                self.gaps.push(Gap {
                    path: position.path.clone(),
                    from: Timestamp(position.seen.0 - TIME_SLACK_NS),
                    to: now,
                    bytes: size_seen.saturating_sub(position.offset),
                    reason: GapReason::Truncated,
                });
                position.is_done = true;
                self.changed.insert(slot);
                self.closed.insert(slot, position);
            }
        }
        let is_settled =
            self.started.is_some_and(|started| tick.saturating_duration_since(started) >= self.options.rotate_wait);
        if is_settled {
            self.give_up_missing(now);
        }
        while self.closed.len() > DONE_MAX {
            let Some(slot) = self.closed.iter().find(|(_, position)| position.is_done).map(|(slot, _)| *slot) else {
                break;
            };
            self.closed.remove(&slot);
            self.changed.remove(&slot);
            self.forgotten.insert(slot);
        }
    }

    /// Files of an earlier run that are nowhere to be found.
    fn give_up_missing(&mut self, now: Timestamp) {
        for (slot, position) in self.closed.iter_mut().filter(|(_, position)| !position.is_done) {
            position.is_done = true;
            self.changed.insert(*slot);
            let is_blank = position.offset == 0 && position.head.len == 0;
            if is_blank || self.options.group_of(&position.path).is_none() {
                continue;
            }
            count(&self.counters.files_gone);
            warn!(path = %position.path.display(), offset = position.offset, "a file of the last run is gone");
            self.gaps.push(Gap {
                path: position.path.clone(),
                from: Timestamp(position.seen.0 - TIME_SLACK_NS),
                to: now,
                bytes: 0,
                reason: GapReason::Gone,
            });
        }
    }

    /// A compressed file does not unpack to its end.
    pub(super) fn give_up_damaged(&mut self, slot: u64, now: Timestamp) {
        let Some(followed) = self.open.get(&slot) else { return };
        let (path, from) = (followed.path().clone(), Timestamp(followed.position.seen.0 - TIME_SLACK_NS));
        warn!(path = %path.display(), "a compressed file does not unpack to its end");
        self.gaps.push(Gap { path, from, to: now, bytes: 0, reason: GapReason::Damaged });
        self.aliases.insert(followed.id(), followed.file_len());
        self.close(slot, true);
    }

    /// Closes a file; `is_done` when nothing more is expected of it.
    pub(super) fn close(&mut self, slot: u64, is_done: bool) {
        if let Some(Followed { mut position, .. }) = self.open.remove(&slot) {
            position.is_done = is_done;
            self.changed.insert(slot);
            self.closed.insert(slot, position);
        }
    }

    fn new_slot(&mut self) -> u64 {
        let slot = self.next_slot;
        self.next_slot += 1;
        slot
    }
}

/// Whether `candidate` is what `followed` holds, or the beginning of it: a copy, perhaps under way.
fn is_copy(candidate: &mut Candidate, followed: &Followed) -> io::Result<bool> {
    if candidate.head.is_empty() || followed.content.is_compressed() {
        return Ok(false);
    }
    let file = followed.content.file();
    let same = |candidate: &mut Content, at: u64, len: usize| -> io::Result<bool> {
        let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
        let got = candidate.read_at(at, &mut ours)?;
        Ok(file.read_exact_at(&mut theirs[..got], at).is_ok() && ours[..got] == theirs[..got])
    };
    if !same(&mut candidate.content, 0, candidate.head.len())? {
        return Ok(false);
    }
    let end = candidate.len()?;
    let len = COMPARE_BYTES.min(usize::try_from(end).unwrap_or(COMPARE_BYTES));
    same(&mut candidate.content, end - len as u64, len)
}

/// Where the line begins that goes on at `size`; a longer one than `line_bytes_max` is left out.
fn last_line_begin(content: &mut Content, size: u64, line_bytes_max: usize) -> io::Result<u64> {
    let begin = size.saturating_sub(line_bytes_max as u64);
    let mut buffer = vec![0; usize::try_from(size - begin).unwrap_or(line_bytes_max)];
    let got = content.read_at(begin, &mut buffer)?;
    buffer.truncate(got);
    let newline = memchr::memrchr(b'\n', &buffer).map(|at| begin + at as u64 + 1);
    Ok(newline.unwrap_or(if begin == 0 { 0 } else { size }))
}

/// Whether `candidate` begins with all that a file holds that is gone: an editor saved it.
fn has_all_of(candidate: &mut Candidate, followed: &Followed) -> io::Result<bool> {
    if followed.position.offset == 0 || followed.content.is_compressed() || !candidate.continues(&followed.position)? {
        return Ok(false);
    }
    let file = followed.content.file();
    let end = file.metadata()?.len();
    let len = COMPARE_BYTES.min(usize::try_from(end).unwrap_or(COMPARE_BYTES));
    let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
    let at = end - len as u64;
    let got = candidate.content.read_at(at, &mut ours)?;
    Ok(got == len && file.read_exact_at(&mut theirs, at).is_ok() && ours == theirs)
}

/// The bytes before `offset` that a position remembers.
fn tail_before(content: &mut Content, offset: u64) -> io::Result<Vec<u8>> {
    let len = TAIL_BYTES.min(usize::try_from(offset).unwrap_or(TAIL_BYTES));
    let mut tail = vec![0; len];
    let got = content.read_at(offset - len as u64, &mut tail)?;
    tail.truncate(got);
    Ok(tail)
}

/// A text log has no NUL, but for the hole that a program leaves that goes on writing to a file that was cut.
fn is_binary(head: &[u8]) -> bool {
    let is_hole = head.first() == Some(&0) && head.iter().all(|byte| *byte == 0);
    !is_hole && head.contains(&0)
}
