//! Follows a changing set of files and the journal, one batch at a time.
//!
//! The order is: [`Tailer::collect`] reads and moves the positions in memory, [`Tailer::save`] makes batch and
//! positions durable together, the batch is sent, [`Tailer::acknowledged`] ends it. A crash before `save` reads
//! the same lines again, one after it sends the same bytes again under the same number.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use orszem_model::Timestamp;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::discover;
use super::file::{FileFacts, Followed, Taken, id_of};
use super::journald::Entry;
use crate::batch::{Filling, Origin};
use crate::checkpoint::{Checkpoint, CheckpointFile, FileId, Loaded, Position};
use crate::counters::{Counters, add, count};
use crate::{CollectorConfig, CollectorError, FileState, FileStatus, StartAt};
use orszem_model::record::{Attribute, AttributeValue};
use orszem_parse::{Moment, Parsed, Value, Zone};

/// How often directories are searched for new files.
const SEARCH_EVERY: Duration = Duration::from_secs(1);
/// A renamed file without growth is let go after this long.
const ROTATED_KEEP: Duration = Duration::from_secs(30);
/// Renamed files that changed up to this long before the last checkpoint may have been missed by its search. Below
/// [`ROTATED_KEEP`], so that none is meant that was read and let go.
const UNSEEN_MARGIN: Duration = Duration::from_secs(3);
/// Files followed at once; each holds a descriptor.
const FILES_MAX: usize = 512;
/// A line without a stamp takes that of the line before, if that was read at most this long ago.
const STAMP_REUSE_NS: i64 = 2_000_000_000;

/// Everything the reading side knows. Blocking; owned by one task.
#[derive(Debug)]
pub(crate) struct Tailer {
    config: CollectorConfig,
    host: String,
    zone: Zone,
    counters: Arc<Counters>,
    checkpoint_file: CheckpointFile,
    /// As saved, but for positions, which are put in when it is.
    state: Checkpoint,
    /// The number of the batch that the checkpoint file holds: the one under way, or one that was acknowledged.
    saved_batch: Option<u64>,
    /// No checkpoint was found: what the first search finds is old content.
    is_first_start: bool,
    files: BTreeMap<FileId, Followed>,
    /// When the checkpoint that this run began with was written.
    saved_before_start: Option<SystemTime>,
    /// Positions of an earlier run whose files the first search has yet to find.
    unclaimed: BTreeMap<FileId, Position>,
    binary: BTreeSet<FileId>,
    unreadable: BTreeMap<PathBuf, FileStatus>,
    journal: Option<mpsc::Receiver<Entry>>,
    held_entry: Option<Entry>,
    searched: Option<Instant>,
    /// The file that the next batch begins with, so that none is starved.
    turn: Option<FileId>,
    buffer: Vec<u8>,
}

impl Tailer {
    /// Loads the checkpoint. `epoch` names this line of batches if there is none; it must never have been used.
    pub(crate) fn open(
        config: CollectorConfig,
        host: String,
        zone: Zone,
        epoch: u64,
        counters: Arc<Counters>,
    ) -> Result<Self, CollectorError> {
        let checkpoint_file = CheckpointFile::open(&config.state_dir)?;
        let fresh = Checkpoint { epoch, ..Checkpoint::default() };
        let (mut state, is_first_start) = match checkpoint_file.load()? {
            Loaded::Found(state) => (state, false),
            Loaded::Nothing => (fresh, true),
            Loaded::Corrupt => {
                warn!(dir = %config.state_dir.display(), "checkpoint is corrupt, set aside; logs are read again");
                count(&counters.checkpoints_corrupt);
                (fresh, true)
            }
        };
        let saved_before_start = checkpoint_file.saved_at();
        let saved_batch = state.batch.is_some().then_some(state.seq);
        let unclaimed = std::mem::take(&mut state.positions).into_iter().map(|p| (p.id, p)).collect();
        Ok(Self {
            config,
            host,
            zone,
            counters,
            checkpoint_file,
            state,
            saved_batch,
            is_first_start,
            saved_before_start,
            files: BTreeMap::new(),
            unclaimed,
            binary: BTreeSet::new(),
            unreadable: BTreeMap::new(),
            journal: None,
            held_entry: None,
            searched: None,
            turn: None,
            buffer: Vec::new(),
        })
    }

    /// Reads the journal from `entries` too.
    pub(crate) fn with_journal(mut self, entries: mpsc::Receiver<Entry>) -> Self {
        self.journal = Some(entries);
        self
    }

    /// journald's cursor behind the last entry read; empty for none.
    pub(crate) fn cursor(&self) -> &str {
        &self.state.cursor
    }

    /// `(epoch, seq, batch)` of the batch under way.
    pub(crate) fn under_way(&self) -> Option<(u64, u64, &[u8])> {
        self.state.batch.as_deref().map(|batch| (self.state.epoch, self.state.seq, batch))
    }

    /// Looks for files where it is time to, and reads one batch unless one is under way.
    ///
    /// Answers whether there is a batch that must be saved and sent.
    pub(crate) fn collect(&mut self, now: Timestamp, tick: Instant) -> Result<bool, CollectorError> {
        if self.state.batch.is_some() {
            return Ok(true);
        }
        if self.searched.is_none_or(|at| tick.saturating_duration_since(at) >= SEARCH_EVERY) {
            self.search(tick)?;
        }
        let mut filling = Filling::new(now);
        self.read_journal(now, &mut filling);
        self.read_files(now, tick, &mut filling);
        self.state.batch = filling.finish();
        Ok(self.state.batch.is_some())
    }

    /// Makes the batch under way and the positions behind it durable, unless they are.
    pub(crate) fn save(&mut self) -> Result<(), CollectorError> {
        if self.state.batch.is_some() && self.saved_batch == Some(self.state.seq) {
            return Ok(());
        }
        let followed = self.files.values().map(|file| file.position.clone());
        self.state.positions = followed.chain(self.unclaimed.values().cloned()).collect();
        let saved = self.checkpoint_file.save(&self.state);
        self.state.positions.clear();
        saved?;
        self.saved_batch = self.state.batch.is_some().then_some(self.state.seq);
        Ok(())
    }

    /// Ends the batch under way: it is stored, or never will be.
    pub(crate) fn acknowledged(&mut self) {
        if self.state.batch.take().is_some() {
            self.state.seq += 1;
        }
    }

    /// Saves once more when nothing is under way, so that the file does not keep a batch that is done with.
    pub(crate) fn rest(&mut self) -> Result<(), CollectorError> {
        if self.saved_batch.is_some() && self.state.batch.is_none() { self.save() } else { Ok(()) }
    }

    /// Every file that is followed or can't be, by path.
    pub(crate) fn statuses(&self) -> Vec<FileStatus> {
        let followed = self.files.values().map(|file| FileStatus {
            path: file.position.path.clone(),
            state: FileState::Following,
            size: file.size,
            position: file.position.offset,
            lag: file.size.saturating_sub(file.position.offset),
        });
        let mut all: Vec<FileStatus> = followed.chain(self.unreadable.values().cloned()).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    fn search(&mut self, tick: Instant) -> Result<(), CollectorError> {
        let is_first_search = self.searched.replace(tick).is_none();
        let found = discover::search(&self.config);
        self.unreadable = found.unreadable.into_iter().map(|status| (status.path.clone(), status)).collect();
        for (path, metadata) in found.files {
            let id = id_of(&metadata);
            if self.binary.contains(&id) {
                continue;
            }
            match self.files.get_mut(&id) {
                Some(known) if known.position.path != path && !is_at(&known.position.path, id) => {
                    known.position.path = path;
                    known.rotated = None;
                }
                Some(_) => {}
                None => self.follow(path, is_first_search),
            }
        }
        self.notice_rotations(tick);
        if is_first_search {
            if self.is_first_start {
                self.save()?;
            } else {
                self.find_rotated(tick);
                self.find_unseen(tick);
            }
        }
        Ok(())
    }

    fn follow(&mut self, path: PathBuf, is_first_search: bool) {
        if self.files.len() >= FILES_MAX {
            let fix = "narrow collector.include in the configuration".to_owned();
            let state = FileState::Unreadable { reason: format!("more than {FILES_MAX} files match"), fix };
            self.unreadable.insert(path.clone(), FileStatus { path, state, size: 0, position: 0, lag: 0 });
            return;
        }
        let opened = File::open(&path).and_then(|file| {
            let metadata = file.metadata()?;
            let id = id_of(&metadata);
            let fresh = |file| Followed::new(file, &metadata, path.clone(), 0);
            let (followed, is_new) = match self.unclaimed.get(&id) {
                None => (fresh(file), true),
                Some(old) => match Followed::resume(file, &metadata, path.clone(), old) {
                    Ok(followed) => (followed, false),
                    Err(file) => (fresh(file), true),
                },
            };
            if followed.is_binary()? == Some(true) {
                return Ok((id, None));
            }
            if is_new { self.begin(followed, is_first_search).map(|f| (id, Some(f))) } else { Ok((id, Some(followed))) }
        });
        match opened {
            Ok((id, None)) => {
                self.binary.insert(id);
            }
            Ok((id, Some(followed))) => {
                info!(path = %path.display(), offset = followed.position.offset, "following");
                self.unclaimed.remove(&id);
                self.files.insert(id, followed);
            }
            Err(e) => {
                self.unreadable.insert(path.clone(), FileStatus::unreadable(&path, &e));
            }
        }
    }

    /// Sets where a file is begun that no checkpoint knows.
    fn begin(&self, mut followed: Followed, is_first_search: bool) -> std::io::Result<Followed> {
        if self.is_first_start && is_first_search && self.config.from == StartAt::End {
            followed.position.offset = followed.size;
        } else if followed.size > self.config.first_read_bytes_max {
            followed.position.offset = followed.size - self.config.first_read_bytes_max;
            followed.skip_to_line()?;
        }
        add(&self.counters.bytes_skipped, followed.position.offset);
        Ok(followed)
    }

    /// Marks files whose name is gone or another file's, and lets go of those that have been quiet since.
    fn notice_rotations(&mut self, tick: Instant) {
        for followed in self.files.values_mut() {
            if followed.rotated.is_none() && !is_at(&followed.position.path, followed.position.id) {
                count(&self.counters.files_rotated);
                followed.rotated = Some(tick);
            }
        }
        self.files.retain(|_, followed| {
            let is_done = followed.size == followed.position.offset;
            !(is_done && followed.rotated.is_some_and(|since| tick.saturating_duration_since(since) >= ROTATED_KEEP))
        });
    }

    /// Looks for files that were renamed while the collector was down, to read their rest.
    fn find_rotated(&mut self, tick: Instant) {
        for (id, old) in std::mem::take(&mut self.unclaimed) {
            let found = old.path.parent().and_then(|dir| {
                let mut entries = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
                entries.find(|path| is_at(path, id))
            });
            let resumed = found.and_then(|path| {
                let file = File::open(path).ok()?;
                let metadata = file.metadata().ok()?;
                Followed::resume(file, &metadata, old.path.clone(), &old).ok()
            });
            match resumed {
                Some(mut followed) => {
                    followed.rotated = Some(tick);
                    self.files.insert(id, followed);
                }
                None => {
                    count(&self.counters.files_gone);
                    warn!(path = %old.path.display(), offset = old.offset, "file of the last run is gone");
                }
            }
        }
    }

    /// Looks for files that were made and renamed while the collector was down: rotated names that no checkpoint
    /// knows and that changed since the last one was saved. What was read to its end earlier changed before.
    fn find_unseen(&mut self, tick: Instant) {
        let Some(since) = self.saved_before_start.and_then(|at| at.checked_sub(UNSEEN_MARGIN)) else { return };
        let live: Vec<PathBuf> = self.files.values().map(|followed| followed.position.path.clone()).collect();
        for path in live {
            for rotated in discover::rotations_of(&path, since) {
                let opened = File::open(&rotated).and_then(|file| {
                    let metadata = file.metadata()?;
                    let followed = Followed::new(file, &metadata, path.clone(), 0);
                    Ok((id_of(&metadata), followed.is_binary()? == Some(true), followed))
                });
                match opened {
                    Ok((id, false, mut followed)) if !self.files.contains_key(&id) => {
                        followed.rotated = Some(tick);
                        self.files.insert(id, followed);
                    }
                    Ok(_) => {}
                    Err(e) => {
                        self.unreadable.insert(rotated.clone(), FileStatus::unreadable(&rotated, &e));
                    }
                }
            }
        }
    }

    fn read_journal(&mut self, now: Timestamp, filling: &mut Filling) {
        let Some(journal) = &mut self.journal else { return };
        while let Some(entry) = self.held_entry.take().or_else(|| journal.try_recv().ok()) {
            if !filling.fits(entry.message.len()) {
                self.held_entry = Some(entry);
                return;
            }
            count(&self.counters.lines_read);
            if entry.message.is_empty() {
                count(&self.counters.lines_empty);
            } else {
                add(&self.counters.bytes_read, entry.message.len() as u64);
                let moment = Moment { now, zone: &self.zone };
                push_entry(filling, &self.host, &entry, &moment);
            }
            self.state.cursor = entry.cursor;
        }
    }

    fn read_files(&mut self, now: Timestamp, tick: Instant, filling: &mut Filling) {
        let turn = self.turn.take();
        let order: Vec<FileId> = match turn {
            Some(first) => self.files.range(first..).chain(self.files.range(..first)).map(|(id, _)| *id).collect(),
            None => self.files.keys().copied().collect(),
        };
        let mut is_full = false;
        for id in order {
            if is_full {
                self.turn = Some(id);
                return;
            }
            is_full = self.read_file(id, now, tick, filling);
        }
    }

    /// Reads one file until it ends or the batch is full; answers the latter.
    fn read_file(&mut self, id: FileId, now: Timestamp, tick: Instant, filling: &mut Filling) -> bool {
        let Some(followed) = self.files.get_mut(&id) else { return false };
        let mut last_stamp = followed.last_stamp;
        let is_full = Cell::new(false);
        let moment = Moment { now, zone: &self.zone };
        let host = &self.host;
        let mut take = |facts: &FileFacts<'_>, line: &[u8]| {
            if !filling.fits(line.len()) {
                is_full.set(true);
                return Taken::Full;
            }
            let parsed = if facts.position.mid_line { Parsed::default() } else { orszem_parse::parse(line, &moment) };
            let timestamp = stamp(parsed.timestamp, facts, now, &mut last_stamp);
            let path = facts.position.path.as_path();
            let origin =
                Origin { host, path: Some(path), service: facts.service, unit: None, is_piece: facts.is_piece };
            filling.push(&origin, line, parsed, timestamp);
            Taken::Yes
        };
        // An empty file could not be told from a binary one when it was found.
        let outcome = match followed.position.offset == 0 && followed.is_binary().is_ok_and(|b| b == Some(true)) {
            true => Err(None),
            false => loop {
                match followed.advance(tick, &self.counters, &mut self.buffer, &mut take) {
                    Ok(true) if !is_full.get() => {}
                    Ok(_) => break Ok(()),
                    Err(e) => break Err(Some(e)),
                }
            },
        };
        followed.last_stamp = last_stamp;
        match outcome {
            Ok(()) => {}
            Err(None) => {
                self.binary.insert(id);
                self.files.remove(&id);
            }
            Err(Some(e)) => {
                count(&self.counters.read_errors);
                let path = followed.position.path.clone();
                self.unreadable.insert(path.clone(), FileStatus::unreadable(&path, &e));
            }
        }
        is_full.get()
    }
}

/// The line's own stamp; else that of the line before it, if they were read together; else, for content
/// older than the collector, the file's last change; else now.
fn stamp(
    own: Option<Timestamp>,
    facts: &FileFacts<'_>,
    now: Timestamp,
    last: &mut Option<(Timestamp, Timestamp)>,
) -> Timestamp {
    if let Some(own) = own {
        *last = Some((own, now));
        return own;
    }
    match last {
        Some((stamp, read)) if facts.is_backlog || now.0.saturating_sub(read.0) <= STAMP_REUSE_NS => *stamp,
        _ if facts.is_backlog => facts.modified.min(now),
        _ => now,
    }
}

fn push_entry(filling: &mut Filling, host: &str, entry: &Entry, moment: &Moment<'_>) {
    let inner = orszem_parse::parse(&entry.message, moment);
    let parsed = Parsed {
        timestamp: Some(entry.timestamp),
        severity: entry.severity,
        severity_text: None,
        host: entry.host.as_deref().map(Into::into),
        service: Some(entry.service.as_str().into()),
        attributes: entry.attributes.iter().map(given).chain(inner.attributes).collect(),
        trace_id: inner.trace_id,
        span_id: inner.span_id,
        ..Parsed::default()
    };
    let origin = Origin { host, path: None, service: &entry.service, unit: entry.unit.as_deref(), is_piece: false };
    filling.push(&origin, &entry.message, parsed, entry.timestamp);
}

fn given(attribute: &Attribute) -> (Cow<'_, str>, Value<'_>) {
    let value = match &attribute.value {
        AttributeValue::String(text) => Value::Text(Cow::Borrowed(text)),
        AttributeValue::Integer(text) => text.parse().map_or_else(|_| Value::Text(Cow::Borrowed(text)), Value::Integer),
        AttributeValue::Float(text) | AttributeValue::Json(text) => Value::Json(Cow::Borrowed(text)),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::Null | AttributeValue::Bytes(_) => Value::Null,
    };
    (Cow::Borrowed(&attribute.key), value)
}

fn is_at(path: &Path, id: FileId) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| id_of(&metadata) == id)
}
