//! Which lines belong together where the operator says so, or where nothing is known of the format.

use regex::bytes::{Regex, RegexBuilder};

/// The most memory that a compiled pattern takes, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Why a pattern cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    #[error("the pattern cannot be used")]
    Compile(#[source] regex::Error),
    #[error("the pattern has no named group such as (?<message>…)")]
    NoGroups,
}

/// The operator's rule for records of several lines.
#[derive(Clone, Debug, Default)]
pub struct Multiline {
    start: Option<Regex>,
    continuation: Option<Regex>,
}

impl Multiline {
    /// `start` matches lines that begin a record; `continuation` lines that do not. With both a line begins a record
    /// when it matches the first or not the second; with neither every line does.
    pub fn new(start: Option<&str>, continuation: Option<&str>) -> Result<Self, PatternError> {
        Ok(Self { start: start.map(compiled).transpose()?, continuation: continuation.map(compiled).transpose()? })
    }

    pub(crate) fn is_start(&self, line: &[u8]) -> bool {
        match (&self.start, &self.continuation) {
            (Some(start), None) => start.is_match(line),
            (None, Some(continuation)) => !continuation.is_match(line),
            (Some(start), Some(continuation)) => start.is_match(line) || !continuation.is_match(line),
            (None, None) => true,
        }
    }
}

/// A pattern over bytes, bounded in size.
pub(crate) fn compiled(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().map_err(PatternError::Compile)
}

/// Whether a line of unknown format goes on with what the line before it says: it is indented, or a part of a stack
/// trace.
pub(crate) fn is_continuation(line: &[u8]) -> bool {
    match line.first() {
        None | Some(b' ' | b'\t' | b'}' | b')') => true,
        Some(b'C') => line.starts_with(b"Caused by: "),
        Some(b'S') => line.starts_with(b"Suppressed: "),
        Some(b'.') => line.starts_with(b"... ") && line.ends_with(b" more"),
        Some(b'T') => line.starts_with(b"Traceback (most recent call last)") || is_exception(line),
        Some(b'D') => line.starts_with(b"During handling of the above exception") || is_exception(line),
        Some(_) => is_exception(line),
    }
}

/// Whether `line` names an exception behind a trace that is over: it is the next one, written by itself.
pub(crate) fn is_next_trace(before: &[u8], line: &[u8]) -> bool {
    let is_frame =
        |line: &[u8]| matches!(line.first(), Some(b' ' | b'\t')) && line.trim_ascii_start().starts_with(b"at ");
    let is_traced = || {
        let last = before.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
        is_frame(last) || last.trim_ascii_start().starts_with(b"... ")
    };
    is_exception(line) && is_traced()
}

/// `java.lang.IllegalStateException: x`, `ValueError: x`: a name that ends so, before a colon or the end.
pub(crate) fn is_exception(line: &[u8]) -> bool {
    let head = line.get(..160).unwrap_or(line);
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$');
    let end = head.iter().position(|b| !is_name(b)).unwrap_or(head.len());
    let name = head.get(..end).unwrap_or_default();
    let ends = matches!(head.get(end), None | Some(b':'));
    ends && [&b"Exception"[..], b"Error", b"Throwable"]
        .iter()
        .any(|kind| name.len() > kind.len() && name.ends_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_traces_go_on_and_other_lines_begin() {
        for line in [
            "\tat org.x.Y.z(Y.java:1)",
            "  File \"x.py\", line 1",
            "Caused by: java.io.IOException: x",
            "... 12 more",
            "Traceback (most recent call last):",
            "ValueError: bad",
            "java.lang.NullPointerException",
            "",
        ] {
            assert!(is_continuation(line.as_bytes()), "{line}");
        }
        for line in ["Caused by chance", "... and so on", "Error: no", "2026 x", "an Exception: y", "x"] {
            assert!(!is_continuation(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn an_exception_behind_a_whole_trace_is_the_next() {
        for (before, line, expected) in [
            ("SEVERE x\n\tjava.io.IOException: y\n\t\tat a.B.c(B.java:1)\n", "java.lang.Error: printed", true),
            ("java.lang.Error\n\tat a.B.c(B.java:1)\nCaused by: a.E: f\n\t... 3 more\n", "a.IOException: z", true),
            ("SEVERE x\n", "java.lang.Error: its own", false),
            ("SEVERE x\n\tat a.B.c(B.java:1)\n", "Caused by: java.lang.Error: z", false),
            ("SEVERE x\n\tat a.B.c(B.java:1)\n", "\tat a.B.d(B.java:2)", false),
            ("", "java.lang.Error: z", false),
        ] {
            assert_eq!(is_next_trace(before.as_bytes(), line.as_bytes()), expected, "{before}{line}");
        }
    }

    #[test]
    fn the_operators_rule_decides() {
        let starts = |start, continuation, line: &str| {
            Multiline::new(start, continuation).expect("patterns").is_start(line.as_bytes())
        };
        assert!(starts(Some(r"^\d"), None, "1 x"));
        assert!(!starts(Some(r"^\d"), None, "x"));
        assert!(starts(None, Some(r"^-"), "x"));
        assert!(!starts(None, Some(r"^-"), "- x"));
        assert!(starts(Some("^- a"), Some("^-"), "- a"));
        assert!(matches!(Multiline::new(Some("("), None), Err(PatternError::Compile(_))));
    }
}
