//! Reads TOML so that every wrong option is found in one go, each with its line.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, Error};

use super::Problem;
use super::nearest::nearest;

/// A file with more wrong options than this is told no further.
const PROBLEMS_MAX: usize = 50;
/// A value that is longer is told as its section shows it, which may be shorter.
const VALUE_BYTES_MAX: usize = 100;

/// What a text says as far as it can be used.
pub(super) struct Read<T> {
    /// Without its wrong options; defaults stand in for them.
    pub(super) value: T,
    pub(super) problems: Vec<Problem>,
    left_out: LeftOut,
}

/// Items that were taken out of arrays, as path and original place.
#[derive(Default)]
struct LeftOut(Vec<(String, usize)>);

/// Reads as much as possible, and tells what is wrong with the rest.
pub(super) fn deserialize<T: DeserializeOwned + Default>(text: &str) -> Read<T> {
    let (mut table, syntax) = DeTable::parse_recoverable(text);
    let mut left_out = LeftOut::default();
    if !syntax.is_empty() {
        let problems = syntax.iter().map(|error| syntax_problem(text, error)).collect();
        return Read { value: T::default(), problems, left_out };
    }
    let mut problems: Vec<Problem> = Vec::new();
    loop {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(value) => return Read { value, problems, left_out },
            Err(error) => error,
        };
        let removed = error.span().and_then(|span| remove_at(table.get_mut(), &span, ""));
        let Some(mut removed) = removed.filter(|_| problems.len() < PROBLEMS_MAX) else {
            problems.push(syntax_problem(text, &error));
            return Read { value: T::default(), problems, left_out };
        };
        removed.key = left_out.original(&removed.key);
        // What is missing because it was wrong is not told twice.
        let inner = format!("{}.", removed.key);
        if !(removed.is_item && problems.iter().any(|told| told.key.starts_with(&inner))) {
            problems.push(option_problem(text, &error, &removed));
        }
        if removed.is_item {
            left_out.note(&removed.key);
        }
    }
}

impl<T> Read<T> {
    /// A problem of the value as one of `text`: with its line, and the value as the file writes it.
    pub(super) fn placed(&self, text: &str, problem: Problem) -> Problem {
        placed(text, Problem { key: self.left_out.original(&problem.key), ..problem })
    }
}

impl LeftOut {
    /// Notes the item `path[place]`.
    fn note(&mut self, key: &str) {
        let place = key.rsplit_once('[').and_then(|(path, at)| Some((path, at.trim_end_matches(']').parse().ok()?)));
        self.0.extend(place.map(|(path, at)| (path.to_owned(), at)));
        self.0.sort();
    }

    /// The key with the place that its item has in the text.
    fn original(&self, key: &str) -> String {
        for (path, _) in &self.0 {
            let inner =
                key.strip_prefix(path).and_then(|rest| rest.strip_prefix('[')).and_then(|rest| rest.split_once(']'));
            let Some((Ok(at), rest)) = inner.map(|(at, rest)| (at.parse::<usize>(), rest)) else { continue };
            let before = self.0.iter().filter(|(other, _)| other == path);
            let at = before.fold(at, |at, (_, gone)| if *gone <= at { at + 1 } else { at });
            return format!("{path}[{at}]{rest}");
        }
        key.to_owned()
    }
}

fn placed(text: &str, mut problem: Problem) -> Problem {
    let (table, _) = DeTable::parse_recoverable(text);
    if let Some(Place { start, value }) = find(table.get_ref(), &problem.key) {
        problem.line = Some(line_of(text, start));
        let written = value.and_then(|span| text.get(span));
        if let Some(written) = written.filter(|text| text.len() <= VALUE_BYTES_MAX && !text.contains('\n')) {
            problem.value = Some(written.to_owned());
        }
    }
    problem
}

/// An option, or an item of an array of tables, that was taken out of the table.
struct Removed {
    key: String,
    /// Where it stands.
    start: usize,
    /// The place of its value, unless that is a table.
    value: Option<Range<usize>>,
    is_item: bool,
}

/// Takes out the innermost option whose key or value holds `span`.
fn remove_at(table: &mut DeTable<'_>, span: &Range<usize>, path: &str) -> Option<Removed> {
    let by_key = table.iter().find(|(key, _)| key.span() == *span).map(|(key, _)| key.get_ref().to_string());
    if let Some(name) = by_key {
        return remove(table, &name, path);
    }
    // Tables may be written in several places, so they are searched whatever their own span is.
    for (key, value) in table.iter_mut() {
        let inner = join(path, key.get_ref());
        let found = match value.get_mut() {
            DeValue::Table(inner_table) => remove_at(inner_table, span, &inner),
            DeValue::Array(items) => {
                let is_wrong = |item: &Spanned<DeValue<'_>>| is_table(item.get_ref()) && item.span() == *span;
                if let Some(at) = items.iter().position(is_wrong) {
                    let start = items[at].span().start;
                    let others = std::mem::replace(items, DeArray::new())
                        .into_iter()
                        .enumerate()
                        .filter(|(other, _)| *other != at);
                    others.for_each(|(_, item)| items.push(item));
                    return Some(Removed { key: format!("{inner}[{at}]"), start, value: None, is_item: true });
                }
                items.iter_mut().enumerate().find_map(|(at, item)| match item.get_mut() {
                    DeValue::Table(inner_table) => remove_at(inner_table, span, &format!("{inner}[{at}]")),
                    _ => None,
                })
            }
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    let holds = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let name = table.iter().find(|(_, value)| holds(&value.span())).map(|(key, _)| key.get_ref().to_string())?;
    remove(table, &name, path)
}

fn remove(table: &mut DeTable<'_>, name: &str, path: &str) -> Option<Removed> {
    let (key, value) = table.remove_entry(name)?;
    let value_span = (!is_table(value.get_ref())).then(|| value.span());
    Some(Removed { key: join(path, name), start: key.span().start, value: value_span, is_item: false })
}

/// Whether it is a table or an array of tables.
fn is_table(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))),
        _ => false,
    }
}

/// Where an option stands; `value` only where the option itself was found, and not just what it belongs to.
struct Place {
    start: usize,
    value: Option<Range<usize>>,
}

/// Where the key at `path` stands, else the table or item that it would be in.
fn find(table: &DeTable<'_>, path: &str) -> Option<Place> {
    let whole = |start: usize, value: &Spanned<DeValue<'_>>| {
        let value = (!is_table(value.get_ref())).then(|| value.span());
        Some(Place { start, value })
    };
    // The name of a label may hold dots.
    if let Some((key, value)) = table.get_key_value(path) {
        return whole(key.span().start, value);
    }
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    let (name, index) = match head.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
        None => (head, None),
    };
    let (key, value) = table.get_key_value(name)?;
    let (start, value) = match (value.get_ref(), index) {
        (DeValue::Array(items), Some(at)) => match items.get(at) {
            Some(item) => (item.span().start, item),
            None => return Some(Place { start: key.span().start, value: None }),
        },
        _ => (key.span().start, value),
    };
    match (rest, value.get_ref()) {
        (None, _) => whole(start, value),
        (Some(rest), DeValue::Table(inner)) => find(inner, rest).or(Some(Place { start, value: None })),
        (Some(_), _) => Some(Place { start, value: None }),
    }
}

fn option_problem(text: &str, error: &Error, removed: &Removed) -> Problem {
    let Removed { key, start, value, is_item: _ } = removed;
    let value = value.clone().and_then(|span| text.get(span)).map(str::to_owned);
    let (wrong, remedy) = explained(error.message(), key);
    Problem { line: Some(line_of(text, *start)), key: key.clone(), value, wrong, remedy }
}

/// What is wrong, and what to do about it.
fn explained(message: &str, key: &str) -> (String, String) {
    if let Some((written, known)) = expectation(message, "unknown field ") {
        let remedy = match nearest(written, &known) {
            Some(meant) => format!("write `{meant}`, or remove it"),
            None if known.is_empty() => "remove it".to_owned(),
            None => format!("use one of `{}`, or remove it", known.join("`, `")),
        };
        ("unknown option".to_owned(), remedy)
    } else if let Some((_, known)) = expectation(message, "unknown variant ") {
        ("is none of its values".to_owned(), format!("write \"{}\"", known.join("\" or \"")))
    } else if let Some(missing) = message.strip_prefix("missing field ") {
        (format!("has no {missing}"), format!("add {missing}"))
    } else if message == "invalid type: map, expected a sequence" {
        (message.to_owned(), format!("write [[{key}]] instead of [{key}]"))
    } else {
        let expected = message.rsplit_once("expected ").map_or("", |(_, expected)| expected);
        let remedy = match expected {
            "a string" => "write a text in quotes",
            "a boolean" => "write true or false",
            "a sequence" => "write a list in brackets",
            "u32" | "u64" | "usize" | "i64" => "write a number without quotes",
            _ if message.contains("socket address") => "write addresses with a port, such as \"127.0.0.1:7450\"",
            _ => "correct the value, config/orszem.toml shows every option",
        };
        (message.to_owned(), remedy.to_owned())
    }
}

/// What serde says of a name: the written one, and those that it knows.
fn expectation<'m>(message: &'m str, what: &str) -> Option<(&'m str, Vec<&'m str>)> {
    let mut quoted = message.strip_prefix(what)?.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
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
