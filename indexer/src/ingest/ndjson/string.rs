//! JSON strings without their quotes and escapes.

/// A text that lies in the line as it is, or was written to a buffer because it had escapes.
#[derive(Clone, Debug)]
pub(super) enum Text<'b> {
    Line(&'b str),
    Buffer(std::ops::Range<usize>),
}

impl Text<'_> {
    /// The text; `buffer` is the one that [`text_of`] wrote to.
    #[inline]
    pub(super) fn get<'x>(&'x self, buffer: &'x str) -> &'x str {
        match self {
            Self::Line(text) => text,
            Self::Buffer(range) => buffer.get(range.clone()).unwrap_or(""),
        }
    }
}

/// The text of a JSON value: a string without quotes and escapes, anything else as written. `None` for a bad escape.
#[inline]
pub(super) fn text_of<'b>(raw: &'b str, buffer: &mut String) -> Option<Text<'b>> {
    let Some(inner) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
        return Some(Text::Line(raw));
    };
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Text::Line(inner));
    }
    let start = buffer.len();
    unescape(inner, buffer)?;
    Some(Text::Buffer(start..buffer.len()))
}

/// Appends `text` without its escapes. A lone surrogate becomes U+FFFD.
fn unescape(text: &str, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..at)?);
        let code = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        match code {
            b'"' | b'\\' | b'/' => out.push(char::from(code)),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let unit = hex4(&mut rest)?;
                out.push(char::from_u32(unit).unwrap_or_else(|| pair(unit, &mut rest)));
            }
            _ => return None,
        }
    }
    out.push_str(rest);
    Some(())
}

/// The character of a surrogate pair whose first half was read.
fn pair(high: u32, rest: &mut &str) -> char {
    let mut ahead = rest.strip_prefix("\\u").unwrap_or("");
    match hex4(&mut ahead) {
        Some(low @ 0xdc00..0xe000) if (0xd800..0xdc00).contains(&high) => {
            *rest = ahead;
            char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}

fn hex4(rest: &mut &str) -> Option<u32> {
    let (digits, tail) = rest.split_at_checked(4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    *rest = tail;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(raw: &str) -> Option<String> {
        let mut buffer = String::from("before");
        text_of(raw, &mut buffer).map(|text| text.get(&buffer).to_owned())
    }

    #[test]
    fn escapes_are_undone_and_bad_ones_refused() {
        assert_eq!(check(r#""a\"\\\/\b\f\n\r\tz""#).as_deref(), Some("a\"\\/\u{8}\u{c}\n\r\tz"));
        assert_eq!(check(r#""\u0151\ud83d\ude00""#).as_deref(), Some("ő😀"));
        assert_eq!(check(r#""\ud83d!\ude00\ud83d\u0041""#).as_deref(), Some("\u{fffd}!\u{fffd}\u{fffd}A"));
        assert_eq!(check("12.50").as_deref(), Some("12.50"));
        for bad in [r#""\x""#, r#""\u12""#, r#""\u+123""#, "\"\\u12ő\""] {
            assert_eq!(check(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_read_back(text: String) {
            prop_assert_eq!(check(&serde_json::to_string(&text).expect("a string")), Some(text));
        }
    }
}
