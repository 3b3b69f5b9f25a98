//! `absent` and `absent_over_time`.

use orszem_model::{Labels, METRIC_NAME, MatchOp, Matcher};
use orszem_vector::ABSENT;

use super::engine::{Engine, Scratch};
use super::row::Row;
use super::stream::{Sink, Stream};
use super::wants::Wants;
use crate::EvalError;
use crate::ast::{Expr, ExprKind};

/// 1 at the steps where no row of `stream` has a value.
pub(super) fn of(
    stream: Stream,
    argument: Option<&Expr>,
    drops_name: bool,
    engine: &Engine<'_>,
) -> Result<Stream, EvalError> {
    let scope = stream.scope;
    let steps = scope.grid.count;
    let parts = stream.narrow(Wants::none()).fold(engine, || Present(vec![false; steps]))?;
    let is_present = |step: usize| parts.iter().any(|part| part.0[step]);
    let floats: Vec<f64> = (0..steps).map(|step| if is_present(step) { ABSENT } else { 1.0 }).collect();
    let row = Row { drops_name, floats, ..Row::absent(labels(argument), 0) };
    let rows = if row.is_empty() { Vec::new() } else { vec![row] };
    Ok(Stream::of_rows(rows, scope))
}

struct Present(Vec<bool>);

impl Sink for Present {
    fn take(&mut self, row: &mut Row, _: &mut Scratch) -> Result<(), EvalError> {
        for (step, present) in self.0.iter_mut().enumerate() {
            *present |= row.has(step);
        }
        Ok(())
    }
}

/// The labels that a selector asks for by `=`, once each.
fn labels(argument: Option<&Expr>) -> Labels {
    let matchers: &[Matcher] = match argument.map(|argument| &argument.unparen().kind) {
        Some(ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. }) => &selector.matchers,
        _ => &[],
    };
    let is_only = |matcher: &Matcher| {
        matcher.op == MatchOp::Equal && matchers.iter().filter(|other| other.name == matcher.name).count() == 1
    };
    let kept = matchers.iter().filter(|matcher| matcher.name != METRIC_NAME && is_only(matcher));
    Labels::new(
        kept.filter(|matcher| !matcher.value.is_empty()).map(|matcher| (&matcher.name, &matcher.value)).collect(),
    )
}
