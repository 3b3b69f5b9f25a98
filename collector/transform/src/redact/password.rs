//! Values behind a key that names a secret, credentials of an `Authorization` header, passwords in URLs.

use std::ops::Range;

use orszem_parse::Value;

use super::Find;
use crate::Preset;

/// How sure a key is of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// Whatever follows is secret.
    Password,
    /// `pwd`: also the working directory.
    Pwd,
    /// May be prose (`unexpected token: }`) or a number.
    Token,
    /// A scheme, then the credentials (RFC 9110 §11.6.2).
    Header,
}

/// Ends of keys, in any case: `DB_PASSWORD`, `userPassword`, `x-api-key`. All end in one of `d t n y e`.
const KEYS: [(&[u8], Key); 17] = [
    (b"password", Key::Password),
    (b"passwd", Key::Password),
    (b"pwd", Key::Pwd),
    (b"passphrase", Key::Password),
    (b"secret", Key::Token),
    (b"token", Key::Token),
    (b"authorization", Key::Header),
    (b"api_key", Key::Token),
    (b"api-key", Key::Token),
    (b"apikey", Key::Token),
    (b"secret_key", Key::Token),
    (b"secret-key", Key::Token),
    (b"secretkey", Key::Token),
    (b"access_key", Key::Token),
    (b"access-key", Key::Token),
    (b"accesskey", Key::Token),
    (b"private_key", Key::Token),
];

/// What follows such a key and tells nothing, in any case. `YES` and `NO` are MariaDB's `using password: YES`.
const NO_SECRETS: [&[u8]; 16] = [
    b"null",
    b"true",
    b"false",
    b"none",
    b"nil",
    b"undefined",
    b"yes",
    b"no",
    b"required",
    b"missing",
    b"invalid",
    b"incorrect",
    b"expired",
    b"empty",
    b"unknown",
    b"changed",
];

/// Authentication schemes, in any case, and whether their credentials are one word.
const SCHEMES: [(&[u8], bool); 9] = [
    (b"basic", true),
    (b"bearer", true),
    (b"token", true),
    (b"apikey", true),
    (b"negotiate", true),
    (b"ntlm", true),
    (b"digest", false),
    (b"aws4-hmac-sha256", false),
    (b"signature", false),
];

/// The longest of them.
const SCHEME_BYTES_MAX: usize = 16;
/// A token in prose is at least this long, and has a digit.
const PROSE_TOKEN_BYTES_MIN: usize = 8;
/// Within this many bytes the digit must come.
const PROSE_TOKEN_BYTES_MAX: usize = 64;
/// A token of digits only is at least this long.
const DIGITS_TOKEN_BYTES_MIN: usize = 6;
/// How much of a URL is searched for its `@`.
const AUTHORITY_BYTES_MAX: usize = 512;
const MARKER_START: &[u8] = b"[redacted:";

pub(super) fn find(text: &[u8], finds: &mut Vec<Find>) {
    let mut from = 0;
    for at in memchr::memchr2_iter(b'=', b':', text) {
        if at < from {
            continue;
        }
        if let Some(range) = assigned(text, at).or_else(|| url_password(text, at)) {
            from = range.end;
            finds.push(Find::new(range, Preset::Password));
        }
    }
}

/// Whether an attribute's value has to go for its key.
pub(super) fn is_secret(key: &str, value: &Value<'_>) -> bool {
    let Some(key) = key_before(key.as_bytes(), key.len()) else { return false };
    match value {
        Value::Text(text) | Value::Json(text) => is_plausible(key, text.as_bytes(), false),
        Value::Integer(number) => is_plausible(key, number.to_string().as_bytes(), false),
        Value::Float(_) | Value::Bool(_) | Value::Null => false,
    }
}

/// The secret that is assigned by the `=` or `:` at `at`.
fn assigned(text: &[u8], at: usize) -> Option<Range<usize>> {
    let before = text[..at].strip_suffix(b" ").unwrap_or(&text[..at]);
    let is_spaced = before.len() < at;
    let name = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'"));
    let is_quoted = name.is_some();
    let name = name.map_or(before, |name| name.strip_suffix(b"\\").unwrap_or(name));
    let key = key_before(name, name.len())?;
    let mut start = at + 1;
    let is_colon = text[at] == b':';
    match text.get(start)? {
        b':' => return None,
        b'=' | b'>' => start += 1,
        _ => {}
    }
    if is_colon || is_spaced || is_quoted {
        start += text[start..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    }
    secret_at(text, start, key, is_colon && !is_quoted)
}

/// The kind of the key whose name ends at `end`.
fn key_before(text: &[u8], end: usize) -> Option<Key> {
    let name = text.get(..end)?;
    if !matches!(name.last()? | 0x20, b'd' | b't' | b'n' | b'y' | b'e') {
        return None;
    }
    KEYS.iter().find(|(key, _)| ends_with(name, key)).map(|(_, kind)| *kind)
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len().checked_sub(end.len()).is_some_and(|at| text[at..].eq_ignore_ascii_case(end))
}

/// The part of the value at `start` that is secret.
fn secret_at(text: &[u8], start: usize, key: Key, is_prose: bool) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    if may_skip(text, start, key, is_prose) {
        return None;
    }
    let (content, is_quoted) = match rest {
        [b'\\', quote @ (b'"' | b'\''), ..] => (start + 2..closing(text, start + 2, &[b'\\', *quote]), true),
        [quote @ (b'"' | b'\''), ..] => (start + 1..closing_quote(text, start + 1, *quote), true),
        [b'{', ..] | [b'$', b'{', ..] => return None,
        _ => (start..bare_end(text, start), false),
    };
    let (key, content) = match key {
        Key::Header => match credentials(text, content.clone(), is_quoted) {
            Some(credentials) => (Key::Header, credentials),
            None => (Key::Token, content),
        },
        Key::Password | Key::Pwd | Key::Token => (key, content),
    };
    is_plausible(key, &text[content.clone()], is_prose && !is_quoted).then_some(content)
}

/// Whether a value without quotes shows at its beginning that it is no secret. Spares looking for its end: a long text of
/// `token:token:…` would be gone through once per key.
fn may_skip(text: &[u8], start: usize, key: Key, is_prose: bool) -> bool {
    let is_prose = is_prose && (key == Key::Token || (key == Key::Header && scheme(&text[start..]).is_none()));
    match (key, text[start..].first()) {
        (_, None | Some(b'"' | b'\'' | b'\\')) => false,
        (Key::Pwd, Some(_)) => !is_plausible(key, &text[start..=start], is_prose),
        (Key::Token | Key::Header, Some(_)) if is_prose => {
            let head = &text[..text.len().min(start + PROSE_TOKEN_BYTES_MAX)];
            !is_plausible(Key::Token, &text[start..bare_end(head, start)], is_prose)
        }
        (Key::Password | Key::Token | Key::Header, Some(_)) => false,
    }
}

/// Where `close` stands next, else the end of the text.
fn closing(text: &[u8], start: usize, close: &[u8]) -> usize {
    memchr::memmem::find(&text[start..], close).map_or(text.len(), |i| start + i)
}

/// Where the quote stands next that no backslash escapes, else the end of the text.
fn closing_quote(text: &[u8], start: usize, quote: u8) -> usize {
    let mut is_escaped = false;
    for (i, byte) in text[start..].iter().enumerate() {
        match *byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b if b == quote => return start + i,
            _ => {}
        }
    }
    text.len()
}

/// The end of a value without quotes: at a blank, a quote, or what parts values in URLs, lists and objects. A marker in
/// the value is part of it.
fn bare_end(text: &[u8], start: usize) -> usize {
    let is_list = text.get(start) == Some(&b'[') && marker_len(&text[start..]).is_none();
    if is_list {
        return memchr::memchr(b']', &text[start..]).map_or(text.len(), |i| start + i + 1);
    }
    let ends = |b: u8| b <= b' ' || b"&,;\"'<>)]}|\\".contains(&b);
    let mut at = start;
    while let Some(byte) = text.get(at).filter(|b| !ends(**b)) {
        let marker = if *byte == b'[' { marker_len(&text[at..]) } else { None };
        at += marker.unwrap_or(1);
    }
    at
}

/// The length of the marker that the text starts with.
fn marker_len(text: &[u8]) -> Option<usize> {
    let name = text.strip_prefix(MARKER_START)?;
    let len = name.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    (name.get(len) == Some(&b']')).then_some(MARKER_START.len() + len + 1)
}

/// A header's value without its scheme, if it is a known one.
fn credentials(text: &[u8], content: Range<usize>, is_quoted: bool) -> Option<Range<usize>> {
    let line = if is_quoted { &text[..content.end] } else { text };
    let (len, is_word) = scheme(&line[content.start..])?;
    let start = content.start + len;
    let end = match (is_quoted, is_word) {
        (true, _) => content.end,
        (false, true) => bare_end(text, start),
        (false, false) => memchr::memchr2(b'\n', b'\r', &text[start..]).map_or(text.len(), |i| start + i),
    };
    Some(start..end)
}

/// The length of the known scheme that the text starts with and of the blanks behind it, and whether one word follows.
fn scheme(text: &[u8]) -> Option<(usize, bool)> {
    let len = text.iter().take(SCHEME_BYTES_MAX + 1).take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    let blanks = text[len..].iter().take_while(|b| **b == b' ').count();
    let (_, is_word) = SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&text[..len]))?;
    (blanks > 0).then_some((len + blanks, *is_word))
}

/// Whether the value can be a secret at all, and isn't one that was redacted.
fn is_plausible(key: Key, value: &[u8], is_prose: bool) -> bool {
    let is_told = value.iter().all(|b| *b == b'*')
        || marker_len(value) == Some(value.len())
        || NO_SECRETS.iter().any(|word| word.eq_ignore_ascii_case(value));
    if is_told {
        return false;
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    match key {
        Key::Password => true,
        Key::Pwd => !matches!(value.first(), Some(b'/' | b'~')),
        Key::Token if is_prose => value.len() >= PROSE_TOKEN_BYTES_MIN && digits > 0,
        Key::Token | Key::Header => digits < value.len() || digits >= DIGITS_TOKEN_BYTES_MIN,
    }
}

/// The password of `scheme://user:password@host` (RFC 3986 §3.2.1), if `at` is the colon before the slashes.
fn url_password(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?.strip_prefix(b"://")?;
    let rest = rest.get(..AUTHORITY_BYTES_MAX).unwrap_or(rest);
    let ends = |b: &u8| *b <= b' ' || b"/?#\"'<>\\".contains(b);
    let authority = rest.iter().position(ends).map_or(rest, |end| &rest[..end]);
    let user_end = memchr::memrchr(b'@', authority)?;
    let colon = memchr::memchr(b':', &authority[..user_end])?;
    let password = &authority[colon + 1..user_end];
    let is_new = !password.is_empty() && marker_len(password) != Some(password.len());
    let start = at + 3 + colon + 1;
    (is_new && !authority[..colon].contains(&b'[')).then_some(start..start + password.len())
}
