//! Types, arity and all else that a tree must satisfy beyond its grammar (Prometheus, `checkAST`).

use orszem_model::METRIC_NAME;

use crate::ast::{Binary, BinaryOp, Cardinality, Expr, ExprKind, Matching, Selector, Span, ValueType};
use crate::functions::Function;
use crate::lex::Fault;
use crate::quote::quote;

impl ValueType {
    /// As documentation and errors name it.
    pub fn described(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }

    /// As the HTTP API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
        }
    }
}

impl Expr {
    /// The type of the value.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::Duration(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Selector(_) | ExprKind::Aggregate(_) => ValueType::Vector,
            ExprKind::Matrix { .. } | ExprKind::Subquery(_) => ValueType::Matrix,
            ExprKind::Paren(inner) => inner.value_type(),
            ExprKind::Unary { operand, .. } => operand.value_type(),
            ExprKind::Binary(binary) => match (binary.left.value_type(), binary.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            ExprKind::Call { function, .. } => function.signature().returns,
        }
    }
}

fn fault<T>(span: Span, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { span, message: message.into() })
}

/// Checks the tree that `text` was read as, from its leaves; gives set operators their cardinality, and takes the matching from operators that
/// have no two vectors.
pub(crate) fn check(expr: &mut Expr, text: &str) -> Result<ValueType, Fault> {
    let span = expr.span;
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => {}
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => check_selector(selector, span, false)?,
        ExprKind::Subquery(subquery) => {
            let found = check(&mut subquery.operand, text)?;
            if found != ValueType::Vector {
                let message = format!("subquery is only allowed on instant vector, got {} instead", found.name());
                return fault(span, message);
            }
        }
        ExprKind::Paren(inner) => return check(inner, text),
        ExprKind::Unary { operand, .. } => {
            let found = check(operand, text)?;
            if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                let message = "unary expression only allowed on expressions of type scalar or instant vector, got";
                return fault(span, format!("{message} {}", quote(found.described())));
            }
        }
        ExprKind::Binary(binary) => return check_binary(binary, span, text),
        ExprKind::Aggregate(aggregate) => {
            expect_type(&mut aggregate.operand, ValueType::Vector, "aggregation expression", text)?;
            let wanted = match aggregate.op {
                crate::ast::AggregateOp::CountValues => ValueType::String,
                _ => ValueType::Scalar,
            };
            if let Some(parameter) = &mut aggregate.parameter {
                expect_type(parameter, wanted, "aggregation parameter", text)?;
            }
        }
        ExprKind::Call { function, arguments } => check_call(*function, arguments, span, text)?,
    }
    Ok(expr.value_type())
}

fn expect_type(expr: &mut Expr, wanted: ValueType, place: &str, text: &str) -> Result<(), Fault> {
    let found = check(expr, text)?;
    if found == wanted {
        return Ok(());
    }
    let message = format!("expected type {} in {place}, got {}", wanted.described(), found.described());
    fault(expr.span, message)
}

/// `may_be_empty` where matchers alone may match everything.
fn check_selector(selector: &Selector, span: Span, may_be_empty: bool) -> Result<(), Fault> {
    let Some(name) = &selector.name else {
        if may_be_empty || selector.matchers.iter().any(|matcher| !matcher.matches_absent()) {
            return Ok(());
        }
        return fault(span, "vector selector must contain at least one non-empty matcher");
    };
    // The last one is that of the name itself.
    let others = selector.matchers.split_last().map(|(_, others)| others).unwrap_or_default();
    match others.iter().find(|matcher| matcher.name == METRIC_NAME) {
        Some(other) => {
            let message = format!("metric name must not be set twice: {} or {}", quote(name), quote(&other.value));
            fault(span, message)
        }
        None => Ok(()),
    }
}

fn check_binary(binary: &mut Binary, span: Span, text: &str) -> Result<ValueType, Fault> {
    let left = check(&mut binary.left, text)?;
    let right = check(&mut binary.right, text)?;
    let op = binary.op;
    let operator = between(binary.left.span, binary.right.span, text);
    if binary.returns_bool && !op.is_comparison() {
        return fault(operator, "bool modifier can only be used on comparison operators");
    }
    if op.is_comparison() && !binary.returns_bool && (left, right) == (ValueType::Scalar, ValueType::Scalar) {
        return fault(operator, "comparisons between scalars must use BOOL modifier");
    }
    let matching = &mut binary.matching;
    if op.is_set() && matching.cardinality == Cardinality::OneToOne {
        matching.cardinality = Cardinality::ManyToMany;
    }
    if let Some(label) = matching.labels.iter().find(|label| matching.is_on && matching.include.contains(label)) {
        return fault(operator, format!("label {} must not occur in ON and GROUP clause at once", quote(label)));
    }
    for (found, operand) in [(left, &binary.left), (right, &binary.right)] {
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            return fault(operand.span, "binary expression must contain only scalar and instant vector types");
        }
    }
    if (left, right) == (ValueType::Vector, ValueType::Vector) {
        check_set(op, matching, span)?;
        return Ok(ValueType::Vector);
    }
    if !matching.labels.is_empty() {
        return fault(span, "vector matching only allowed between instant vectors");
    }
    if matching.fill_left.is_some() || matching.fill_right.is_some() {
        return fault(span, "filling in missing series only allowed between instant vectors");
    }
    *matching = Matching::default();
    if op.is_set() {
        return fault(span, format!("set operator {} not allowed in binary scalar expression", quote(op.symbol())));
    }
    Ok(if left == right { left } else { ValueType::Vector })
}

/// What stands between two operands, without the spaces around it.
fn between(left: Span, right: Span, text: &str) -> Span {
    let middle = text.get(left.end..right.start).unwrap_or_default();
    let start = right.start - middle.trim_start().len();
    Span { start, end: start + middle.trim().len() }
}

/// Set operators group and fill nothing.
fn check_set(op: BinaryOp, matching: &Matching, span: Span) -> Result<(), Fault> {
    if !op.is_set() {
        return Ok(());
    }
    if matching.cardinality != Cardinality::ManyToMany {
        return fault(span, format!("no grouping allowed for {} operation", quote(op.symbol())));
    }
    if matching.fill_left.is_some() || matching.fill_right.is_some() {
        return fault(span, "filling in missing series not allowed for set operators");
    }
    Ok(())
}

fn check_call(function: Function, arguments: &mut [Expr], span: Span, text: &str) -> Result<(), Fault> {
    let signature = function.signature();
    let name = quote(signature.name);
    check_count(function, arguments.len(), span)?;
    if function == Function::Info
        && let Some(selector) = arguments.get(1)
    {
        check_info(selector, span, &name)?;
    }
    for (at, argument) in arguments.iter_mut().enumerate() {
        let Some(wanted) = signature.arguments.get(at).or(signature.arguments.last()) else { break };
        let found = match &argument.kind {
            ExprKind::Selector(selector) if function == Function::Info && at == 1 => {
                check_selector(selector, argument.span, true)?;
                ValueType::Vector
            }
            _ => check(argument, text)?,
        };
        if found != *wanted {
            let (wanted, found) = (wanted.described(), found.described());
            return fault(argument.span, format!("expected type {wanted} in call to function {name}, got {found}"));
        }
    }
    Ok(())
}

fn check_count(function: Function, count: usize, span: Span) -> Result<(), Fault> {
    let signature = function.signature();
    let name = quote(signature.name);
    let declared = signature.arguments.len();
    if signature.variadic == 0 {
        if count != declared {
            return fault(span, format!("expected {declared} argument(s) in call to {name}, got {count}"));
        }
        return Ok(());
    }
    let least = declared.saturating_sub(1);
    if count < least {
        return fault(span, format!("expected at least {least} argument(s) in call to {name}, got {count}"));
    }
    let most = usize::try_from(signature.variadic).ok().map(|more| least + more);
    match most.filter(|most| count > *most) {
        Some(most) => fault(span, format!("expected at most {most} argument(s) in call to {name}, got {count}")),
        None => Ok(()),
    }
}

/// The second argument of `info` is a selector without a name.
fn check_info(selector: &Expr, span: Span, name: &str) -> Result<(), Fault> {
    let found = selector.value_type();
    if found != ValueType::Vector {
        let found = found.described();
        return fault(span, format!("expected type instant vector in call to function {name}, got {found}"));
    }
    match &selector.kind {
        ExprKind::Selector(Selector { name: None, .. }) => Ok(()),
        ExprKind::Selector(_) => fault(selector.span, "expected label selectors only, got vector selector instead"),
        _ => fault(selector.span, "expected label selectors only"),
    }
}
