//! What is asked of the store for the curve of an alert: an expression, and which of its series is meant.

use std::cmp::Reverse;

use orszem_alerting::{AlertView, Level};
use orszem_model::{Labels, METRIC_NAME, Matcher, Timestamp};
use orszem_promql::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Cardinality, Expr, ExprKind};
use orszem_promql::functions::Function;
use orszem_promql::{
    EvalError, Interrupt, Moments, Options, ParseError, ParseOptions, Query, Series, Source, Value, evaluate, math,
    parse,
};
use orszem_rules::own::ThresholdRule;

use super::super::RuleSources;
use super::super::prometheus::{is_of_rule, milliseconds, timestamp};
use super::Curve;

/// How far back a curve goes, and from one point to the next: 121 points.
const BACK_MS: i64 = 3_600_000;
const STEP_MS: i64 = 30_000;
/// Samples in memory at once; an expression that needs more has no curve.
const SAMPLES_MAX: usize = 2_000_000;
/// The label of own alerts that a template makes.
const ENTITY: &str = "entity";
/// Functions of histograms drop it.
const BUCKET: &str = "le";

/// An expression, and which of its series is the alert's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    /// Which of the alerts it is about.
    pub(super) alert: usize,
    pub(super) expr: Expr,
    /// Those that the series has; where it lacks one, another side of the expression gave it.
    pub(super) labels: Labels,
    /// Labels that the rule sets: what the series has there does not count.
    pub(super) set: Vec<String>,
    pub(super) warning: Option<f64>,
    pub(super) critical: Option<f64>,
}

/// What an expression compares.
struct Compared<'e> {
    value: &'e Expr,
    constant: Option<f64>,
    /// The comparison, where there is one.
    by: Option<&'e Binary>,
}

impl Question {
    /// About the worst of the alerts that fire, or the first of those that are over; `None` where its rule looks at no
    /// series.
    pub(super) fn of(rules: &RuleSources, alerts: &[AlertView]) -> Result<Option<Self>, ParseError> {
        let worst = alerts.iter().enumerate().max_by_key(|(place, alert)| {
            let level = alert.state.level();
            (level.is_some() && alert.suppressed.is_empty(), level, Reverse(*place))
        });
        let Some((place, alert)) = worst else { return Ok(None) };
        let mut thresholds = rules.files.iter().flat_map(|(_, file)| &file.own.thresholds);
        if let Some(rule) = thresholds.find(|rule| rule.about.name == alert.key.rule) {
            let options = ParseOptions { is_experimental: rules.environment.is_experimental };
            return Ok(Some(Self::of_threshold(place, alert, rule, parse(&rule.text, &options)?)));
        }
        let mut theirs = rules.files.iter().flat_map(|(_, file)| file.rules());
        let rule = theirs.find(|rule| is_of_rule(rule, &alert.key));
        Ok(rule.map(|rule| Self::of_expression(place, alert, rule)))
    }

    fn of_threshold(place: usize, alert: &AlertView, rule: &ThresholdRule, mut expr: Expr) -> Self {
        let set: Vec<String> = rule.about.entity.iter().map(|_| ENTITY.to_owned()).collect();
        let labels = alert.key.labels.without(|name| set.iter().any(|set| set == name));
        narrow(&mut expr, &labels);
        let [warning, critical] = [rule.bands.warning, rule.bands.critical].map(|band| band.map(|band| band.enter));
        Self { alert: place, expr, labels, set, warning, critical }
    }

    fn of_expression(place: usize, alert: &AlertView, rule: &orszem_rules::Rule) -> Self {
        let set: Vec<String> = rule.labels.iter().map(|(name, _)| name.clone()).collect();
        let labels = alert.key.labels.without(|name| set.iter().any(|set| set == name));
        let Compared { value, constant, by } = compared(&rule.expr);
        let mut expr = value.clone();
        match by.map(|by| &by.matching) {
            // The labels are those of the other side.
            Some(matching) if matching.cardinality == Cardinality::OneToMany => {}
            Some(matching) => {
                narrow(&mut expr, &labels.without(|name| matching.include.iter().any(|taken| taken == name)));
            }
            None => narrow(&mut expr, &labels),
        }
        let severity = || Level::of_severity(alert.labels.get("severity").unwrap_or_default());
        let (warning, critical) = match alert.state.level().unwrap_or_else(severity) {
            Level::Warning => (constant, None),
            Level::Critical => (None, constant),
        };
        Self { alert: place, expr, labels, set, warning, critical }
    }

    /// The curve up to `now`; `None` where there is no such series, or more than one.
    pub(super) fn answer(
        &self,
        source: &dyn Source,
        options: &Options,
        patience: &dyn Interrupt,
        now: Timestamp,
    ) -> Result<Option<Curve>, EvalError> {
        let end = milliseconds(now);
        let start = end - BACK_MS;
        let query = Query { expr: &self.expr, moments: Moments::Range { start, end, step: STEP_MS } };
        let options = Options { samples_max: options.samples_max.min(SAMPLES_MAX), ..options.clone() };
        let answer = evaluate(&query, source, &options, patience)?;
        let Value::Matrix(series) = answer.value else { return Ok(None) };
        let Some(series) = self.meant(&series) else { return Ok(None) };
        let mut found = series.floats.iter().peekable();
        let mut points = Vec::new();
        for step in 0..=BACK_MS / STEP_MS {
            let at = start + step * STEP_MS;
            let value = found.next_if(|(time, _)| *time == at).map_or(f64::NAN, |(_, value)| *value);
            if !value.is_nan() || !points.is_empty() {
                points.push((timestamp(at), value));
            }
        }
        let count = points.iter().rposition(|(_, value)| !value.is_nan()).map_or(0, |last| last + 1);
        points.truncate(count);
        let Self { alert, warning, critical, .. } = *self;
        Ok((count > 0).then_some(Curve { alert, points, warning, critical }))
    }

    /// The series that has the alert's labels, else the only one that contradicts none.
    fn meant<'s>(&self, series: &'s [Series]) -> Option<&'s Series> {
        let own = |series: &Series| {
            series.labels.without(|name| name == METRIC_NAME || self.set.iter().any(|set| set == name))
        };
        let of = |is_meant: &dyn Fn(&Series) -> bool| {
            let mut found = series.iter().filter(|series| is_meant(series));
            found.next().filter(|_| found.next().is_none())
        };
        of(&|series| own(series) == self.labels).or_else(|| {
            let agrees =
                |series: &Series, name: &str, value: &str| series.labels.get(name).is_none_or(|found| found == value);
            of(&|series| self.labels.iter().all(|(name, value)| agrees(series, name, value)))
        })
    }
}

/// The side of the outermost comparison that is no constant, else all of it.
fn compared(expr: &Expr) -> Compared<'_> {
    let whole = Compared { value: expr, constant: None, by: None };
    let ExprKind::Binary(binary) = &expr.unparen().kind else { return whole };
    match binary.op {
        // Their elements are those of the left side.
        BinaryOp::And | BinaryOp::Unless => compared(&binary.left),
        op if op.is_comparison() => match (constant(&binary.left), constant(&binary.right)) {
            (None, constant) => Compared { value: &binary.left, constant, by: Some(binary) },
            (constant, None) => Compared { value: &binary.right, constant, by: Some(binary) },
            (Some(_), Some(_)) => whole,
        },
        _ => whole,
    }
}

/// What it always comes to.
fn constant(expr: &Expr) -> Option<f64> {
    match &expr.unparen().kind {
        ExprKind::Number(number) | ExprKind::Duration(number) => Some(*number),
        ExprKind::Unary { negates, operand } => constant(operand).map(|value| if *negates { -value } else { value }),
        ExprKind::Binary(binary) if !binary.op.is_set() && !binary.op.is_comparison() => {
            Some(math::number(binary.op, constant(&binary.left)?, constant(&binary.right)?))
        }
        _ => None,
    }
}

/// Has the selectors find only what can become a series with these labels, where that is sure: so an expression over
/// thousands of series costs what one of them does.
fn narrow(expr: &mut Expr, labels: &Labels) {
    match &mut expr.kind {
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => {
            let wanted = labels.iter().filter(|(name, _)| ![METRIC_NAME, BUCKET].contains(name));
            selector.matchers.extend(wanted.map(|(name, value)| Matcher::equal(name, value)));
        }
        ExprKind::Subquery(subquery) => narrow(&mut subquery.operand, labels),
        ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } => narrow(inner, labels),
        ExprKind::Call { function, arguments } if keeps_labels(*function) => {
            arguments.iter_mut().for_each(|argument| narrow(argument, labels));
        }
        ExprKind::Binary(binary) => {
            let Binary { left, right, matching, .. } = &mut **binary;
            // Both sides have all labels of what comes of them.
            if matching.labels.is_empty() && !matching.is_on && matching.include.is_empty() {
                narrow(left, labels);
                narrow(right, labels);
            }
        }
        ExprKind::Aggregate(aggregate) if is_by_group(aggregate.op) => {
            let Aggregate { operand, grouping, is_without, .. } = &mut **aggregate;
            let kept = labels.without(|name| grouping.iter().any(|grouped| grouped == name) == *is_without);
            narrow(operand, &kept);
        }
        ExprKind::Call { .. }
        | ExprKind::Aggregate(_)
        | ExprKind::Number(_)
        | ExprKind::Duration(_)
        | ExprKind::String(_) => {}
    }
}

/// Whether each element that it gives comes from one with the same labels.
fn keeps_labels(function: Function) -> bool {
    use Function::{Absent, AbsentOverTime, HistogramQuantiles, Info, LabelJoin, LabelReplace, Scalar};
    !matches!(function, Absent | AbsentOverTime | HistogramQuantiles | Info | LabelJoin | LabelReplace | Scalar)
}

/// Whether it gives one element a group, made of that group alone and with its labels.
fn is_by_group(op: AggregateOp) -> bool {
    use AggregateOp::{Avg, Count, Group, Max, Min, Quantile, Stddev, Stdvar, Sum};
    matches!(op, Avg | Count | Group | Max | Min | Quantile | Stddev | Stdvar | Sum)
}
