//! Files that were cut: their next generation, and the copy that the one before is read on in.

use std::collections::{BTreeSet, HashMap};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use orszem_model::Timestamp;
use tracing::warn;

use super::begin::tail_before;
use super::candidate::Candidate;
use super::followed::{Followed, modified};
use super::position::{FileId, Head, Position};
use super::settle::TIME_SLACK_NS;
use super::{Cut, FileSource, Gap, GapReason};
use crate::counters::count;

/// Of the files of one name that are known those that may yet be the copy of a cut one.
const RECHECKED_MAX: usize = 4;

impl FileSource {
    /// The file holds something else than what was read: its next generation begins, and a copy of this one is looked for.
    pub(super) fn cut(&mut self, slot: u64, now: Timestamp, tick: Instant) {
        self.begin_again(slot, now, tick);
        self.search(now, tick);
    }

    fn begin_again(&mut self, slot: u64, now: Timestamp, tick: Instant) {
        if let Some(followed) = self.open.remove(&slot) {
            let metadata = followed.content.file().metadata();
            self.begin_next(slot, followed, metadata, now, tick);
        }
    }

    /// Begins the generation behind that of `slot`, which `followed` was. Where the file itself can't be asked
    /// (`metadata`), the next search begins it under its name.
    pub(super) fn begin_next(
        &mut self,
        slot: u64,
        followed: Followed,
        metadata: io::Result<Metadata>,
        now: Timestamp,
        tick: Instant,
    ) {
        let Followed { content, position, group, size_seen, rotated, .. } = followed;
        count(&self.counters.files_truncated);
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
        self.is_in_doubt = true;
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => {
                count(&self.counters.read_errors);
                warn!(path = %next.path.display(), %error, "a file that was cut can't be looked at; it is opened again");
                return;
            }
        };
        let next_slot = self.new_slot(&next.path);
        let mut followed = Followed::new(content, &metadata, next, group, self.options.recogniser(group));
        followed.backlog_end = 0;
        followed.rotated = rotated;
        self.open.insert(next_slot, followed);
    }

    /// Notices cuts of a file before something beside it is taken for what it is not.
    pub(super) fn refresh(&mut self, path: &Path, now: Timestamp, tick: Instant) -> io::Result<()> {
        let mut cut = Vec::new();
        for slot in self.families.slots(path) {
            // What was renamed is not cut any more, and looked at again when it is read.
            let Some(followed) = self.open.get(&slot).filter(|followed| followed.rotated.is_none()) else { continue };
            if !followed.still_holds()? {
                cut.push(slot);
            }
        }
        for slot in cut {
            self.begin_again(slot, now, tick);
        }
        Ok(())
    }

    /// Files whose content is known, and that may yet be the copy of one that was cut since.
    pub(super) fn rechecked(&self, rotated: &[(PathBuf, Metadata, PathBuf)]) -> BTreeSet<FileId> {
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
    pub(super) fn recheck(&mut self, mut candidate: Candidate, now: Timestamp, tick: Instant) -> io::Result<()> {
        if let Some(slot) = self.cut_of(&mut candidate, |position| position.offset > 0)? {
            return self.take_cut(candidate, slot, now, tick);
        }
        match self.beginning_of_cut(&mut candidate)? {
            Some(slot) => self.close_cut(candidate, slot, now),
            None => Ok(()),
        }
    }

    /// Reads what was not read of a cut generation in its copy.
    pub(super) fn take_cut(
        &mut self,
        mut candidate: Candidate,
        slot: u64,
        now: Timestamp,
        tick: Instant,
    ) -> io::Result<()> {
        let len = candidate.len()?;
        let Some(Cut { position, group, size_seen, since: _ }) = self.cut.remove(&slot) else { return Ok(()) };
        self.tell_cut(&candidate, len, &position, size_seen, now);
        self.aliases.remove(&candidate.id);
        self.take_over(candidate, slot, position, group, tick);
        Ok(())
    }

    /// A cut generation has a copy that ends before what was read: nothing is left to read, and the copy is known.
    pub(super) fn close_cut(&mut self, mut candidate: Candidate, slot: u64, now: Timestamp) -> io::Result<()> {
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
}
