//! Syntax trees as JSON, as `/api/v1/parse_query` answers (Prometheus, `web/api/v1/translate_ast.go`).

use orszem_model::Matcher;
use serde_json::{Value, json};

use crate::ast::{At, Binary, Cardinality, Duration, Expr, ExprKind, Extension, Matching, Modifiers, Selector};
use crate::functions::Function;
use crate::print::number;

/// `expr` as JSON. Durations are milliseconds; those that are expressions show as 0.
pub fn tree(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number(value) | ExprKind::Duration(value) => {
            json!({ "type": "numberLiteral", "val": number(*value) })
        }
        ExprKind::String(text) => json!({ "type": "stringLiteral", "val": text }),
        ExprKind::Selector(selector) => selection("vectorSelector", selector),
        ExprKind::Matrix { selector, range } => {
            let mut value = selection("matrixSelector", selector);
            value["range"] = milliseconds(Some(range)).into();
            value
        }
        ExprKind::Subquery(subquery) => {
            let mut value = json!({
                "type": "subquery",
                "expr": tree(&subquery.operand),
                "range": milliseconds(Some(&subquery.range)),
                "step": milliseconds(subquery.step.as_ref()),
            });
            modify(&mut value, &subquery.modifiers);
            value
        }
        ExprKind::Paren(inner) => json!({ "type": "parenExpr", "expr": tree(inner) }),
        ExprKind::Unary { negates, operand } => {
            json!({ "type": "unaryExpr", "op": if *negates { "-" } else { "+" }, "expr": tree(operand) })
        }
        ExprKind::Binary(binary) => operation(binary),
        ExprKind::Aggregate(aggregate) => json!({
            "type": "aggregation",
            "op": aggregate.op.name(),
            "expr": tree(&aggregate.operand),
            "param": aggregate.parameter.as_ref().map(tree),
            "grouping": aggregate.grouping,
            "without": aggregate.is_without,
        }),
        ExprKind::Call { function, arguments } => json!({
            "type": "call",
            "func": signature(*function),
            "args": arguments.iter().map(tree).collect::<Vec<_>>(),
        }),
    }
}

fn signature(function: Function) -> Value {
    let signature = function.signature();
    json!({
        "name": signature.name,
        "argTypes": signature.arguments.iter().map(|argument| argument.name()).collect::<Vec<_>>(),
        "variadic": signature.variadic,
        "returnType": signature.returns.name(),
    })
}

fn operation(binary: &Binary) -> Value {
    json!({
        "type": "binaryExpr",
        "op": binary.op.symbol(),
        "lhs": tree(&binary.left),
        "rhs": tree(&binary.right),
        "matching": matches_vectors(binary).then(|| matching(&binary.matching)),
        "bool": binary.returns_bool,
    })
}

/// With a scalar on one side there is nothing to match.
fn matches_vectors(binary: &Binary) -> bool {
    let is_vector = |expr: &Expr| expr.value_type() == crate::ast::ValueType::Vector;
    is_vector(&binary.left) && is_vector(&binary.right)
}

fn matching(matching: &Matching) -> Value {
    json!({
        "card": match matching.cardinality {
            Cardinality::OneToOne => "one-to-one",
            Cardinality::ManyToOne => "many-to-one",
            Cardinality::OneToMany => "one-to-many",
            Cardinality::ManyToMany => "many-to-many",
        },
        "labels": matching.labels,
        "on": matching.is_on,
        "include": matching.include,
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

fn selection(kind: &str, selector: &Selector) -> Value {
    let mut value = json!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or_default(),
        "matchers": selector.matchers.iter().map(condition).collect::<Vec<_>>(),
        "anchored": selector.extension == Some(Extension::Anchored),
        "smoothed": selector.extension == Some(Extension::Smoothed),
    });
    modify(&mut value, &selector.modifiers);
    value
}

fn condition(matcher: &Matcher) -> Value {
    json!({ "name": matcher.name, "value": matcher.value, "type": matcher.op.symbol() })
}

fn modify(value: &mut Value, modifiers: &Modifiers) {
    let (time, preprocessor) = match modifiers.at {
        None => (None, None),
        Some(At::Time(time)) => (Some(time), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
    };
    value["offset"] = milliseconds(modifiers.offset.as_ref()).into();
    value["timestamp"] = time.into();
    value["startOrEnd"] = preprocessor.into();
}

fn milliseconds(duration: Option<&Duration>) -> i64 {
    match duration {
        Some(Duration::Milliseconds(milliseconds)) => *milliseconds,
        Some(Duration::Expr(_)) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::parse::{ParseOptions, parse};

    fn check(text: &str, expected: &Value) {
        let expr = parse(text, &ParseOptions { is_experimental: true }).expect("a query");
        assert_eq!(super::tree(&expr), *expected, "{text}");
    }

    #[test]
    fn selectors_show_all_they_have() {
        check(
            "up{a!~\"b\"} offset -1m @ end()",
            &json!({
                "type": "vectorSelector",
                "name": "up",
                "offset": -60_000,
                "matchers": [
                    { "name": "a", "value": "b", "type": "!~" },
                    { "name": "__name__", "value": "up", "type": "=" },
                ],
                "timestamp": null,
                "startOrEnd": "end",
                "anchored": false,
                "smoothed": false,
            }),
        );
        check(
            "{a=\"b\"}[5m] smoothed @ 1.5",
            &json!({
                "type": "matrixSelector",
                "name": "",
                "range": 300_000,
                "offset": 0,
                "matchers": [{ "name": "a", "value": "b", "type": "=" }],
                "timestamp": 1500,
                "startOrEnd": null,
                "anchored": false,
                "smoothed": true,
            }),
        );
    }

    #[test]
    fn operations_show_their_matching_where_vectors_match() {
        let number = |text| json!({ "type": "numberLiteral", "val": text });
        let scalar = json!({ "type": "call", "func": {
            "name": "time", "argTypes": [], "variadic": 0, "returnType": "scalar",
        }, "args": [] });
        check(
            "-time() > bool +Inf",
            &json!({
                "type": "binaryExpr",
                "op": ">",
                "lhs": { "type": "unaryExpr", "op": "-", "expr": scalar },
                "rhs": number("+Inf"),
                "matching": null,
                "bool": true,
            }),
        );
        let vector = json!({ "type": "call", "func": {
            "name": "vector", "argTypes": ["scalar"], "variadic": 0, "returnType": "vector",
        }, "args": [number("300")] });
        check(
            "vector(5m) / on(x) group_left(y) fill_right(2) (vector(300))",
            &json!({
                "type": "binaryExpr",
                "op": "/",
                "lhs": vector,
                "rhs": { "type": "parenExpr", "expr": vector },
                "matching": {
                    "card": "many-to-one",
                    "labels": ["x"],
                    "on": true,
                    "include": ["y"],
                    "fillValues": { "lhs": null, "rhs": 2.0 },
                },
                "bool": false,
            }),
        );
    }

    #[test]
    fn aggregations_and_subqueries() {
        let number = json!({ "type": "numberLiteral", "val": "1" });
        let vector = json!({ "type": "call", "func": {
            "name": "vector", "argTypes": ["scalar"], "variadic": 0, "returnType": "vector",
        }, "args": [number] });
        check(
            "topk without (x) (1, vector(1))",
            &json!({
                "type": "aggregation",
                "op": "topk",
                "expr": vector,
                "param": number,
                "grouping": ["x"],
                "without": true,
            }),
        );
        check(
            "vector(1)[1h:step()] offset 1m",
            &json!({
                "type": "subquery",
                "expr": vector,
                "range": 3_600_000,
                "offset": 60_000,
                "step": 0,
                "timestamp": null,
                "startOrEnd": null,
            }),
        );
    }
}
