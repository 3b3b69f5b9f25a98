//! Which series of the head may have samples in a range of time.

use std::sync::{Arc, RwLockReadGuard};

use roaring::RoaringBitmap;

use crate::head::generation::{Buffers, Generation};
use crate::head::postings::Postings;

use super::head_file::HeadFile;

/// The series of the head that a question is about. Whether one of them has samples in memory takes a look at each, so
/// that is done for as many as need be.
pub(super) struct Present {
    /// Those in a file that reaches into the range.
    in_files: RoaringBitmap,
    /// The others.
    elsewhere: RoaringBitmap,
    generations: Vec<Arc<Generation>>,
    start: i64,
    end: i64,
}

/// [`Present`], with what is in memory held as it is.
pub(super) struct Probe<'a> {
    present: &'a Present,
    buffers: Vec<RwLockReadGuard<'a, Buffers>>,
}

impl Present {
    pub(super) fn new(
        series: RoaringBitmap,
        files: &[HeadFile],
        generations: &[Arc<Generation>],
        (start, end): (i64, i64),
    ) -> Self {
        let mut in_files = RoaringBitmap::new();
        for file in files {
            in_files |= &file.file.keys & &series;
        }
        let elsewhere = series - &in_files;
        Self { in_files, elsewhere, generations: generations.to_vec(), start, end }
    }

    /// To be asked about single series; no sample is applied meanwhile. The lock of the table, if any, is taken before.
    pub(super) fn probe(&self) -> Probe<'_> {
        Probe { present: self, buffers: self.generations.iter().map(|generation| generation.read()).collect() }
    }

    /// All that have samples.
    pub(super) fn all(&self) -> RoaringBitmap {
        let probe = self.probe();
        let in_memory: RoaringBitmap = self.elsewhere.iter().filter(|&series| probe.is_in_memory(series)).collect();
        &self.in_files | in_memory
    }
}

impl Probe<'_> {
    /// Whether one of the series has samples.
    pub(super) fn has_any(&self, series: &RoaringBitmap) -> bool {
        let Present { in_files, elsewhere, .. } = self.present;
        if !series.is_disjoint(in_files) {
            return true;
        }
        if series.is_disjoint(elsewhere) {
            return false;
        }
        // The first one mostly has.
        let (fewer, others) = if series.len() <= elsewhere.len() { (series, elsewhere) } else { (elsewhere, series) };
        fewer.iter().any(|one| others.contains(one) && self.is_in_memory(one))
    }

    /// As [`Self::has_any`].
    pub(super) fn has_any_of(&self, series: &Postings) -> bool {
        let Present { in_files, elsewhere, .. } = self.present;
        match series {
            Postings::None => false,
            Postings::One(one) => in_files.contains(*one) || elsewhere.contains(*one) && self.is_in_memory(*one),
            Postings::Many(many) => self.has_any(many),
        }
    }

    fn is_in_memory(&self, series: u32) -> bool {
        self.buffers.iter().any(|buffers| buffers.overlaps(series, self.present.start, self.present.end))
    }
}
