//! `topk`, `bottomk`, `limitk` and `limit_ratio`: some of the elements, as they are.

use orszem_vector::rank::{self, Rank};
use orszem_vector::{ABSENT, Grouping, is_absent};

use super::aggregate::grouped;
use super::engine::{Engine, Scope, failed};
use super::notes;
use super::row::Row;
use super::scalar::Scalars;
use super::stream::Stream;
use crate::EvalError;
use crate::ast::{Aggregate, AggregateOp, Expr, Span};

impl Engine<'_> {
    pub(super) fn top(
        &self,
        grouping: &Grouping,
        aggregate: &Aggregate,
        operand: &Expr,
        span: Span,
        scope: Scope,
    ) -> Result<Stream, EvalError> {
        let (parameter, parameter_span) = self.parameter(aggregate, scope)?;
        let mut rows = self.vector(operand, scope)?.collect(self)?;
        let steps = scope.grid.count;
        let is_none = if aggregate.op == AggregateOp::LimitRatio {
            self.check_ratio(&parameter, parameter_span, steps)?
        } else {
            check_count(&parameter, steps)?
        };
        if is_none {
            return Ok(Stream::of_rows(Vec::new(), scope));
        }
        let rank = match aggregate.op {
            AggregateOp::LimitRatio => {
                rows.iter_mut().for_each(|row| limit_ratio(row, &parameter));
                rows.retain(|row| !row.is_empty());
                return Ok(Stream::of_rows(rows, scope));
            }
            AggregateOp::LimitK => {
                rows.sort_by(|a, b| a.labels.cmp(&b.labels));
                limit_k(&mut rows, grouping, &parameter, steps);
                return Ok(Stream::of_rows(rows, scope));
            }
            AggregateOp::TopK => Rank::Largest,
            _ => Rank::Smallest,
        };
        if rows.iter().any(|row| row.histograms.iter().any(Option::is_some)) {
            self.note(notes::histogram_ignored(aggregate.op.name(), span));
        }
        let groups = grouped(&rows, grouping);
        let mut order = Vec::new();
        // What is kept of each row; without memory for those of which nothing is.
        let mut kept: Vec<Vec<f64>> = vec![Vec::new(); rows.len()];
        let mut candidates: Vec<(f64, usize)> = Vec::new();
        for group in &groups {
            self.check()?;
            for step in 0..steps {
                let values = group.iter().map(|&at| (rows[at].floats[step], at));
                candidates.clear();
                candidates.extend(values.filter(|(value, _)| !is_absent(*value)));
                rank::keep(rank, count(parameter.at(step)), &mut candidates);
                for &(value, at) in &candidates {
                    if kept[at].is_empty() {
                        kept[at].resize(steps, ABSENT);
                        order.push(at);
                    }
                    kept[at][step] = value;
                }
            }
        }
        self.release(rows.iter().map(Row::size).sum());
        let results: Vec<Row> = order
            .into_iter()
            .map(|at| {
                let row = std::mem::take(&mut rows[at]);
                Row { floats: std::mem::take(&mut kept[at]), histograms: Vec::new(), ..row }
            })
            .collect();
        self.hold(results.iter().map(Row::size).sum())?;
        Ok(Stream { is_ordered: true, ..Stream::of_rows(results, scope) })
    }

    /// Whether no element is asked for.
    fn check_ratio(&self, ratios: &Scalars, span: Span, steps: usize) -> Result<bool, EvalError> {
        if ratios.iter(steps).any(f64::is_nan) {
            return failed("Ratio value is NaN");
        }
        let (min, max) =
            (ratios.iter(steps).fold(f64::INFINITY, f64::min), ratios.iter(steps).fold(f64::NEG_INFINITY, f64::max));
        if max > 1.0 {
            self.note(notes::invalid_ratio(max, 1.0, span));
        }
        if min < -1.0 {
            self.note(notes::invalid_ratio(min, -1.0, span));
        }
        Ok(min == 0.0 && max == 0.0)
    }
}

/// Whether no element is asked for.
fn check_count(counts: &Scalars, steps: usize) -> Result<bool, EvalError> {
    if counts.iter(steps).any(f64::is_nan) {
        return failed("Parameter value is NaN");
    }
    if counts.iter(steps).all(|count| count < 1.0) {
        return Ok(true);
    }
    // The least and the greatest number that a 64-bit integer is sure to hold.
    if let Some(low) = counts.iter(steps).find(|&count| count <= -9_223_372_036_854_775_808.0) {
        return failed(format!("Scalar value {} underflows int64", notes::general(low)));
    }
    if let Some(high) = counts.iter(steps).find(|&count| count >= 9_223_372_036_854_774_784.0) {
        return failed(format!("Scalar value {} overflows int64", notes::general(high)));
    }
    Ok(false)
}

fn count(parameter: f64) -> usize {
    parameter.max(0.0) as usize
}

fn drop_step(row: &mut Row, step: usize) {
    row.floats[step] = ABSENT;
    if let Some(histogram) = row.histograms.get_mut(step) {
        *histogram = None;
    }
}

/// Keeps the first elements of each group.
fn limit_k(rows: &mut Vec<Row>, grouping: &Grouping, counts: &Scalars, steps: usize) {
    for group in grouped(rows, grouping) {
        for step in 0..steps {
            let mut left = count(counts.at(step));
            for &at in &group {
                if !rows[at].has(step) {
                    continue;
                }
                if left == 0 {
                    drop_step(&mut rows[at], step);
                } else {
                    left -= 1;
                }
            }
        }
    }
    rows.retain(|row| !row.is_empty());
}

/// Keeps an element when the hash of its labels falls into the ratio: from the bottom, or from the top when negative.
fn limit_ratio(row: &mut Row, ratios: &Scalars) {
    let place = super::hash::of(&row.labels) as f64 / u64::MAX as f64;
    for step in 0..row.floats.len() {
        let ratio = ratios.at(step).clamp(-1.0, 1.0);
        let stays = if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio };
        if !stays {
            drop_step(row, step);
        }
    }
}
