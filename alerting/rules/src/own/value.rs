//! The value that a threshold looks at: the part of PromQL that can be computed as each sample comes in.

use orszem_model::{Labels, METRIC_NAME, Matcher};
use orszem_promql::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Cardinality, Duration, Expr, ExprKind, Extension, Modifiers, Selector,
};
use orszem_promql::functions::Function;
use orszem_promql::math;

/// Selectors of an expression; more are refused.
pub const LEAVES_MAX: usize = 8;
/// Longest range of a function over time, in milliseconds.
pub const RANGE_MAX_MS: i64 = 7 * 86_400_000;

/// What to do instead of what can't be computed so.
pub(crate) const INSTEAD: &str = "write it as a Prometheus rule, in `groups:`";

/// A value, as a program over a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) ops: Vec<Op>,
}

/// The series that one selector finds, and what becomes of them before they are computed with.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// With the metric's name, where it has one.
    pub matchers: Vec<Matcher>,
    /// How far back the samples of a series are looked at.
    pub window: Option<Window>,
    pub(crate) fold: Option<Fold>,
    /// From a series' labels to those of the value, one after the other.
    reductions: Vec<Reduction>,
}

/// A function over the samples of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub over: Over,
    pub range_ms: i64,
}

/// Functions over time, of the samples behind `now - range`, without extrapolation to its ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Over {
    Rate,
    Increase,
    Delta,
    Deriv,
    /// The value so many seconds later, on the line of least squares.
    Predict(f64),
    Avg,
    Min,
    Max,
    Sum,
    Changes,
}

/// How the series of a group become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    Sum,
    Avg,
    Min,
    Max,
    Count,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reduction {
    Keep(Vec<String>),
    Drop(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Number(f64),
    Leaf(usize),
    /// Seconds since 1970.
    Time,
    Negate,
    Binary(BinaryOp),
    Call(Function),
}

/// Why an expression can't be computed sample by sample, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) message: String,
    pub(crate) remedy: String,
}

impl Value {
    /// # Errors
    /// With what of the expression needs more than the latest samples.
    pub(crate) fn compile(expr: &Expr, text: &str) -> Result<Self, Refused> {
        let mut compiler = Compiler { text, value: Self { leaves: Vec::new(), ops: Vec::new() } };
        compiler.expr(expr)?;
        if compiler.value.leaves.is_empty() {
            let message = "the expression looks at no series".to_owned();
            return Err(Refused { message, remedy: "name a metric".to_owned() });
        }
        Ok(compiler.value)
    }

    /// The series that it is made of.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Whether one sample is all that a value needs.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.leaves.as_slice(), [Leaf { window: None, fold: None, .. }])
    }

    /// What the values of the leaves come to at a time, in milliseconds since 1970.
    #[inline]
    pub(crate) fn compute(&self, leaves: &[f64], at_ms: i64) -> f64 {
        let mut stack = [0.0_f64; STACK_MAX];
        let mut top = 0;
        for op in &self.ops {
            match *op {
                Op::Number(number) => top = push(&mut stack, top, number),
                Op::Leaf(leaf) => top = push(&mut stack, top, leaves.get(leaf).copied().unwrap_or(f64::NAN)),
                #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 milliseconds")]
                Op::Time => top = push(&mut stack, top, at_ms as f64 / 1e3),
                Op::Negate => stack[top - 1] = -stack[top - 1],
                Op::Binary(op) => {
                    top -= 1;
                    stack[top - 1] = math::number(op, stack[top - 1], stack[top]);
                }
                Op::Call(function) => {
                    let arguments = function.signature().arguments.len();
                    top = top + 1 - arguments;
                    stack[top - 1] = call(function, stack[top - 1], stack[top], stack[(top + 1).min(STACK_MAX - 1)]);
                }
            }
        }
        stack[0]
    }
}

/// Values that wait to be computed with; deeper expressions are refused.
const STACK_MAX: usize = 32;

#[inline]
fn push(stack: &mut [f64; STACK_MAX], top: usize, value: f64) -> usize {
    stack[top] = value;
    top + 1
}

/// Functions of numbers; all others are refused before.
const CALLS: [Function; 12] = [
    Function::Abs,
    Function::Ceil,
    Function::Clamp,
    Function::ClampMax,
    Function::ClampMin,
    Function::Exp,
    Function::Floor,
    Function::Ln,
    Function::Log10,
    Function::Log2,
    Function::Sgn,
    Function::Sqrt,
];

fn call(function: Function, value: f64, second: f64, third: f64) -> f64 {
    match function {
        Function::Clamp => math::min(math::max(value, second), third),
        Function::ClampMax => math::min(value, second),
        Function::ClampMin => math::max(value, second),
        _ => math::of(function).map_or(f64::NAN, |of_number| of_number(value)),
    }
}

impl Leaf {
    /// The labels of the value that a series is part of; `None` where the series is not meant.
    pub(crate) fn key(&self, labels: &Labels) -> Option<Labels> {
        let is_meant = self.matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")));
        is_meant.then(|| {
            let named = labels.without(|name| name == METRIC_NAME);
            self.reductions.iter().fold(named, |labels, reduction| reduction.of(&labels))
        })
    }

    /// The metric that it is about, if it is one.
    pub(crate) fn metric(&self) -> Option<&str> {
        let named = |matcher: &&Matcher| matcher.name == METRIC_NAME && matcher.op == orszem_model::MatchOp::Equal;
        self.matchers.iter().find(named).map(|matcher| matcher.value.as_str())
    }
}

impl Reduction {
    fn of(&self, labels: &Labels) -> Labels {
        match self {
            Self::Keep(names) => labels.without(|name| !names.iter().any(|kept| kept == name)),
            Self::Drop(names) => labels.without(|name| names.iter().any(|dropped| dropped == name)),
        }
    }
}

struct Compiler<'t> {
    text: &'t str,
    value: Value,
}

impl Compiler<'_> {
    fn refuse<T>(&self, expr: &Expr, why: &str) -> Result<T, Refused> {
        let part = self.text.get(expr.span.start..expr.span.end).unwrap_or(self.text);
        Err(Refused { message: format!("`{part}` {why}"), remedy: INSTEAD.to_owned() })
    }

    /// Appends the program of `expr`; whether it is a vector.
    fn expr(&mut self, expr: &Expr) -> Result<bool, Refused> {
        if self.value.ops.len() >= STACK_MAX {
            return self.refuse(expr, "is too long to be computed for each sample");
        }
        match &expr.kind {
            ExprKind::Number(number) | ExprKind::Duration(number) => {
                self.value.ops.push(Op::Number(*number));
                Ok(false)
            }
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Unary { negates, operand } => {
                let is_vector = self.expr(operand)?;
                if *negates {
                    self.value.ops.push(Op::Negate);
                }
                Ok(is_vector)
            }
            ExprKind::Selector(_) => self.leaf(expr, None, None),
            ExprKind::Call { function, arguments } => self.call(expr, *function, arguments),
            ExprKind::Aggregate(aggregate) => self.aggregate(expr, aggregate),
            ExprKind::Binary(binary) => self.binary(expr, binary),
            ExprKind::String(_) | ExprKind::Matrix { .. } | ExprKind::Subquery(_) => {
                self.refuse(expr, "can't be computed for each sample")
            }
        }
    }

    fn call(&mut self, expr: &Expr, function: Function, arguments: &[Expr]) -> Result<bool, Refused> {
        if function == Function::Time {
            self.value.ops.push(Op::Time);
            return Ok(false);
        }
        if let Some(window) = self.window(expr, function, arguments)? {
            return self.leaf(expr, Some(window), None);
        }
        if !CALLS.contains(&function) {
            return self.refuse(expr, &format!("calls {}, which can't be computed for each sample", name(function)));
        }
        for argument in arguments {
            self.expr(argument)?;
        }
        self.value.ops.push(Op::Call(function));
        Ok(true)
    }

    fn window(&self, expr: &Expr, function: Function, arguments: &[Expr]) -> Result<Option<Window>, Refused> {
        let over = match (function, arguments) {
            (Function::Rate, _) => Over::Rate,
            (Function::Increase, _) => Over::Increase,
            (Function::Delta, _) => Over::Delta,
            (Function::Deriv, _) => Over::Deriv,
            (Function::AvgOverTime, _) => Over::Avg,
            (Function::MinOverTime, _) => Over::Min,
            (Function::MaxOverTime, _) => Over::Max,
            (Function::SumOverTime, _) => Over::Sum,
            (Function::Changes, _) => Over::Changes,
            (Function::PredictLinear, [_, ahead]) => match number(ahead) {
                Some(seconds) => Over::Predict(seconds),
                None => return self.refuse(ahead, "is not a plain number of seconds"),
            },
            _ => return Ok(None),
        };
        let Some(ExprKind::Matrix { range, .. }) = arguments.first().map(|argument| &argument.kind) else {
            return self.refuse(expr, "is over a subquery");
        };
        match *range {
            Duration::Milliseconds(range_ms) if range_ms <= RANGE_MAX_MS => Ok(Some(Window { over, range_ms })),
            Duration::Milliseconds(_) => self.refuse(expr, "looks back further than 7d"),
            Duration::Expr(_) => self.refuse(expr, "has a range that is computed"),
        }
    }

    fn leaf(&mut self, expr: &Expr, window: Option<Window>, fold: Option<Fold>) -> Result<bool, Refused> {
        let Some(selector) = selector(expr) else {
            return self.refuse(expr, "aggregates more than a selector or a function of one");
        };
        let Selector { name: _, matchers, modifiers: Modifiers { offset, at }, extension } = selector;
        if offset.is_some() || at.is_some() {
            return self.refuse(expr, "looks at another time than that of the sample");
        }
        if let Some(Extension::Anchored | Extension::Smoothed) = extension {
            return self.refuse(expr, "has a range that is anchored or smoothed");
        }
        if self.value.leaves.len() >= LEAVES_MAX {
            return self.refuse(expr, &format!("is one selector more than {LEAVES_MAX}"));
        }
        self.value.ops.push(Op::Leaf(self.value.leaves.len()));
        self.value.leaves.push(Leaf { matchers: matchers.clone(), window, fold, reductions: Vec::new() });
        Ok(true)
    }

    fn aggregate(&mut self, expr: &Expr, aggregate: &Aggregate) -> Result<bool, Refused> {
        let fold = match aggregate.op {
            AggregateOp::Sum => Fold::Sum,
            AggregateOp::Avg => Fold::Avg,
            AggregateOp::Min => Fold::Min,
            AggregateOp::Max => Fold::Max,
            AggregateOp::Count => Fold::Count,
            AggregateOp::Group
            | AggregateOp::Stddev
            | AggregateOp::Stdvar
            | AggregateOp::TopK
            | AggregateOp::BottomK
            | AggregateOp::CountValues
            | AggregateOp::Quantile
            | AggregateOp::LimitK
            | AggregateOp::LimitRatio => {
                return self.refuse(expr, &format!("aggregates by {}", aggregate.op.name()));
            }
        };
        let operand = aggregate.operand.unparen();
        let window = match &operand.kind {
            ExprKind::Call { function, arguments } => self.window(operand, *function, arguments)?,
            _ => None,
        };
        if window.is_none() && !matches!(operand.kind, ExprKind::Selector(_)) {
            return self.refuse(expr, "aggregates more than a selector or a function of one");
        }
        self.leaf(operand, window, Some(fold))?;
        let names = aggregate.grouping.clone();
        let reduction = if aggregate.is_without { Reduction::Drop(names) } else { Reduction::Keep(names) };
        self.reduce(self.value.leaves.len() - 1, &reduction);
        Ok(true)
    }

    fn binary(&mut self, expr: &Expr, binary: &Binary) -> Result<bool, Refused> {
        if binary.op.is_comparison() {
            return Err(Refused {
                message: format!("`{}` compares", self.text.get(expr.span.start..expr.span.end).unwrap_or(self.text)),
                remedy: format!("give the value alone, and the bound in `warning` or `critical`; or {INSTEAD}"),
            });
        }
        if binary.op.is_set() || matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
            return self.refuse(expr, &format!("combines by {}", binary.op.symbol()));
        }
        let first = self.value.leaves.len();
        let left = self.expr(&binary.left)?;
        let right = self.expr(&binary.right)?;
        self.value.ops.push(Op::Binary(binary.op));
        if !(left && right) {
            return Ok(left || right);
        }
        let matching = &binary.matching;
        if matching.cardinality != Cardinality::OneToOne {
            return self.refuse(expr, "matches many with one");
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return self.refuse(expr, "fills in what is missing");
        }
        let names = matching.labels.clone();
        if matching.is_on {
            self.reduce(first, &Reduction::Keep(names));
        } else if !names.is_empty() {
            self.reduce(first, &Reduction::Drop(names));
        }
        Ok(true)
    }

    /// The values of the leaves from `first` on are known by fewer labels.
    fn reduce(&mut self, first: usize, reduction: &Reduction) {
        for leaf in self.value.leaves.iter_mut().skip(first) {
            leaf.reductions.push(reduction.clone());
        }
    }
}

fn name(function: Function) -> &'static str {
    function.signature().name
}

fn selector(expr: &Expr) -> Option<&Selector> {
    match &expr.unparen().kind {
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => Some(selector),
        ExprKind::Call { arguments, .. } => arguments.first().and_then(selector),
        _ => None,
    }
}

/// A number that is written as one, or as a product of them.
fn number(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Number(number) | ExprKind::Duration(number) => Some(*number),
        ExprKind::Paren(inner) => number(inner),
        ExprKind::Unary { negates, operand } => number(operand).map(|value| if *negates { -value } else { value }),
        ExprKind::Binary(binary) if !binary.op.is_comparison() => {
            Some(math::number(binary.op, number(&binary.left)?, number(&binary.right)?))
        }
        _ => None,
    }
}
