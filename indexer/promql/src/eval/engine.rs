//! What all of one evaluation shares: source, limits, annotations and statistics.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orszem_model::{Columns, Matcher};

use super::notes::Notes;
use super::trace::Trace;
use crate::query::Statistics;
use crate::{Annotation, EvalError, Interrupt, Options, Select, Selection, Source};

/// The steps of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) start: i64,
    pub(super) step: i64,
    /// May be 0.
    pub(super) count: usize,
}

impl Grid {
    /// `start`, `start + step`, … up to `end`.
    pub(super) fn up_to(start: i64, end: i64, step: i64) -> Self {
        let step = step.max(1);
        let count = if end < start { 0 } else { (end.saturating_sub(start) / step) as usize + 1 };
        Self { start, step, count }
    }

    pub(super) fn time(self, step: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(step as i64))
    }

    /// The time of the last step.
    pub(super) fn end(self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }
}

/// Whether samples are counted as samples of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tally {
    Each,
    /// Of all steps: what is evaluated once for all.
    All,
    /// Not at all: what a subquery reads counts where the subquery's samples are used.
    Nowhere,
}

/// Whether histograms that do not say if their counter was reset are looked at for it as they are read. It shows in
/// remarks on sums alone, and costs a copy of each histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hints {
    AsStored,
    /// Only count, sum or mean of the histograms are asked for: sums over a range need it.
    Statistics,
    /// So do selectors, a sum stands above.
    Derived,
    /// Samples of a subquery do not follow each other.
    Never,
}

/// What an expression is evaluated for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) grid: Grid,
    pub(super) tally: Tally,
    pub(super) hints: Hints,
}

impl Scope {
    /// What `histogram_count` and its like are evaluated of.
    pub(super) fn of_statistics(self) -> Self {
        let hints = if self.hints == Hints::AsStored { Hints::Statistics } else { self.hints };
        Self { hints, ..self }
    }

    /// What is summed up.
    pub(super) fn of_sum(self) -> Self {
        let hints = if self.hints == Hints::Statistics { Hints::Derived } else { self.hints };
        Self { hints, ..self }
    }
}

/// The times of the query as it was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) start: i64,
    pub(super) end: i64,
    /// 0 for an instant.
    pub(super) step: i64,
}

/// What a thread needs to compute rows.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) columns: Columns,
    pub(super) notes: Notes,
    /// Samples looked at, for each step.
    pub(super) samples: Vec<u64>,
    pub(super) sorted: Vec<f64>,
    /// When the row was begun, if nodes are measured.
    pub(super) begun: Duration,
}

pub(super) struct Engine<'q> {
    source: &'q dyn Source,
    pub(super) options: &'q Options,
    interrupt: &'q dyn Interrupt,
    pub(super) bounds: Bounds,
    /// Measures the nodes.
    pub(super) trace: Option<Trace>,
    state: Mutex<State>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

#[derive(Default)]
struct State {
    notes: Notes,
    samples: Vec<u64>,
    series: u64,
    selections: Vec<Known>,
}

/// A selection that may be asked for again.
struct Known {
    matchers: Vec<Matcher>,
    start: i64,
    end: i64,
    selection: Arc<dyn Selection>,
}

impl<'q> Engine<'q> {
    pub(super) fn new(
        source: &'q dyn Source,
        options: &'q Options,
        interrupt: &'q dyn Interrupt,
        bounds: Bounds,
        steps: usize,
        trace: Option<Trace>,
    ) -> Self {
        let state = Mutex::new(State { samples: vec![0; steps], ..State::default() });
        Self { source, options, interrupt, bounds, trace, state, held: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check(&self) -> Result<(), EvalError> {
        Ok(self.interrupt.check()?)
    }

    /// Selects series with samples in `start < time <= end`; the same once for the whole query.
    pub(super) fn select(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Arc<dyn Selection>, EvalError> {
        let is_same = |known: &&Known| known.start == start && known.end == end && known.matchers == matchers;
        if let Some(known) = self.state().selections.iter().find(is_same) {
            return Ok(Arc::clone(&known.selection));
        }
        let selection: Arc<dyn Selection> = Arc::from(self.source.select(&Select { matchers, start, end })?);
        let mut state = self.state();
        state.series += selection.len() as u64;
        state.selections.push(Known { matchers: matchers.to_vec(), start, end, selection: Arc::clone(&selection) });
        Ok(selection)
    }

    /// Counts samples that are kept.
    ///
    /// # Errors
    /// When they are more than may be.
    pub(super) fn hold(&self, samples: usize) -> Result<(), EvalError> {
        let held = self.held.fetch_add(samples, Ordering::Relaxed) + samples;
        self.peak.fetch_max(held, Ordering::Relaxed);
        if held > self.options.samples_max { Err(EvalError::TooManySamples) } else { Ok(()) }
    }

    /// Takes back what [`Self::hold`] counted; small vectors that were never counted may be taken back, too.
    pub(super) fn release(&self, samples: usize) {
        let mut held = self.held.load(Ordering::Relaxed);
        while let Err(now) =
            self.held.compare_exchange_weak(held, held.saturating_sub(samples), Ordering::Relaxed, Ordering::Relaxed)
        {
            held = now;
        }
    }

    /// Says that a row begins, for its nodes to be measured.
    #[inline]
    pub(super) fn begin_row(&self, scratch: &mut Scratch) {
        if let Some(trace) = &self.trace {
            scratch.begun = trace.watch.now();
        }
    }

    pub(super) fn scratch(scope: Scope) -> Scratch {
        Scratch { samples: vec![0; scope.grid.count], ..Scratch::default() }
    }

    /// Takes what a thread has to tell.
    pub(super) fn gather(&self, scope: Scope, scratch: Scratch) {
        let mut state = self.state();
        state.notes.merge(scratch.notes);
        match scope.tally {
            Tally::Each => {
                for (all, samples) in state.samples.iter_mut().zip(&scratch.samples) {
                    *all += samples;
                }
            }
            Tally::All => {
                let total: u64 = scratch.samples.iter().sum();
                state.samples.iter_mut().for_each(|all| *all += total);
            }
            Tally::Nowhere => {}
        }
    }

    pub(super) fn note(&self, note: Annotation) {
        self.state().notes.add(note);
    }

    /// Annotations and statistics of the evaluation, whose steps were those of `grid`.
    pub(super) fn finish(self, grid: Grid) -> (Vec<Annotation>, Statistics, Option<Trace>) {
        let peak = self.peak.load(Ordering::Relaxed) as u64;
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let samples_per_step: Vec<(i64, u64)> =
            state.samples.iter().enumerate().map(|(step, &samples)| (grid.time(step), samples)).collect();
        let samples = state.samples.iter().sum();
        let statistics = Statistics { series: state.series, samples, peak_samples: peak, samples_per_step };
        (state.notes.into_sorted(), statistics, self.trace)
    }
}

/// An error of the asker.
pub(super) fn failed<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError::Execution(message.into()))
}

/// Two elements of a vector would have the same labels.
pub(super) fn same_labels<T>() -> Result<T, EvalError> {
    failed("vector cannot contain metrics with the same labelset")
}
