//! Severity from words in free text.

use orszem_model::Severity;

/// How far into a message a word of severity is looked for.
const SEARCH_BYTES: usize = 200;

/// The first word that names a severity beyond doubt: upper case (`ERROR`), bracketed (`[warn]`), or before a
/// colon or bar (`error:`); `level=warn` too. Plain `error` in a sentence names none.
pub(super) fn in_text(text: &[u8]) -> Option<(Severity, &str)> {
    let text = text.get(..SEARCH_BYTES).unwrap_or(text);
    let is_word = |b: &u8| b.is_ascii_alphabetic();
    let mut at = 0;
    while let Some(start) = text.get(at..)?.iter().position(is_word).map(|p| p + at) {
        let end = text[start..].iter().position(|b| !is_word(b)).map_or(text.len(), |p| p + start);
        at = end;
        let before = start.checked_sub(1).map_or(b' ', |b| text[b]);
        let after = text.get(end).copied().unwrap_or(b' ');
        let joined = |b: u8| b.is_ascii_alphanumeric() || b"_-/.@".contains(&b) || b >= 0x80;
        if !(3..=13).contains(&(end - start)) || joined(before) || (joined(after) && after != b'.') {
            continue;
        }
        let word = std::str::from_utf8(&text[start..end]).ok()?;
        let upper = word.bytes().all(|b| b.is_ascii_uppercase());
        let marked = matches!(after, b':' | b'|')
            || (matches!(before, b'[' | b'<' | b'(') && matches!(after, b']' | b'>' | b')'));
        let level = text[..start].ends_with(b"level=") || text[..start].ends_with(b"level=\"");
        if !(upper || marked || level) || matches!(word, "LOG" | "log" | "default" | "config") && !(upper && marked) {
            continue;
        }
        if let Some(severity) = Severity::from_text(word) {
            return Some((severity, word));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

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
