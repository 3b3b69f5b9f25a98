//! The groups of an aggregation, filled row by row.

use std::collections::HashMap;

use orszem_model::Labels;
use orszem_vector::{ABSENT, Accumulator, Fold, Grouping, column, is_absent};

use super::engine::{Engine, Scope, Scratch};
use super::group_native::Native;
use super::notes::{self, Doing, Notes};
use super::row::Row;
use super::stream::Sink;
use crate::EvalError;
use crate::ast::{AggregateOp, Span};

/// The groups that one thread has seen.
pub(super) struct Groups<'a, 'q> {
    engine: &'a Engine<'q>,
    grouping: &'a Grouping,
    fold: Fold,
    op: AggregateOp,
    /// Of the operand.
    span: Span,
    scope: Scope,
    known: HashMap<Vec<u8>, usize>,
    groups: Vec<Group>,
    key: Vec<u8>,
}

struct Group {
    labels: Labels,
    drops_name: bool,
    floats: Accumulator,
    /// Empty, or for each step what there is of histograms, for sums and averages.
    natives: Vec<Option<Native>>,
}

impl<'a, 'q> Groups<'a, 'q> {
    pub(super) fn new(
        engine: &'a Engine<'q>,
        grouping: &'a Grouping,
        fold: Fold,
        op: AggregateOp,
        span: Span,
        scope: Scope,
    ) -> Self {
        let (known, groups, key) = (HashMap::new(), Vec::new(), Vec::new());
        Self { engine, grouping, fold, op, span, scope, known, groups, key }
    }

    fn group(&mut self, labels: &Labels) -> Result<usize, EvalError> {
        self.grouping.key(labels, &mut self.key);
        if let Some(&at) = self.known.get(&self.key) {
            return Ok(at);
        }
        let steps = self.scope.grid.count;
        self.engine.hold(steps)?;
        let at = self.groups.len();
        self.known.insert(self.key.clone(), at);
        self.groups.push(Group {
            labels: self.grouping.labels(labels),
            drops_name: false,
            floats: Accumulator::new(self.fold, steps),
            natives: Vec::new(),
        });
        Ok(at)
    }

    pub(super) fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        for group in other.groups {
            self.grouping.key(&group.labels, &mut self.key);
            match self.known.get(&self.key) {
                None => {
                    self.known.insert(self.key.clone(), self.groups.len());
                    self.groups.push(group);
                }
                Some(&at) => {
                    self.engine.release(self.scope.grid.count);
                    let held = &mut self.groups[at];
                    held.drops_name |= group.drops_name;
                    held.floats.merge(&group.floats);
                    if held.natives.is_empty() {
                        held.natives = group.natives;
                    } else {
                        for (held, other) in held.natives.iter_mut().zip(group.natives) {
                            *held = match (held.take(), other) {
                                (Some(held), Some(other)) => Some(held.merge(other)),
                                (held, other) => held.or(other),
                            };
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, notes: &mut Notes) -> Vec<Row> {
        let span = self.span;
        let rows = self.groups.into_iter().map(|group| {
            let mut row = Row {
                labels: group.labels,
                drops_name: group.drops_name,
                floats: group.floats.finish(),
                histograms: Vec::new(),
            };
            for (step, native) in group.natives.into_iter().enumerate() {
                let Some(native) = native else { continue };
                if !is_absent(row.floats[step]) {
                    row.floats[step] = ABSENT;
                    notes.add(notes::mixed_floats_histograms_aggregation(span));
                    continue;
                }
                if native.has_conflicting_resets() {
                    notes.add(notes::conflicting_resets(Doing::Aggregation, span));
                }
                if let Some(histogram) = native.finish() {
                    row.set_histogram(step, std::sync::Arc::new(histogram));
                }
            }
            row
        });
        rows.filter(|row| !row.is_empty()).collect()
    }
}

impl Sink for Groups<'_, '_> {
    fn take(&mut self, row: &mut Row, scratch: &mut Scratch) -> Result<(), EvalError> {
        let at = self.group(&row.labels)?;
        let (fold, op, span) = (self.fold, self.op, self.span);
        let group = &mut self.groups[at];
        group.drops_name |= row.drops_name;
        if row.histograms.is_empty() || !column::is_empty(&row.floats) {
            group.floats.add(&row.floats);
        }
        for (step, histogram) in row.histograms.iter().enumerate() {
            let Some(histogram) = histogram else { continue };
            match fold {
                Fold::Count | Fold::Group => group.floats.count(step),
                Fold::Min | Fold::Max | Fold::Stddev | Fold::Stdvar => {
                    scratch.notes.add(notes::histogram_ignored(op.name(), span));
                }
                Fold::Sum | Fold::Average => {
                    if group.natives.is_empty() {
                        group.natives.resize_with(row.floats.len(), || None);
                    }
                    match &mut group.natives[step] {
                        Some(native) => native.add(histogram, row.name(), span, &mut scratch.notes),
                        first => *first = Some(Native::new(histogram, fold)),
                    }
                }
            }
        }
        Ok(())
    }
}
