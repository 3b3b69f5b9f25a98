//! Prometheus' `relabel_configs` on the labels of a stream.
//!
//! Semantics and names follow Prometheus' documentation, "Configuration: relabel_config". Regular expressions are
//! anchored at both ends and `.` matches line ends, as in Prometheus 3; `\d` and `\w` know Unicode here.

use std::str::FromStr;

use md5::{Digest, Md5};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::Wrong;
use crate::condition::REGEX_BYTES_MAX;
use crate::transform::RULES_MAX;

const SEPARATOR: &str = ";";
const REGEX: &str = "(.*)";
const REPLACEMENT: &str = "$1";
/// Labels that start so are inputs only and are gone at the end.
const HIDDEN: &str = "__";

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// If `regex` matches the sources, sets `target_label` to `replacement`; an empty result removes it.
    #[default]
    Replace,
    /// Drops streams whose sources don't match `regex`.
    Keep,
    /// Drops streams whose sources match `regex`.
    Drop,
    /// Copies each label whose name matches `regex` to the name that `replacement` gives.
    LabelMap,
    /// Removes labels whose name matches `regex`.
    LabelDrop,
    /// Removes labels whose name does not match `regex`.
    LabelKeep,
    /// Sets `target_label` to a hash of the sources modulo `modulus`.
    HashMod,
    /// Sets `target_label` to the sources in lower case.
    Lowercase,
    Uppercase,
    /// Drops streams whose sources differ from `target_label`.
    KeepEqual,
    /// Drops streams whose sources equal `target_label`.
    DropEqual,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::HashMod => "hashmod",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
        }
    }
}

/// One rule, as Prometheus has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelabelRule {
    /// The labels whose values are looked at, joined by `separator`; absent ones are empty.
    pub source_labels: Vec<String>,
    /// `;` if absent.
    pub separator: Option<String>,
    /// `(.*)` if absent; anchored at both ends.
    pub regex: Option<String>,
    /// For `hashmod`, at least 1.
    pub modulus: Option<u64>,
    /// The label that is set or compared; for `replace` it may hold `$1` and `${name}`.
    pub target_label: Option<String>,
    /// `$1` if absent.
    pub replacement: Option<String>,
    pub action: Action,
}

/// The rules, compiled. Without rules it only removes hidden and empty labels.
#[derive(Debug, Default)]
pub struct Relabel {
    rules: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    source_labels: Vec<String>,
    separator: String,
    regex: Regex,
    modulus: u64,
    target_label: String,
    replacement: String,
    action: Action,
}

impl Relabel {
    /// Compiles the rules, or tells all that is wrong with them.
    pub fn new(rules: &[RelabelRule]) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Vec::new();
        if rules.len() > RULES_MAX {
            let remedy = format!("write at most {RULES_MAX}");
            return Err(vec![Wrong::new("relabel", rules.len().to_string(), "are too many rules", remedy)]);
        }
        let compiled = rules.iter().enumerate();
        let rules = compiled.filter_map(|(i, rule)| rule.compile(&format!("relabel[{i}]"), &mut wrongs)).collect();
        if wrongs.is_empty() { Ok(Self { rules }) } else { Err(wrongs) }
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Applies the rules in order; false if the stream is dropped, with the labels in whatever state that was found.
    ///
    /// `__file__`, `__unit__`, `__host__` and other labels that start with `__` may be put in as inputs; they are
    /// removed at the end, as are empty ones. Labels keep their order, new ones follow.
    pub fn apply(&self, labels: &mut Vec<(String, String)>) -> bool {
        if !self.rules.iter().all(|rule| rule.apply(labels)) {
            return false;
        }
        labels.retain(|(name, value)| !name.starts_with(HIDDEN) && !value.is_empty());
        true
    }
}

impl RelabelRule {
    fn compile(&self, key: &str, wrongs: &mut Vec<Wrong>) -> Option<Compiled> {
        let Self { source_labels, separator, regex, modulus, target_label, replacement, action } = self;
        let before = wrongs.len();
        for (i, name) in source_labels.iter().enumerate().filter(|(_, name)| !is_label_name(name)) {
            wrongs.push(no_label(format!("{key}.source_labels[{i}]"), name));
        }
        self.check_target(key, wrongs);
        self.check_superfluous(key, wrongs);
        if *action == Action::HashMod && modulus.is_none_or(|m| m == 0) {
            let value = modulus.map(|m| m.to_string()).unwrap_or_default();
            wrongs.push(Wrong::new(format!("{key}.modulus"), value, "is missing or 0", "write at least 1"));
        }
        let text = regex.as_deref().unwrap_or(REGEX);
        let compiled = anchored(text).map_err(|e| wrongs.push(Wrong::regex(format!("{key}.regex"), text, &e))).ok()?;
        (wrongs.len() == before).then(|| Compiled {
            source_labels: source_labels.clone(),
            separator: separator.as_deref().unwrap_or(SEPARATOR).to_owned(),
            regex: compiled,
            modulus: modulus.unwrap_or(1),
            target_label: target_label.clone().unwrap_or_default(),
            replacement: replacement.as_deref().unwrap_or(REPLACEMENT).to_owned(),
            action: *action,
        })
    }

    fn check_target(&self, key: &str, wrongs: &mut Vec<Wrong>) {
        let target = self.target_label.as_deref().unwrap_or_default();
        let key_of = |field: &str| format!("{key}.{field}");
        match self.action {
            Action::Replace if !target.is_empty() && target.contains('$') => {
                if !is_label_template(target) {
                    wrongs.push(no_label(key_of("target_label"), target));
                }
            }
            Action::Replace
            | Action::HashMod
            | Action::Lowercase
            | Action::Uppercase
            | Action::KeepEqual
            | Action::DropEqual => {
                if target.is_empty() {
                    let wrong = format!("is missing, and {} needs it", self.action.name());
                    wrongs.push(Wrong::new(key_of("target_label"), "", wrong, "name a label"));
                } else if !is_label_name(target) {
                    wrongs.push(no_label(key_of("target_label"), target));
                }
            }
            Action::LabelMap => {
                let replacement = self.replacement.as_deref().unwrap_or(REPLACEMENT);
                if !is_label_template(replacement) {
                    wrongs.push(no_label(key_of("replacement"), replacement));
                }
            }
            Action::Keep | Action::Drop | Action::LabelDrop | Action::LabelKeep => {}
        }
    }

    /// What Prometheus refuses because the action would not look at it.
    fn check_superfluous(&self, key: &str, wrongs: &mut Vec<Wrong>) {
        let differs = |value: &Option<String>, usual: &str| value.as_deref().is_some_and(|v| v != usual);
        let source_labels = ("source_labels", !self.source_labels.is_empty());
        let separator = ("separator", differs(&self.separator, SEPARATOR));
        let regex = ("regex", differs(&self.regex, REGEX));
        let modulus = ("modulus", self.modulus.is_some_and(|m| m != 0));
        let target_label = ("target_label", differs(&self.target_label, ""));
        let replacement = ("replacement", differs(&self.replacement, REPLACEMENT));
        let superfluous: &[(&str, bool)] = match self.action {
            Action::Lowercase | Action::Uppercase => &[replacement],
            Action::KeepEqual | Action::DropEqual => &[separator, regex, modulus, replacement],
            Action::LabelDrop | Action::LabelKeep => &[source_labels, separator, modulus, target_label, replacement],
            Action::Replace | Action::Keep | Action::Drop | Action::LabelMap | Action::HashMod => &[],
        };
        for (field, _) in superfluous.iter().filter(|(_, is_there)| *is_there) {
            let wrong = format!("has no meaning for {}", self.action.name());
            wrongs.push(Wrong::new(format!("{key}.{field}"), "", wrong, "remove it"));
        }
    }
}

impl Compiled {
    fn apply(&self, labels: &mut Vec<(String, String)>) -> bool {
        let values: Vec<&str> = self.source_labels.iter().map(|name| get(labels, name)).collect();
        let joined = values.join(&self.separator);
        match self.action {
            Action::Keep => return self.regex.is_match(&joined),
            Action::Drop => return !self.regex.is_match(&joined),
            Action::KeepEqual => return get(labels, &self.target_label) == joined,
            Action::DropEqual => return get(labels, &self.target_label) != joined,
            Action::Replace => self.replace(labels, &joined),
            Action::HashMod => set(labels, &self.target_label, (hash(&joined) % self.modulus).to_string()),
            Action::Lowercase => set(labels, &self.target_label, joined.to_lowercase()),
            Action::Uppercase => set(labels, &self.target_label, joined.to_uppercase()),
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => labels.retain(|(name, _)| !self.regex.is_match(name)),
            Action::LabelKeep => labels.retain(|(name, _)| self.regex.is_match(name)),
        }
        true
    }

    fn replace(&self, labels: &mut Vec<(String, String)>, joined: &str) {
        let Some(found) = self.regex.captures(joined) else { return };
        let expanded = |template: &str| {
            let mut out = String::new();
            found.expand(template, &mut out);
            out
        };
        let target = expanded(&self.target_label);
        if is_label_name(&target) {
            set(labels, &target, expanded(&self.replacement));
        }
    }

    /// By the names' order, so that of two that get the same name the later one wins, as in Prometheus.
    fn map_names(&self, labels: &mut Vec<(String, String)>) {
        let mut sources: Vec<(String, String)> =
            labels.iter().filter(|(name, _)| self.regex.is_match(name)).cloned().collect();
        sources.sort();
        for (name, value) in sources {
            set(labels, &self.regex.replace(&name, self.replacement.as_str()), value);
        }
    }
}

fn no_label(key: String, value: &str) -> Wrong {
    Wrong::new(key, value, "is no label name", "write letters, digits and _, not starting with a digit")
}

fn anchored(text: &str) -> Result<Regex, regex::Error> {
    // On its own first: `a)(b` would become valid within the group.
    Regex::from_str(text)?;
    RegexBuilder::new(&format!("^(?s:{text})$")).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build()
}

/// The value of a label, empty if it is absent.
fn get<'l>(labels: &'l [(String, String)], name: &str) -> &'l str {
    labels.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

/// Sets a label; an empty value removes it.
fn set(labels: &mut Vec<(String, String)>, name: &str, value: String) {
    if value.is_empty() {
        labels.retain(|(n, _)| n != name);
    } else if let Some((_, old)) = labels.iter_mut().find(|(n, _)| n == name) {
        *old = value;
    } else {
        labels.push((name.to_owned(), value));
    }
}

/// The last eight bytes of the text's MD5, which is what Prometheus takes the modulus of.
fn hash(text: &str) -> u64 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    digest[8..].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

fn is_label_name(name: &str) -> bool {
    let is_start = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    name.bytes().next().is_some_and(is_start) && name.bytes().all(|b| is_start(b) || b.is_ascii_digit())
}

/// A label name with `$1`, `$name` or `${name}` in it.
fn is_label_template(template: &str) -> bool {
    let mut parts = template.split('$');
    let is_word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let first = parts.next().unwrap_or_default();
    let is_first_fine = is_label_name(first) || (first.is_empty() && !template.is_empty());
    is_first_fine
        && parts.all(|part| match part.strip_prefix('{') {
            Some(braced) => {
                braced.split_once('}').is_some_and(|(name, rest)| !name.is_empty() && is_word(name) && is_word(rest))
            }
            None => !part.is_empty() && is_word(part),
        })
}

#[cfg(test)]
mod tests;
