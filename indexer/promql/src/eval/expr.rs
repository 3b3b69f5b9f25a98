//! Evaluating an expression by what it is.

use orszem_model::Labels;

use super::engine::{Engine, Grid, Scope, Tally, failed};
use super::invariant;
use super::math;
use super::row::Row;
use super::scalar::Scalars;
use super::stage::{ScalarBinary, Stage};
use super::stream::{Base, Stream};
use crate::EvalError;
use crate::ast::{Binary, Expr, ExprKind, Span, ValueType};

/// What an expression is at the steps of a scope.
pub(super) enum Output {
    Scalar(Scalars),
    Text(String),
    Vector(Stream),
}

impl Engine<'_> {
    pub(super) fn eval(&self, expr: &Expr, scope: Scope) -> Result<Output, EvalError> {
        match &self.trace {
            Some(trace) if !matches!(expr.kind, ExprKind::Paren(_)) => {
                trace.measured(expr.span, || self.eval_node(expr, scope))
            }
            Some(_) | None => self.eval_node(expr, scope),
        }
    }

    fn eval_node(&self, expr: &Expr, scope: Scope) -> Result<Output, EvalError> {
        self.check()?;
        if scope.grid.count == 0 {
            return Ok(match expr.value_type() {
                ValueType::Scalar => Output::Scalar(Scalars::Steps(Vec::new())),
                ValueType::String | ValueType::Vector | ValueType::Matrix => {
                    Output::Vector(Stream::of_rows(Vec::new(), scope))
                }
            });
        }
        if scope.grid.count > 1 && invariant::is_worth(expr) {
            return self.eval_once(expr, scope);
        }
        Ok(match &expr.kind {
            ExprKind::Number(value) | ExprKind::Duration(value) => Output::Scalar(Scalars::Constant(*value)),
            ExprKind::String(text) => Output::Text(text.clone()),
            ExprKind::Paren(inner) => return self.eval(inner, scope),
            ExprKind::Selector(selector) => {
                let instants = self.instants(selector, expr.span, scope, false)?;
                Output::Vector(Stream::new(Base::Instants(instants), scope))
            }
            ExprKind::Matrix { .. } | ExprKind::Subquery(_) => {
                return failed("a range vector can't be evaluated by itself");
            }
            ExprKind::Unary { negates, operand } => match self.eval(operand, scope)? {
                output if !*negates => output,
                Output::Scalar(values) => Output::Scalar(values.map(|value| -value)),
                Output::Vector(stream) => Output::Vector(stream.then(Stage::Negate)),
                Output::Text(_) => return failed("unary minus of a string"),
            },
            ExprKind::Binary(binary) => self.binary(binary, expr.span, scope)?,
            ExprKind::Aggregate(aggregate) => Output::Vector(self.aggregate(aggregate, expr.span, scope)?),
            ExprKind::Call { function, arguments } => self.call(*function, arguments, expr.span, scope)?,
        })
    }

    /// Evaluates at the first step, for all.
    fn eval_once(&self, expr: &Expr, scope: Scope) -> Result<Output, EvalError> {
        let tally = if scope.tally == Tally::Each { Tally::All } else { scope.tally };
        let once = Scope { grid: Grid { count: 1, ..scope.grid }, tally, ..scope };
        Ok(match self.eval_node(expr, once)? {
            Output::Scalar(values) => Output::Scalar(Scalars::Constant(values.at(0))),
            Output::Text(text) => Output::Text(text),
            Output::Vector(stream) => {
                let is_ordered = stream.is_ordered;
                let mut rows = stream.collect(self)?;
                let steps = scope.grid.count;
                self.hold(rows.iter().map(Row::size).sum::<usize>().saturating_mul(steps - 1))?;
                rows.iter_mut().for_each(|row| row.spread(steps));
                Output::Vector(Stream { is_ordered, ..Stream::of_rows(rows, scope) })
            }
        })
    }

    pub(super) fn vector(&self, expr: &Expr, scope: Scope) -> Result<Stream, EvalError> {
        match self.eval(expr, scope)? {
            Output::Vector(stream) => Ok(stream),
            Output::Scalar(_) | Output::Text(_) => failed("expected an instant vector"),
        }
    }

    pub(super) fn scalars(&self, expr: &Expr, scope: Scope) -> Result<Scalars, EvalError> {
        match self.eval(expr, scope)? {
            Output::Scalar(values) => Ok(values),
            Output::Vector(_) | Output::Text(_) => failed("expected a scalar"),
        }
    }

    /// A vector of one element without labels.
    pub(super) fn unlabelled(values: Scalars, scope: Scope) -> Stream {
        let row = Row { floats: values.steps(scope.grid.count), ..Row::absent(Labels::default(), 0) };
        Stream::of_rows(vec![row], scope)
    }

    fn binary(&self, binary: &Binary, span: Span, scope: Scope) -> Result<Output, EvalError> {
        let op = binary.op;
        let types = (binary.left.value_type(), binary.right.value_type());
        if types == (ValueType::Vector, ValueType::Vector) {
            return Ok(Output::Vector(self.vectors(binary, span, scope)?));
        }
        let (left, right) = (self.eval(&binary.left, scope)?, self.eval(&binary.right, scope)?);
        let (scalar, stream, scalar_is_left) = match (left, right) {
            (Output::Scalar(left), Output::Scalar(right)) => {
                return Ok(Output::Scalar(left.zip(right, |left, right| math::number(op, left, right))));
            }
            (Output::Scalar(scalar), Output::Vector(stream)) => (scalar, stream, true),
            (Output::Vector(stream), Output::Scalar(scalar)) => (scalar, stream, false),
            _ => return failed(format!("operator {op:?} of these types")),
        };
        let stage = ScalarBinary { op, scalar, scalar_is_left, returns_bool: binary.returns_bool, span };
        Ok(Output::Vector(stream.then(Stage::Binary(Box::new(stage)))))
    }
}
