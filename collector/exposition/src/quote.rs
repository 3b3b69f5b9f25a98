//! Bytes in an error's text, as Go's `%q` prints them.

use std::fmt::Write;

/// Beyond this many bytes a quotation is cut.
const QUOTED_BYTES_MAX: usize = 1024;

/// `bytes` in double quotes: what cannot be printed is escaped, and no more than 1 KiB of them is shown.
pub fn quote(bytes: &[u8]) -> String {
    let shown = bytes.get(..QUOTED_BYTES_MAX).unwrap_or(bytes);
    let mut out = String::with_capacity(shown.len() + 2);
    out.push('"');
    for chunk in shown.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push_letter(&mut out, letter);
        }
        for byte in chunk.invalid() {
            push_code(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    if shown.len() < bytes.len() {
        out.push('…');
    }
    out
}

fn push_letter(out: &mut String, letter: char) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        letter if letter < ' ' || letter == '\x7f' => {
            push_code(out, format_args!("\\x{:02x}", u32::from(letter)));
        }
        letter if letter.is_control() => push_code(out, format_args!("\\u{:04x}", u32::from(letter))),
        letter => out.push(letter),
    }
}

fn push_code(out: &mut String, code: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    if out.write_fmt(code).is_err() {
        out.push('?');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_printed_is_escaped_and_what_is_long_is_cut() {
        assert_eq!(quote(b"a\"b\\c\n\t\x00\xff\x7f"), r#""a\"b\\c\n\t\x00\xff\x7f""#);
        assert_eq!(quote("ő\u{85}".as_bytes()), "\"ő\\u0085\"");
        assert_eq!(quote(&[b'a'; 1025]).chars().count(), 1024 + 3);
    }
}
