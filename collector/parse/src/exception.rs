//! Java exceptions in a record that a stack trace was joined to.

use super::Parsed;
use super::found::{cut, text};

/// Only this much of a record is searched.
const SEARCH_BYTES: usize = 64 << 10;

/// What kinds of `Throwable` are called.
const ENDINGS: [&[u8]; 5] = [b"Exception", b"Error", b"Throwable", b"Failure", b"Interrupted"];

/// Adds the type and message of the exception that `message`, which may have several lines, tells of, and the type
/// of its innermost cause. The trace itself stays in the body. Answers whether there was one.
pub(crate) fn describe<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) -> bool {
    let message = message.get(..SEARCH_BYTES).unwrap_or(message);
    let mut lines = message.split(|b| *b == b'\n').peekable();
    let mut found = None;
    while let Some(line) = lines.next() {
        let traced = lines.peek().is_some_and(|next| is_frame(next));
        found = thrown(line.trim_ascii(), traced);
        if found.is_some() {
            break;
        }
    }
    let Some((kind, said)) = found else { return false };
    text(parsed, "exception.type", kind);
    text(parsed, "exception.message", said);
    // Tomcat indents the whole trace.
    if let Some(at) = memchr::memmem::rfind(message, b"Caused by: ")
        && message.get(..at).is_some_and(|before| before.trim_ascii_end().len() < before.len())
    {
        let cause = message.get(at + 11..).unwrap_or_default();
        text(parsed, "exception.cause", thrown(first_line(cause), true).map_or(&[], |(kind, _)| kind));
    }
    true
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|b| *b == b'\n').next().unwrap_or(text).trim_ascii_end()
}

fn is_frame(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"at ") && matches!(line.first(), Some(b' ' | b'\t'))
}

/// `package.Type: message` or `package.Type`; a name that is no `…Exception` counts only above a trace.
fn thrown(line: &[u8], traced: bool) -> Option<(&[u8], &[u8])> {
    let (kind, said) = cut(line, b": ").unwrap_or((line.strip_suffix(b":").unwrap_or(line), b""));
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$');
    if !(5..=256).contains(&kind.len()) || !kind.iter().all(fits) || !kind[0].is_ascii_lowercase() {
        return None;
    }
    let dot = memchr::memrchr(b'.', kind)?;
    let name = kind.get(dot + 1..)?;
    let is_type = name.first().is_some_and(u8::is_ascii_uppercase);
    let is_known = ENDINGS.iter().any(|ending| name.ends_with(ending));
    (is_type && (is_known || traced)).then_some((kind, said))
}
