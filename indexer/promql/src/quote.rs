//! Go's quoted strings: what PromQL's literals mean, and how texts stand in errors and printed queries (`strconv`).

/// Bytes of a literal that are no UTF-8 (`"\xff"`) stand in strings as one character each, from here up.
const RAW_BYTES: u32 = 0x10_FF00;

/// The byte, where `character` stands for one that is no UTF-8. Names with such a character are no names.
pub fn raw_byte(character: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(character).checked_sub(RAW_BYTES)?).ok()?;
    (byte >= 0x80).then_some(byte)
}

/// `bytes` as text; see [`raw_byte`].
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(RAW_BYTES + u32::from(*byte))));
    }
    text
}

/// The text that a literal with its quotes means; `None` when it is not well formed.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let inner = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' || !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(character) = rest.next() {
        if character == '\\' {
            unescape(&mut rest, quote, &mut bytes)?;
        } else {
            push(&mut bytes, character);
        }
    }
    Some(text_of(&bytes))
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What stands behind a backslash.
fn unescape(rest: &mut std::str::Chars<'_>, quote: char, bytes: &mut Vec<u8>) -> Option<()> {
    let byte = match rest.next()? {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        'x' => u8::try_from(digits(rest, 2, 16, 0)?).ok()?,
        'u' => return char::from_u32(digits(rest, 4, 16, 0)?).map(|character| push(bytes, character)),
        'U' => return char::from_u32(digits(rest, 8, 16, 0)?).map(|character| push(bytes, character)),
        first @ '0'..='7' => u8::try_from(digits(rest, 2, 8, first.to_digit(8)?)?).ok()?,
        other if other == quote => u8::try_from(other).ok()?,
        _ => return None,
    };
    bytes.push(byte);
    Some(())
}

/// `count` more digits behind `first`.
fn digits(rest: &mut std::str::Chars<'_>, count: usize, base: u32, first: u32) -> Option<u32> {
    let mut value = first;
    for _ in 0..count {
        value = value.checked_mul(base)?.checked_add(rest.next()?.to_digit(base)?)?;
    }
    Some(value)
}

/// `text` in double quotes, as Go's `%q`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        escape(&mut out, character, '"');
    }
    out.push('"');
    out
}

/// `character` in single quotes, as Go's `%q`; the end of the text shows as U+FFFD.
pub(crate) fn quote_character(character: Option<char>) -> String {
    let mut out = String::from("'");
    escape(&mut out, character.unwrap_or(char::REPLACEMENT_CHARACTER), '\'');
    out.push('\'');
    out
}

fn escape(out: &mut String, character: char, quote: char) {
    if let Some(byte) = raw_byte(character) {
        out.push_str(&format!("\\x{byte:02x}"));
        return;
    }
    match character {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        '\\' => out.push_str("\\\\"),
        _ if character == quote => {
            out.push('\\');
            out.push(quote);
        }
        _ if is_printable(character) => out.push(character),
        _ => match u32::from(character) {
            code @ ..0x80 => out.push_str(&format!("\\x{code:02x}")),
            code @ ..0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        },
    }
}

fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    // Marks are escaped only at the start of a text.
    let behind_a_letter: String = ['a', character].iter().collect();
    behind_a_letter.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_mean_what_they_mean_in_go() {
        for (literal, text) in [
            (r#""a""#, Some("a")),
            (r"'a\'b'", Some("a'b")),
            (r"`a\n`", Some(r"a\n")),
            (r#""\a\b\f\n\r\t\v\\\"""#, Some("\x07\x08\x0c\n\r\t\x0b\\\"")),
            (r#""\101\x41\u0041\U0001F600""#, Some("AAA\u{1F600}")),
            (r#""\xc3\xa9""#, Some("é")),
            (r#""\'""#, None),
            (r#""\q""#, None),
            (r#""\x4""#, None),
            (r#""\ud800""#, None),
            (r#""\400""#, None),
            (r#""a"#, None),
            ("a", None),
        ] {
            assert_eq!(unquote(literal).as_deref(), text, "{literal}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_survive() {
        let text = unquote(r#""a\xc5z""#).expect("a literal");
        assert_eq!(text.chars().filter_map(raw_byte).collect::<Vec<_>>(), [0xc5]);
        assert_eq!(quote(&text), r#""a\xc5z""#);
        assert_eq!(raw_byte('\u{10FF00}'), None);
        assert_eq!(raw_byte('a'), None);
    }

    #[test]
    fn quoting_is_as_in_go() {
        for (text, quoted) in [
            ("a\"b'c", r#""a\"b'c""#),
            ("\0\x1f\x7f", r#""\x00\x1f\x7f""#),
            ("é\u{a0}\u{200b}\u{301}", "\"é\\u00a0\\u200b\u{301}\""),
            ("\u{f0000}", r#""\U000f0000""#),
        ] {
            assert_eq!(quote(text), quoted);
        }
        assert_eq!(quote_character(Some('\'')), r"'\''");
        assert_eq!(quote_character(None), "'\u{fffd}'");
    }
}
