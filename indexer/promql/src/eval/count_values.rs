//! `count_values`.

use std::collections::HashMap;

use orszem_model::Labels;
use orszem_vector::{Grouping, is_absent};

use super::call::text;
use super::engine::{Engine, Scope, failed};
use super::label::is_name;
use super::row::Row;
use super::stream::Stream;
use super::wants::Wants;
use crate::EvalError;
use crate::ast::{Aggregate, Expr};
use crate::histogram;
use crate::quote::quote;

impl Engine<'_> {
    pub(super) fn count_values(
        &self,
        aggregate: &Aggregate,
        operand: &Expr,
        scope: Scope,
    ) -> Result<Stream, EvalError> {
        let Some(parameter) = aggregate.parameter.as_ref().map(Expr::unparen) else {
            return failed("count_values needs a label");
        };
        let label = text(parameter)?;
        if !is_name(label) {
            return failed(format!("invalid label name {}", quote(label)));
        }
        let mut names = aggregate.grouping.clone();
        if !aggregate.is_without {
            names.push(label.to_owned());
        }
        let grouping = Grouping::new(&names, aggregate.is_without);
        let rows = self.vector(operand, scope)?.narrow(Wants::of(&grouping)).collect(self)?;
        let mut known: HashMap<Labels, usize> = HashMap::new();
        let mut results: Vec<Row> = Vec::new();
        for row in &rows {
            let mut last: Option<(u64, usize)> = None;
            for step in 0..scope.grid.count {
                let value = row.floats[step];
                let at = match (row.histogram(step), last) {
                    (None, _) if is_absent(value) => continue,
                    (None, Some((bits, at))) if bits == value.to_bits() => at,
                    (histogram, _) => {
                        let text = histogram.map_or_else(|| decimal(value), |histogram| histogram::text(histogram));
                        let labels = grouping.labels(&row.labels.with(label, &text));
                        let next = results.len();
                        let at = *known.entry(labels.clone()).or_insert(next);
                        if at == next {
                            results.push(Row::absent(labels, scope.grid.count));
                            self.hold(scope.grid.count)?;
                        }
                        last = histogram.is_none().then_some((value.to_bits(), at));
                        at
                    }
                };
                let count = &mut results[at].floats[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
                results[at].drops_name |= row.drops_name;
            }
        }
        self.release(rows.iter().map(Row::size).sum());
        Ok(Stream::of_rows(results, scope))
    }
}

/// A number without exponent, as short as tells it apart.
fn decimal(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_exponent() {
        let values = [1.0, -0.5, 1e21, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(values.map(decimal), ["1", "-0.5", "1000000000000000000000", "NaN", "+Inf", "-Inf"]);
    }
}
