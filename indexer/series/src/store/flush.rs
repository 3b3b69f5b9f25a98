//! The checkpoint: writes what was applied into a file of the head, and new series into their log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::files::sync_directory;

use super::head_file::HeadFile;
use super::state::Frozen;
use super::{SeriesStore, lock, series_log};

impl SeriesStore {
    /// Writes everything applied so far into files and answers the journal position reached. Batches are applied and
    /// queries answered meanwhile. After a failure (a full disk) nothing is lost: the samples stay visible and the
    /// next call tries again.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn flush(&self) -> Result<u64> {
        let _guard = lock(&self.inner.flushing);
        let wanted = self.applied();
        loop {
            let Some(frozen) = self.freeze() else { return Ok(self.flushed()) };
            let end = frozen.end;
            self.write(&frozen)?;
            if end >= wanted {
                return Ok(end);
            }
        }
    }

    /// What to flush: left over from a flush that failed, else the active generation.
    fn freeze(&self) -> Option<Frozen> {
        let mut state = self.inner.state_mut();
        if state.frozen.is_none() {
            let end = self.applied();
            if state.active.read().is_empty() && end <= state.manifest.flushed {
                return None;
            }
            let next_series = self.inner.table().next();
            let samples = std::mem::take(&mut state.active);
            state.frozen = Some(Frozen { samples, end, next_series });
        }
        state.frozen.clone()
    }

    fn write(&self, frozen: &Frozen) -> Result<()> {
        let inner = &*self.inner;
        let log = self.write_log(frozen.next_series)?;
        let number = inner.new_number();
        let file = {
            let buffers = frozen.samples.read();
            if buffers.is_empty() { None } else { HeadFile::write(&inner.paths, number, &buffers)? }
        };
        let aside = self.write_aside()?;
        let mut old_aside = None;
        let committed = inner.commit(
            |manifest| {
                manifest.flushed = frozen.end;
                manifest.next_series = frozen.next_series;
                manifest.log = log;
                manifest.files.extend(file.iter().map(|file| (file.number, file.from)));
                if let Some(aside) = aside {
                    old_aside = manifest.aside.replace(aside);
                }
            },
            |state| {
                state.frozen = None;
                if let Some(file) = &file {
                    Arc::make_mut(&mut state.files).push(file.clone());
                }
            },
        );
        if committed.is_err() && aside.is_some() {
            inner.aside().is_dirty = true;
        }
        committed?;
        inner.known_below.fetch_max(frozen.next_series, Ordering::AcqRel);
        if let Some(old) = old_aside {
            super::open::remove_or_warn(&inner.paths.aside(old));
        }
        Ok(())
    }

    /// Appends the series that are not in the log yet, and answers which log it is and how long.
    fn write_log(&self, next_series: u32) -> Result<(u64, u64)> {
        let inner = &*self.inner;
        let (number, length) = inner.state().manifest.log;
        let from = inner.known_below();
        let new: Vec<u32> = {
            let table = inner.table();
            (from..next_series).filter(|series| table.get(*series).is_some()).collect()
        };
        let length = series_log::append(&inner.paths.log(number), length, &new, |part| self.definitions(part))?;
        Ok((number, length))
    }

    /// The definitions of these series, as far as they are there.
    pub(super) fn definitions(&self, series: &[u32]) -> Vec<(u32, orszem_model::Labels)> {
        let table = self.inner.table();
        series.iter().filter_map(|&series| Some((series, table.labels(series)?))).collect()
    }

    /// Writes metadata and exemplars when they have changed, and answers the file's number.
    fn write_aside(&self) -> Result<Option<u64>> {
        let inner = &*self.inner;
        let mut aside = inner.aside();
        if !aside.is_dirty {
            return Ok(None);
        }
        let number = inner.new_number();
        aside.save(&inner.paths.aside(number))?;
        sync_directory(&inner.paths.head())?;
        aside.is_dirty = false;
        Ok(Some(number))
    }
}
