//! Merges files of the head: those of a few minutes each have few samples of a series, which compress badly.

use std::sync::Arc;

use orszem_model::Columns;
use roaring::RoaringBitmap;

use crate::columns::merge_columns;
use crate::error::{Error, Result};

use super::head_file::{HeadFile, apply_deletions};
use super::settle::{CUT_WINDOW_MS, Settle, floor};
use super::{Rewriting, SeriesStore, lock, open};

/// The fewest files that are merged. At one flush every 5 minutes, those of half an hour.
const RUN_MIN: usize = if cfg!(test) { 3 } else { 6 };
/// The most bytes of all of them: larger ones gain little, and leave with the window that they are of.
const RUN_BYTES_MAX: u64 = 32 << 20;

impl SeriesStore {
    /// Merges the newest files of the head if it pays; answers whether it did.
    pub(super) fn merge_files(&self, settle: Settle) -> Result<bool> {
        if settle == Settle::All {
            // Everything has become blocks.
            return Ok(false);
        }
        let inner = &*self.inner;
        let (mut rewriting, files, number) = {
            // No flush has a lower number and is not among the files yet.
            let _flushing = lock(&inner.flushing);
            let rewriting = lock(&inner.rewriting);
            let files = Arc::clone(&inner.state().files);
            let Some(run) = run(&files, &rewriting) else { return Ok(false) };
            (rewriting, files[run..].to_vec(), inner.new_number())
        };
        match self.write_merged(&files, number) {
            Ok(merged) => self.use_merged(&files, merged.as_ref()).map(|()| true),
            Err(error) => {
                let Some(damaged) = files.iter().find(|file| self.is_of(&error, file)) else { return Err(error) };
                tracing::error!(%error, "a damaged file of the head is served as far as it can be, and not merged");
                rewriting.unsound.push(damaged.number);
                Ok(true)
            }
        }
    }

    fn is_of(&self, error: &Error, file: &HeadFile) -> bool {
        matches!(error, Error::Damaged { path, .. } if *path == self.inner.paths.chunks(file.number))
    }

    fn write_merged(&self, files: &[HeadFile], number: u64) -> Result<Option<HeadFile>> {
        let deletions = Arc::clone(&self.inner.state().manifest.deletions);
        let mut keys = RoaringBitmap::new();
        files.iter().for_each(|file| keys |= &file.file.keys);
        let mut readers: Vec<_> = files.iter().map(|file| file.file.chunks.reader()).collect();
        let (mut columns, mut part) = (Columns::default(), Columns::default());
        HeadFile::write_with(&self.inner.paths, number, &mut |add| {
            for series in &keys {
                if self.is_interrupted() {
                    return Err(Error::Cancelled);
                }
                columns.clear();
                for (file, reader) in files.iter().zip(&mut readers).filter(|(file, _)| file.file.keys.contains(series))
                {
                    part.clear();
                    reader.read(series, file.from.saturating_sub(1), i64::MAX, &mut part)?;
                    apply_deletions(&deletions, file.number, series, &mut part);
                    merge_columns(&mut columns, &part);
                }
                add(series, &columns)?;
            }
            Ok(())
        })
    }

    /// Puts the merged file, if anything was left, in the place of the others.
    fn use_merged(&self, old: &[HeadFile], merged: Option<&HeadFile>) -> Result<()> {
        let is_old = |number: u64| old.iter().any(|file| file.number == number);
        let place = |number: u64| old.first().is_some_and(|first| first.number == number);
        self.inner.commit(
            |manifest| {
                // In the place of the first, so that flushes since then stay behind it.
                if let Some(at) = manifest.files.iter().position(|file| place(file.0)) {
                    let new = merged.map(|file| (file.number, file.from));
                    manifest.files.splice(at..at, new);
                }
                manifest.files.retain(|file| !is_old(file.0));
                manifest.forget_deletions();
            },
            |state| {
                let files = Arc::make_mut(&mut state.files);
                if let Some(at) = files.iter().position(|file| place(file.number)) {
                    files.splice(at..at, merged.cloned());
                }
                files.retain(|file| !is_old(file.number));
            },
        )?;
        for file in old {
            open::remove_or_warn(&self.inner.paths.chunks(file.number));
            open::remove_or_warn(&self.inner.paths.keys(file.number));
        }
        Ok(())
    }
}

/// Where the newest files that are to be merged begin: each has at most twice as many samples as all behind it, so that a
/// sample is written anew a few times until its window is over. All end in one window, so that they go with it.
fn run(files: &[HeadFile], rewriting: &Rewriting) -> Option<usize> {
    let window = |file: &HeadFile| floor(file.file.range.1, CUT_WINDOW_MS);
    let newest = window(files.last()?);
    let (mut samples, mut bytes) = (0, 0);
    let mut at = files.len();
    for file in files.iter().rev() {
        let here = file.file.chunks.samples();
        bytes += file.file.bytes;
        let is_too_large = bytes > RUN_BYTES_MAX || (samples > 0 && here > samples * 2);
        if is_too_large || window(file) != newest || rewriting.unsound.contains(&file.number) {
            break;
        }
        samples += here;
        at -= 1;
    }
    (files.len() - at >= RUN_MIN).then_some(at)
}
