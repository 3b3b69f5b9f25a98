//! Regular expressions as Go's RE2 reads them, over bytes.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// More memory than this once compiled is refused.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// A regular expression that matches anywhere; empty matches everything.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    source: String,
    regex: Regex,
}

/// A text that is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no regular expression: {cause}")]
pub struct NoPattern {
    pub cause: String,
}

impl Pattern {
    /// Compiles `source`.
    pub fn new(source: &str) -> Result<Self, NoPattern> {
        let regex = RegexBuilder::new(&of_go(source)).size_limit(COMPILED_BYTES_MAX).build().map_err(|error| {
            let told = error.to_string();
            let cause = told.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
            NoPattern { cause }
        })?;
        Ok(Self { source: source.to_owned(), regex })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    pub(crate) fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Whether it matches somewhere.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.source)
    }
}

impl TryFrom<String> for Pattern {
    type Error = NoPattern;

    fn try_from(source: String) -> Result<Self, NoPattern> {
        Self::new(&source)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.source
    }
}

/// Rewrites what RE2 takes literally and the engine does not: `{` that begins no repetition, `[`, `&&`, `--` and `~~`
/// within a class; and `\Q…\E`, which the engine does not know.
fn of_go(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 8);
    let mut rest = source;
    // Characters of the class so far, none of which is a `]` that ends it; `None` outside of classes.
    let mut class: Option<usize> = None;
    while let Some(next) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix("\\Q") {
            let (text, behind) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(text));
            class = class.map(|count| count + text.chars().count());
            rest = behind;
            continue;
        }
        let mut chars = rest.chars();
        chars.next();
        let behind = chars.as_str();
        match (next, class) {
            ('\\', _) => {
                out.push('\\');
                let mut chars = behind.chars();
                out.extend(chars.next());
                rest = chars.as_str();
                class = class.map(|count| count + 1);
                continue;
            }
            ('{', None) if !is_repetition(behind) => out.push_str("\\{"),
            ('[', None) => {
                out.push('[');
                let negated = behind.strip_prefix('^');
                out.push_str(if negated.is_some() { "^" } else { "" });
                rest = negated.unwrap_or(behind);
                class = Some(0);
                continue;
            }
            (']', Some(0)) => out.push_str("\\]"),
            (']', Some(_)) => {
                out.push(']');
                class = None;
                rest = behind;
                continue;
            }
            ('[', Some(count)) => match behind.strip_prefix(':').and_then(|name| name.split_once(":]")) {
                Some((name, after)) if name.bytes().all(|b| b.is_ascii_lowercase() || b == b'^') => {
                    out.push_str("[:");
                    out.push_str(name);
                    out.push_str(":]");
                    class = Some(count + 1);
                    rest = after;
                    continue;
                }
                _ => out.push_str("\\["),
            },
            ('&' | '~', Some(_)) => {
                out.push('\\');
                out.push(next);
            }
            ('-', Some(_)) if behind.starts_with('-') => out.push_str("\\-"),
            _ => out.push(next),
        }
        class = class.map(|count| count + 1);
        rest = behind;
    }
    out
}

/// Whether `{` is followed by `n}`, `n,}` or `n,m}`.
fn is_repetition(behind: &str) -> bool {
    let Some((inner, _)) = behind.split_once('}') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match inner.split_once(',') {
        None => is_number(inner),
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes_literally_is_literal() {
        for (source, text, matches) in [
            (r#"{"status":"UP"}"#, r#"{"status":"UP"}"#, true),
            (r#"{"status":"UP"}"#, r#"{"status":"DOWN"}"#, false),
            ("a{2}b", "aab", true),
            ("a{2}b", "a{2}b", false),
            ("a{,2}", "a{,2}", true),
            (r"\Qa.b\E+", "a.bb", true),
            (r"\Qa.b\E", "axb", false),
            ("[[]x", "[x", true),
            ("[]x]+$", "]x", true),
            ("[a&&b]{2}", "&b", true),
            ("[[:alpha:]]+$", "1", false),
            ("[^[]", "[", false),
            ("(?i)^220.*esmtp", "220 mx ESMTP Postfix", true),
            (r"[\]\-]", "-", true),
            ("", "anything", true),
        ] {
            let pattern = Pattern::new(source).expect(source);
            assert_eq!(pattern.is_match(text.as_bytes()), matches, "{source} on {text}");
        }
        for bad in ["(", "a)", "[a", "(?=x)", r"\8"] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
    }
}
