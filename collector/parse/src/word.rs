//! The words that headers are made of.

/// Only this much of a record's first line is looked at for a header.
const HEAD_BYTES: usize = 4096;

/// A stamp's time of day lies within this much of a record, even behind the longest names of hosts and users.
const CLOCK_WITHIN: usize = 640;

/// The first line of a record, cut at 4096 bytes.
pub(crate) fn head(record: &[u8]) -> &[u8] {
    let head = record.get(..HEAD_BYTES).unwrap_or(record);
    let end = memchr::memchr(b'\n', head).unwrap_or(head.len());
    head.get(..end).unwrap_or(head)
}

/// Whether a colon between digits, as in a time of day, is near the beginning.
pub(crate) fn has_clock(record: &[u8]) -> bool {
    let text = record.get(..CLOCK_WITHIN).unwrap_or(record);
    let is_digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
    memchr::memchr_iter(b':', text).any(|colon| is_digit(colon.checked_sub(1)) && is_digit(Some(colon + 1)))
}

/// The first blank-separated word, and what follows the blank.
pub(crate) fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|b| *b == b' ')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Text of 1 to 64 bytes that can stand as a label value: printable ASCII without blanks and quotes.
pub(crate) fn name(bytes: &[u8]) -> Option<&str> {
    let fits =
        (1..=64).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_graphic() && *b != b'"' && *b != b'\'');
    if fits { std::str::from_utf8(bytes).ok() } else { None }
}

/// A host's name or address: a [`name`] of letters, digits and `.-_:`.
pub(crate) fn host_name(bytes: &[u8]) -> Option<&str> {
    let fits = (1..=64).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    if fits { std::str::from_utf8(bytes).ok() } else { None }
}

/// The most bytes of a tag's program.
const TAG_BYTES_MAX: usize = 64;

/// A `program[pid]:` or `program:` tag before a blank or the end, and what follows it. The program of a tag with a
/// `pid` may have blanks in it.
pub(crate) fn tag(text: &[u8]) -> Option<(&str, Option<&str>, &[u8])> {
    let end = text.iter().take(TAG_BYTES_MAX + 1).position(|b| !is_tag_byte(*b))?;
    let end = match text.get(end) {
        Some(b' ') if end > 0 => spaced(text)?,
        _ => end,
    };
    let program = std::str::from_utf8(text.get(..end)?).ok().filter(|program| !program.is_empty())?;
    let rest = text.get(end..)?;
    let (pid, rest) = match rest.strip_prefix(b"[") {
        Some(inner) => {
            let close = inner.iter().take(TAG_BYTES_MAX).position(|b| *b == b']')?;
            (Some(name(inner.get(..close)?)?), inner.get(close + 1..)?)
        }
        None => (None, rest),
    };
    let message = rest.strip_prefix(b":")?;
    matches!(message.first(), None | Some(b' ')).then_some((program, pid, message))
}

/// Where the `[` of `Some Program[42]: ` stands.
fn spaced(text: &[u8]) -> Option<usize> {
    let end = text.iter().take(TAG_BYTES_MAX).position(|b| !(is_tag_byte(*b) || *b == b' '))?;
    let rest = text.get(end..)?.strip_prefix(b"[")?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0 && rest.get(digits..)?.starts_with(b"]: ")).then_some(end)
}

fn is_tag_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/' | b'@' | b'+' | b'(' | b')')
}

/// How many bytes of `record` lie before `rest`, which must be its end.
pub(crate) fn offset(record: &[u8], rest: &[u8]) -> usize {
    record.len().saturating_sub(rest.len())
}
