//! What one source's lines are: which of them begin a record, and how a record is read.

use std::sync::LazyLock;

use orszem_model::Timestamp;

use super::multiline::{Multiline, PatternError, is_continuation, is_next_trace};
use super::pattern::Pattern;
use super::{Format, Moment, Parsed, Zone, detect, generic};

/// Of a head, at most this many bytes and lines are looked at.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEAD_LINES_MAX: usize = 256;

/// So many more records of other formats than of the settled one make it change.
const TRUST_MAX: u8 = 8;

/// Every so many records that only have a stamp the surer formats are tried again.
const RETRY_EVERY: u8 = 16;

static UTC: LazyLock<Zone> = LazyLock::new(Zone::utc);

/// Knows the format of one source, or finds it out from what it is shown.
///
/// The settled format is tried first; others only when it does not know a record. When others keep knowing what
/// it does not, the format changes. No clock, no I/O: the same calls give the same answers.
#[derive(Clone, Debug, Default)]
pub struct Recogniser {
    format: Option<Format>,
    is_fixed: bool,
    pattern: Option<Box<Pattern>>,
    multiline: Option<Box<Multiline>>,
    /// How many records speak for the settled format.
    trust: u8,
    /// Records since the surer formats were tried.
    since_retry: u8,
    /// Whether lines without a stamp go on with the stamped line before them.
    is_stamped: bool,
}

impl Recogniser {
    /// Finds the format out by itself.
    pub fn auto() -> Self {
        Self::default()
    }

    /// Reads records as `format` and as no other. What is not of it still gets a stamp and a severity where it shows
    /// them. [`Format::Regex`] without a pattern knows nothing: see [`Self::regex`].
    pub fn fixed(format: Format) -> Self {
        Self { format: Some(format), is_fixed: true, is_stamped: true, ..Self::default() }
    }

    /// Reads records by a regular expression. Its named groups become fields; those named as a time, a level, a host,
    /// a program or a message (`time`, `timestamp`, `level`, `severity`, `host`, `service`, `program`, `message`, …) go
    /// to their places.
    pub fn regex(pattern: &str) -> Result<Self, PatternError> {
        let pattern = Some(Box::new(Pattern::new(pattern)?));
        Ok(Self { format: Some(Format::Regex), is_fixed: true, pattern, ..Self::default() })
    }

    /// Puts lines together by the operator's rule rather than by the format's.
    #[must_use]
    pub fn with_multiline(self, multiline: Multiline) -> Self {
        Self { multiline: Some(Box::new(multiline)), ..self }
    }

    /// The format that it is fixed on or has settled on.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Looks at the beginning of a file (whole lines; of more than 64 KiB the rest is not looked at) and settles on
    /// the format that most of the lines are of. A head that says nothing changes nothing.
    pub fn learn(&mut self, head: &[u8]) {
        if self.is_fixed {
            return;
        }
        let moment = Moment { now: Timestamp(0), zone: &UTC };
        let head = head.get(..HEAD_BYTES_MAX).unwrap_or(head);
        let mut votes = [0_u16; Format::ALL.len()];
        let (mut stamped, mut others) = (0_u16, 0_u16);
        for line in head.split(|b| *b == b'\n').take(HEAD_LINES_MAX) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if is_continuation(line) {
                continue;
            }
            let known = detect(line, &moment).or_else(|| generic::stamped(line, &moment)).and_then(|p| p.format);
            let format = known.or_else(|| generic::is_stamped(line).then_some(Format::Generic));
            if let Some(place) = format.and_then(|f| Format::ALL.iter().position(|known| *known == f)) {
                votes[place] += 1;
            }
            match generic::is_stamped(line) {
                true => stamped += 1,
                false => others += 1,
            }
        }
        // Of formats with equally many lines the surer one: the order of `ALL`.
        let best = votes.iter().zip(Format::ALL).rev().max_by_key(|(count, _)| **count);
        if let Some((count, format)) = best.filter(|(count, _)| **count > 0) {
            self.format = Some(format);
            self.trust = u8::try_from(*count).unwrap_or(TRUST_MAX).min(TRUST_MAX);
            self.is_stamped = stamped > others;
        }
    }

    /// Whether a record may have several lines, so that its end is known only by the next one's start or by time.
    pub fn is_multiline(&self) -> bool {
        self.multiline.is_some() || self.format.is_none_or(Format::is_multiline)
    }

    /// Whether `line`, without its line end, begins a record; `before` are the lines of the record that it would go
    /// on with otherwise.
    pub fn is_start(&self, before: &[u8], line: &[u8]) -> bool {
        if let Some(multiline) = &self.multiline {
            return multiline.is_start(line);
        }
        match self.format {
            Some(Format::Generic) if self.is_stamped => generic::is_start(line) || is_next_trace(before, line),
            None | Some(Format::Generic) => {
                !(is_continuation(line) || generic::is_wrapped_frame(line)) || is_next_trace(before, line)
            }
            Some(format) => format.is_start_behind(before, line),
        }
    }

    /// Reads a record: one line, or several joined by line feeds.
    pub fn parse<'a>(&mut self, record: &'a [u8], moment: &Moment<'_>) -> Parsed<'a> {
        if let Some(pattern) = &mut self.pattern {
            return pattern.parse(record, moment).unwrap_or_else(|| generic::parse(record, moment));
        }
        if let Some(format) = self.format
            && !self.is_retry(format)
            && let Some(parsed) = format.parse(record, moment)
        {
            if format != Format::Generic {
                self.trust = TRUST_MAX.min(self.trust + 1);
            }
            return parsed;
        }
        if self.is_fixed {
            return generic::parse(record, moment);
        }
        let parsed = super::parse(record, moment);
        if let Some(format) = parsed.format {
            self.note(format);
        }
        parsed
    }

    /// Anything with a stamp passes for [`Format::Generic`], so now and then the surer formats get their turn.
    fn is_retry(&mut self, format: Format) -> bool {
        if format != Format::Generic || self.is_fixed {
            return false;
        }
        self.since_retry = (self.since_retry + 1) % RETRY_EVERY;
        self.since_retry == 0
    }

    /// A record was of `format`, tried beside the settled one.
    fn note(&mut self, format: Format) {
        if self.format == Some(format) {
            self.trust = TRUST_MAX.min(self.trust + 1);
        } else if self.trust == 0 || self.format.is_none() {
            self.format = Some(format);
            self.trust = 1;
        } else {
            self.trust -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
