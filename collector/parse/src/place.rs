//! Keys that have a place of their own in a record: time, level, host, program, message, trace.

use std::borrow::Cow;

use orszem_model::Severity;
use orszem_model::time::parse_json_number;

use super::{Moment, Parsed, field, name, severity, time};

/// The longest key that has a place.
const KEY_BYTES_MAX: usize = 24;

/// Where the value of a key belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Time,
    /// Seconds since 1970 that [`Place::Nanos`] completes (log4j 2).
    Seconds,
    Nanos,
    Level,
    /// The letters of MongoDB's `s`.
    LevelLetter,
    /// Syslog's numbers (the journal's export).
    Priority,
    /// Python's numbers.
    PythonLevel,
    Service,
    Host,
    Message,
    Trace,
    Span,
}

impl Place {
    /// The place of a key, in any case.
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        let mut low = [0; KEY_BYTES_MAX];
        let low = low.get_mut(..key.len())?;
        for (to, from) in low.iter_mut().zip(key) {
            *to = from.to_ascii_lowercase();
        }
        Some(match &*low {
            b"time"
            | b"ts"
            | b"timestamp"
            | b"@timestamp"
            | b"date"
            | b"datetime"
            | b"t"
            | b"@t"
            | b"t.$date"
            | b"asctime"
            | b"eventtime"
            | b"__realtime_timestamp"
            | b"timemillis" => Self::Time,
            b"instant.epochsecond" => Self::Seconds,
            b"instant.nanoofsecond" => Self::Nanos,
            b"level" | b"severity" | b"lvl" | b"loglevel" | b"log_level" | b"log.level" | b"levelname" | b"@l"
            | b"severitytext" | b"severity_text" => Self::Level,
            b"s" => Self::LevelLetter,
            b"priority" => Self::Priority,
            b"levelno" => Self::PythonLevel,
            b"service" | b"service.name" | b"app" | b"application" | b"program" | b"syslog_identifier" => Self::Service,
            b"host" | b"hostname" | b"host.name" | b"host.hostname" | b"_hostname" => Self::Host,
            b"message" | b"msg" | b"@m" | b"@mt" | b"log" => Self::Message,
            b"trace_id" | b"traceid" | b"trace.id" => Self::Trace,
            b"span_id" | b"spanid" | b"span.id" => Self::Span,
            _ => return None,
        })
    }

    /// Puts text in its place. What has no room there (a second host, a word that is no level) is handed back.
    pub(crate) fn put<'a>(
        self,
        text: Cow<'a, str>,
        parsed: &mut Parsed<'a>,
        moment: &Moment<'_>,
    ) -> Result<(), Cow<'a, str>> {
        let is_put = match self {
            Self::Time => self.put_time(&text, parsed, moment),
            Self::Level | Self::LevelLetter | Self::PythonLevel => return self.put_level(text, parsed),
            Self::Priority => return self.put_number(&text, parsed).ok_or(text),
            Self::Service if parsed.service.is_none() && name(text.as_bytes()).is_some() => {
                parsed.service = Some(text);
                return Ok(());
            }
            Self::Host if parsed.host.is_none() && name(text.as_bytes()).is_some() => {
                parsed.host = Some(text);
                return Ok(());
            }
            Self::Service | Self::Host | Self::Seconds | Self::Nanos => false,
            Self::Message => {
                grade(&text, parsed);
                true
            }
            Self::Trace => {
                parsed.trace_id = parsed.trace_id.or_else(|| hex(&text));
                parsed.trace_id.is_some()
            }
            Self::Span => {
                parsed.span_id = parsed.span_id.or_else(|| hex(&text));
                parsed.span_id.is_some()
            }
        };
        if is_put { Ok(()) } else { Err(text) }
    }

    /// Puts a number, as it is written, in its place; `None` where it has none.
    pub(crate) fn put_number(self, text: &str, parsed: &mut Parsed<'_>) -> Option<()> {
        match self {
            Self::Time if parsed.timestamp.is_none() => {
                let stamp = time::epoch(text.as_bytes()).filter(|stamp| stamp.len == text.len());
                parsed.timestamp = stamp.map(|stamp| stamp.at).or_else(|| exponent(text));
                parsed.timestamp.map(|_| ())
            }
            Self::Seconds => {
                let seconds = field::digits(text.as_bytes())?;
                parsed.timestamp = seconds.checked_mul(1_000_000_000).map(orszem_model::Timestamp);
                parsed.timestamp.map(|_| ())
            }
            Self::Nanos => {
                let nanos = field::digits(text.as_bytes()).filter(|n| *n < 1_000_000_000)?;
                let stamp = parsed.timestamp.as_mut()?;
                stamp.0 = stamp.0.checked_add(nanos)?;
                Some(())
            }
            Self::Level | Self::Priority => {
                parsed.severity = severity::of_number(field::digits(text.as_bytes())?)?;
                parsed.severity_text = None;
                Some(())
            }
            Self::PythonLevel => {
                let severity = severity::of_python(field::digits(text.as_bytes())?)?;
                if parsed.severity_text.is_none() {
                    parsed.severity = severity;
                }
                Some(())
            }
            Self::Time | Self::LevelLetter | Self::Service | Self::Host | Self::Message | Self::Trace | Self::Span => {
                None
            }
        }
    }

    fn put_time(self, text: &str, parsed: &mut Parsed<'_>, moment: &Moment<'_>) -> bool {
        if parsed.timestamp.is_some() {
            return false;
        }
        if let Some(stamp) = time::any(text.as_bytes(), moment) {
            parsed.timestamp = Some(stamp.at);
            parsed.inferred = stamp.inferred;
        }
        parsed.timestamp.is_some()
    }

    fn put_level<'a>(self, text: Cow<'a, str>, parsed: &mut Parsed<'a>) -> Result<(), Cow<'a, str>> {
        let is_letter =
            |word: &str| matches!(word.as_bytes(), [b'F' | b'E' | b'W' | b'I' | b'D'] | [b'D', b'1'..=b'5']);
        let word = match self {
            Self::LevelLetter if !is_letter(&text) => return Err(text),
            Self::LevelLetter => text.get(..1),
            _ => Some(text.trim()),
        };
        let severity = word.and_then(|word| {
            Severity::from_text(word).or_else(|| severity::of_number(field::digits(word.as_bytes())?))
        });
        match severity {
            Some(severity) => {
                parsed.severity = severity;
                parsed.severity_text = Some(text);
                Ok(())
            }
            None => Err(text),
        }
    }
}

/// The words of a message count only where no level does.
fn grade(message: &str, parsed: &mut Parsed<'_>) {
    if parsed.severity == Severity::UNSET
        && let Some((severity, _)) = severity::in_text(message.as_bytes())
    {
        parsed.severity = severity;
    }
}

/// `1.7953416e9`; small numbers are durations and counters.
fn exponent(text: &str) -> Option<orszem_model::Timestamp> {
    let is_one = text.contains(['e', 'E']) && text.parse().is_ok_and(|number: f64| number >= 1e8);
    if is_one { parse_json_number(text).ok() } else { None }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out).filter(|id| id.iter().any(|b| *b != 0))
}
