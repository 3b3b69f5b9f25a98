//! What a file that is not known by device and inode has in common with what was read.

use std::io;

use super::candidate::{Candidate, is_copy};
use super::position::{HEAD_BYTES, Position};
use super::{Cut, FileSource};

/// What a candidate turned out to be.
pub(super) enum Kinship {
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
    pub(super) fn kinship(&self, candidate: &mut Candidate) -> io::Result<Kinship> {
        if let Some(slot) = self.cut_of(candidate, |position| position.offset > 0)? {
            return Ok(Kinship::OfCut(slot));
        }
        for slot in self.families.slots(&candidate.family) {
            let Some(followed) = self.open.get(&slot) else { continue };
            if is_copy(candidate, followed)? {
                return Ok(Kinship::OfOpen(slot));
            }
        }
        if let Some(slot) = self.closed_of(candidate)? {
            return Ok(Kinship::OfClosed(slot));
        }
        if self.is_unclear(candidate)? {
            return Ok(Kinship::Unclear);
        }
        // Of these only the beginning is known, which other generations may share.
        if let Some(slot) = self.cut_of(candidate, |position| position.offset == 0)? {
            return Ok(Kinship::OfCut(slot));
        }
        Ok(self.beginning_of_cut(candidate)?.map_or(Kinship::Unseen, Kinship::BeginningOfCut))
    }

    /// Whether it goes on with a position whose own file was listed too, and is not open: one of the two came or went
    /// while the directory was read, as when a file was just compressed.
    fn is_unclear(&self, candidate: &mut Candidate) -> io::Result<bool> {
        let of_family = self.families.slots(&candidate.family).filter_map(|slot| self.closed.get(&slot));
        for position in of_family.filter(|position| !position.is_done && position.offset > 0) {
            if self.present.contains(&position.id) && candidate.continues(position)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Of the cut generations of this `which`, the one that `candidate` has all that was read of.
    pub(super) fn cut_of(
        &self,
        candidate: &mut Candidate,
        which: impl Fn(&Position) -> bool,
    ) -> io::Result<Option<u64>> {
        let mut best: Option<(u64, u64)> = None;
        for slot in self.families.slots(&candidate.family) {
            let Some(Cut { position, .. }) = self.cut.get(&slot).filter(|cut| which(&cut.position)) else { continue };
            let is_better = best.is_none_or(|(offset, _)| position.offset > offset);
            if is_better && candidate.continues(position)? {
                best = Some((position.offset, slot));
            }
        }
        Ok(best.map(|(_, slot)| slot))
    }

    pub(super) fn beginning_of_cut(&self, candidate: &mut Candidate) -> io::Result<Option<u64>> {
        for slot in self.families.slots(&candidate.family) {
            let Some(Cut { position, .. }) = self.cut.get(&slot) else { continue };
            if candidate.is_shorter(position)? {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    /// The closed position that `candidate` has all of: the one that most is known of. What still has its own file goes on
    /// there, so that a file beside it can only be a copy of what was read.
    fn closed_of(&self, candidate: &mut Candidate) -> io::Result<Option<u64>> {
        let of_family = self.families.slots(&candidate.family);
        let mut alike: Vec<(u64, &Position)> = of_family
            .filter_map(|slot| Some((slot, self.closed.get(&slot)?)))
            .filter(|(_, position)| position.head.begins(&candidate.head))
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
}
