//! Range functions of native histograms.

use orszem_model::{Histogram, HistogramPoint};

use super::notes::{self, Doing, Notes};
use super::rate::{Extent, Kind};
use super::window::{Ranges, Window};
use crate::ast::Span;
use crate::histogram::{self, ChangeRemarks, Findings, KahanSum, Mean};

/// Words what a change found.
pub(super) fn remark(remarks: ChangeRemarks, name: &str, span: Span, notes: &mut Notes) {
    if remarks.not_counter {
        notes.add(notes::not_counter(name, span));
    }
    if remarks.not_gauge {
        notes.add(notes::not_gauge(name, span));
    }
    if remarks.mixed_schemas {
        notes.add(notes::mixed_schemas(name, span));
    }
    if remarks.bounds_reconciled_sub {
        notes.add(notes::bounds_reconciled(Doing::Subtraction, span));
    }
    if remarks.bounds_reconciled_add {
        notes.add(notes::bounds_reconciled(Doing::Addition, span));
    }
}

/// `rate`, `increase` and `delta`.
pub(super) fn rate(
    kind: Kind,
    ranges: &Ranges,
    window: Window<'_>,
    points: &[HistogramPoint],
    name: &str,
    notes: &mut Notes,
) -> Option<Histogram> {
    let [first, .., last] = points else { return None };
    let change = histogram::change(points, kind.is_counter);
    remark(change.remarks, name, ranges.span, notes);
    let mut change = change.histogram?;
    let extent =
        Extent { start: window.start, end: window.end, first: first.time, last: last.time, samples: points.len() };
    let count = first.histogram.count;
    let share = (kind.is_counter && change.count > 0.0 && count >= 0.0).then(|| count / change.count);
    histogram::mul(&mut change, extent.factor(ranges.range, kind.is_rate, share));
    Some(change)
}

/// What was found over all histograms of an aggregation.
pub(super) fn note_findings(findings: Findings, span: Span, notes: &mut Notes) {
    if findings.conflicting_resets {
        notes.add(notes::conflicting_resets(Doing::Aggregation, span));
    }
    if findings.bounds_reconciled {
        notes.add(notes::bounds_reconciled(Doing::Aggregation, span));
    }
}

/// `sum_over_time`
pub(super) fn sum(points: &[HistogramPoint], name: &str, span: Span, notes: &mut Notes) -> Option<Histogram> {
    let (first, rest) = points.split_first()?;
    let mut sum = KahanSum::new(&first.histogram);
    let mut findings = Findings::default();
    for point in rest {
        match sum.add(&point.histogram) {
            Ok(found) => findings = found,
            Err(histogram::Incompatible) => {
                notes.add(notes::mixed_schemas(name, span));
                return None;
            }
        }
    }
    note_findings(findings, span, notes);
    Some(sum.finish())
}

/// `avg_over_time`
pub(super) fn mean(points: &[HistogramPoint], name: &str, span: Span, notes: &mut Notes) -> Option<Histogram> {
    let (first, rest) = points.split_first()?;
    let mut mean = Mean::new(&first.histogram);
    let mut findings = Findings::default();
    for point in rest {
        match mean.add(&point.histogram) {
            Ok(found) => findings = found,
            Err(histogram::Incompatible) => {
                notes.add(notes::mixed_schemas(name, span));
                return None;
            }
        }
    }
    note_findings(findings, span, notes);
    Some(mean.finish())
}
