//! Reads TOML so that every wrong option is found in one go, each with its line.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::Problem;

/// A file with more wrong options than this is told no further.
const PROBLEMS_MAX: usize = 50;

/// The value without its wrong options (defaults stand in for them), and a problem for each.
pub(super) fn deserialize<T: DeserializeOwned + Default>(text: &str) -> (T, Vec<Problem>) {
    let (mut table, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return (T::default(), syntax.iter().map(|error| syntax_problem(text, error)).collect());
    }
    let mut problems = Vec::new();
    loop {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(value) => return (value, problems),
            Err(error) => error,
        };
        match error.span().and_then(|span| remove_at(table.get_mut(), &span, "")) {
            Some(removed) if problems.len() < PROBLEMS_MAX => problems.push(option_problem(text, &error, &removed)),
            Some(_) | None => {
                problems.push(syntax_problem(text, &error));
                return (T::default(), problems);
            }
        }
    }
}

/// The problem with the line of its key, and the value as the file writes it.
pub(super) fn with_line(text: &str, mut problem: Problem) -> Problem {
    let (table, _) = DeTable::parse_recoverable(text);
    if let Some(place) = find(table.get_ref(), &problem.key) {
        problem.line = Some(line_of(text, place.start));
    }
    problem
}

/// An option that was taken out of the table.
struct Removed {
    key: String,
    key_span: Range<usize>,
    /// The place of its value, unless the key itself was wrong.
    value_span: Option<Range<usize>>,
}

/// Takes out the innermost option whose key or value holds `span`.
fn remove_at(table: &mut DeTable<'_>, span: &Range<usize>, path: &str) -> Option<Removed> {
    let holds = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let by_key =
        table.iter().find(|(key, _)| key.span() == *span).map(|(key, _)| (key.get_ref().to_string(), key.span()));
    if let Some((name, key_span)) = by_key {
        table.remove(name.as_str());
        return Some(Removed { key: join(path, &name), key_span, value_span: None });
    }
    // Tables may be written in several places, so they are searched whatever their own span is.
    for (key, value) in table.iter_mut() {
        let inner = join(path, key.get_ref());
        let found = match value.get_mut() {
            DeValue::Table(inner_table) => remove_at(inner_table, span, &inner),
            DeValue::Array(items) => items.iter_mut().enumerate().find_map(|(at, item)| match item.get_mut() {
                DeValue::Table(inner_table) => remove_at(inner_table, span, &format!("{inner}[{at}]")),
                _ => None,
            }),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    let (name, key_span, value_span) = table
        .iter()
        .find(|(_, value)| holds(&value.span()))
        .map(|(key, value)| (key.get_ref().to_string(), key.span(), value.span()))?;
    table.remove(name.as_str());
    Some(Removed { key: join(path, &name), key_span, value_span: Some(value_span) })
}

/// Where the key at `path` stands.
fn find(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    let (name, index) = match head.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
        None => (head, None),
    };
    let (key, value) = table.get_key_value(name)?;
    let inner = match (value.get_ref(), index) {
        (DeValue::Table(inner), None) => Some(inner),
        (DeValue::Array(items), Some(at)) => match items.get(at).map(Spanned::get_ref) {
            Some(DeValue::Table(inner)) => Some(inner),
            _ => None,
        },
        _ => None,
    };
    match (rest, inner) {
        (Some(rest), Some(inner)) => find(inner, rest),
        _ => Some(key.span()),
    }
}

fn option_problem(text: &str, error: &Error, removed: &Removed) -> Problem {
    let line = Some(line_of(text, removed.key_span.start));
    let value = removed.value_span.as_ref().and_then(|span| text.get(span.clone())).map(str::to_owned);
    let message = error.message();
    if let Some(expected) = message.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", ")) {
        let key_end = removed.key_span.end;
        let written = text.get(key_end..).and_then(|rest| rest.lines().next()).and_then(|rest| rest.split_once('='));
        let known = expected.1.trim_start_matches("expected ").trim_start_matches("one of ");
        return Problem {
            line,
            key: removed.key.clone(),
            value: written.map(|(_, value)| value.trim().to_owned()),
            wrong: "unknown option".to_owned(),
            remedy: format!("use one of {known}, or remove it"),
        };
    }
    let remedy = match removed.key.as_str() {
        "server.listen" => "write addresses with a port, such as [\"127.0.0.1:7450\"]",
        _ => "correct the value, config/orszem.toml shows every option",
    };
    Problem { line, key: removed.key.clone(), value, wrong: message.to_owned(), remedy: remedy.to_owned() }
}

fn syntax_problem(text: &str, error: &Error) -> Problem {
    Problem {
        line: error.span().map(|span| line_of(text, span.start)),
        key: String::new(),
        value: None,
        wrong: error.message().to_owned(),
        remedy: "correct the file's TOML there".to_owned(),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
