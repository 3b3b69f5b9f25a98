//! Function calls.

use super::engine::{Engine, Hints, Scope, failed};
use super::expr::Output;
use super::instant::seconds;
use super::scalar::{self, Scalars};
use super::selection::Moment;
use super::stage::Stage;
use super::stream::{Base, Samples, Stream};
use super::window::Ranges;
use super::{absent, extended, math, notes, sort, time};
use crate::EvalError;
use crate::ast::{Expr, ExprKind, Extension, Span, ValueType};
use crate::functions::Function;
use crate::histogram;

impl Engine<'_> {
    pub(super) fn call(
        &self,
        function: Function,
        arguments: &[Expr],
        span: Span,
        scope: Scope,
    ) -> Result<Output, EvalError> {
        if function.signature().arguments.contains(&ValueType::Matrix) {
            let ranges = self.ranges(function, arguments, scope)?;
            let stream = Stream::new(Base::Ranges(Box::new(ranges)), scope);
            return Ok(Output::Vector(if function == Function::AbsentOverTime {
                absent::of(stream, arguments.first(), true, self)?
            } else {
                stream
            }));
        }
        let grid = scope.grid;
        let bounds = self.bounds;
        let argument = |at: usize| match arguments.get(at) {
            Some(argument) => Ok(argument.unparen()),
            None => failed(format!("expected more arguments in call to {:?}", function.signature().name)),
        };
        let vector = |at: usize| self.vector(argument(at)?, scope);
        let statistics = |at: usize| self.vector(argument(at)?, scope.of_statistics());
        let scalars = |at: usize| self.scalars(argument(at)?, scope);
        if let Some(of_number) = math::of(function) {
            return Ok(Output::Vector(vector(0)?.then(Stage::Number(of_number))));
        }
        if let Some(of_seconds) = time::of(function) {
            if arguments.is_empty() {
                let values = (0..grid.count).map(|step| of_seconds(grid.time(step).div_euclid(1000) as f64)).collect();
                return Ok(Output::Vector(Self::unlabelled(Scalars::Steps(values), scope)));
            }
            return Ok(Output::Vector(vector(0)?.then(Stage::Number(of_seconds))));
        }
        if grid.count > 1 && is_sort(function) {
            self.note(notes::sort_in_range(span));
        }
        let constant = |value: f64| Ok(Output::Scalar(Scalars::Constant(value)));
        Ok(Output::Vector(match function {
            Function::Time => {
                let values = (0..grid.count).map(|step| seconds(grid.time(step))).collect();
                return Ok(Output::Scalar(Scalars::Steps(values)));
            }
            Function::Pi => return constant(std::f64::consts::PI),
            Function::Start => return constant(seconds(bounds.start)),
            Function::End => return constant(seconds(bounds.end)),
            Function::Step => return constant(seconds(bounds.step)),
            Function::Range => return constant(seconds(bounds.end.saturating_sub(bounds.start))),
            Function::MaxOf => return Ok(Output::Scalar(scalars(0)?.zip(scalars(1)?, math::max))),
            Function::MinOf => return Ok(Output::Scalar(scalars(0)?.zip(scalars(1)?, math::min))),
            Function::Scalar => return Ok(Output::Scalar(scalar::only(vector(0)?, self)?)),
            Function::Vector => Self::unlabelled(scalars(0)?, scope),
            Function::Absent => absent::of(vector(0)?, arguments.first(), false, self)?,
            Function::Clamp => {
                let (min, max) = (scalars(1)?, scalars(2)?);
                vector(0)?.then(Stage::Clamp { min, max })
            }
            Function::ClampMax => {
                let max = scalars(1)?;
                vector(0)?.then(Stage::Clamp { min: Scalars::Constant(f64::NEG_INFINITY), max })
            }
            Function::ClampMin => {
                let min = scalars(1)?;
                vector(0)?.then(Stage::Clamp { min, max: Scalars::Constant(f64::INFINITY) })
            }
            Function::Round => {
                let nearest = if arguments.len() > 1 { scalars(1)? } else { Scalars::Constant(1.0) };
                vector(0)?.then(Stage::Round(nearest))
            }
            Function::Timestamp => match &argument(0)?.kind {
                ExprKind::Selector(selector) => {
                    Stream::new(Base::Instants(self.instants(selector, argument(0)?.span, scope, true)?), scope)
                }
                _ => vector(0)?.then(Stage::Timestamp(grid)),
            },
            Function::HistogramAvg => statistics(0)?.then(Stage::Histogram(histogram::avg)),
            Function::HistogramCount => statistics(0)?.then(Stage::Histogram(|histogram| histogram.count)),
            Function::HistogramSum => statistics(0)?.then(Stage::Histogram(|histogram| histogram.sum)),
            Function::HistogramStddev => vector(0)?.then(Stage::Histogram(histogram::stddev)),
            Function::HistogramStdvar => vector(0)?.then(Stage::Histogram(histogram::stdvar)),
            Function::HistogramFraction => self.histogram_fraction(arguments, scope)?,
            Function::HistogramQuantile => self.histogram_quantile(arguments, scope)?,
            Function::HistogramQuantiles => self.histogram_quantiles(arguments, scope)?,
            Function::LabelJoin => self.label_join(arguments, scope)?,
            Function::LabelReplace => self.label_replace(arguments, scope)?,
            Function::Info => self.info(arguments, scope)?,
            Function::Sort | Function::SortDesc => sort::by_value(vector(0)?, function == Function::SortDesc, self)?,
            Function::SortByLabel | Function::SortByLabelDesc => {
                let labels = arguments.iter().skip(1).map(text).collect::<Result<Vec<_>, _>>()?;
                sort::by_labels(vector(0)?, &labels, function == Function::SortByLabelDesc, self)?
            }
            _ => return failed(format!("unknown function at {}", span.start)),
        }))
    }

    /// A function of a range vector.
    pub(super) fn ranges(&self, function: Function, arguments: &[Expr], scope: Scope) -> Result<Ranges, EvalError> {
        let mut parameters = Vec::new();
        let mut matrix = None;
        for argument in arguments.iter().map(Expr::unparen) {
            if argument.value_type() == ValueType::Matrix {
                matrix = Some(argument);
            } else {
                parameters.push(self.scalars(argument, scope)?);
            }
        }
        let Some(matrix) = matrix else { return failed("expected a range vector") };
        let span = arguments.first().map(Expr::unparen).unwrap_or(matrix).span;
        let lookback = self.options.lookback_ms;
        let (samples, moment, range, extension) = match &matrix.kind {
            ExprKind::Matrix { selector, range } => {
                let extension = selector.extension;
                check_extension(function, extension)?;
                let moment = Moment::new(&selector.modifiers, self.bounds)?;
                let range = super::duration::milliseconds(range, self.bounds, false)?;
                let (first, last) = moment.reach(scope.grid);
                let (before, after) = match extension {
                    None => (0, 0),
                    Some(Extension::Anchored) => (lookback, 0),
                    Some(Extension::Smoothed) => (lookback, lookback),
                };
                let start = first.saturating_sub(range).saturating_sub(before);
                let selection = self.select(&selector.matchers, start, last.saturating_add(after))?;
                (Samples::Selection(selection), moment, range, extension)
            }
            ExprKind::Subquery(subquery) => {
                let evaluated = self.subquery(subquery, scope)?;
                (Samples::Series(evaluated.series), evaluated.moment, evaluated.range, None)
            }
            _ => return failed("expected a range vector"),
        };
        let derives_hints = match function {
            Function::SumOverTime | Function::AvgOverTime => matches!(scope.hints, Hints::Statistics | Hints::Derived),
            Function::LastOverTime | Function::FirstOverTime => scope.hints == Hints::Derived,
            _ => false,
        };
        let grid = scope.grid;
        Ok(Ranges { samples, function, moment, grid, range, lookback, extension, parameters, span, derives_hints })
    }
}

fn is_sort(function: Function) -> bool {
    matches!(function, Function::Sort | Function::SortDesc | Function::SortByLabel | Function::SortByLabelDesc)
}

fn check_extension(function: Function, extension: Option<Extension>) -> Result<(), EvalError> {
    let (name, allowed) = match extension {
        None => return Ok(()),
        Some(Extension::Anchored) => ("anchored", extended::ANCHORED.as_slice()),
        Some(Extension::Smoothed) => ("smoothed", extended::SMOOTHED.as_slice()),
    };
    if allowed.contains(&function) {
        return Ok(());
    }
    let allowed: Vec<&str> = allowed.iter().map(|function| function.signature().name).collect();
    let found = function.signature().name;
    failed(format!("{name} modifier can only be used with: {} - not with {found}", allowed.join(", ")))
}

/// The string that an argument is.
pub(super) fn text(argument: &Expr) -> Result<&str, EvalError> {
    match &argument.unparen().kind {
        ExprKind::String(text) => Ok(text),
        _ => failed("expected a string"),
    }
}
