//! Aggregations. Most need no more than a running value of each group; `top` and `count_values` have the others.

use std::collections::HashMap;

use orszem_vector::{Fold, Grouping, is_absent, quantile};

use super::engine::{Engine, Scope, failed};
use super::group::Groups;
use super::notes;
use super::row::Row;
use super::scalar::Scalars;
use super::stream::Stream;
use super::wants::Wants;
use crate::EvalError;
use crate::ast::{Aggregate, AggregateOp, Expr, Span};

impl Engine<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate, span: Span, scope: Scope) -> Result<Stream, EvalError> {
        let grouping = Grouping::new(&aggregate.grouping, aggregate.is_without);
        let operand = aggregate.operand.unparen();
        let fold = match aggregate.op {
            AggregateOp::Sum => Fold::Sum,
            AggregateOp::Avg => Fold::Average,
            AggregateOp::Count => Fold::Count,
            AggregateOp::Min => Fold::Min,
            AggregateOp::Max => Fold::Max,
            AggregateOp::Group => Fold::Group,
            AggregateOp::Stddev => Fold::Stddev,
            AggregateOp::Stdvar => Fold::Stdvar,
            AggregateOp::CountValues => return self.count_values(aggregate, operand, scope),
            AggregateOp::Quantile => return self.quantile(&grouping, aggregate, operand, scope),
            AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::LimitK | AggregateOp::LimitRatio => {
                return self.top(&grouping, aggregate, operand, span, scope);
            }
        };
        let is_sum = matches!(aggregate.op, AggregateOp::Sum | AggregateOp::Avg);
        let stream = self.vector(operand, if is_sum { scope.of_sum() } else { scope })?.narrow(Wants::of(&grouping));
        let parts = stream.fold(self, || Groups::new(self, &grouping, fold, aggregate.op, operand.span, scope))?;
        let mut parts = parts.into_iter();
        let Some(mut groups) = parts.next() else { return Ok(Stream::of_rows(Vec::new(), scope)) };
        for part in parts {
            groups.merge(part)?;
        }
        let mut scratch = Engine::scratch(scope);
        let rows = groups.finish(&mut scratch.notes);
        self.gather(scope, scratch);
        Ok(Stream::of_rows(rows, scope))
    }

    /// The parameter of an aggregation.
    pub(super) fn parameter(&self, aggregate: &Aggregate, scope: Scope) -> Result<(Scalars, Span), EvalError> {
        let Some(parameter) = aggregate.parameter.as_ref().map(Expr::unparen) else {
            return failed(format!("{} needs a parameter", aggregate.op.name()));
        };
        Ok((self.scalars(parameter, scope)?, parameter.span))
    }

    fn quantile(
        &self,
        grouping: &Grouping,
        aggregate: &Aggregate,
        operand: &Expr,
        scope: Scope,
    ) -> Result<Stream, EvalError> {
        let (qs, span) = self.parameter(aggregate, scope)?;
        let rows = self.vector(operand, scope)?.narrow(Wants::of(grouping)).collect(self)?;
        let held = rows.iter().map(Row::size).sum();
        let mut worst: Vec<f64> = Vec::new();
        for q in qs.iter(scope.grid.count).filter(|q| !(0.0..=1.0).contains(q)) {
            // Of all that are wrong in one way one is named: the furthest.
            match worst.iter_mut().find(|worst| worst.is_nan() == q.is_nan() && (**worst > 1.0) == (q > 1.0)) {
                Some(worst) if q.abs() > worst.abs() => *worst = q,
                Some(_) => {}
                None => worst.push(q),
            }
        }
        worst.into_iter().for_each(|q| self.note(notes::invalid_quantile(q, span)));
        let mut results = Vec::new();
        let mut values = Vec::new();
        for group in grouped(&rows, grouping) {
            self.check()?;
            let mut result = Row::absent(grouping.labels(&rows[group[0]].labels), scope.grid.count);
            result.drops_name = group.iter().any(|&at| rows[at].drops_name);
            if group.iter().any(|&at| rows[at].histograms.iter().any(Option::is_some)) {
                self.note(notes::histogram_ignored("quantile", operand.span));
            }
            for step in 0..scope.grid.count {
                values.clear();
                values.extend(group.iter().map(|&at| rows[at].floats[step]).filter(|value| !is_absent(*value)));
                if !values.is_empty() {
                    result.floats[step] = quantile::of(qs.at(step), &mut values);
                }
            }
            results.push(result);
        }
        results.retain(|row| !row.is_empty());
        self.hold(results.iter().map(Row::size).sum())?;
        self.release(held);
        Ok(Stream::of_rows(results, scope))
    }
}

/// The positions of the rows of each group.
pub(super) fn grouped(rows: &[Row], grouping: &Grouping) -> Vec<Vec<usize>> {
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut key = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        grouping.key(&row.labels, &mut key);
        match known.get(&key) {
            Some(&group) => groups[group].push(at),
            None => {
                known.insert(key.clone(), groups.len());
                groups.push(vec![at]);
            }
        }
    }
    groups
}
