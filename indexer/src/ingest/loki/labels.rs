//! The label strings of Loki's protobuf, `{app="web", host="db1"}`, and the names that Loki allows.

use std::borrow::Cow;

use super::super::error::IngestError;
use super::Label;

/// Refuses a name that Loki would: `[a-zA-Z_:][a-zA-Z0-9_:.]*`.
pub(super) fn check_name(name: &str) -> Result<(), IngestError> {
    let mut bytes = name.bytes();
    let is_start = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    let is_valid = bytes.next().is_some_and(is_start) && bytes.all(|b| is_start(b) || b.is_ascii_digit() || b == b'.');
    if is_valid {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    let message = format!("`{shown}` is no label name; use letters, digits, _ : and ., not a digit or dot first");
    Err(IngestError::new("ingest.bad_labels", 400, message))
}

/// Parses `{name="value", …}` with Go's string escapes, or back-quoted raw values. Errors name the byte, from 0.
pub(super) fn parse_labels(text: &str) -> Result<Vec<Label<'_>>, IngestError> {
    let mut parser = Parser { text, at: 0 };
    parser.spaces();
    parser.expect('{')?;
    let mut labels = Vec::new();
    loop {
        parser.spaces();
        if parser.rest().starts_with('}') && !labels.is_empty() {
            break;
        }
        let name = parser.name()?;
        parser.spaces();
        parser.expect('=')?;
        parser.spaces();
        labels.push((Cow::Borrowed(name), parser.value()?));
        parser.spaces();
        if !parser.rest().starts_with(',') {
            break;
        }
        parser.expect(',')?;
    }
    parser.expect('}')?;
    parser.spaces();
    match parser.rest() {
        "" => Ok(labels),
        _ => Err(parser.error("the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn error(&self, expected: &str) -> IngestError {
        let found = self.rest().chars().next().map_or("the end".to_owned(), |c| format!("{c:?}"));
        let shown: String = self.text.chars().take(200).collect();
        let message = format!("labels `{shown}`: expected {expected} at byte {}, found {found}", self.at);
        IngestError::new("ingest.bad_labels", 400, message)
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_ascii_start().len();
    }

    fn expect(&mut self, wanted: char) -> Result<(), IngestError> {
        if !self.rest().starts_with(wanted) {
            return Err(self.error(&format!("{wanted:?}")));
        }
        self.at += wanted.len_utf8();
        Ok(())
    }

    fn name(&mut self) -> Result<&'a str, IngestError> {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | ',' | '{' | '}' | '"'));
        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or("");
        if name.is_empty() {
            return Err(self.error("a label name"));
        }
        check_name(name)?;
        self.at += name.len();
        Ok(name)
    }

    fn value(&mut self) -> Result<Cow<'a, str>, IngestError> {
        let rest = self.rest();
        if let Some(raw) = rest.strip_prefix('`') {
            let Some((value, _)) = raw.split_once('`') else { return Err(self.error("a closed value")) };
            self.at += value.len() + 2;
            return Ok(Cow::Borrowed(value));
        }
        let Some(inner) = rest.strip_prefix('"') else { return Err(self.error("a quoted value")) };
        self.at += 1;
        let mut out = String::new();
        let mut chars = inner.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    let plain = inner.get(..at).unwrap_or("");
                    return Ok(if out.is_empty() && !plain.contains('\\') { plain.into() } else { out.into() });
                }
                '\\' => {
                    let Some(c) = escape(&mut chars) else {
                        self.at += at;
                        return Err(self.error("a valid escape"));
                    };
                    if out.is_empty() {
                        out.push_str(inner.get(..at).unwrap_or(""));
                    }
                    out.push(c);
                }
                c if !out.is_empty() => out.push(c),
                _ => {}
            }
        }
        self.at = self.text.len();
        Err(self.error("'\"'"))
    }
}

/// The character of a Go escape whose backslash was read.
fn escape(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let digits = |chars: &mut std::str::CharIndices<'_>, first: Option<u32>, count: usize, radix: u32| {
        let mut value = first.unwrap_or(0);
        for _ in 0..count {
            value = value.checked_mul(radix)? + chars.next()?.1.to_digit(radix)?;
        }
        char::from_u32(value)
    };
    match chars.next()?.1 {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        c @ ('\\' | '"' | '\'') => Some(c),
        'x' => digits(chars, None, 2, 16),
        'u' => digits(chars, None, 4, 16),
        'U' => digits(chars, None, 8, 16),
        c => digits(chars, Some(c.to_digit(8)?), 2, 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_strings_are_read() {
        let cases: [(&str, &[(&str, &str)]); 6] = [
            (r#"{a="b"}"#, &[("a", "b")]),
            (r#" { a = "b" , c.d="e,}" , } "#, &[("a", "b"), ("c.d", "e,}")]),
            (r#"{a="x\"y\\z\n\u0151\x41\101"}"#, &[("a", "x\"y\\z\nőAA")]),
            (r#"{a="\"x"}"#, &[("a", "\"x")]),
            (r#"{a=`b\n`,_b:="ő"}"#, &[("a", r"b\n"), ("_b:", "ő")]),
            (r#"{a=""}"#, &[("a", "")]),
        ];
        for (text, expected) in cases {
            let labels = parse_labels(text).expect(text);
            let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
            assert_eq!(labels, expected, "{text}");
        }
    }

    #[test]
    fn errors_tell_where_and_what() {
        for (text, expected) in [
            ("", "labels ``: expected '{' at byte 0, found the end"),
            ("{}", "labels `{}`: expected a label name at byte 1, found '}'"),
            (r#"{a="b""#, r#"labels `{a="b"`: expected '}' at byte 6, found the end"#),
            (r#"{a="b"#, r#"labels `{a="b`: expected '"' at byte 5, found the end"#),
            (r"{a=b}", r"labels `{a=b}`: expected a quoted value at byte 3, found 'b'"),
            (r#"{a="\q"}"#, r#"labels `{a="\q"}`: expected a valid escape at byte 4, found '\\'"#),
            (r#"{a="b" c="d"}"#, r#"labels `{a="b" c="d"}`: expected '}' at byte 7, found 'c'"#),
            (r#"{a="b"}x"#, r#"labels `{a="b"}x`: expected the end at byte 7, found 'x'"#),
            (r#"{9a="b"}"#, "`9a` is no label name; use letters, digits, _ : and ., not a digit or dot first"),
            (r#"{a-b="b"}"#, "`a-b` is no label name; use letters, digits, _ : and ., not a digit or dot first"),
        ] {
            let error = parse_labels(text).expect_err(text);
            assert_eq!((error.code, error.status, error.message.as_str()), ("ingest.bad_labels", 400, expected));
        }
    }
}
