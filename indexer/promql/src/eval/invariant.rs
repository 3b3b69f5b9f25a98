//! What has the same value at all steps, and is evaluated once.

use crate::ast::{Expr, ExprKind};
use crate::functions::Function;

/// Whether `expr` gives the same value at all steps and evaluating it is work.
pub(super) fn is_worth(expr: &Expr) -> bool {
    let (is_invariant, is_work) = look(expr);
    is_invariant && is_work
}

fn look(expr: &Expr) -> (bool, bool) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => (true, false),
        ExprKind::Selector(selector) => (selector.modifiers.at.is_some(), true),
        ExprKind::Matrix { selector, .. } => (selector.modifiers.at.is_some(), false),
        ExprKind::Subquery(subquery) => (subquery.modifiers.at.is_some(), false),
        ExprKind::Paren(inner) => look(inner),
        ExprKind::Unary { operand, .. } => look(operand),
        ExprKind::Aggregate(aggregate) => {
            let is_invariant =
                look(&aggregate.operand).0 && aggregate.parameter.as_ref().is_none_or(|parameter| look(parameter).0);
            (is_invariant, true)
        }
        ExprKind::Binary(binary) => (look(&binary.left).0 && look(&binary.right).0, true),
        ExprKind::Call { function, arguments } => {
            let is_invariant = !depends_on_time(*function) && arguments.iter().all(|argument| look(argument).0);
            (is_invariant, true)
        }
    }
}

/// Whether the function looks at the time of evaluation, or at that of samples as it was evaluated.
fn depends_on_time(function: Function) -> bool {
    matches!(
        function,
        Function::DaysInMonth
            | Function::DayOfMonth
            | Function::DayOfWeek
            | Function::DayOfYear
            | Function::Hour
            | Function::Minute
            | Function::Month
            | Function::Year
            | Function::PredictLinear
            | Function::Time
            | Function::Timestamp
    )
}
