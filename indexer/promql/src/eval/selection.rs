//! Where selectors stand in time.

use super::engine::{Bounds, Engine, Grid, Hints, Scope, failed};
use super::instant::Instants;
use crate::EvalError;
use crate::ast::{At, Extension, Modifiers, Selector, Span};

/// Which moment a selector means at a step: `@` and `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    at: Option<i64>,
    offset: i64,
}

impl Moment {
    pub(super) fn new(modifiers: &Modifiers, bounds: Bounds) -> Result<Self, EvalError> {
        let at = modifiers.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => bounds.start,
            At::End => bounds.end,
        });
        let offset = match &modifiers.offset {
            None => 0,
            Some(offset) => super::duration::milliseconds(offset, bounds, true)?,
        };
        Ok(Self { at, offset })
    }

    #[inline]
    pub(super) fn of(self, time: i64) -> i64 {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }

    /// The first and the last moment of `grid`.
    pub(super) fn reach(self, grid: Grid) -> (i64, i64) {
        (self.of(grid.start), self.of(grid.end()))
    }
}

impl Engine<'_> {
    /// An instant vector selector; with `wants_time` the values are the times of samples.
    pub(super) fn instants(
        &self,
        selector: &Selector,
        span: Span,
        scope: Scope,
        wants_time: bool,
    ) -> Result<Instants, EvalError> {
        let moment = Moment::new(&selector.modifiers, self.bounds)?;
        let (first, last) = moment.reach(scope.grid);
        let lookback = self.options.lookback_ms;
        let is_smoothed = match selector.extension {
            None => false,
            Some(Extension::Smoothed) => !wants_time,
            Some(Extension::Anchored) => return failed("anchored modifier can only be used with range vectors"),
        };
        let ahead = if is_smoothed { lookback } else { 0 };
        let selection = self.select(&selector.matchers, first.saturating_sub(lookback), last.saturating_add(ahead))?;
        let derives_hints = scope.hints == Hints::Derived;
        let grid = scope.grid;
        Ok(Instants { selection, moment, grid, lookback, wants_time, is_smoothed, span, derives_hints })
    }
}
