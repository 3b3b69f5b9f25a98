//! A format that the operator gives as a regular expression with named groups.

use std::borrow::Cow;

use regex::bytes::{CaptureLocations, Regex};

use super::multiline::{PatternError, compiled};
use super::place::Place;
use super::value::Value;
use super::{Format, Moment, Parsed, field};

/// Named groups beyond this many stay in the body only.
const GROUPS_MAX: usize = 64;

/// A compiled pattern and where its groups go.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    groups: Vec<(usize, String, Option<Place>)>,
    locations: CaptureLocations,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Result<Self, PatternError> {
        let regex = compiled(pattern)?;
        let names = regex.capture_names().enumerate();
        let groups: Vec<_> = names
            .filter_map(|(index, name)| Some((index, name?.to_owned(), Place::of(name?.as_bytes()))))
            .take(GROUPS_MAX)
            .collect();
        if groups.is_empty() {
            return Err(PatternError::NoGroups);
        }
        Ok(Self { locations: regex.capture_locations(), regex, groups })
    }

    /// Reads a record; `None` when the pattern does not match.
    pub(crate) fn parse<'a>(&mut self, record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
        self.regex.captures_read(&mut self.locations, record)?;
        let attributes = Vec::with_capacity(self.groups.len());
        let mut parsed = Parsed { format: Some(Format::Regex), attributes, ..Parsed::default() };
        for (index, key, place) in &self.groups {
            let Some((start, end)) = self.locations.get(*index) else { continue };
            let Some(value) = record.get(start..end).map(String::from_utf8_lossy) else { continue };
            if *place == Some(Place::Message) {
                parsed.message = start;
            }
            let value = match place {
                Some(place) => match place.put(value, &mut parsed, moment) {
                    Ok(()) => continue,
                    Err(value) => value,
                },
                None => value,
            };
            parsed.attributes.push((Cow::Owned(key.clone()), typed(value)));
        }
        Some(parsed)
    }
}

fn typed(value: Cow<'_, str>) -> Value<'_> {
    field::digits(value.as_bytes()).map_or(Value::Text(value), Value::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::NOW;
    use crate::{Recogniser, Zone};

    #[test]
    fn groups_go_to_their_places() {
        let mut recogniser = Recogniser::regex(
            r"^(?<time>\S+ \S+) <(?<level>\w+)> (?<host>\w+)/(?<service>\w+) n=(?<n>\d+) (?<message>.*)$",
        )
        .expect("a pattern");
        let zone = Zone::utc();
        let moment = Moment { now: NOW, zone: &zone };
        let line = b"22/Nov/2026:10:00:00 +0000 <warn> db1/app n=7 it broke";
        let parsed = recogniser.parse(line, &moment);
        assert_eq!(parsed.timestamp.map(|t| t.0), Some(1_795_341_600_000_000_000));
        assert_eq!((parsed.severity.name(), parsed.severity_text.as_deref()), ("warn", Some("warn")));
        assert_eq!((parsed.host.as_deref(), parsed.service.as_deref()), (Some("db1"), Some("app")));
        assert_eq!(parsed.attributes, [("n".into(), Value::Integer(7))]);
        assert_eq!(line.get(parsed.message..), Some(&b"it broke"[..]));
        assert_eq!((parsed.format, recogniser.format()), (Some(Format::Regex), Some(Format::Regex)));
        assert_eq!(recogniser.parse(b"another line", &moment), Parsed::default());
    }

    #[test]
    fn a_pattern_without_groups_is_refused() {
        assert!(matches!(Recogniser::regex(r"^\d+ (.*)$"), Err(PatternError::NoGroups)));
        assert!(matches!(Recogniser::regex(r"(?<x>"), Err(PatternError::Compile(_))));
    }
}
