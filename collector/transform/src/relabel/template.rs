//! Replacements with `$1`, `$name` and `${name}`, as Go's `Regexp.Expand` reads them.

use regex::{Captures, Regex};

/// A replacement, taken apart once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// Groups that the regex lacks stand for nothing; a `$` that begins no group's name is text, `$$` is one.
    pub(super) fn new(text: &str, regex: &Regex) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            literal.push_str(before);
            if let Some(behind) = behind.strip_prefix('$') {
                literal.push('$');
                rest = behind;
                continue;
            }
            let Some((name, behind)) = group_name(behind) else {
                literal.push('$');
                rest = behind;
                continue;
            };
            rest = behind;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            let number = match name.parse::<usize>() {
                Ok(number) if !name.starts_with('0') || name == "0" => Some(number),
                Ok(_) | Err(_) => regex.capture_names().position(|known| known == Some(name)),
            };
            parts.extend(number.map(Part::Group));
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Self { parts }
    }

    pub(super) fn expand(&self, found: &Captures<'_>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(number) => out.push_str(found.get(*number).map_or("", |group| group.as_str())),
            }
        }
        out
    }
}

/// The name behind a `$`, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let is_word = |letter: char| letter == '_' || letter.is_alphanumeric();
    let (name, rest) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => text.split_at(text.find(|letter| !is_word(letter)).unwrap_or(text.len())),
    };
    (!name.is_empty() && name.chars().all(is_word)).then_some((name, rest))
}
