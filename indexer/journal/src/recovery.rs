//! Opening a journal: every segment is checked, and whatever is wrong is named, set aside and stepped over.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::appender::Appender;
use crate::index::Index;
use crate::journal::{Options, POSITION_MAX};
use crate::scanner::{Scanned, Scanner};
use crate::segment::{self, Opening, PREAMBLE_BYTES, Segment};
use crate::{Damage, Error, Reason, paths, quarantine};

/// Damage is listed, and copied to the quarantine, up to this many ranges; beyond, it is only counted.
const DAMAGED_RANGES_MAX: usize = 1024;

/// What opening a journal found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Segments that are served.
    pub segments: usize,
    /// Intact groups.
    pub groups: u64,
    /// Bytes of the intact groups.
    pub bytes: u64,
    /// The write that was cut short when the journal last stopped. It was never confirmed to anyone.
    pub torn: Option<TornTail>,
    /// Bytes that may have been confirmed and are lost to readers; at most 1,024 entries.
    pub damaged: Vec<Damage>,
    /// How many more damaged ranges there are.
    pub damaged_more: u64,
}

/// An unfinished write at the end of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    pub path: PathBuf,
    /// Where the unfinished group starts in the file.
    pub offset: u64,
    /// The bytes that were cut off.
    pub bytes: u64,
}

/// What is needed to go on.
pub(crate) struct Recovered {
    pub(crate) index: Arc<Index>,
    pub(crate) appender: Appender,
    pub(crate) report: RecoveryReport,
}

/// A segment file that can be scanned.
struct Candidate {
    file: File,
    path: PathBuf,
    start: u64,
    length: u64,
    /// What its preamble says of the segment before; `None` when the preamble is damaged or when the segment before
    /// was taken away and is already accounted for.
    previous_end: Option<u64>,
    is_preamble_intact: bool,
}

/// A segment's content as the scan found it. Offsets are in bytes from the start of the file.
struct Content {
    groups: u64,
    bytes: u64,
    /// Offset, length and reason of each damaged range.
    damaged: Vec<(u64, u64, Reason)>,
    /// Where a tail that was cut short starts.
    torn: Option<u64>,
    /// Behind the last group or damage, before a torn tail.
    end: u64,
}

/// Opens the journal in `directory`.
pub(crate) fn recover(directory: &Path, options: Options) -> Result<Recovered, Error> {
    fs::create_dir_all(directory).map_err(|error| Error::directory(directory, error))?;
    let starts = list(directory).map_err(|error| Error::directory(directory, error))?;
    let mut recovery = Recovery { directory, report: RecoveryReport::default(), next: options.end_at_least };
    let candidates = recovery.candidates(&starts)?;
    let mut segments = Vec::with_capacity(candidates.len());
    let mut can_resume = false;
    for (at, candidate) in candidates.iter().enumerate() {
        let (segment, is_clean) = recovery.check(candidate, candidates.get(at + 1));
        segments.push(segment);
        can_resume = is_clean;
    }
    recovery.report.segments = segments.len();
    let last = segments.last().map(|segment| (segment.start, segment.end));
    let end = last.map_or(recovery.next, |(_, end)| end);
    let index = Arc::new(Index::new(segments, end));
    let mut appender = Appender::new(directory, Arc::clone(&index), options.segment_bytes, recovery.next, end);
    if let Some((start, end)) = last {
        let resumed = can_resume && recovery.next == end && resume(&mut appender, directory, start, end - start);
        if !resumed {
            recovery.roll(&mut appender);
        }
    }
    Ok(Recovered { index, appender, report: recovery.report })
}

/// Goes on in an intact segment. Its content may have been served from the page cache alone since the process died,
/// so it is made durable before anyone acts on it.
fn resume(appender: &mut Appender, directory: &Path, start: u64, length: u64) -> bool {
    let path = paths::segment(directory, start);
    let opened = OpenOptions::new().write(true).open(&path).and_then(|file| {
        file.sync_all()?;
        orszem_durable::sync_directory(directory)?;
        Ok(file)
    });
    match opened {
        Ok(file) => {
            appender.resume(file, start, length);
            true
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot go on in the last journal segment");
            false
        }
    }
}

/// The start positions of the segment files, ascending. Other files are none of the journal's business.
fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let mut starts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        starts.extend(name.to_str().and_then(paths::segment_start).filter(|&start| start < POSITION_MAX));
    }
    starts.sort_unstable();
    Ok(starts)
}

struct Recovery<'a> {
    directory: &'a Path,
    report: RecoveryReport,
    /// No position below this may be given out.
    next: u64,
}

impl Recovery<'_> {
    fn candidates(&mut self, starts: &[u64]) -> Result<Vec<Candidate>, Error> {
        let mut candidates = Vec::with_capacity(starts.len());
        let mut follows_gap = false;
        for &start in starts {
            match self.candidate(start, follows_gap)? {
                Some(candidate) => {
                    candidates.push(candidate);
                    follows_gap = false;
                }
                None => follows_gap = true,
            }
        }
        Ok(candidates)
    }

    /// Opens one segment; `None` when there is nothing in it to scan.
    fn candidate(&mut self, start: u64, follows_gap: bool) -> Result<Option<Candidate>, Error> {
        let path = paths::segment(self.directory, start);
        let file = File::open(&path).map_err(|error| Error::read(&path, error))?;
        let length = file.metadata().map_err(|error| Error::read(&path, error))?.len();
        self.next = self.next.max(start + length);
        let candidate = |file, path, previous_end, is_preamble_intact| {
            Some(Candidate { file, path, start, length, previous_end, is_preamble_intact })
        };
        match Opening::read(&file, start) {
            Ok(Opening::Known(preamble)) => {
                let previous_end = Some(preamble.previous_end).filter(|_| !follows_gap);
                Ok(candidate(file, path, previous_end, true))
            }
            Ok(Opening::Damaged) => {
                self.damaged(&path, start, 0, PREAMBLE_BYTES, Reason::Preamble, Some(&file));
                Ok(candidate(file, path, None, false))
            }
            Ok(Opening::Short) => {
                fs::remove_file(&path)
                    .map_err(|source| Error::RemoveSegment { path: path.clone(), source: Arc::new(source) })?;
                self.torn(path, 0, length);
                Ok(None)
            }
            Ok(Opening::FutureVersion(version)) => {
                let kept = Some(quarantine::move_file(self.directory, &path)?);
                self.list(Damage { path, offset: 0, bytes: length, reason: Reason::FutureVersion(version), kept });
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "journal segment is unreadable");
                self.damaged(&path, start, 0, length, Reason::Unreadable, None);
                Ok(None)
            }
        }
    }

    /// Scans a segment and tells whether all of it is intact. What a failed append left behind, as the next segment's
    /// preamble tells, is left out.
    fn check(&mut self, candidate: &Candidate, following: Option<&Candidate>) -> (Segment, bool) {
        let Candidate { file, path, start, length, previous_end: _, is_preamble_intact } = candidate;
        let acknowledged = following
            .and_then(|following| following.previous_end)
            .map_or(*length, |end| end.saturating_sub(*start).max(PREAMBLE_BYTES));
        let limit = acknowledged.min(*length);
        let mut content = scan(candidate, limit);
        if let Some(torn) = content.torn.filter(|_| following.is_some()) {
            content.damaged.push((torn, limit - torn, Reason::Cut));
            content.end = limit;
        } else if let Some(torn) = content.torn {
            self.torn(path.clone(), torn, length - torn);
        }
        if acknowledged > *length {
            content.damaged.push((*length, acknowledged - length, Reason::Missing));
        }
        for &(offset, bytes, reason) in &content.damaged {
            let readable = !matches!(reason, Reason::Missing | Reason::Unreadable);
            self.damaged(path, *start, offset, bytes, reason, Some(file).filter(|_| readable));
        }
        self.report.groups += content.groups;
        self.report.bytes += content.bytes;
        let is_clean = *is_preamble_intact && content.end == *length && content.damaged.is_empty();
        let known_damage = content.damaged.iter().map(|(offset, _, _)| start + offset).collect();
        (Segment { start: *start, end: start + content.end, known_damage }, is_clean)
    }

    /// Starts a new segment behind an imperfect one and then cuts off what was torn. If the disk refuses, both are
    /// left to the first append and the next start.
    fn roll(&mut self, appender: &mut Appender) {
        if let Err(error) = appender.roll() {
            tracing::warn!(error = %error, "cannot start a new journal segment yet");
            return;
        }
        if let Some(torn) = &self.report.torn
            && torn.offset > 0
            && let Err(error) = segment::truncate(&torn.path, torn.offset)
        {
            tracing::warn!(path = %torn.path.display(), %error, "a torn journal tail could not be cut off");
        }
    }

    fn torn(&mut self, path: PathBuf, offset: u64, bytes: u64) {
        tracing::warn!(path = %path.display(), offset, bytes, "an unfinished journal write is dropped");
        self.report.torn = Some(TornTail { path, offset, bytes });
    }

    /// Sets damaged bytes aside, unless they can't be read, and lists them.
    fn damaged(&mut self, path: &Path, start: u64, offset: u64, bytes: u64, reason: Reason, file: Option<&File>) {
        let is_listed = self.report.damaged.len() < DAMAGED_RANGES_MAX;
        let kept = file
            .filter(|_| is_listed)
            .and_then(|file| quarantine::copy_range(self.directory, file, start, offset, bytes));
        self.list(Damage { path: path.to_owned(), offset, bytes, reason, kept });
    }

    fn list(&mut self, damage: Damage) {
        if self.report.damaged.len() < DAMAGED_RANGES_MAX {
            damage.warn();
            self.report.damaged.push(damage);
        } else {
            self.report.damaged_more += 1;
        }
    }
}

/// Reads a segment up to the offset `limit`. Where the disk refuses, the rest counts as damaged.
fn scan(candidate: &Candidate, limit: u64) -> Content {
    let mut content = Content { groups: 0, bytes: 0, damaged: Vec::new(), torn: None, end: PREAMBLE_BYTES };
    let read =
        candidate.file.try_clone().and_then(|file| content.read(&mut Scanner::new(file, candidate.start), limit));
    if let Err(error) = read {
        tracing::warn!(path = %candidate.path.display(), offset = content.end, %error, "journal segment is unreadable");
        content.damaged.push((content.end, limit - content.end, Reason::Unreadable));
        content.end = limit;
    }
    content
}

impl Content {
    fn read(&mut self, scanner: &mut Scanner, limit: u64) -> io::Result<()> {
        loop {
            match scanner.next(limit, |_| {})? {
                Scanned::End => return Ok(()),
                Scanned::Group { start, end } => {
                    self.groups += 1;
                    self.bytes += end - start;
                    self.end = end;
                }
                Scanned::Damage { start, end, reason } => {
                    self.damaged.push((start, end - start, reason));
                    self.end = end;
                }
                Scanned::Torn { start } => {
                    self.torn = Some(start);
                    return Ok(());
                }
            }
        }
    }
}
