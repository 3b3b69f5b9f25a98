//! `info`: adds the labels of info metrics, such as `target_info`, that have the same `instance` and `job`.

use std::collections::HashMap;

use orszem_model::{Labels, METRIC_NAME, MatchOp, Matcher};
use orszem_vector::{ABSENT, is_absent};

use super::engine::{Engine, Scope, failed, same_labels};
use super::label::shown;
use super::row::Row;
use super::stream::{Base, Stream};
use crate::EvalError;
use crate::ast::{Expr, ExprKind, Modifiers, Selector};

/// The metric that is asked where none is named.
const TARGET_INFO: &str = "target_info";
/// The labels that say what an info metric is about.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

impl Engine<'_> {
    pub(super) fn info(&self, arguments: &[Expr], scope: Scope) -> Result<Stream, EvalError> {
        let Some(vector) = arguments.first().map(Expr::unparen) else { return failed("info takes a vector") };
        let (names, data) = asked(arguments);
        let rows = self.vector(vector, scope)?.collect(self)?;
        let held = rows.iter().map(Row::size).sum();
        let is_info: Vec<bool> = rows.iter().map(|row| names.iter().all(|name| name.matches(row.name()))).collect();
        let infos = self.infos(vector, &rows, &is_info, &names, &data, scope)?;
        let mut results = Results { rows: Vec::new(), known: HashMap::new(), steps: scope.grid.count };
        for (row, is_info) in rows.iter().zip(is_info) {
            if is_info {
                results.add(&row.labels, row, |_| true)?;
            } else {
                enrich(row, &infos, &data, &mut results)?;
            }
        }
        self.hold(results.rows.iter().map(Row::size).sum())?;
        self.release(held);
        Ok(Stream::of_rows(results.rows, scope))
    }

    /// The info series about `rows`; their values are the times of their samples.
    fn infos(
        &self,
        vector: &Expr,
        rows: &[Row],
        is_info: &[bool],
        names: &[Matcher],
        data: &[Matcher],
        scope: Scope,
    ) -> Result<Infos, EvalError> {
        let mut matchers = names.to_vec();
        let mut has_identity = false;
        for label in IDENTIFYING {
            let enriched = rows.iter().zip(is_info).filter(|(_, is_info)| !**is_info);
            let mut values: Vec<&str> =
                enriched.filter_map(|(row, _)| row.labels.get(label)).filter(|value| !value.is_empty()).collect();
            values.sort_unstable();
            values.dedup();
            if values.is_empty() {
                continue;
            }
            has_identity = true;
            let pattern = values.iter().map(|value| regex::escape(value)).collect::<Vec<_>>().join("|");
            match Matcher::new(label, MatchOp::Regex, pattern) {
                Ok(matcher) => matchers.push(matcher),
                Err(error) => return failed(format!("info: {error}")),
            }
        }
        if !has_identity {
            return Ok(Infos::default());
        }
        matchers.extend_from_slice(data);
        if let Some(trace) = &self.trace {
            trace.asked_of_infos(vector.span, &matchers);
        }
        let selector = selector(vector, matchers);
        let instants = self.instants(&selector, vector.span, scope, true)?;
        let base = Base::Instants(instants);
        let series = Stream::new(base, scope).collect(self)?;
        self.release(series.iter().map(Row::size).sum());
        Infos::new(series, scope.grid.count)
    }
}

/// What the second argument asks: of which metrics, and for which labels.
fn asked(arguments: &[Expr]) -> (Vec<Matcher>, Vec<Matcher>) {
    let asked: Vec<Matcher> = match arguments.get(1).map(|argument| &argument.unparen().kind) {
        Some(ExprKind::Selector(selector)) => selector.matchers.clone(),
        _ => Vec::new(),
    };
    let (names, data): (Vec<Matcher>, Vec<Matcher>) =
        asked.into_iter().partition(|matcher| matcher.name == METRIC_NAME);
    (if names.is_empty() { vec![Matcher::equal(METRIC_NAME, TARGET_INFO)] } else { names }, data)
}

/// What the call with these arguments selects beside its vector, before it is known which `instance` and `job` those
/// series have.
pub(super) fn asked_of_infos(arguments: &[Expr]) -> Option<Selector> {
    let (mut matchers, data) = asked(arguments);
    matchers.extend(data);
    arguments.first().map(|vector| selector(vector.unparen(), matchers))
}

fn selector(vector: &Expr, matchers: Vec<Matcher>) -> Selector {
    Selector { name: None, matchers, modifiers: modifiers(vector), extension: None }
}

/// `@` and `offset` of the first selector in `expr`.
fn modifiers(expr: &Expr) -> Modifiers {
    first_selector(expr).map(|selector| selector.modifiers.clone()).unwrap_or_default()
}

fn first_selector(expr: &Expr) -> Option<&Selector> {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => None,
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => Some(selector),
        ExprKind::Subquery(subquery) => first_selector(&subquery.operand),
        ExprKind::Paren(inner) => first_selector(inner),
        ExprKind::Unary { operand, .. } => first_selector(operand),
        ExprKind::Binary(binary) => first_selector(&binary.left).or_else(|| first_selector(&binary.right)),
        ExprKind::Aggregate(aggregate) => first_selector(&aggregate.operand),
        ExprKind::Call { arguments, .. } => arguments.iter().find_map(first_selector),
    }
}

/// What says that an info series is about a series.
fn identity(labels: &Labels) -> Labels {
    labels.without(|name| !IDENTIFYING.contains(&name))
}

/// Info series, by what they are about and by metric.
#[derive(Default)]
struct Infos {
    series: Vec<Row>,
    /// For each identity and metric name: which series counts, for each step.
    current: HashMap<Labels, Vec<Vec<Option<usize>>>>,
}

impl Infos {
    fn new(series: Vec<Row>, steps: usize) -> Result<Self, EvalError> {
        let mut places: HashMap<(Labels, String), (Labels, usize)> = HashMap::new();
        let mut current: HashMap<Labels, Vec<Vec<Option<usize>>>> = HashMap::new();
        for (at, row) in series.iter().enumerate() {
            let identity = identity(&row.labels);
            let metrics = current.entry(identity.clone()).or_default();
            let place = places.entry((identity.clone(), row.name().to_owned())).or_insert_with(|| {
                metrics.push(vec![None; steps]);
                (identity, metrics.len() - 1)
            });
            for (step, slot) in
                metrics[place.1].iter_mut().enumerate().filter(|(step, _)| !is_absent(row.floats[*step]))
            {
                let time = row.floats[step];
                match slot.map(|held| (held, series[held].floats[step])) {
                    None => *slot = Some(at),
                    Some((_, held)) if held < time => *slot = Some(at),
                    Some((_, held)) if held > time => {}
                    Some((held, _)) => {
                        let milliseconds = (time * 1000.0).round() as i64;
                        return failed(format!(
                            "found duplicate series for info metric: existing {} @ {milliseconds}, new {} @ {milliseconds}",
                            shown(&series[held].labels),
                            shown(&row.labels)
                        ));
                    }
                }
            }
        }
        Ok(Self { series, current })
    }
}

/// Adds `row` with the labels of its info series.
fn enrich(row: &Row, infos: &Infos, data: &[Matcher], results: &mut Results) -> Result<(), EvalError> {
    let metrics = infos.current.get(&identity(&row.labels)).map(Vec::as_slice).unwrap_or_default();
    // Steps with the same info series have the same labels.
    let of_step = |step: usize| -> Vec<usize> { metrics.iter().filter_map(|metric| metric[step]).collect() };
    let mut done: Vec<Vec<usize>> = Vec::new();
    for step in (0..results.steps).filter(|&step| row.has(step)) {
        let series = of_step(step);
        if done.contains(&series) {
            continue;
        }
        // Without an info series the row stays only if that is what was asked for.
        if !series.is_empty() || data.iter().all(Matcher::matches_absent) {
            let labels = with_data(&row.labels, series.iter().map(|&at| &infos.series[at].labels), data)?;
            results.add(&labels, row, |step| of_step(step) == series)?;
        }
        done.push(series);
    }
    Ok(())
}

fn with_data<'a>(
    labels: &Labels,
    infos: impl Iterator<Item = &'a Labels>,
    data: &[Matcher],
) -> Result<Labels, EvalError> {
    let mut added: Vec<(&str, &str)> = Vec::new();
    for (name, value) in infos.flat_map(Labels::iter) {
        if name == METRIC_NAME || !data.is_empty() && !data.iter().any(|matcher| matcher.name == name) {
            continue;
        }
        match added.iter().find(|(known, _)| *known == name) {
            Some((_, known)) if *known != value => return failed(format!("conflicting label: {name}")),
            Some(_) => {}
            None if labels.get(name).is_some() => {}
            None => added.push((name, value)),
        }
    }
    Ok(added.into_iter().fold(labels.clone(), |labels, (name, value)| labels.with(name, value)))
}

struct Results {
    rows: Vec<Row>,
    known: HashMap<Labels, usize>,
    steps: usize,
}

impl Results {
    fn add(&mut self, labels: &Labels, row: &Row, wants: impl Fn(usize) -> bool) -> Result<(), EvalError> {
        let next = self.rows.len();
        let at = *self.known.entry(labels.clone()).or_insert(next);
        if at == next {
            let floats = vec![ABSENT; self.steps];
            self.rows.push(Row { labels: labels.clone(), drops_name: row.drops_name, floats, histograms: Vec::new() });
        }
        let held = &mut self.rows[at];
        for step in (0..self.steps).filter(|&step| row.has(step) && wants(step)) {
            if held.has(step) {
                return same_labels();
            }
            held.copy(step, row);
        }
        Ok(())
    }
}
