//! Subqueries: an expression evaluated at steps of its own, as a range vector.

use orszem_model::{Columns, CounterReset, HistogramPoint, Labels};
use orszem_vector::is_absent;

use super::engine::{Bounds, Engine, Grid, Hints, Scope, Tally};
use super::row::Row;
use super::selection::Moment;
use crate::ast::Subquery;
use crate::{EvalError, Options};

/// What a subquery gave: series with whether their name is to go, the moment it stands for, and its range.
pub(super) struct Evaluated {
    pub(super) series: Vec<(Labels, bool, Columns)>,
    pub(super) moment: Moment,
    /// Milliseconds.
    pub(super) range: i64,
}

impl Engine<'_> {
    /// Evaluates at the multiples of the subquery's step, whatever the steps of the query are.
    pub(super) fn subquery(&self, subquery: &Subquery, scope: Scope) -> Result<Evaluated, EvalError> {
        let moment = Moment::new(&subquery.modifiers, self.bounds)?;
        let range = super::duration::milliseconds(&subquery.range, self.bounds, false)?;
        let grid = grid(subquery, moment, scope.grid, self.bounds, self.options)?;
        let rows = self
            .vector(&subquery.operand, Scope { grid, tally: Tally::Nowhere, hints: Hints::Never })?
            .collect(self)?;
        let series = rows.into_iter().map(|row| columns(row, grid)).collect();
        Ok(Evaluated { series, moment, range })
    }
}

/// The steps of a subquery that stands at `moment` for each step of `outer`.
pub(super) fn grid(
    subquery: &Subquery,
    moment: Moment,
    outer: Grid,
    bounds: Bounds,
    options: &Options,
) -> Result<Grid, EvalError> {
    let range = super::duration::milliseconds(&subquery.range, bounds, false)?;
    let step = match &subquery.step {
        None => 0,
        Some(step) => super::duration::milliseconds(step, bounds, false)?,
    };
    let step = if step > 0 { step } else { options.subquery_step_ms }.max(1);
    let (first, last) = moment.reach(outer);
    let oldest = first.saturating_sub(range);
    let mut start = oldest / step * step;
    if start <= oldest {
        start = start.saturating_add(step);
    }
    let grid = Grid::up_to(start, last, step);
    if grid.count > options.samples_max { Err(EvalError::TooManySamples) } else { Ok(grid) }
}

fn columns(row: Row, grid: Grid) -> (Labels, bool, Columns) {
    let mut columns = Columns::default();
    for (step, &value) in row.floats.iter().enumerate() {
        if !is_absent(value) {
            columns.push(grid.time(step), value);
        }
    }
    for (step, histogram) in row.histograms.into_iter().enumerate() {
        let Some(mut histogram) = histogram else { continue };
        // What the hint says is of the sample before in storage, which may not be among these.
        if matches!(histogram.counter_reset, CounterReset::Reset | CounterReset::NotReset) {
            std::sync::Arc::make_mut(&mut histogram).counter_reset = CounterReset::Unknown;
        }
        columns.histograms.push(HistogramPoint { time: grid.time(step), histogram });
    }
    (row.labels, row.drops_name, columns)
}
