//! Vectors that are not there yet: rows that are computed one after the other, by several threads.

use std::sync::Arc;

use super::engine::{Engine, Scope, Scratch};
use super::instant::Instants;
use super::row::Row;
use super::stage::Stage;
use super::wants::Wants;
use super::window::Ranges;
use crate::EvalError;

/// The fewest series that are worth a thread of their own.
const SERIES_PER_THREAD_MIN: usize = 64;
/// After how many series it is asked whether the query is to end.
const SERIES_PER_CHECK: usize = 64;

/// A vector.
pub(super) struct Stream {
    pub(super) base: Base,
    /// What is done to each row, in order.
    pub(super) stages: Vec<Stage>,
    pub(super) scope: Scope,
    /// The order of rows is one that a function made.
    pub(super) is_ordered: bool,
    /// What is looked at of the labels of rows.
    pub(super) wants: Wants,
}

pub(super) enum Base {
    Rows(Vec<Row>),
    Instants(Instants),
    Ranges(Box<Ranges>),
}

/// Takes rows as they come.
pub(super) trait Sink: Send {
    /// The row is not empty; its memory may be taken.
    fn take(&mut self, row: &mut Row, scratch: &mut Scratch) -> Result<(), EvalError>;
}

impl Stream {
    pub(super) fn new(base: Base, scope: Scope) -> Self {
        Self { base, stages: Vec::new(), scope, is_ordered: false, wants: Wants::All }
    }

    pub(super) fn of_rows(rows: Vec<Row>, scope: Scope) -> Self {
        Self::new(Base::Rows(rows), scope)
    }

    /// Nobody will look at other labels of the rows.
    pub(super) fn narrow(self, wants: Wants) -> Self {
        Self { wants, ..self }
    }

    pub(super) fn then(mut self, stage: Stage) -> Self {
        self.stages.push(stage);
        self
    }

    /// Brings all rows to sinks, one for each thread; in order where there are several.
    pub(super) fn fold<S: Sink>(self, engine: &Engine<'_>, make: impl Fn() -> S) -> Result<Vec<S>, EvalError> {
        let Self { base, stages, scope, wants, .. } = self;
        match base {
            Base::Rows(mut rows) => {
                let length = chunk(rows.len(), engine.options.threads);
                engine.release(rows.iter().map(Row::size).sum());
                let work = |rows: &mut [Row], scratch: &mut Scratch, sink: &mut S| {
                    rows.iter_mut().try_for_each(|row| {
                        engine.begin_row(scratch);
                        pass(row, &stages, scratch, sink)
                    })
                };
                run(engine, scope, rows.chunks_mut(length).collect(), &work, make)
            }
            Base::Instants(instants) => {
                let work = |range: std::ops::Range<usize>, scratch: &mut Scratch, sink: &mut S| {
                    let mut reader = instants.selection.reader();
                    each(engine, range, scratch, |at, row, scratch| {
                        if instants.compute(at, &wants, row, scratch, reader.as_mut())? {
                            pass(row, &stages, scratch, sink)
                        } else {
                            Ok(())
                        }
                    })
                };
                run(engine, scope, ranges(instants.selection.len(), engine.options.threads), &work, make)
            }
            Base::Ranges(windows) => {
                let wants = windows.wants(wants);
                let work = |range: std::ops::Range<usize>, scratch: &mut Scratch, sink: &mut S| {
                    let mut reader = windows.samples.reader();
                    each(engine, range, scratch, |at, row, scratch| {
                        if windows.compute(at, &wants, row, scratch, &mut reader)? {
                            pass(row, &stages, scratch, sink)
                        } else {
                            Ok(())
                        }
                    })
                };
                let folded = run(engine, scope, ranges(windows.samples.len(), engine.options.threads), &work, make);
                engine.release(windows.samples.held());
                folded
            }
        }
    }

    /// All rows that are not empty.
    pub(super) fn collect(self, engine: &Engine<'_>) -> Result<Vec<Row>, EvalError> {
        if self.stages.is_empty()
            && let Base::Rows(rows) = self.base
        {
            return Ok(rows);
        }
        let parts = self.fold(engine, || Collect { engine, rows: Vec::new() })?;
        let mut rows = Vec::new();
        for part in parts {
            if rows.is_empty() { rows = part.rows } else { rows.extend(part.rows) }
        }
        Ok(rows)
    }
}

fn pass<S: Sink>(row: &mut Row, stages: &[Stage], scratch: &mut Scratch, sink: &mut S) -> Result<(), EvalError> {
    for stage in stages {
        stage.apply(row, scratch);
    }
    if !stages.is_empty() && row.is_empty() {
        return Ok(());
    }
    sink.take(row, scratch)
}

fn each(
    engine: &Engine<'_>,
    range: std::ops::Range<usize>,
    scratch: &mut Scratch,
    mut compute: impl FnMut(usize, &mut Row, &mut Scratch) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    let mut row = Row::default();
    for at in range {
        if at % SERIES_PER_CHECK == 0 {
            engine.check()?;
        }
        engine.begin_row(scratch);
        compute(at, &mut row, scratch)?;
    }
    Ok(())
}

/// How many of `rows` a thread takes.
fn chunk(rows: usize, threads: usize) -> usize {
    rows.div_ceil(threads.max(1)).max(SERIES_PER_THREAD_MIN)
}

fn ranges(rows: usize, threads: usize) -> Vec<std::ops::Range<usize>> {
    let length = chunk(rows, threads);
    (0..rows).step_by(length).map(|start| start..(start + length).min(rows)).collect()
}

/// Does each part, in threads if there are several.
fn run<P: Send, S: Sink>(
    engine: &Engine<'_>,
    scope: Scope,
    parts: Vec<P>,
    work: &(impl Fn(P, &mut Scratch, &mut S) -> Result<(), EvalError> + Sync),
    make: impl Fn() -> S,
) -> Result<Vec<S>, EvalError> {
    let one = |part: P, mut sink: S| {
        let mut scratch = Engine::scratch(scope);
        let result = work(part, &mut scratch, &mut sink);
        engine.gather(scope, scratch);
        result.map(|()| sink)
    };
    if parts.len() < 2 {
        return parts.into_iter().map(|part| one(part, make())).collect();
    }
    std::thread::scope(|threads| {
        let one = &one;
        let handles: Vec<_> = parts
            .into_iter()
            .map(|part| {
                let sink = make();
                threads.spawn(move || one(part, sink))
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

struct Collect<'e, 'q> {
    engine: &'e Engine<'q>,
    rows: Vec<Row>,
}

impl Sink for Collect<'_, '_> {
    fn take(&mut self, row: &mut Row, _: &mut Scratch) -> Result<(), EvalError> {
        self.engine.hold(row.size())?;
        self.rows.push(std::mem::take(row));
        Ok(())
    }
}

/// Samples of series, from storage or from a subquery.
pub(super) enum Samples {
    Selection(Arc<dyn crate::Selection>),
    Series(Vec<Evaluated>),
}

/// The labels of a series, whether its name is to go, and its samples.
pub(super) type Evaluated = (orszem_model::Labels, bool, orszem_model::Columns);

/// Reads [`Samples`].
pub(super) enum SamplesReader<'a> {
    Selection(Box<dyn crate::SeriesReader + 'a>),
    Series(&'a [Evaluated]),
}

impl SamplesReader<'_> {
    /// The labels of a series, and whether its name is to go.
    pub(super) fn labels(&mut self, at: usize, wants: &Wants) -> Result<(orszem_model::Labels, bool), EvalError> {
        match self {
            Self::Selection(reader) => Ok((wants.read(at, reader.as_mut())?, false)),
            Self::Series(series) => Ok((series[at].0.clone(), series[at].1)),
        }
    }
}

impl Samples {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Selection(selection) => selection.len(),
            Self::Series(series) => series.len(),
        }
    }

    /// How many samples are kept for it.
    fn held(&self) -> usize {
        match self {
            Self::Selection(_) => 0,
            Self::Series(series) => series.iter().map(|(_, _, columns)| columns.len()).sum(),
        }
    }

    fn reader(&self) -> SamplesReader<'_> {
        match self {
            Self::Selection(selection) => SamplesReader::Selection(selection.reader()),
            Self::Series(series) => SamplesReader::Series(series),
        }
    }
}
