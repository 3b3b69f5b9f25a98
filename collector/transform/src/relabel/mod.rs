//! Prometheus' `relabel_configs`: of targets, of their series, and of the streams of records.
//!
//! Semantics and names follow Prometheus 3 (its documentation, "Configuration: relabel_config"). Regular expressions are
//! anchored at both ends and `.` matches line ends; `\d` and `\w` know Unicode here.

mod builder;
mod config;
mod names;
mod streams;
mod template;

pub use builder::LabelBuilder;
pub use config::{RelabelAction, RelabelConfig};
pub use names::NameValidation;
pub use streams::StreamRelabel;

use md5::{Digest, Md5};
use regex::Regex;

use template::Template;

/// Rules, compiled.
#[derive(Debug, Default)]
pub struct Relabel {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    source_labels: Vec<String>,
    separator: String,
    action: Compiled,
}

#[derive(Debug)]
enum Compiled {
    Replace { regex: Regex, target: Template, replacement: Template, names: NameValidation },
    Keep(Regex),
    Drop(Regex),
    KeepEqual(String),
    DropEqual(String),
    HashMod { target: String, modulus: u64 },
    LabelMap { regex: Regex, replacement: Template },
    LabelDrop(Regex),
    LabelKeep(Regex),
    Lowercase(String),
    Uppercase(String),
}

impl Relabel {
    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Applies the rules in order; false if what has the labels is dropped, with them in whatever state that was found.
    pub fn apply(&self, labels: &mut LabelBuilder) -> bool {
        self.rules.iter().all(|rule| rule.apply(labels))
    }
}

impl Rule {
    fn apply(&self, labels: &mut LabelBuilder) -> bool {
        let values: Vec<&str> = self.source_labels.iter().map(|name| labels.get(name)).collect();
        let joined = values.join(&self.separator);
        match &self.action {
            Compiled::Keep(regex) => return regex.is_match(&joined),
            Compiled::Drop(regex) => return !regex.is_match(&joined),
            Compiled::KeepEqual(target) => return labels.get(target) == joined,
            Compiled::DropEqual(target) => return labels.get(target) != joined,
            Compiled::Replace { regex, target, replacement, names } => {
                let Some(found) = regex.captures(&joined) else { return true };
                let target = target.expand(&found);
                if names.is_label_name(&target) {
                    labels.set(&target, &replacement.expand(&found));
                }
            }
            Compiled::HashMod { target, modulus } => labels.set(target, &(hash(&joined) % modulus).to_string()),
            Compiled::Lowercase(target) => labels.set(target, &joined.to_lowercase()),
            Compiled::Uppercase(target) => labels.set(target, &joined.to_uppercase()),
            // By the names' order, so that of two that get the same name the later one wins.
            Compiled::LabelMap { regex, replacement } => {
                for (name, value) in labels.clone().into_pairs() {
                    if let Some(found) = regex.captures(&name) {
                        labels.set(&replacement.expand(&found), &value);
                    }
                }
            }
            Compiled::LabelDrop(regex) => labels.retain(|name| !regex.is_match(name)),
            Compiled::LabelKeep(regex) => labels.retain(|name| regex.is_match(name)),
        }
        true
    }
}

/// The last eight bytes of the text's MD5, which is what Prometheus takes the modulus of.
fn hash(text: &str) -> u64 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    digest.iter().skip(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
