//! Whether a record meets a rule's conditions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use orszem_model::Severity;
use orszem_parse::{Layer, Value};
use regex::bytes::{Regex, RegexBuilder};

use crate::{Draft, Wrong};

/// The most bytes a compiled pattern may need; one that needs more is refused.
pub(crate) const REGEX_BYTES_MAX: usize = 1 << 20;

/// A rule's conditions as written; absent ones hold.
pub(crate) struct Conditions<'c> {
    pub(crate) body: Option<&'c str>,
    pub(crate) severity_below: Option<&'c str>,
    pub(crate) field: Option<&'c str>,
    pub(crate) matches: Option<&'c str>,
    pub(crate) equals: Option<&'c str>,
    pub(crate) service: Option<&'c str>,
    pub(crate) layer: Option<&'c str>,
    pub(crate) labels: &'c BTreeMap<String, String>,
}

/// Conditions, compiled. Cheap ones are asked first.
#[derive(Debug)]
pub(crate) struct Matcher {
    severity_below: Option<Severity>,
    service: Option<String>,
    layer: Option<String>,
    labels: Vec<(String, String)>,
    field: Option<(String, Test)>,
    body: Option<Regex>,
}

#[derive(Debug)]
enum Test {
    Equals(String),
    Matches(Regex),
}

impl Conditions<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { body, severity_below, field, matches, equals, service, layer, labels } = self;
        [body, severity_below, field, matches, equals, service, layer].iter().all(|c| c.is_none()) && labels.is_empty()
    }

    /// Compiles them; what can't be used is told in `wrongs` under `key` and left out.
    pub(crate) fn compile(&self, key: &str, wrongs: &mut Vec<Wrong>) -> Matcher {
        let Self { body, severity_below, field: _, matches: _, equals: _, service, layer, labels } = self;
        if let Some(layer) = layer
            && Layer::from_name(layer).is_none()
        {
            let known = Layer::ALL.map(Layer::name).join(", ");
            wrongs.push(Wrong::new(format!("{key}.layer"), *layer, "is no layer", format!("write one of {known}")));
        }
        Matcher {
            severity_below: severity_below.and_then(|level| severity(level, key, wrongs)),
            service: service.map(str::to_owned),
            layer: layer.map(str::to_owned),
            labels: labels.iter().map(|(n, v)| (n.clone(), v.clone())).collect(),
            field: self.field(key, wrongs),
            body: body.and_then(|body| pattern(body, format!("{key}.body"), wrongs)),
        }
    }

    fn field(&self, key: &str, wrongs: &mut Vec<Wrong>) -> Option<(String, Test)> {
        let remedy = "write field with either matches or equals";
        let (field, test) = match (self.field, self.matches, self.equals) {
            (None, None, None) => return None,
            (Some(field), Some(matches), None) => {
                (field, Test::Matches(pattern(matches, format!("{key}.matches"), wrongs)?))
            }
            (Some(field), None, Some(equals)) => (field, Test::Equals(equals.to_owned())),
            (Some(field), None, None) => {
                wrongs.push(Wrong::new(format!("{key}.field"), field, "is not compared with anything", remedy));
                return None;
            }
            (Some(_), Some(_), Some(equals)) => {
                wrongs.push(Wrong::new(format!("{key}.equals"), equals, "stands beside matches", remedy));
                return None;
            }
            (None, Some(text), _) => {
                wrongs.push(Wrong::new(format!("{key}.matches"), text, "has no field", remedy));
                return None;
            }
            (None, None, Some(text)) => {
                wrongs.push(Wrong::new(format!("{key}.equals"), text, "has no field", remedy));
                return None;
            }
        };
        if field.is_empty() {
            wrongs.push(Wrong::new(format!("{key}.field"), "", "is empty", "write the key of an attribute"));
        }
        Some((field.to_owned(), test))
    }
}

fn severity(level: &str, key: &str, wrongs: &mut Vec<Wrong>) -> Option<Severity> {
    let severity = match level {
        "trace" => Some(Severity::TRACE),
        "debug" => Some(Severity::DEBUG),
        "info" => Some(Severity::INFO),
        "warn" => Some(Severity::WARN),
        "error" => Some(Severity::ERROR),
        "fatal" => Some(Severity::FATAL),
        _ => None,
    };
    if severity.is_none() {
        let remedy = "write one of trace, debug, info, warn, error, fatal";
        wrongs.push(Wrong::new(format!("{key}.severity_below"), level, "is no severity", remedy));
    }
    severity
}

/// A pattern over bytes that is searched for, or a problem.
pub(crate) fn pattern(text: &str, key: String, wrongs: &mut Vec<Wrong>) -> Option<Regex> {
    match RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            wrongs.push(Wrong::regex(key, text, &error));
            None
        }
    }
}

impl Matcher {
    pub(crate) fn matches(&self, draft: &Draft<'_>) -> bool {
        self.severity_below.is_none_or(|level| draft.severity != Severity::UNSET && draft.severity < level)
            && self.service.as_deref().is_none_or(|service| service == draft.service)
            && self.layer.as_deref().is_none_or(|layer| layer == draft.layer)
            && self.labels.iter().all(|(name, value)| label(draft.labels, name) == value)
            && self.field.as_ref().is_none_or(|(field, test)| test.holds(field, draft))
            && self.body.as_ref().is_none_or(|body| body.is_match(&draft.body))
    }
}

impl Test {
    fn holds(&self, field: &str, draft: &Draft<'_>) -> bool {
        draft.attributes.iter().filter(|(key, _)| key == field).filter_map(|(_, value)| text(value)).any(|text| {
            match self {
                Self::Equals(expected) => text == expected.as_str(),
                Self::Matches(regex) => regex.is_match(text.as_bytes()),
            }
        })
    }
}

/// The value of a label, empty if it is absent.
fn label<'d>(labels: &'d [(String, String)], name: &str) -> &'d str {
    labels.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

/// An attribute's text; `None` for null.
pub(crate) fn text<'v>(value: &'v Value<'_>) -> Option<Cow<'v, str>> {
    match value {
        Value::Text(text) | Value::Json(text) => Some(Cow::Borrowed(text)),
        Value::Integer(number) => Some(Cow::Owned(number.to_string())),
        Value::Float(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Null => None,
    }
}
