//! A source that tells what is read of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orszem_model::{Columns, Labels, Matcher};

use crate::explain::{Read, Watch};
use crate::{Select, Selection, SeriesReader, Source, SourceError};

/// How many series an estimate reads.
const SERIES_OF_ESTIMATE: usize = 16;

/// Hands on what `source` has, each selection once.
pub(super) struct Counted<'a> {
    source: &'a dyn Source,
    watch: Watch,
    known: Mutex<Vec<Known>>,
}

struct Known {
    matchers: Vec<Matcher>,
    start: i64,
    end: i64,
    selection: Arc<CountedSelection>,
}

/// A selection with what was read of it.
pub(super) struct CountedSelection {
    selection: Box<dyn Selection>,
    watch: Watch,
    series: AtomicU64,
    samples: AtomicU64,
    nanos: AtomicU64,
}

impl<'a> Counted<'a> {
    pub(super) fn new(source: &'a dyn Source, watch: Watch) -> Self {
        Self { source, watch, known: Mutex::default() }
    }

    pub(super) fn selection(&self, select: &Select<'_>) -> Result<Arc<CountedSelection>, SourceError> {
        let Select { matchers, start, end } = *select;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &&Known| known.start == start && known.end == end && known.matchers == matchers;
        if let Some(known) = known.iter().find(is_same) {
            return Ok(Arc::clone(&known.selection));
        }
        let selection = Arc::new(CountedSelection {
            selection: self.source.select(select)?,
            watch: self.watch.clone(),
            series: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        });
        known.push(Known { matchers: matchers.to_vec(), start, end, selection: Arc::clone(&selection) });
        Ok(selection)
    }

    /// Samples that were read of all selections.
    pub(super) fn samples_read(&self) -> u64 {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|known| known.selection.samples.load(Ordering::Relaxed)).sum()
    }
}

impl Source for Counted<'_> {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        Ok(Box::new(self.selection(select)?))
    }

    fn damaged(&self) -> u64 {
        self.source.damaged()
    }
}

impl CountedSelection {
    /// How many samples there are, going by a few of the series; this does not count as read.
    pub(super) fn estimate(&self) -> Result<u64, SourceError> {
        let length = self.selection.len();
        let looks = length.min(SERIES_OF_ESTIMATE);
        let mut reader = self.selection.reader();
        let (mut columns, mut found) = (Columns::default(), 0_u128);
        for look in 0..looks {
            reader.read(look * length / looks, &mut columns)?;
            found += columns.len() as u128;
        }
        Ok(u64::try_from(found * length as u128 / looks.max(1) as u128).unwrap_or(u64::MAX))
    }

    pub(super) fn read(&self) -> Read {
        Read {
            series: self.series.load(Ordering::Relaxed),
            samples: self.samples.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }

    fn took(&self, begun: Duration) {
        let took = self.watch.now().saturating_sub(begun);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Selection for Arc<CountedSelection> {
    fn len(&self) -> usize {
        self.selection.len()
    }

    fn parts(&self) -> Option<u64> {
        self.selection.parts()
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(CountedReader { reader: self.selection.reader(), counts: self })
    }
}

struct CountedReader<'a> {
    reader: Box<dyn SeriesReader + 'a>,
    counts: &'a CountedSelection,
}

impl SeriesReader for CountedReader<'_> {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        let begun = self.counts.watch.now();
        let labels = self.reader.labels(at);
        self.counts.took(begun);
        labels
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        let begun = self.counts.watch.now();
        self.reader.read(at, into)?;
        self.counts.took(begun);
        self.counts.series.fetch_add(1, Ordering::Relaxed);
        self.counts.samples.fetch_add(into.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
