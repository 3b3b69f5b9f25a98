//! Functions on texts, maps and what queries gave.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::arguments::Arguments;
use super::execute::Context;
use super::value::{QueriedSample, Value};

pub(super) fn args(values: &[Value]) -> Value {
    let map: BTreeMap<String, Value> =
        values.iter().enumerate().map(|(at, value)| (format!("arg{at}"), value.clone())).collect();
    Value::Map(Arc::new(map))
}

pub(super) fn query(text: &str, context: Context<'_>) -> Result<Value, String> {
    let samples = context.ask.ask(text, context.at)?;
    Ok(Value::Vector(samples.into_iter().map(Arc::new).collect()))
}

pub(super) fn sort_by_label(name: &str, samples: &[Arc<QueriedSample>]) -> Value {
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.labels.get(name).unwrap_or_default().cmp(b.labels.get(name).unwrap_or_default()));
    Value::Vector(sorted.into())
}

pub(super) fn len(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        Value::Map(map) => map.len(),
        Value::Vector(samples) => samples.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// An index below `length`, or at it where `includes_end`.
fn place(value: &Value, length: usize, includes_end: bool) -> Result<usize, String> {
    let at = match value {
        Value::Int(at) => *at,
        Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    let limit = length + usize::from(includes_end);
    usize::try_from(at).ok().filter(|at| *at < limit).ok_or_else(|| format!("index out of range: {at}"))
}

pub(super) fn index(arguments: &Arguments<'_>) -> Result<Value, String> {
    let Some((first, keys)) = arguments.values.split_first() else {
        return Err("wrong number of args for index: want at least 1 got 0".to_owned());
    };
    let mut value = first.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::Labels(_) | Value::Map(_), Value::Text(name)) => value.field(name)?,
            (Value::Labels(_) | Value::Map(_), other) => {
                return Err(format!("value has type {}; should be string", other.type_name()));
            }
            (Value::Vector(samples), key) => {
                let at = place(key, samples.len(), false)?;
                samples.get(at).map_or(Value::Nil, |sample| Value::Sample(Arc::clone(sample)))
            }
            (Value::Text(text), key) => {
                let at = place(key, text.len(), false)?;
                Value::Int(text.as_bytes().get(at).copied().map_or(0, i64::from))
            }
            (Value::Nil, _) => return Err("index of untyped nil".to_owned()),
            (other, _) => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

pub(super) fn slice(arguments: &Arguments<'_>) -> Result<Value, String> {
    let Some((first, bounds)) = arguments.values.split_first() else {
        return Err("wrong number of args for slice: want at least 1 got 0".to_owned());
    };
    let length = match first {
        Value::Text(text) => text.len(),
        Value::Vector(samples) => samples.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    if bounds.len() > 2 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let from = bounds.first().map_or(Ok(0), |bound| place(bound, length, true))?;
    let to = bounds.get(1).map_or(Ok(length), |bound| place(bound, length, true))?;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    match first {
        Value::Vector(samples) => Ok(Value::Vector(samples.get(from..to).unwrap_or_default().into())),
        Value::Text(text) => {
            let bytes = text.as_bytes().get(from..to).unwrap_or_default();
            Ok(String::from_utf8_lossy(bytes).into_owned().into())
        }
        other => Err(format!("can't slice item of type {}", other.type_name())),
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("error parsing regexp: {error}"))
}

pub(super) fn replace_all(arguments: &Arguments<'_>) -> Result<Value, String> {
    let (pattern, replacement) = (arguments.text_at(0, 3)?, arguments.text_at(1, 3)?);
    Ok(regex(pattern)?.replace_all(arguments.text_at(2, 3)?, replacement).into_owned().into())
}

pub(super) fn matches(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(Value::Bool(regex(arguments.text_at(0, 2)?)?.is_match(arguments.text_at(1, 2)?)))
}

/// Each word with a capital.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for character in text.chars() {
        if begins {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
        begins = match character {
            '_' => false,
            ascii if ascii.is_ascii() => !ascii.is_ascii_alphanumeric(),
            other => !other.is_alphanumeric() && other.is_whitespace(),
        };
    }
    out
}

/// The host of `host:port` or `[host]:port`; else the text as it is.
pub(super) fn strip_port(text: &str) -> &str {
    let Some((host, port)) = text.rsplit_once(':') else { return text };
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) if !port.contains(']') => inner,
        None if !host.contains([':', '[', ']']) && !port.contains(['[', ']']) => host,
        _ => text,
    }
}

/// The first part of a host's name, with the port; addresses stay.
pub(super) fn strip_domain(text: &str) -> String {
    let host = strip_port(text);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let first = host.split('.').next().unwrap_or_default();
    match text.rsplit_once(':') {
        Some((_, port)) if host != text => format!("{first}:{port}"),
        _ => first.to_owned(),
    }
}

/// The path of a URL.
pub(super) fn path_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = behind.find('/').map_or("", |at| behind.split_at(at).1);
    path.split(['?', '#']).next().unwrap_or_default()
}
