//! `[[collector.file]]`: files of which more is known than that they are text.

use std::collections::BTreeMap;

use orszem_model::Span;
use orszem_parse::{Format, Layer, Multiline, Recogniser};
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

use super::limits::validate_label;
use crate::Wrong;

/// Files that go together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileConfig {
    /// Absolute path patterns, as in `collector.include`.
    pub include: Vec<String>,
    /// Patterns to leave out; one without `/` is compared with the file's name.
    pub exclude: Vec<String>,
    /// A format's name, `auto`, or `regex` together with `pattern`.
    pub format: String,
    /// The regular expression of one record; its named groups become fields, those named `time`, `level`, `host`,
    /// `service` and `message` take their places.
    pub pattern: Option<String>,
    /// How lines are joined to records, where the format does not say.
    pub multiline: Option<MultilineConfig>,
    /// The program; empty: from the lines, else from the path.
    pub service: String,
    /// The layer's name; empty: from the program.
    pub layer: String,
    /// Labels of the streams of these files.
    pub labels: BTreeMap<String, String>,
}

/// Where records begin and end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultilineConfig {
    /// A line that matches begins a record; all others continue one.
    pub start: Option<String>,
    /// A line that matches continues a record; all others begin one.
    pub continuation: Option<String>,
    /// A record is complete when nothing was written for so long.
    pub timeout: Span,
}

impl Default for MultilineConfig {
    fn default() -> Self {
        Self { start: None, continuation: None, timeout: Span::secs(1) }
    }
}

/// How a path pattern must begin.
pub(super) fn validate_patterns(key: &str, patterns: &[String]) -> Vec<Wrong> {
    let relative = patterns.iter().enumerate().filter(|(_, pattern)| !pattern.starts_with('/'));
    relative
        .map(|(at, pattern)| {
            let (wrong, remedy) = ("is not an absolute path", "begin the pattern with `/`");
            Wrong::new(format!("{key}[{at}]"), format!("{pattern:?}"), wrong, remedy)
        })
        .collect()
}

impl FileConfig {
    pub(super) fn validate(&self, key: &str) -> Vec<Wrong> {
        let at = |name: &str| format!("{key}.{name}");
        let mut wrong = validate_patterns(&at("include"), &self.include);
        if self.include.is_empty() {
            wrong.push(Wrong::new(at("include"), "[]", "names no file", "name at least one pattern"));
        }
        if !matches!(self.format.as_str(), "" | "auto" | "regex") && Format::from_name(&self.format).is_none() {
            let known: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
            let remedy = format!("write \"auto\", \"regex\" or one of: {}", known.join(", "));
            wrong.push(Wrong::new(at("format"), format!("{:?}", self.format), "is no format", remedy));
        }
        match (&self.pattern, self.format.as_str()) {
            (None, "regex") => {
                let remedy = "add `pattern` with the regular expression of a record";
                wrong.push(Wrong::new(at("format"), "\"regex\"", "needs a pattern", remedy));
            }
            (Some(pattern), _) => wrong.extend(validate_regex(at("pattern"), pattern)),
            (None, _) => {}
        }
        if let Some(multiline) = &self.multiline {
            for (name, pattern) in [("start", &multiline.start), ("continuation", &multiline.continuation)] {
                let key = at(&format!("multiline.{name}"));
                wrong.extend(pattern.iter().filter_map(|pattern| validate_regex(key.clone(), pattern)));
            }
            if multiline.timeout < Span::millis(50) || multiline.timeout > Span::secs(3600) {
                let key = at("multiline.timeout");
                wrong.push(Wrong::new(key, multiline.timeout, "is out of range", "write \"50ms\" to \"1h\""));
            }
        }
        if !self.layer.is_empty() && Layer::from_name(&self.layer).is_none() {
            let known: Vec<&str> = Layer::ALL.iter().map(|layer| layer.name()).collect();
            let remedy = format!("write one of: {}", known.join(", "));
            wrong.push(Wrong::new(at("layer"), format!("{:?}", self.layer), "is no layer", remedy));
        }
        wrong.extend(self.labels.iter().filter_map(|(name, value)| validate_label(&at("labels"), name, value)));
        wrong
    }

    /// What reads these files; `None` for values that [`Self::validate`] refuses.
    pub(crate) fn recogniser(&self) -> Option<Recogniser> {
        let recogniser = match (&self.pattern, self.format.as_str()) {
            (Some(pattern), _) => Recogniser::regex(pattern).ok()?,
            (None, "" | "auto") => Recogniser::auto(),
            (None, name) => Recogniser::fixed(Format::from_name(name)?),
        };
        let Some(multiline) = &self.multiline else { return Some(recogniser) };
        let joined = Multiline::new(multiline.start.as_deref(), multiline.continuation.as_deref()).ok()?;
        Some(recogniser.with_multiline(joined))
    }
}

fn validate_regex(key: String, pattern: &str) -> Option<Wrong> {
    let error = Regex::new(pattern).err()?;
    let told = error.to_string();
    let reason = told.lines().last().unwrap_or("is no regular expression").trim_start_matches("error: ").to_owned();
    Some(Wrong::new(
        key,
        format!("{pattern:?}"),
        reason,
        "write a regular expression (no look-around, no back-references)",
    ))
}
