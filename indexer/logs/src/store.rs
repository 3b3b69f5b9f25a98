//! The store as a whole: what is applied, what is flushed, and a consistent view of both.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use orszem_model::wire::RecordView;

use crate::catalog::{Catalog, NewSegment, SegmentRow};
use crate::due::{due_merge, due_seal};
use crate::error::{Error, Result};
use crate::files::{lock, open_segments, remove_files, remove_or_warn, remove_orphans, sync_upwards};
use crate::flush::{Flushed, PartitionKey, flush};
use crate::memtable::{Memtable, View};
use crate::merge::merge;
use crate::paths::Paths;
use crate::segment::read::Segment;
use crate::segment::write::{Compression, SegmentSummary};

/// Limits of the store; each says what happens at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Encoded bytes that are flushed together. A quarter more are taken in while they are;
    /// beyond that [`LogStore::reserve`] refuses.
    pub memtable_bytes: usize,
    /// Segments of similar size in a partition before they are merged.
    pub merge_segments: usize,
    /// The body bytes a merged segment may have; larger ones are left as they are.
    pub merge_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { memtable_bytes: 64 << 20, merge_segments: 16, merge_bytes_max: 2 << 30 }
    }
}

/// A live segment: its row in the catalogue and the open file.
#[derive(Debug)]
pub(crate) struct LiveSegment {
    pub(crate) row: SegmentRow,
    pub(crate) segment: Segment,
}

#[derive(Debug, Default)]
struct State {
    active: Memtable,
    /// Bytes promised to batches that are being journaled.
    reserved: usize,
    /// A memtable that is being flushed, and the position that flushing it reaches.
    frozen: Option<(View, u64)>,
    segments: Arc<Vec<Arc<LiveSegment>>>,
    /// Where the batch after the last applied one begins.
    applied: u64,
    flushed: u64,
}

#[derive(Debug)]
struct Inner {
    paths: Paths,
    options: Options,
    catalog: Catalog,
    state: RwLock<State>,
    flushing: Mutex<()>,
    rewriting: Mutex<()>,
    /// Segments with a block that could not be read: served as far as they can be, rewritten no more.
    damaged: Mutex<HashSet<i64>>,
    _lock: File,
}

/// A log store over one directory, which it locks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogStore {
    inner: Arc<Inner>,
}

/// A file that could not be used when the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub path: PathBuf,
    pub reason: String,
    /// Records that are no longer served because of it.
    pub rows: u64,
}

/// Room in the memtable for a batch that is about to be journaled; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    store: LogStore,
    bytes: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.store.write().reserved -= self.bytes;
    }
}

/// The memtable is full; flushing has to catch up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the memtable is full; send the batch again in a second")]
pub struct Full;

/// What a query looks at: one consistent state of memtable and segments.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) segments: Arc<Vec<Arc<LiveSegment>>>,
    /// The frozen memtable, if there is one, then the active one.
    pub(crate) views: Vec<View>,
}

/// Sizes of the store, for metrics and people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub memtable_bytes: u64,
    pub memtable_rows: u64,
    pub segments: u64,
    pub sealed_segments: u64,
    pub segment_rows: u64,
    pub segment_raw_bytes: u64,
    pub segment_disk_bytes: u64,
}

impl LogStore {
    /// Opens or creates the store in `root`. Segments that do not open go to quarantine and are reported; files that
    /// no committed flush or merge names are removed.
    pub fn open(root: &Path, options: Options) -> Result<(Self, Vec<Quarantined>)> {
        let paths = Paths::new(root);
        for path in [root.to_owned(), paths.segments()] {
            fs::create_dir_all(&path).map_err(|source| Error::CreateDirectory { path, source })?;
        }
        let lock = lock(root)?;
        let (catalog, damaged) = Catalog::open(&paths.catalog())?;
        let (segments, mut quarantined) = open_segments(&paths, &catalog)?;
        let remade = damaged.is_some();
        quarantined.extend(damaged.map(|path| Quarantined {
            path,
            reason: "the catalogue was made anew from its mirror".into(),
            rows: 0,
        }));
        let flushed = catalog.flushed()?;
        remove_orphans(&paths, &segments, remade || flushed == 0)?;
        let state = State { segments: Arc::new(segments), flushed, applied: flushed, ..State::default() };
        let inner = Inner {
            paths,
            options,
            catalog,
            state: RwLock::new(state),
            flushing: Mutex::new(()),
            rewriting: Mutex::new(()),
            damaged: Mutex::default(),
            _lock: lock,
        };
        Ok((Self { inner: Arc::new(inner) }, quarantined))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where replay starts: everything below is in segments.
    pub fn flushed(&self) -> u64 {
        self.read().flushed
    }

    /// Where the batch after the last applied one begins.
    pub fn applied(&self) -> u64 {
        self.read().applied
    }

    /// Promises room for `bytes` of encoded batches.
    pub fn reserve(&self, bytes: usize) -> std::result::Result<Reservation, Full> {
        let mut state = self.write();
        let held = state.active.bytes() + state.reserved;
        if held > 0 && held + bytes > self.inner.options.memtable_bytes / 4 * 5 {
            return Err(Full);
        }
        state.reserved += bytes;
        Ok(Reservation { store: self.clone(), bytes })
    }

    /// Makes the batches of one submission visible, all at once. They must be durable in the journal at their
    /// positions, `end` is where the next begins; submissions come in the order of their positions. What lies below
    /// [`Self::flushed`] is skipped, so replay may start anywhere at or below it. Answers how many records were added.
    pub fn apply<B: Into<Bytes>>(&self, batches: Vec<(u64, B)>, end: u64) -> Result<u64> {
        let mut state = self.write();
        let flushed = state.flushed;
        let rows = state.active.rows();
        let mut failed = None;
        for (position, payload) in batches {
            if position < flushed {
                continue;
            }
            if let Err(error) = state.active.add(position, payload) {
                failed = Some(error);
            }
        }
        state.applied = state.applied.max(end);
        let added = state.active.rows() - rows;
        failed.map_or(Ok(added), Err)
    }

    /// Whether enough was applied for a flush.
    pub fn wants_flush(&self) -> bool {
        let state = self.read();
        state.frozen.is_some() || state.active.bytes() >= self.inner.options.memtable_bytes
    }

    /// One consistent view.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.read();
        let frozen = state.frozen.iter().map(|(view, _)| view.clone());
        let views = frozen.chain([state.active.view()]).filter(|view| !view.is_empty()).collect();
        Snapshot { segments: Arc::clone(&state.segments), views }
    }

    /// Sizes now.
    pub fn sizes(&self) -> Sizes {
        let state = self.read();
        let mut sizes = Sizes::default();
        for view in state.frozen.iter().map(|(view, _)| view.clone()).chain([state.active.view()]) {
            sizes.memtable_bytes += view.bytes as u64;
            sizes.memtable_rows += view.rows;
        }
        for live in state.segments.iter() {
            sizes.segments += 1;
            sizes.sealed_segments += u64::from(live.row.sealed);
            sizes.segment_rows += live.row.rows;
            sizes.segment_raw_bytes += live.row.raw_bytes;
            sizes.segment_disk_bytes += live.row.disk_bytes;
        }
        sizes
    }

    /// The live segments' rows in the catalogue.
    pub fn segments(&self) -> Vec<SegmentRow> {
        self.read().segments.iter().map(|live| live.row.clone()).collect()
    }

    /// Writes everything applied so far into segments and returns the position reached. After a failure (a full disk)
    /// nothing is lost: the records stay visible and the next call tries again.
    pub fn flush(&self) -> Result<u64> {
        let _guard = guard(&self.inner.flushing);
        let wanted = self.applied();
        loop {
            let Some((view, end)) = self.freeze() else { return self.pass_over() };
            let added = self.write_segments(&view)?;
            let rows: Vec<NewSegment> = added.iter().map(|live| NewSegment { row: live.row.clone() }).collect();
            self.inner.catalog.swap(&rows, &[], Some(end)).inspect_err(|_| remove_files(&added))?;
            let mut state = self.write();
            state.frozen = None;
            state.flushed = end;
            swap_segments(&mut state, &[], added);
            if end >= wanted {
                return Ok(end);
            }
        }
    }

    /// The memtable to flush: one left over from a failed flush, else the active one.
    fn freeze(&self) -> Option<(View, u64)> {
        let mut state = self.write();
        if state.frozen.is_none() && state.active.bytes() > 0 {
            let view = std::mem::take(&mut state.active).view();
            let end = state.applied;
            state.frozen = Some((view, end));
        }
        state.frozen.clone()
    }

    /// Nothing is left to write, so what was applied without leaving records (repeats, deletions) is done with too.
    fn pass_over(&self) -> Result<u64> {
        let state = self.read();
        let (applied, flushed, is_empty) = (state.applied, state.flushed, state.active.bytes() == 0);
        drop(state);
        if !is_empty || applied <= flushed {
            return Ok(flushed);
        }
        self.inner.catalog.swap(&[], &[], Some(applied))?;
        self.write().flushed = applied;
        Ok(applied)
    }

    fn write_segments(&self, view: &View) -> Result<Vec<Arc<LiveSegment>>> {
        let mut ids = Vec::new();
        let mut written = Vec::new();
        let result = flush(view, Compression::HOT, |partition| {
            let generation = self.inner.catalog.generation(partition)?.max(1);
            let (id, file, path) = self.new_file(partition, generation)?;
            ids.push((id, generation, file));
            written.push(path.clone());
            Ok(path)
        });
        let opened = result.and_then(|flushed| {
            let open = |(Flushed { partition, summary, .. }, (id, generation, file)): (Flushed, (i64, i64, String))| {
                self.open_new(&partition, id, generation, file, &summary, false)
            };
            flushed.into_iter().zip(ids).map(open).collect::<Result<Vec<_>>>()
        });
        opened.inspect_err(|_| written.iter().for_each(|path| remove_or_warn(path)))
    }

    /// A number and a path for a new segment; its directory exists afterwards.
    fn new_file(&self, partition: &PartitionKey, generation: i64) -> Result<(i64, String, PathBuf)> {
        let id = self.inner.catalog.reserve_ids(1)?;
        let directory = Paths::partition(&partition.class, partition.day, generation);
        let path = self.inner.paths.segments().join(&directory);
        fs::create_dir_all(&path).map_err(|source| Error::CreateDirectory { path: path.clone(), source })?;
        let file = directory.join(Paths::segment_name(id));
        Ok((id, file.to_string_lossy().into_owned(), self.inner.paths.segments().join(file)))
    }

    fn open_new(
        &self,
        partition: &PartitionKey,
        id: i64,
        generation: i64,
        file: String,
        summary: &SegmentSummary,
        sealed: bool,
    ) -> Result<Arc<LiveSegment>> {
        let path = self.inner.paths.segments().join(&file);
        let segment = Segment::open(&path)?;
        sync_upwards(&path, self.inner.paths.root())?;
        let row = SegmentRow {
            id,
            class: partition.class.clone(),
            day: partition.day,
            generation,
            file,
            rows: summary.rows,
            raw_bytes: summary.raw_bytes,
            disk_bytes: summary.disk_bytes,
            min_ts: summary.min_ts,
            max_ts: summary.max_ts,
            sealed,
        };
        Ok(Arc::new(LiveSegment { row, segment }))
    }

    /// Merges one set of segments that is due and answers whether there was one.
    pub fn merge_due(&self) -> Result<bool> {
        let _guard = guard(&self.inner.rewriting);
        let live = self.sound_segments();
        let Some(inputs) = due_merge(&live, &self.inner.options) else { return Ok(false) };
        self.rewrite(&inputs, &Rewrite::Merge)?;
        Ok(true)
    }

    /// Seals one partition whose day ended at or before `ended_by` (days since 1970-01-01, exclusive); answers whether
    /// there was one to seal.
    pub fn seal_due(&self, ended_by: i64) -> Result<bool> {
        let _guard = guard(&self.inner.rewriting);
        let live = self.sound_segments();
        let Some(inputs) = due_seal(&live, ended_by) else { return Ok(false) };
        self.rewrite(&inputs, &Rewrite::Seal)?;
        Ok(true)
    }

    /// The live segments that are not known to be damaged.
    fn sound_segments(&self) -> Vec<Arc<LiveSegment>> {
        let damaged = self.inner.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        self.read().segments.iter().filter(|live| !damaged.contains(&live.row.id)).cloned().collect()
    }

    /// Notes which of `inputs` an error names as damaged, so that it does not stand in the way of the others again.
    fn note_damage(&self, inputs: &[Arc<LiveSegment>], error: &Error) {
        let Error::Corrupt { path, .. } = error else { return };
        let named = inputs.iter().filter(|live| live.segment.path() == path).map(|live| live.row.id);
        self.inner.damaged.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
    }

    fn rewrite(&self, inputs: &[Arc<LiveSegment>], what: &Rewrite<'_>) -> Result<u64> {
        let Some(first) = inputs.first() else { return Ok(0) };
        let partition = PartitionKey { class: first.row.class.clone(), day: first.row.day };
        let oldest = inputs.iter().map(|live| live.row.generation).max().unwrap_or(1);
        let (compression, generation, sealed, keep) = match what {
            Rewrite::Merge => (Compression::HOT, oldest, false, None),
            Rewrite::Seal => (Compression::SEALED, oldest + 1, true, None),
            Rewrite::Without(keep) => {
                let sealed = inputs.iter().all(|live| live.row.sealed);
                (if sealed { Compression::SEALED } else { Compression::HOT }, oldest, sealed, Some(*keep))
            }
        };
        let before: u64 = inputs.iter().map(|live| live.row.rows).sum();
        let (id, file, path) = self.new_file(&partition, generation)?;
        let segments: Vec<&Segment> = inputs.iter().map(|live| &live.segment).collect();
        let merged = merge(&segments, &path, compression, keep).inspect_err(|error| {
            remove_or_warn(&path);
            self.note_damage(inputs, error);
        })?;
        let added: Vec<Arc<LiveSegment>> = match &merged {
            Some(summary) => vec![self.open_new(&partition, id, generation, file, summary, sealed)?],
            None => Vec::new(),
        };
        let rows: Vec<NewSegment> = added.iter().map(|live| NewSegment { row: live.row.clone() }).collect();
        let removed: Vec<i64> = inputs.iter().map(|live| live.row.id).collect();
        self.inner.catalog.swap(&rows, &removed, None).inspect_err(|_| remove_files(&added))?;
        let mut state = self.write();
        swap_segments(&mut state, &removed, added);
        drop(state);
        remove_files(inputs);
        Ok(before - merged.map_or(0, |summary| summary.rows))
    }

    /// Removes the records that `matches` accepts, from everything applied so far; returns how many. The caller has
    /// journaled the command; replaying it is harmless. A damaged segment keeps its records and is the error, after all
    /// others were gone through.
    pub fn delete(&self, matches: &dyn Fn(&RecordView<'_>) -> bool) -> Result<u64> {
        self.flush()?;
        let _guard = guard(&self.inner.rewriting);
        let live = Arc::clone(&self.read().segments);
        let mut deleted = 0;
        let mut damage = None;
        for input in live.iter() {
            let rewritten = crate::scan::any_match(&input.segment, matches).and_then(|any| {
                let keep = Rewrite::Without(&|record| !matches(record));
                if any { self.rewrite(&[Arc::clone(input)], &keep) } else { Ok(0) }
            });
            match rewritten {
                Ok(removed) => deleted += removed,
                Err(error @ Error::Corrupt { .. }) => damage = Some(error),
                Err(error) => return Err(error),
            }
        }
        damage.map_or(Ok(deleted), Err)
    }

    /// Takes whole segments out of the store (retention) and removes their files.
    pub fn drop_segments(&self, ids: &[i64]) -> Result<()> {
        let _guard = guard(&self.inner.rewriting);
        self.inner.catalog.swap(&[], ids, None)?;
        let mut state = self.write();
        let gone: Vec<_> = state.segments.iter().filter(|live| ids.contains(&live.row.id)).cloned().collect();
        swap_segments(&mut state, ids, Vec::new());
        drop(state);
        remove_files(&gone);
        Ok(())
    }

    /// Copies catalogue and segments into `target`, which must be empty; the copy opens as a store. Flush first to have
    /// all that was acknowledged in it.
    pub fn backup(&self, target: &Path) -> Result<()> {
        // In this order, so that no write-out waits for a merge that is under way.
        let _guards = (guard(&self.inner.rewriting), guard(&self.inner.flushing));
        let paths = Paths::new(target);
        fs::create_dir_all(paths.segments())
            .map_err(|source| Error::CreateDirectory { path: paths.segments(), source })?;
        for live in self.read().segments.iter() {
            let to = paths.segments().join(&live.row.file);
            let copied = to.parent().map_or(Ok(()), fs::create_dir_all);
            let copied = copied.and_then(|()| {
                fs::hard_link(live.segment.path(), &to).or_else(|_| fs::copy(live.segment.path(), &to).map(|_| ()))
            });
            copied.map_err(|source| Error::Copy { path: to, source })?;
        }
        self.inner.catalog.copy_to(&paths.catalog())
    }
}

enum Rewrite<'a> {
    Merge,
    Seal,
    Without(&'a dyn Fn(&RecordView<'_>) -> bool),
}

fn guard(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn swap_segments(state: &mut State, removed: &[i64], added: Vec<Arc<LiveSegment>>) {
    let mut segments: Vec<_> = state.segments.iter().filter(|live| !removed.contains(&live.row.id)).cloned().collect();
    segments.extend(added);
    state.segments = Arc::new(segments);
}
