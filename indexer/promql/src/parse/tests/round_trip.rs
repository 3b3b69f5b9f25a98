//! Trees print to texts that are read as the same trees.

use orszem_model::{METRIC_NAME, MatchOp, Matcher};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::EXPERIMENTAL;
use crate::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Cardinality, Duration, DurationExpr, DurationOp, Expr, ExprKind,
    Extension, Matching, Modifiers, Selector, Span, Subquery,
};
use crate::functions::Function;
use crate::parse::parse;

fn expr(kind: ExprKind) -> Expr {
    Expr { span: Span::default(), kind }
}

fn paren(inner: Expr) -> Expr {
    expr(ExprKind::Paren(Box::new(inner)))
}

fn text() -> impl Strategy<Value = String> {
    "[a-c\"'`\\\\\n\t\u{e9}\u{a0}\u{10ff81} ]{0,6}"
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,6}", select(vec!["by", "on", "sum", "a.b", "9", "\u{e9}"]).prop_map(str::to_owned)]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![select(vec![0.0, 1.5, 1e300, 1e-9, f64::INFINITY]), 0.0..1e6]
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let of = |op| move |(name, value): (String, String)| Matcher::new(name, op, value).expect("a matcher");
    prop_oneof![
        (label(), text()).prop_map(of(MatchOp::Equal)),
        (label(), text()).prop_map(of(MatchOp::NotEqual)),
        (label(), "[a-z.*|]{1,6}").prop_filter_map("a regex", |(name, value)| Matcher::new(
            name,
            MatchOp::Regex,
            value
        )
        .ok()),
        (label(), "[a-z]{1,6}").prop_map(of(MatchOp::NotRegex)),
    ]
}

fn duration_expr() -> impl Strategy<Value = DurationExpr> {
    let leaf = prop_oneof![
        Just(DurationExpr::Step),
        Just(DurationExpr::Range),
        (1u32..10_000).prop_map(|seconds| DurationExpr::Seconds(f64::from(seconds) / 4.0)),
        (1u32..10_000_000).prop_map(|milliseconds| DurationExpr::Literal(f64::from(milliseconds) / 1000.0)),
    ];
    let ops = [DurationOp::Add, DurationOp::Sub, DurationOp::Mul, DurationOp::Div, DurationOp::Mod, DurationOp::Pow];
    leaf.prop_recursive(3, 12, 2, move |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let wrapped = inner.prop_map(|inner| Box::new(DurationExpr::Paren(Box::new(inner))));
        prop_oneof![
            wrapped.clone().prop_map(DurationExpr::Negate),
            (select(ops.to_vec()), wrapped.clone(), wrapped).prop_map(|(op, left, right)| DurationExpr::Binary {
                op,
                left,
                right
            }),
            (boxed.clone(), boxed.clone()).prop_map(|(left, right)| DurationExpr::Min(left, right)),
            (boxed.clone(), boxed.clone()).prop_map(|(left, right)| DurationExpr::Max(left, right)),
            boxed.prop_map(DurationExpr::Paren),
        ]
    })
}

fn length() -> impl Strategy<Value = Duration> {
    let compound = duration_expr().prop_filter("literals are milliseconds", |inner| {
        !matches!(inner, DurationExpr::Seconds(_) | DurationExpr::Literal(_))
    });
    prop_oneof![
        (1i64..100_000_000).prop_map(Duration::Milliseconds),
        compound.prop_map(|inner| Duration::Expr(Box::new(inner))),
    ]
}

fn offset() -> impl Strategy<Value = Duration> {
    prop_oneof![
        select(vec![-300_000, -1, 1, 86_400_000]).prop_map(Duration::Milliseconds),
        duration_expr().prop_map(|inner| Duration::Expr(Box::new(DurationExpr::Paren(Box::new(inner))))),
    ]
}

fn modifiers() -> impl Strategy<Value = Modifiers> {
    let at = prop_oneof![Just(At::Start), Just(At::End), (-10_000_000_000i64..10_000_000_000).prop_map(At::Time)];
    (option::of(offset()), option::of(at)).prop_map(|(offset, at)| Modifiers { offset, at })
}

fn selector() -> impl Strategy<Value = Selector> {
    let name = option::of("[a-z_:][a-z0-9_:]{0,5}").prop_filter("numbers are no names", |name| {
        !matches!(name.as_deref(), Some("inf" | "nan" | "on" | "bool" | "atan2"))
    });
    let extension = option::of(select(vec![Extension::Anchored, Extension::Smoothed]));
    (name, vec(matcher(), 0..4), modifiers(), extension).prop_map(|(name, mut matchers, modifiers, extension)| {
        // As they are printed; at least one matches no absent label.
        matchers.push(Matcher::equal("z", "1"));
        matchers.sort_by_key(|matcher| {
            Expr {
                span: Span::default(),
                kind: ExprKind::Selector(Selector {
                    name: None,
                    matchers: vec![matcher.clone()],
                    modifiers: Modifiers::default(),
                    extension: None,
                }),
            }
            .to_string()
            .trim_end_matches('}')
            .to_owned()
        });
        matchers.extend(name.clone().map(|name| Matcher::equal(METRIC_NAME, name)));
        Selector { name, matchers, modifiers, extension }
    })
}

fn matching() -> impl Strategy<Value = Matching> {
    let cardinality = select(vec![Cardinality::OneToOne, Cardinality::ManyToOne, Cardinality::OneToMany]);
    let fill = || option::of(prop_oneof![number(), number().prop_map(|value| -value)]);
    (cardinality, vec("[a-m]{1,3}", 0..3), any::<bool>(), vec("[n-z]{1,3}", 0..3), fill(), fill()).prop_map(
        |(cardinality, labels, is_on, include, fill_left, fill_right)| {
            let include = if cardinality == Cardinality::OneToOne { Vec::new() } else { include };
            Matching { cardinality, labels, is_on, include, fill_left, fill_right }
        },
    )
}

fn binary(op: BinaryOp, left: Expr, right: Expr, returns_bool: bool, mut matching: Matching) -> Expr {
    if op.is_set() {
        (matching.cardinality, matching.include) = (Cardinality::ManyToMany, Vec::new());
        (matching.fill_left, matching.fill_right) = (None, None);
    }
    let returns_bool = returns_bool && op.is_comparison();
    expr(ExprKind::Binary(Box::new(Binary { op, left, right, returns_bool, matching })))
}

/// An instant vector that binds more tightly than any operator.
fn vector() -> impl Strategy<Value = Expr> {
    let ops = [
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::Mod,
        BinaryOp::Pow,
        BinaryOp::Atan2,
        BinaryOp::Equal,
        BinaryOp::NotEqual,
        BinaryOp::Greater,
        BinaryOp::Less,
        BinaryOp::GreaterOrEqual,
        BinaryOp::LessOrEqual,
        BinaryOp::And,
        BinaryOp::Or,
        BinaryOp::Unless,
        BinaryOp::TrimUpper,
        BinaryOp::TrimLower,
    ];
    selector().prop_map(|selector| expr(ExprKind::Selector(selector))).prop_recursive(4, 24, 3, move |inner| {
        let operation = (select(ops.to_vec()), inner.clone(), inner.clone(), any::<bool>(), matching());
        let aggregation =
            (select(AggregateOp::ALL.to_vec()), inner.clone(), number(), text(), vec(label(), 0..3), any::<bool>());
        let subquery = (inner.clone(), length(), option::of(length()), modifiers());
        prop_oneof![
            operation.prop_map(|(op, left, right, returns_bool, matching)| paren(binary(
                op,
                left,
                right,
                returns_bool,
                matching
            ))),
            (any::<bool>(), inner.clone())
                .prop_map(|(negates, operand)| paren(expr(ExprKind::Unary { negates, operand: Box::new(operand) }))),
            aggregation.prop_map(|(op, operand, number, text, grouping, is_without)| {
                let parameter = op.takes_parameter().then(|| match op {
                    AggregateOp::CountValues => expr(ExprKind::String(text)),
                    _ => expr(ExprKind::Number(number)),
                });
                expr(ExprKind::Aggregate(Box::new(Aggregate { op, operand, parameter, grouping, is_without })))
            }),
            subquery.prop_map(|(operand, range, step, modifiers)| {
                let subquery = expr(ExprKind::Subquery(Box::new(Subquery { operand, range, step, modifiers })));
                expr(ExprKind::Call { function: Function::Rate, arguments: vec![subquery] })
            }),
            (selector(), length()).prop_map(|(selector, range)| {
                let matrix = expr(ExprKind::Matrix { selector, range });
                expr(ExprKind::Call { function: Function::Increase, arguments: vec![matrix] })
            }),
            (inner, number(), 1u32..1_000_000).prop_map(|(vector, least, most)| {
                let most = ExprKind::Duration(f64::from(most) / 1000.0);
                expr(ExprKind::Call {
                    function: Function::Clamp,
                    arguments: vec![vector, expr(ExprKind::Number(least)), expr(most)],
                })
            }),
        ]
    })
}

fn without_places(mut tree: Expr) -> Expr {
    tree.span = Span::default();
    match &mut tree.kind {
        ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } => **inner = without_places((**inner).clone()),
        ExprKind::Subquery(subquery) => subquery.operand = without_places(subquery.operand.clone()),
        ExprKind::Binary(binary) => {
            binary.left = without_places(binary.left.clone());
            binary.right = without_places(binary.right.clone());
        }
        ExprKind::Aggregate(aggregate) => {
            aggregate.operand = without_places(aggregate.operand.clone());
            aggregate.parameter = aggregate.parameter.clone().map(without_places);
        }
        ExprKind::Call { arguments, .. } => {
            for argument in arguments {
                *argument = without_places(argument.clone());
            }
        }
        ExprKind::Number(_)
        | ExprKind::Duration(_)
        | ExprKind::String(_)
        | ExprKind::Selector(_)
        | ExprKind::Matrix { .. } => {}
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn printed_trees_are_read_as_they_were(tree in vector()) {
        for text in [tree.to_string(), crate::pretty(&tree)] {
            let again = parse(&text, &EXPERIMENTAL).map(without_places);
            prop_assert_eq!(again, Ok(tree.clone()), "{}", text);
        }
    }
}
