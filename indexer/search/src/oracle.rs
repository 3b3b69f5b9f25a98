//! What `docs/search.md` says, done the plainest way, for tests to compare with: texts are lists of characters,
//! literals and wildcards are tried at every place, nothing is searched for or narrowed by.

use std::cmp::Ordering;

use orszem_model::Severity;
use orszem_model::wire::RecordView;

use crate::ast::{Bound, Comparison, Expr, FieldMatcher, FieldName, FieldPattern, Required, TextPattern, Verify};
use crate::glob::{Glob, Piece, Scope};
use crate::query::Query;

/// A character, or `None` for an invalid byte.
type Item = Option<char>;

/// Whether the record matches the query.
pub fn matches(query: &Query, record: &RecordView<'_>) -> bool {
    query.kinds & 1 << record.kind as u8 != 0 && expr_matches(&query.expr, record)
}

/// Whether the record matches the tree, whatever its kind.
pub fn expr_matches(expr: &Expr, record: &RecordView<'_>) -> bool {
    match expr {
        Expr::All => true,
        Expr::And(parts) => parts.iter().filter(|part| !expr_matches(part, record)).count() == 0,
        Expr::Or(parts) => parts.iter().filter(|part| expr_matches(part, record)).count() > 0,
        Expr::Not(part) => !expr_matches(part, record),
        Expr::Text(pattern) => text_matches(pattern, record.body),
        Expr::Field(pattern) => field_matches(pattern, record),
    }
}

/// Whether the literal occurs in the text, at its boundaries.
pub fn literal_occurs(required: &Required, text: &[u8]) -> bool {
    let items = decode(text);
    let literal: Vec<Item> = required.folded.chars().map(Some).collect();
    let is_word = |at: Option<usize>| at.and_then(|at| items.get(at)).is_some_and(|item| word(*item));
    (0..items.len()).any(|start| {
        let end = start + literal.len();
        let occurs = items
            .get(start..end)
            .is_some_and(|window| window.iter().map(|item| item.map(lower)).eq(literal.iter().copied()));
        let continued_left = required.left_boundary && word(literal[0]) && is_word(start.checked_sub(1));
        let continued_right = required.right_boundary && word(literal[literal.len() - 1]) && is_word(Some(end));
        occurs && !continued_left && !continued_right
    })
}

/// Whether the text matches the pattern.
pub fn text_matches(pattern: &TextPattern, text: &[u8]) -> bool {
    match &pattern.verify {
        Verify::Exact => pattern.required.iter().all(|required| literal_occurs(required, text)),
        Verify::Regex(regex) => regex.is_match(text),
        Verify::Glob(glob) => glob_matches(glob, text),
    }
}

fn glob_matches(glob: &Glob, text: &[u8]) -> bool {
    let items = decode(text);
    let whole = glob.scope() == Scope::Whole;
    let cut = |at: usize| at == 0 || at == items.len() || !(word(items[at - 1]) && word(items[at]));
    let pieces = glob.pieces();
    let bounded = |edge: Option<&Piece>| edge != Some(&Piece::Star);
    // The places that the pieces so far can end at.
    let mut places: Vec<bool> =
        (0..=items.len()).map(|at| if whole { at == 0 } else { !bounded(pieces.first()) || cut(at) }).collect();
    let plain = |at: usize| items[at].is_some_and(|c| whole || !c.is_whitespace());
    for piece in pieces {
        let mut next = vec![false; places.len()];
        match piece {
            Piece::Literal(c) => {
                (0..items.len()).for_each(|at| next[at + 1] = places[at] && items[at].map(lower) == Some(*c))
            }
            Piece::One => (0..items.len()).for_each(|at| next[at + 1] = places[at] && plain(at)),
            Piece::Star => {
                next.clone_from(&places);
                (0..items.len()).for_each(|at| next[at + 1] |= next[at] && (plain(at) || whole));
            }
        }
        places = next;
    }
    (0..=items.len()).any(|at| places[at] && if whole { at == items.len() } else { !bounded(pieces.last()) || cut(at) })
}

fn field_matches(pattern: &FieldPattern, record: &RecordView<'_>) -> bool {
    let matcher = &pattern.matcher;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    let values: Vec<Vec<u8>> = match &pattern.field {
        FieldName::Severity => return severity_matches(matcher, record),
        FieldName::Body if matches!(matcher, FieldMatcher::Exists) => return !record.body.is_empty(),
        FieldName::Body => vec![record.body.to_vec()],
        FieldName::Kind => vec![record.kind.name().as_bytes().to_vec()],
        FieldName::TraceId => record.trace_id.iter().map(|id| hex(id)).collect(),
        FieldName::SpanId => record.span_id.iter().map(|id| hex(id)).collect(),
        FieldName::Entity => record.entities.map(|entity| entity.as_bytes().to_vec()).collect(),
        FieldName::Named(names) => {
            let is_named = |name: &str| names.iter().any(|other| other == name);
            let labels =
                record.stream.labels.iter().filter(|label| is_named(label.0)).map(|label| label.1.as_bytes().to_vec());
            let attributes =
                record.attributes.filter(|attribute| is_named(attribute.key)).map(|attribute| attribute.value.to_vec());
            labels.chain(attributes).collect()
        }
    };
    values.iter().any(|value| value_matches(matcher, value))
}

fn severity_matches(matcher: &FieldMatcher, record: &RecordView<'_>) -> bool {
    match matcher {
        FieldMatcher::Exists => record.severity != Severity::UNSET,
        FieldMatcher::Severities(mask) => (mask >> record.severity.number()) % 2 == 1,
        FieldMatcher::Equals(_) | FieldMatcher::Pattern(_) => {
            let words = [Some(record.severity.name()), record.severity_text];
            words.iter().flatten().any(|text| value_matches(matcher, text.as_bytes()))
        }
        FieldMatcher::Compare(..) | FieldMatcher::Range { .. } => {
            record.severity != Severity::UNSET
                && value_matches(matcher, record.severity.number().to_string().as_bytes())
        }
    }
}

fn value_matches(matcher: &FieldMatcher, value: &[u8]) -> bool {
    match matcher {
        FieldMatcher::Exists => true,
        FieldMatcher::Equals(folded) => text_of(value).is_some_and(|text| text == *folded),
        FieldMatcher::Pattern(pattern) => text_matches(pattern, value),
        FieldMatcher::Compare(comparison, bound) => bound_accepts(value, *comparison, bound),
        FieldMatcher::Range { lower, upper } => {
            bound_accepts(value, lower.0, &lower.1) && bound_accepts(value, upper.0, &upper.1)
        }
        FieldMatcher::Severities(_) => false,
    }
}

fn bound_accepts(value: &[u8], comparison: Comparison, bound: &Bound) -> bool {
    let ordering: Option<Ordering> = match (bound, text_of(value)) {
        (Bound::Open, _) => return true,
        (_, None) => None,
        (Bound::Text(bound), Some(text)) => Some(text.cmp(bound)),
        (Bound::Number(bound), Some(text)) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => number.partial_cmp(bound),
            _ => Some(text.cmp(&bound.to_string())),
        },
    };
    ordering.is_some_and(|ordering| comparison.accepts(ordering))
}

/// The folded text, `None` if there is an invalid byte.
fn text_of(value: &[u8]) -> Option<String> {
    decode(value).into_iter().map(|item| item.map(lower)).collect()
}

fn decode(text: &[u8]) -> Vec<Item> {
    let chunks = text.utf8_chunks();
    chunks.flat_map(|chunk| chunk.valid().chars().map(Some).chain(chunk.invalid().iter().map(|_| None))).collect()
}

fn lower(c: char) -> char {
    let lower: Vec<char> = c.to_lowercase().collect();
    if let [one] = lower[..] { one } else { c }
}

fn word(item: Item) -> bool {
    item.is_some_and(char::is_alphanumeric)
}
