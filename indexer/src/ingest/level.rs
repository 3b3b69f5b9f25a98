//! A line's severity by a glance at its start, for senders that do not tell it.

use orszem_model::Severity;

/// How much of a line is looked at.
const GLANCE_BYTES: usize = 512;
const KEYS: [&[u8]; 5] = [b"level", b"lvl", b"severity", b"loglevel", b"levelname"];

/// The severity behind a key (`level=warn`, `"level":"error"`), else of the first word that stands as a level does:
/// in capitals (`ERROR`), in brackets (`[error]`) or before a colon (`error:`). Unset when there is none.
pub(super) fn detect(line: &[u8]) -> Severity {
    let line = line.get(..GLANCE_BYTES).unwrap_or(line);
    let mut found = Severity::UNSET;
    let mut at = 0;
    while let Some((start, end)) = next_word(line, at) {
        at = end;
        let (Some(word), Some(after)) = (line.get(start..end), line.get(end..)) else { break };
        if KEYS.iter().any(|key| word.eq_ignore_ascii_case(key)) {
            if let Some(severity) = value_behind(after).and_then(severity_of) {
                return severity;
            }
        } else if found == Severity::UNSET
            && stands_as_level(word, line.get(..start).and_then(<[u8]>::last), after.first())
        {
            found = severity_of(word).unwrap_or(Severity::UNSET);
        }
    }
    found
}

fn next_word(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = from + line.get(from..)?.iter().position(u8::is_ascii_alphabetic)?;
    let length = line.get(start..)?.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    Some((start, start + length))
}

/// The word behind `=`, `:` and quotes.
fn value_behind(after: &[u8]) -> Option<&[u8]> {
    let skipped = after.iter().take_while(|byte| matches!(byte, b'"' | b'=' | b':' | b' ' | b'\\')).count();
    if !after.get(..skipped)?.iter().any(|byte| matches!(byte, b'=' | b':')) {
        return None;
    }
    let rest = after.get(skipped..)?;
    rest.get(..rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count())
}

fn stands_as_level(word: &[u8], before: Option<&u8>, after: Option<&u8>) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'/' | b'.'));
    let in_capitals = word.iter().all(u8::is_ascii_uppercase);
    let in_brackets = matches!((before, after), (Some(b'['), Some(b']')) | (Some(b'<'), Some(b'>')));
    word.len() >= 3 && !is_part(before) && !is_part(after) && (in_capitals || in_brackets || after == Some(&b':'))
}

fn severity_of(word: &[u8]) -> Option<Severity> {
    // Words that name a level only behind a key, and too often something else.
    if [&b"log"[..], b"config", b"default", b"fine"].iter().any(|other| word.eq_ignore_ascii_case(other)) {
        return None;
    }
    Severity::from_text(std::str::from_utf8(word).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_seen_where_they_stand_as_levels() {
        for (line, expected) in [
            ("ts=1 level=warn msg=\"an ERROR\"", Severity::WARN),
            (r#"{"msg":"x","level":"error"}"#, Severity::ERROR),
            (r#"{"msg":"x","level": "E"}"#, Severity::ERROR),
            ("2026-11-22 10:00:00 ERROR disk", Severity::ERROR),
            ("[error] 7#7: x", Severity::ERROR),
            ("pg[7]: error: disk", Severity::ERROR),
            ("INFO then ERROR", Severity::INFO),
            ("WARN_COUNT=3", Severity::UNSET),
            ("no error here", Severity::UNSET),
            ("/var/LOG: x", Severity::UNSET),
            ("the level is high", Severity::UNSET),
            ("", Severity::UNSET),
        ] {
            assert_eq!(detect(line.as_bytes()), expected, "{line}");
        }
    }
}
