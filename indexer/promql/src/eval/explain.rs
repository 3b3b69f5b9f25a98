//! Explains a query: follows its expression as the evaluation would, and runs it where that is asked for.

use orszem_model::{METRIC_NAME, MatchOp, Matcher};

use super::answer::{evaluate_traced, grid_of};
use super::counted::Counted;
use super::engine::{Bounds, Grid};
use super::info::asked_of_infos;
use super::selection::Moment;
use super::trace::Trace;
use super::{duration, invariant};
use crate::ast::{Expr, ExprKind, Extension, Selector, Span, Subquery};
use crate::explain::{Explanation, Node, Run, Selected, Watch};
use crate::functions::Function;
use crate::print::{Head, Operator, Suffix};
use crate::{EvalError, Interrupt, Options, Query, Select, Selection, Source};

/// Tells what `query` selects and, if it `runs`, what it takes; the answer itself is thrown away. Looks into the index
/// for each selector, and reads a few of its series to estimate how many samples there are.
///
/// # Errors
/// As [`super::evaluate`]: the same limits hold, and the same interruptions.
pub fn explain(
    query: &Query<'_>,
    source: &dyn Source,
    options: &Options,
    interrupt: &dyn Interrupt,
    watch: &Watch,
    runs: bool,
) -> Result<Explanation, EvalError> {
    let counted = Counted::new(source, watch.clone());
    let (bounds, grid) = grid_of(query.moments);
    let plan = Plan { source: &counted, options, interrupt, bounds };
    let mut root = plan.node(query.expr, grid)?;
    if !runs {
        return Ok(Explanation { root, run: None });
    }
    let trace = Trace::new(watch.clone());
    let begun = watch.now();
    let (answer, trace) = evaluate_traced(query, &counted, options, interrupt, Some(trace))?;
    let time = watch.now().saturating_sub(begun);
    if let Some(trace) = trace {
        plan.fill(&mut root, &trace)?;
    }
    let run = Run {
        annotations: answer.annotations,
        statistics: answer.statistics,
        samples_read: counted.samples_read(),
        time,
    };
    Ok(Explanation { root, run: Some(run) })
}

struct Plan<'q> {
    source: &'q Counted<'q>,
    options: &'q Options,
    interrupt: &'q dyn Interrupt,
    bounds: Bounds,
}

impl Plan<'_> {
    fn node(&self, expr: &Expr, grid: Grid) -> Result<Node, EvalError> {
        self.interrupt.check()?;
        let expr = expr.unparen();
        let is_once = grid.count > 1 && invariant::is_worth(expr);
        let grid = if is_once { Grid { count: 1, ..grid } } else { grid };
        let mut node = Node {
            span: expr.span,
            kind: kind(expr),
            text: expr.to_string(),
            value_type: expr.value_type(),
            steps: grid.count as u64,
            selected: None,
            actual: None,
            children: Vec::new(),
        };
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => {}
            ExprKind::Selector(selector) => {
                let lookback = self.options.lookback_ms;
                let ahead = if selector.extension == Some(Extension::Smoothed) { lookback } else { 0 };
                node.selected = self.selected(selector, grid, lookback, ahead)?;
            }
            ExprKind::Matrix { selector, range } => {
                let range = duration::milliseconds(range, self.bounds, false)?;
                let lookback = self.options.lookback_ms;
                let (before, after) = match selector.extension {
                    None => (0, 0),
                    Some(Extension::Anchored) => (lookback, 0),
                    Some(Extension::Smoothed) => (lookback, lookback),
                };
                node.selected = self.selected(selector, grid, range.saturating_add(before), after)?;
            }
            ExprKind::Subquery(subquery) => {
                node.text = Suffix(subquery).to_string();
                let inner = self.grid_of_subquery(subquery, grid)?;
                node.children.push(self.node(&subquery.operand, inner)?);
            }
            // Not there: what is within stands for them.
            ExprKind::Paren(inner) => return self.node(inner, grid),
            ExprKind::Unary { negates, operand } => {
                node.text = if *negates { "-" } else { "+" }.to_owned();
                node.children.push(self.node(operand, grid)?);
            }
            ExprKind::Binary(binary) => {
                node.text = Operator(binary).to_string();
                node.children = vec![self.node(&binary.left, grid)?, self.node(&binary.right, grid)?];
            }
            ExprKind::Aggregate(aggregate) => {
                node.text = Head(aggregate).to_string().trim_end().to_owned();
                if let Some(parameter) = &aggregate.parameter {
                    node.children.push(self.node(parameter, grid)?);
                }
                node.children.push(self.node(&aggregate.operand, grid)?);
            }
            ExprKind::Call { function, arguments } => {
                node.text = function.signature().name.to_owned();
                let is_info = *function == Function::Info;
                for argument in arguments.iter().take(if is_info { 1 } else { arguments.len() }) {
                    node.children.push(self.node(argument, grid)?);
                }
                if let Some(infos) = is_info.then(|| asked_of_infos(arguments)).flatten() {
                    // Without a second argument it stands for the whole call.
                    let span = arguments.get(1).map_or(expr.span, |asked| asked.unparen().span);
                    node.children.push(self.infos(infos, span, grid)?);
                }
            }
        }
        Ok(node)
    }

    /// The info series that `info` looks for; a run narrows them down to what the vector is about.
    fn infos(&self, mut selector: Selector, span: Span, grid: Grid) -> Result<Node, EvalError> {
        let name = |matcher: &&Matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
        selector.name = selector.matchers.iter().find(name).map(|matcher| matcher.value.clone());
        let selected = self.selected(&selector, grid, self.options.lookback_ms, 0)?;
        let expr = Expr { span, kind: ExprKind::Selector(selector) };
        Ok(Node {
            span,
            kind: INFO_SELECTOR,
            text: expr.to_string(),
            value_type: expr.value_type(),
            steps: grid.count as u64,
            selected,
            actual: None,
            children: Vec::new(),
        })
    }

    /// What `selector` reads for `grid`, from so many milliseconds before its first to so many after its last moment.
    fn selected(
        &self,
        selector: &Selector,
        grid: Grid,
        before: i64,
        after: i64,
    ) -> Result<Option<Selected>, EvalError> {
        if grid.count == 0 {
            return Ok(None);
        }
        let (first, last) = Moment::new(&selector.modifiers, self.bounds)?.reach(grid);
        let (start, end) = (first.saturating_sub(before), last.saturating_add(after));
        self.found(selector.matchers.clone(), start, end).map(Some)
    }

    fn found(&self, matchers: Vec<Matcher>, start: i64, end: i64) -> Result<Selected, EvalError> {
        let selection = self.source.selection(&Select { matchers: &matchers, start, end })?;
        let (series, parts) = (selection.len() as u64, selection.parts());
        Ok(Selected { matchers, start, end, series, parts, estimated_samples: selection.estimate()?, read: None })
    }

    fn grid_of_subquery(&self, subquery: &Subquery, grid: Grid) -> Result<Grid, EvalError> {
        if grid.count == 0 {
            return Ok(grid);
        }
        let moment = Moment::new(&subquery.modifiers, self.bounds)?;
        super::subquery::grid(subquery, moment, grid, self.bounds, self.options)
    }

    /// Adds what a run showed.
    fn fill(&self, node: &mut Node, trace: &Trace) -> Result<(), EvalError> {
        if node.kind != INFO_SELECTOR {
            node.actual = trace.actual(node.span);
        }
        if let Some(selected) = &mut node.selected {
            let Selected { matchers, start, end, .. } = &*selected;
            let read = self.source.selection(&Select { matchers, start: *start, end: *end })?.read();
            selected.read = Some(read);
        }
        if let [vector, infos] = node.children.as_mut_slice()
            && infos.kind == INFO_SELECTOR
            && let (Some(matchers), Some(selected)) = (trace.infos(vector.span), &mut infos.selected)
        {
            *selected = self.found(matchers, selected.start, selected.end)?;
        }
        node.children.iter_mut().try_for_each(|child| self.fill(child, trace))
    }
}

/// What stands for the info series of `info`, which are no argument of it.
const INFO_SELECTOR: &str = "infoSelector";

/// As `parse_query` names it.
fn kind(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) => "numberLiteral",
        ExprKind::String(_) => "stringLiteral",
        ExprKind::Selector(_) => "vectorSelector",
        ExprKind::Matrix { .. } => "matrixSelector",
        ExprKind::Subquery(_) => "subquery",
        ExprKind::Paren(_) => "parenExpr",
        ExprKind::Unary { .. } => "unaryExpr",
        ExprKind::Binary(_) => "binaryExpr",
        ExprKind::Aggregate(_) => "aggregation",
        ExprKind::Call { .. } => "call",
    }
}
