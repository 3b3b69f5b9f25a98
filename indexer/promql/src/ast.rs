//! The syntax tree of PromQL (Prometheus 3, `promql/parser/ast.go`).

use orszem_model::Matcher;

use crate::functions::Function;

/// Where in the text something stands: byte offsets, `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// An expression with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

impl Expr {
    /// The expression in parentheses.
    pub fn unparen(&self) -> &Self {
        match &self.kind {
            ExprKind::Paren(inner) => inner.unparen(),
            _ => self,
        }
    }

    /// The expressions that it is made of, in their order; the parameter of an aggregation comes last.
    pub fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Number(_)
            | ExprKind::Duration(_)
            | ExprKind::String(_)
            | ExprKind::Selector(_)
            | ExprKind::Matrix { .. } => Vec::new(),
            ExprKind::Subquery(subquery) => vec![&subquery.operand],
            ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } => vec![inner],
            ExprKind::Binary(binary) => vec![&binary.left, &binary.right],
            ExprKind::Aggregate(aggregate) => std::iter::once(&aggregate.operand).chain(&aggregate.parameter).collect(),
            ExprKind::Call { arguments, .. } => arguments.iter().collect(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Number(f64),
    /// `5m` where a number may stand: its seconds. It is evaluated as a number.
    Duration(f64),
    /// A byte that an escape made and that is no UTF-8 stands as [`crate::quote::raw_byte`] says.
    String(String),
    Selector(Selector),
    /// `selector[range]`
    Matrix {
        selector: Selector,
        range: Duration,
    },
    Subquery(Box<Subquery>),
    Paren(Box<Expr>),
    Unary {
        negates: bool,
        operand: Box<Expr>,
    },
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call {
        function: Function,
        arguments: Vec<Expr>,
    },
}

/// The type of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    Scalar,
    String,
    /// Instant vector.
    Vector,
    /// Range vector.
    Matrix,
}

/// An instant vector selector.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// The metric name where it stands before the braces (or alone); it is among `matchers`, too.
    pub name: Option<String>,
    pub matchers: Vec<Matcher>,
    pub modifiers: Modifiers,
    /// `anchored` and `smoothed` (experimental).
    pub extension: Option<Extension>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    Anchored,
    Smoothed,
}

/// `offset` and `@`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modifiers {
    pub offset: Option<Duration>,
    pub at: Option<At>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// Milliseconds since 1970, UTC.
    Time(i64),
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

/// A length of time as it is written: a literal, or an expression that may ask for the query's step and range.
#[derive(Clone, Debug, PartialEq)]
pub enum Duration {
    /// Milliseconds; negative only as an offset.
    Milliseconds(i64),
    Expr(Box<DurationExpr>),
}

/// A duration expression; its value is in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// `300`
    Seconds(f64),
    /// `5m`, in seconds. It is evaluated like `Seconds`.
    Literal(f64),
    /// `step()`
    Step,
    /// `range()`: end minus start of the query
    Range,
    Negate(Box<DurationExpr>),
    Paren(Box<DurationExpr>),
    Binary {
        op: DurationOp,
        left: Box<DurationExpr>,
        right: Box<DurationExpr>,
    },
    /// `min(a, b)`, also `min_of`
    Min(Box<DurationExpr>, Box<DurationExpr>),
    /// `max(a, b)`, also `max_of`
    Max(Box<DurationExpr>, Box<DurationExpr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DurationOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

/// `operand[range:step]`
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    pub operand: Expr,
    pub range: Duration,
    /// `None` for the default resolution.
    pub step: Option<Duration>,
    pub modifiers: Modifiers,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    /// `bool` behind a comparison.
    pub returns_bool: bool,
    /// How vectors are matched; meaningless when one side is a scalar.
    pub matching: Matching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    And,
    Or,
    Unless,
    /// `</`: keep the part of a histogram below (experimental)
    TrimUpper,
    /// `>/`: keep the part of a histogram above (experimental)
    TrimLower,
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        }
    }

    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Greater | Self::Less | Self::GreaterOrEqual | Self::LessOrEqual
        )
    }

    /// `and`, `or`, `unless`
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How the elements of two vectors find each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    pub cardinality: Cardinality,
    /// The labels of `on`, or those of `ignoring`.
    pub labels: Vec<String>,
    /// `on` rather than `ignoring`.
    pub is_on: bool,
    /// The labels that `group_left` or `group_right` takes over from the one side.
    pub include: Vec<String>,
    /// `fill`, `fill_left`: what stands for a missing element on the left (experimental).
    pub fill_left: Option<f64>,
    pub fill_right: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cardinality {
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// `and`, `or`, `unless`
    ManyToMany,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub operand: Expr,
    /// The first argument of `topk`, `quantile`, `count_values` and their like.
    pub parameter: Option<Expr>,
    pub grouping: Vec<String>,
    /// `without` rather than `by`.
    pub is_without: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
    /// Experimental.
    LimitK,
    /// Experimental.
    LimitRatio,
}

impl AggregateOp {
    pub const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::TopK,
        Self::BottomK,
        Self::CountValues,
        Self::Quantile,
        Self::LimitK,
        Self::LimitRatio,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::TopK => "topk",
            Self::BottomK => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::LimitK => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// Whether a parameter stands before the operand.
    pub fn takes_parameter(self) -> bool {
        match self {
            Self::TopK | Self::BottomK | Self::CountValues | Self::Quantile | Self::LimitK | Self::LimitRatio => true,
            Self::Sum | Self::Avg | Self::Count | Self::Min | Self::Max | Self::Group | Self::Stddev | Self::Stdvar => {
                false
            }
        }
    }

    pub fn is_experimental(self) -> bool {
        matches!(self, Self::LimitK | Self::LimitRatio)
    }
}
