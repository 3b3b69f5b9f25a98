//! `label_replace` and `label_join`.

use regex::Regex;

use orszem_model::{Labels, METRIC_NAME};

use super::call::text;
use super::engine::{Engine, Scope, failed};
use super::row::{Row, merged};
use super::stream::Stream;
use crate::EvalError;
use crate::ast::Expr;
use crate::quote::{quote, raw_byte};

/// Whether a label may be called so: any UTF-8 but nothing.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| raw_byte(character).is_none())
}

/// Labels as errors show them: `{a="1", b="2"}`.
pub(super) fn shown(labels: &Labels) -> String {
    let is_plain = |name: &str| {
        name.bytes()
            .enumerate()
            .all(|(at, byte)| byte.is_ascii_alphabetic() || byte == b'_' || at > 0 && byte.is_ascii_digit())
    };
    let pairs = labels.iter().map(|(name, value)| {
        let name = if is_plain(name) { name.to_owned() } else { quote(name) };
        format!("{name}={}", quote(value))
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

impl Engine<'_> {
    pub(super) fn label_replace(&self, arguments: &[Expr], scope: Scope) -> Result<Stream, EvalError> {
        let [vector, target, replacement, source, pattern] = arguments else {
            return failed("label_replace takes 5 arguments");
        };
        let (target, replacement) = (text(target)?, text(replacement)?);
        let (source, pattern) = (text(source)?, text(pattern)?);
        let Ok(regex) = Regex::new(&format!("^(?s:{pattern})$")) else {
            return failed(format!("invalid regular expression in label_replace(): {pattern}"));
        };
        if !is_name(target) {
            return failed(format!("invalid destination label name in label_replace(): {target}"));
        }
        self.relabel(vector, target, scope, |row| {
            let captures = regex.captures(row.labels.get(source).unwrap_or_default())?;
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            Some(value)
        })
    }

    pub(super) fn label_join(&self, arguments: &[Expr], scope: Scope) -> Result<Stream, EvalError> {
        let [vector, target, separator, sources @ ..] = arguments else {
            return failed("label_join takes 3 arguments at least");
        };
        let (target, separator) = (text(target)?, text(separator)?);
        let sources = sources.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        if let Some(bad) = sources.iter().find(|source| !is_name(source)) {
            return failed(format!("invalid source label name in label_join(): {bad}"));
        }
        if !is_name(target) {
            return failed(format!("invalid destination label name in label_join(): {target}"));
        }
        self.relabel(vector, target, scope, |row| {
            let values: Vec<&str> = sources.iter().map(|source| row.labels.get(source).unwrap_or_default()).collect();
            Some(values.join(separator))
        })
    }

    /// Sets the label `target` of the rows for which `value` gives one; the empty value removes it.
    fn relabel(
        &self,
        vector: &Expr,
        target: &str,
        scope: Scope,
        value: impl Fn(&Row) -> Option<String>,
    ) -> Result<Stream, EvalError> {
        let stream = self.vector(vector.unparen(), scope)?;
        let is_ordered = stream.is_ordered;
        let mut rows = stream.collect(self)?;
        for row in &mut rows {
            let Some(value) = value(row) else { continue };
            row.labels = if value.is_empty() {
                row.labels.without(|name| name == target)
            } else {
                row.labels.with(target, &value)
            };
            if target == METRIC_NAME {
                row.drops_name = false;
            }
        }
        Ok(Stream { is_ordered, ..Stream::of_rows(merged(rows)?, scope) })
    }
}
