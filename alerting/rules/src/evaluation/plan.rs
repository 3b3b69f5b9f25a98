//! What of a rule is worked out before it is evaluated.

use std::collections::BTreeSet;
use std::sync::Arc;

use orszem_model::{METRIC_NAME, MatchOp, Matcher};
use orszem_promql::ast::{BinaryOp, Duration, Expr, ExprKind, Selector, ValueType};
use orszem_promql::functions::Function;
use orszem_promql::math;

use super::alert::{ALERTS, ALERTS_FOR_STATE};
use crate::rule::{Rule, RuleKind};

/// How a rule is evaluated.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whether it may read what rules before it in the group write.
    pub(super) reads_group: bool,
    /// The expression without the comparison around it.
    pub(super) operand: Expr,
    pub(super) shape: Shape,
    pub(super) comparison: Option<Comparison>,
    /// The text of the operand: operands of the same text are the same.
    pub(super) key: Arc<str>,
}

#[derive(Debug)]
pub(super) enum Shape {
    /// An instant selector of one metric.
    Lookup(Lookup),
    Other,
}

#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) name: Arc<str>,
    /// All but that of the name.
    pub(super) matchers: Vec<Matcher>,
    pub(super) offset_ms: i64,
}

/// `op bound` behind the operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Comparison {
    op: BinaryOp,
    bound: f64,
}

impl Comparison {
    pub(super) fn holds(self, value: f64) -> bool {
        math::holds(self.op, value, self.bound)
    }
}

/// Plans for the rules of a group.
pub(super) fn plans(rules: &[Rule]) -> Vec<Plan> {
    let mut written: BTreeSet<&str> = BTreeSet::new();
    let mut plans = Vec::with_capacity(rules.len());
    for rule in rules {
        let reads_group = reads(&rule.expr, &written) || templates_ask(rule) && !written.is_empty();
        plans.push(plan(&rule.expr, reads_group));
        match &rule.kind {
            RuleKind::Alert(_) => written.extend([ALERTS, ALERTS_FOR_STATE]),
            RuleKind::Record(name) => written.extend([name.as_str()]),
        }
    }
    plans
}

fn plan(expr: &Expr, reads_group: bool) -> Plan {
    let inner = expr.unparen();
    let (operand, comparison) = match compared(inner) {
        Some((operand, comparison)) => (operand.unparen(), Some(comparison)),
        None => (inner, None),
    };
    let shape = match &operand.kind {
        ExprKind::Selector(selector) => lookup(selector).map_or(Shape::Other, Shape::Lookup),
        _ => Shape::Other,
    };
    Plan { reads_group, operand: operand.clone(), shape, comparison, key: Arc::from(operand.to_string()) }
}

fn number(expr: &Expr) -> Option<f64> {
    match &expr.unparen().kind {
        ExprKind::Number(value) | ExprKind::Duration(value) => Some(*value),
        ExprKind::Unary { negates, operand } => number(operand).map(|value| if *negates { -value } else { value }),
        _ => None,
    }
}

/// A vector that is compared with a number, on whichever side it stands, and filtered by that.
fn compared(expr: &Expr) -> Option<(&Expr, Comparison)> {
    let ExprKind::Binary(binary) = &expr.kind else { return None };
    if !binary.op.is_comparison() || binary.returns_bool {
        return None;
    }
    let (operand, op, bound) = match (number(&binary.left), number(&binary.right)) {
        (None, Some(bound)) => (&binary.left, binary.op, bound),
        (Some(bound), None) => (&binary.right, mirrored(binary.op), bound),
        _ => return None,
    };
    (operand.value_type() == ValueType::Vector).then_some((operand, Comparison { op, bound }))
}

/// The operator with its sides exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        other => other,
    }
}

fn lookup(selector: &Selector) -> Option<Lookup> {
    let offset_ms = match &selector.modifiers.offset {
        None => 0,
        Some(Duration::Milliseconds(milliseconds)) => *milliseconds,
        Some(Duration::Expr(_)) => return None,
    };
    if selector.modifiers.at.is_some() || selector.extension.is_some() {
        return None;
    }
    let (names, matchers): (Vec<&Matcher>, Vec<&Matcher>) =
        selector.matchers.iter().partition(|matcher| matcher.name == METRIC_NAME);
    match names.as_slice() {
        [name] if name.op == MatchOp::Equal => {
            let matchers = matchers.into_iter().cloned().collect();
            Some(Lookup { name: Arc::from(name.value.as_str()), matchers, offset_ms })
        }
        _ => None,
    }
}

/// Templates ask what is not known before.
fn templates_ask(rule: &Rule) -> bool {
    let labels = rule.labels.iter();
    let annotations = rule.alert().map_or(&[][..], |alert| alert.annotations.as_slice());
    labels.chain(annotations).any(|(_, template)| template.text().contains("query"))
}

/// Whether a selector of `expr` may select one of the metrics called `names`. `info()` reads series that no selector
/// names, which is why it counts as one of any name.
fn reads(expr: &Expr, names: &BTreeSet<&str>) -> bool {
    let does = match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => may_select(selector, names),
        ExprKind::Call { function: Function::Info, .. } => !names.is_empty(),
        _ => false,
    };
    does || expr.parts().into_iter().any(|part| reads(part, names))
}

fn may_select(selector: &Selector, names: &BTreeSet<&str>) -> bool {
    let of_name = || selector.matchers.iter().filter(|matcher| matcher.name == METRIC_NAME);
    let matches = |name: &str| of_name().all(|matcher| matcher.matches(name));
    match of_name().find(|matcher| matcher.op == MatchOp::Equal) {
        Some(equal) => names.contains(equal.value.as_str()) && matches(&equal.value),
        None => names.iter().any(|name| matches(name)),
    }
}
