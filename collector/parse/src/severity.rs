//! Severity from words and numbers.

use orszem_model::Severity;

/// How far into a message a word of severity is looked for.
const SEARCH_BYTES: usize = 200;
/// The longest word of severity, `informational`.
const WORD_BYTES_MAX: usize = 13;

/// The first word that names a severity beyond doubt: upper case (`ERROR`), bracketed (`[warn]`), or before a
/// colon or bar (`error:`); `level=warn` too. Plain `error` in a sentence names none.
pub(crate) fn in_text(text: &[u8]) -> Option<(Severity, &str)> {
    let text = text.get(..SEARCH_BYTES).unwrap_or(text);
    let mut at = 0;
    while let Some(skipped) = text.get(at..)?.iter().position(u8::is_ascii_alphabetic) {
        let start = at + skipped;
        let word = letters(text.get(start..)?);
        at = start + word.len();
        if !(3..=WORD_BYTES_MAX).contains(&word.len()) || !may_begin(word.first().copied()) {
            continue;
        }
        let before = start.checked_sub(1).and_then(|b| text.get(b)).map_or(b' ', |b| *b);
        let after = text.get(at).copied().unwrap_or(b' ');
        let joined = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'.' | b'@') || b >= 0x80;
        if joined(before) || (joined(after) && after != b'.') {
            continue;
        }
        let upper = word.iter().all(u8::is_ascii_uppercase);
        let marked = matches!(after, b':' | b'|')
            || (matches!(before, b'[' | b'<' | b'(') && matches!(after, b']' | b'>' | b')'));
        let is_level = || {
            let head = text.get(..start).unwrap_or_default();
            matches!(before, b'=' | b'"') && (head.ends_with(b"level=") || head.ends_with(b"level=\""))
        };
        if !(upper || marked || is_level()) {
            continue;
        }
        let word = std::str::from_utf8(word).ok()?;
        if matches!(word, "LOG" | "log" | "default" | "config") && !(upper && marked) {
            continue;
        }
        if let Some(severity) = Severity::from_text(word) {
            return Some((severity, word));
        }
    }
    None
}

/// The letters at the beginning.
fn letters(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// Whether a word of severity of three letters or more begins so.
fn may_begin(first: Option<u8>) -> bool {
    first.is_some_and(|b| {
        matches!(b | 0x20, b'a' | b'c' | b'd' | b'e' | b'f' | b'i' | b'l' | b'n' | b'p' | b's' | b't' | b'v' | b'w')
    })
}

/// The severity that a level's number names: 10 to 60 of bunyan and pino, 0 to 7 of syslog.
pub(crate) fn of_number(level: i64) -> Option<Severity> {
    match level {
        0..=7 => u8::try_from(level).ok().map(Severity::from_syslog),
        10..20 => Some(Severity::TRACE),
        20..30 => Some(Severity::DEBUG),
        30..40 => Some(Severity::INFO),
        40..50 => Some(Severity::WARN),
        50..60 => Some(Severity::ERROR),
        60..70 => Some(Severity::FATAL),
        _ => None,
    }
}

/// The severity of Python's `levelno`, 10 to 50.
pub(crate) fn of_python(level: i64) -> Option<Severity> {
    match level {
        1..10 => Some(Severity::TRACE),
        10..20 => Some(Severity::DEBUG),
        20..30 => Some(Severity::INFO),
        30..40 => Some(Severity::WARN),
        40..50 => Some(Severity::ERROR),
        50..60 => Some(Severity::CRITICAL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_bunyan_or_of_syslog() {
        for (level, expected) in [(30, Some("info")), (60, Some("fatal")), (3, Some("error")), (7, Some("debug"))] {
            assert_eq!(of_number(level).map(Severity::name), expected, "{level}");
        }
        assert_eq!((of_number(8), of_number(-1), of_number(70)), (None, None, None));
        assert_eq!((of_python(30), of_python(0)), (Some(Severity::WARN), None));
    }

    #[test]
    fn only_words_beyond_doubt_count() {
        for (text, expected) in [
            ("ERROR it broke", Some("ERROR")),
            ("app [warn] slow", Some("warn")),
            ("error: no such file", Some("error")),
            ("time=1 level=debug msg=x", Some("debug")),
            ("LOG:  ready", Some("LOG")),
            ("no error was found", None),
            ("/var/log/ERROR.txt", None),
            ("ERRORS", None),
            ("see error_log: x", None),
            ("default: x", None),
        ] {
            assert_eq!(in_text(text.as_bytes()).map(|(_, word)| word), expected, "{text}");
        }
    }
}
