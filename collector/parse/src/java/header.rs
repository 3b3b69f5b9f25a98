//! The parts of a header, in whatever order a pattern puts them.

use orszem_model::Severity;

use super::super::found::{between, cut, digits, integer, text};
use super::super::{Parsed, word};
use super::{is_stamp, severity};

/// The parts of a header, as far as they were read.
#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) level: Option<(Severity, &'a [u8])>,
    pub(super) thread: Option<&'a [u8]>,
    pub(super) logger: Option<&'a [u8]>,
    pid: Option<&'a [u8]>,
    /// `name`, where the application names itself.
    application: Option<&'a [u8]>,
    /// `0123…-4567…`
    trace: Option<(&'a [u8], &'a [u8])>,
    /// Whether Spring Boot's `---` was seen: brackets mean something else behind it.
    is_spring: bool,
}

impl<'a> Header<'a> {
    /// Takes `LEVEL ` and `LEVEL [thread] ` from before the stamp.
    pub(super) fn leading(&mut self, line: &'a [u8]) -> &'a [u8] {
        let Some((first, rest)) = word::word(line) else { return line };
        let Some(severity) = severity(first) else { return line };
        self.level = Some((severity, first));
        let rest = rest.trim_ascii_start();
        match bracket(rest) {
            Some((inside, after)) if !is_stamp(inside) => {
                self.thread = Some(inside);
                after.trim_ascii_start()
            }
            _ => rest,
        }
    }

    /// Reads what follows a stamp that stands free; answers the message.
    pub(super) fn read(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        const PARTS_MAX: usize = 12;
        for _ in 0..PARTS_MAX {
            rest = rest.trim_ascii_start();
            let is_settled = self.level.is_some() && (self.thread.is_some() || self.logger.is_some());
            if let Some(after) = [&b"- "[..], b": ", b"| "].iter().find_map(|mark| rest.strip_prefix(*mark)) {
                if is_settled {
                    return Some(after.trim_ascii_start());
                }
                rest = after;
            } else if let Some(after) = rest.strip_prefix(b"--- ") {
                self.is_spring = true;
                rest = after;
            } else if self.logger.is_none()
                && let Some((inside, after)) = bracket(rest)
            {
                let Some(()) = self.bracket(inside, after) else { return Some(rest) };
                rest = after;
            } else if self.thread.is_none()
                && self.level.is_some()
                && rest.starts_with(b"(")
                && let Some(inside) = between(rest, b"(", b")")
            {
                self.thread = Some(inside);
                rest = rest.get(inside.len() + 2..)?;
            } else {
                match self.word(rest)? {
                    Some(after) => rest = after,
                    None => return Some(rest),
                }
            }
        }
        None
    }

    /// Reads what follows `[stamp]`: `[LEVEL][logger] ` (Elasticsearch, the JVM) or `LEVEL message (logger)` (Kafka).
    pub(super) fn bracketed(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        if let Some((inside, after)) = bracket(rest) {
            let word = inside.trim_ascii();
            let severity = severity(word).or_else(|| Severity::from_text(std::str::from_utf8(word).ok()?))?;
            self.level = Some((severity, word));
            let (logger, after) = bracket(after.trim_ascii_start())?;
            self.logger = Some(logger.trim_ascii());
            return Some(after.trim_ascii_start());
        }
        let (first, after) = word::word(rest.trim_ascii_start())?;
        self.level = Some((severity(first)?, first));
        let logger = after.strip_suffix(b")").and_then(|text| text.rsplit(|b| *b == b'(').next());
        match logger.filter(|logger| is_dotted(logger)) {
            Some(logger) => {
                self.logger = Some(logger);
                Some(after)
            }
            None => self.read(after),
        }
    }

    /// Places the inside of brackets; `None` if they belong to the message.
    fn bracket(&mut self, inside: &'a [u8], after: &[u8]) -> Option<()> {
        let word = inside.trim_ascii();
        if self.level.is_none()
            && let Some(severity) = severity(word)
        {
            self.level = Some((severity, word));
            return Some(());
        }
        if let Some((application, trace)) = traced(word) {
            self.application = self.application.or(application);
            self.trace = Some(trace);
            return Some(());
        }
        let is_jboss = self.level.is_some() && after.trim_ascii_start().starts_with(b"(");
        match self.thread {
            _ if is_jboss && is_dotted(word) => self.logger = Some(word),
            Some(before) if self.is_spring => {
                self.application = Some(before);
                self.thread = Some(word);
            }
            // ZooKeeper's server number.
            Some(before) if before.starts_with(b"myid:") => self.thread_and_logger(word),
            Some(_) => return None,
            None if word.starts_with(b"myid:") || self.is_spring => self.thread = Some(word),
            None if word.is_empty() => {}
            None => self.thread_and_logger(word),
        }
        Some(())
    }

    /// `thread`, or ZooKeeper's `thread:Class@line`.
    fn thread_and_logger(&mut self, inside: &'a [u8]) {
        let split = || {
            let at = memchr::memrchr(b'@', inside)?;
            let colon = memchr::memrchr(b':', inside.get(..at)?)?;
            let is_line = inside.get(at + 1..)?.iter().all(u8::is_ascii_digit);
            Some((inside.get(..colon)?, inside.get(colon + 1..at)?)).filter(|_| is_line)
        };
        match split() {
            Some((thread, logger)) => {
                self.thread = Some(thread);
                self.logger = Some(logger);
            }
            None => self.thread = Some(inside),
        }
    }

    /// Places a word. The outer `None`: this is no such header. The inner: the message begins here.
    #[expect(clippy::option_option, reason = "two different ends of one loop")]
    fn word(&mut self, rest: &'a [u8]) -> Option<Option<&'a [u8]>> {
        let (first, after) = word::word(rest).unwrap_or((rest, b""));
        if self.level.is_none() {
            self.level = Some((severity(first)?, first));
            return Some(Some(after));
        }
        if self.logger.is_some() {
            return Some(None);
        }
        if self.pid.is_none()
            && !self.is_spring
            && digits(first).is_some_and(|(_, end)| end.is_empty())
            && after.trim_ascii_start().starts_with(b"--- ")
        {
            self.pid = Some(first);
            return Some(Some(after));
        }
        let next = after.trim_ascii_start();
        let is_marked = next.starts_with(b"- ") || next.starts_with(b": ");
        if let Some(logger) = first.strip_suffix(b":").filter(|logger| is_dotted(logger)) {
            self.logger = Some(logger);
            return Some(Some(after));
        }
        if is_dotted(first) || is_marked && is_plain(first) {
            self.logger = Some(first);
            return Some(Some(after));
        }
        Some(None)
    }

    pub(super) fn add(self, parsed: &mut Parsed<'a>) {
        if let Some(name) = self.application.and_then(word::name) {
            parsed.service = Some(name.into());
        }
        text(parsed, "logger", self.logger.unwrap_or_default());
        text(parsed, "thread", self.thread.unwrap_or_default());
        integer(parsed, "pid", self.pid.unwrap_or_default());
        if let Some((trace, span)) = self.trace {
            parsed.trace_id = hex(trace);
            parsed.span_id = hex(span);
        }
    }
}

/// `[inside]` and what follows.
fn bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let close = memchr::memchr(b']', inner.get(..256).unwrap_or(inner))?;
    Some((inner.get(..close)?, inner.get(close + 1..)?))
}

/// A trace and a span.
type Trace<'a> = (&'a [u8], &'a [u8]);

/// `trace-span` (Micrometer) and `application,trace,span` (Sleuth).
fn traced(word: &[u8]) -> Option<(Option<&[u8]>, Trace<'_>)> {
    let is_hex = |text: &[u8], len: usize| text.len() == len && text.iter().all(u8::is_ascii_hexdigit);
    let are_ids = |(trace, span): &Trace<'_>| is_hex(trace, 32) && is_hex(span, 16);
    if let Some(ids) = cut(word, b"-").filter(are_ids) {
        return Some((None, ids));
    }
    let mut parts = word.split(|b| *b == b',');
    let application = parts.next()?;
    let ids = (parts.next()?, parts.next()?);
    are_ids(&ids).then_some((Some(application), ids))
}

fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out).filter(|id| digits.len() == N * 2 && id.iter().any(|b| *b != 0))
}

/// `com.example.Pay`, `o.s.b.Web:42`: dots inside, no other marks.
fn is_dotted(word: &[u8]) -> bool {
    let (name, line) = cut(word, b":").unwrap_or((word, b""));
    memchr::memchr(b'.', name).is_some()
        && name.split(|b| *b == b'.').all(|part| !part.is_empty() && part.iter().all(is_name_byte))
        && name.first().is_some_and(u8::is_ascii_alphabetic)
        && line.iter().all(u8::is_ascii_digit)
        && (line.is_empty() != word.contains(&b':'))
}

/// `Pay` and `Pay:42`.
fn is_plain(word: &[u8]) -> bool {
    let (name, line) = cut(word, b":").unwrap_or((word, b""));
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(is_name_byte)
        && line.iter().all(u8::is_ascii_digit)
}

fn is_name_byte(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'-' | b'/' | b'[' | b']')
}
