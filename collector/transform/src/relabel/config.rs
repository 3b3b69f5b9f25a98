//! One rule as it is written, and what may be wrong with it.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::template::Template;
use super::{Compiled, NameValidation, Relabel, Rule};
use crate::Wrong;

const SEPARATOR: &str = ";";
const REGEX: &str = "(.*)";
const REPLACEMENT: &str = "$1";
/// The largest compiled regex, in bytes; larger ones are refused.
const REGEX_BYTES_MAX: usize = 10 << 20;

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RelabelAction {
    /// If `regex` matches the sources, sets `target_label` to `replacement`; an empty result removes it.
    #[default]
    Replace,
    /// Drops what has sources that don't match `regex`.
    Keep,
    /// Drops what has sources that match `regex`.
    Drop,
    /// Drops what has sources that differ from `target_label`.
    KeepEqual,
    /// Drops what has sources that equal `target_label`.
    DropEqual,
    /// Sets `target_label` to a hash of the sources modulo `modulus`.
    HashMod,
    /// Copies each label whose name matches `regex` to the name that `replacement` gives.
    LabelMap,
    /// Removes labels whose name matches `regex`.
    LabelDrop,
    /// Removes labels whose name does not match `regex`.
    LabelKeep,
    /// Sets `target_label` to the sources in lower case.
    Lowercase,
    Uppercase,
}

impl RelabelAction {
    const ALL: [(&'static str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }
}

impl<'de> Deserialize<'de> for RelabelAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = Self::ALL.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
        let told = "is no action; write replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, \
                    labelkeep, lowercase or uppercase";
        found.map(|(_, action)| *action).ok_or_else(|| de::Error::custom(told))
    }
}

/// One rule, as Prometheus has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelabelConfig {
    /// The labels whose values are looked at, joined by `separator`; absent ones are empty.
    pub source_labels: Vec<String>,
    /// `;` if absent.
    pub separator: Option<String>,
    /// `(.*)` if absent; anchored at both ends, and `.` matches line ends.
    pub regex: Option<String>,
    /// For `hashmod`, at least 1.
    pub modulus: Option<u64>,
    /// The label that is set or compared; for `replace` it may hold `$1` and `${name}`.
    pub target_label: Option<String>,
    /// `$1` if absent.
    pub replacement: Option<String>,
    pub action: RelabelAction,
}

impl Relabel {
    /// Compiles the rules that stand at `key`; what is wrong with them is added to `wrongs`, and such rules are left
    /// out.
    pub fn new(rules: &[RelabelConfig], names: NameValidation, key: &str, wrongs: &mut Vec<Wrong>) -> Self {
        let compiled = rules.iter().enumerate();
        Self { rules: compiled.filter_map(|(at, rule)| rule.compile(names, &format!("{key}[{at}]"), wrongs)).collect() }
    }
}

impl RelabelConfig {
    fn compile(&self, names: NameValidation, key: &str, wrongs: &mut Vec<Wrong>) -> Option<Rule> {
        let Self { source_labels, separator, regex, modulus, target_label, replacement, action } = self;
        let before = wrongs.len();
        self.check_target(names, key, wrongs);
        self.check_superfluous(key, wrongs);
        if *action == RelabelAction::HashMod && modulus.is_none_or(|modulus| modulus == 0) {
            let value = modulus.map(|modulus| modulus.to_string()).unwrap_or_default();
            wrongs.push(Wrong::new(format!("{key}.modulus"), value, "is missing or 0", "write at least 1"));
        }
        let text = regex.as_deref().unwrap_or(REGEX);
        let regex = anchored(text)
            .map_err(|error| wrongs.push(Wrong::regex(format!("{key}.regex"), text, &error)))
            .ok()
            .filter(|_| wrongs.len() == before)?;
        let target = target_label.clone().unwrap_or_default();
        let replacement = Template::new(replacement.as_deref().unwrap_or(REPLACEMENT), &regex);
        let action = match action {
            RelabelAction::Replace => {
                let target = Template::new(&target, &regex);
                Compiled::Replace { regex, target, replacement, names }
            }
            RelabelAction::Keep => Compiled::Keep(regex),
            RelabelAction::Drop => Compiled::Drop(regex),
            RelabelAction::KeepEqual => Compiled::KeepEqual(target),
            RelabelAction::DropEqual => Compiled::DropEqual(target),
            RelabelAction::HashMod => Compiled::HashMod { target, modulus: modulus.unwrap_or(1) },
            RelabelAction::LabelMap => Compiled::LabelMap { regex, replacement },
            RelabelAction::LabelDrop => Compiled::LabelDrop(regex),
            RelabelAction::LabelKeep => Compiled::LabelKeep(regex),
            RelabelAction::Lowercase => Compiled::Lowercase(target),
            RelabelAction::Uppercase => Compiled::Uppercase(target),
        };
        let separator = separator.as_deref().unwrap_or(SEPARATOR).to_owned();
        Some(Rule { source_labels: source_labels.clone(), separator, action })
    }

    fn check_target(&self, names: NameValidation, key: &str, wrongs: &mut Vec<Wrong>) {
        let target = self.target_label.as_deref().unwrap_or_default();
        let action = self.action;
        match action {
            RelabelAction::LabelMap => {
                let replacement = self.replacement.as_deref().unwrap_or(REPLACEMENT);
                if !is_template(names, replacement) {
                    wrongs.push(Wrong::label(format!("{key}.replacement"), replacement));
                }
            }
            RelabelAction::Keep | RelabelAction::Drop | RelabelAction::LabelDrop | RelabelAction::LabelKeep => {}
            _ if target.is_empty() => {
                let wrong = format!("is missing, and {} needs it", action.name());
                wrongs.push(Wrong::new(format!("{key}.target_label"), "", wrong, "name a label"));
            }
            RelabelAction::Replace if target.contains('$') && is_template(names, target) => {}
            _ if names.is_label_name(target) => {}
            _ => wrongs.push(Wrong::label(format!("{key}.target_label"), target)),
        }
    }

    /// What Prometheus refuses because the action would not look at it.
    fn check_superfluous(&self, key: &str, wrongs: &mut Vec<Wrong>) {
        let differs = |value: &Option<String>, usual: &str| value.as_deref().is_some_and(|value| value != usual);
        let source_labels = ("source_labels", !self.source_labels.is_empty());
        let separator = ("separator", differs(&self.separator, SEPARATOR));
        let regex = ("regex", differs(&self.regex, REGEX));
        let modulus = ("modulus", self.modulus.is_some_and(|modulus| modulus != 0));
        let target_label = ("target_label", differs(&self.target_label, ""));
        let replacement = ("replacement", differs(&self.replacement, REPLACEMENT));
        let superfluous: &[(&str, bool)] = match self.action {
            RelabelAction::Lowercase | RelabelAction::Uppercase => &[replacement],
            RelabelAction::KeepEqual | RelabelAction::DropEqual => &[separator, regex, modulus, replacement],
            RelabelAction::LabelDrop | RelabelAction::LabelKeep => {
                &[source_labels, separator, modulus, target_label, replacement]
            }
            RelabelAction::Replace
            | RelabelAction::Keep
            | RelabelAction::Drop
            | RelabelAction::LabelMap
            | RelabelAction::HashMod => &[],
        };
        for (field, _) in superfluous.iter().filter(|(_, is_there)| *is_there) {
            let wrong = format!("has no meaning for {}", self.action.name());
            wrongs.push(Wrong::new(format!("{key}.{field}"), "", wrong, "remove it"));
        }
    }
}

fn anchored(text: &str) -> Result<Regex, regex::Error> {
    // On its own first: `a)(b` would become valid within the group.
    Regex::new(text)?;
    RegexBuilder::new(&format!("^(?s:{text})$")).size_limit(REGEX_BYTES_MAX).build()
}

/// A label name with `$1`, `$name` or `${name}` in it.
fn is_template(names: NameValidation, template: &str) -> bool {
    if names == NameValidation::Utf8 {
        return names.is_label_name(template);
    }
    let mut parts = template.split('$');
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let first = parts.next().unwrap_or_default();
    let is_first_fine = names.is_label_name(first) || (first.is_empty() && !template.is_empty());
    is_first_fine
        && parts.all(|part| match part.strip_prefix('{') {
            Some(braced) => {
                braced.split_once('}').is_some_and(|(name, rest)| !name.is_empty() && is_word(name) && is_word(rest))
            }
            None => !part.is_empty() && is_word(part),
        })
}
