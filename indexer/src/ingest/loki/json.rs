//! Loki's push body in JSON, borrowed from the body where a string has no escapes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::error::IngestError;
use super::Label;
use super::labels::check_name;

/// The whole body.
#[derive(Deserialize)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub(super) streams: Vec<Stream<'a>>,
}

/// One stream with its entries.
#[derive(Deserialize)]
pub(super) struct Stream<'a> {
    #[serde(borrow)]
    stream: Map<'a>,
    #[serde(borrow, default)]
    pub(super) values: Vec<Entry<'a>>,
}

impl Stream<'_> {
    /// The labels; refuses the request when there is none or a name is illegal.
    pub(super) fn labels(&self) -> Result<Vec<Label<'_>>, IngestError> {
        if self.stream.0.is_empty() {
            return Err(IngestError::new("ingest.bad_labels", 400, "a stream has no labels; at least one is required"));
        }
        self.stream
            .0
            .iter()
            .map(|(name, value)| {
                check_name(&name.0)?;
                Ok((Cow::Borrowed(name.0.as_ref()), Cow::Borrowed(value.0.as_ref())))
            })
            .collect()
    }
}

/// `["ns", "line"]` or `["ns", "line", {metadata}]`.
pub(super) struct Entry<'a> {
    time: Text<'a>,
    pub(super) line: Text<'a>,
    pub(super) metadata: Vec<(Text<'a>, Text<'a>)>,
}

impl Entry<'_> {
    /// Nanoseconds since 1970, as Loki wants them.
    pub(super) fn nanos(&self) -> Option<i64> {
        self.time.0.parse().ok()
    }
}

/// A string; a number or truth counts as its text.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

struct Map<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(number.to_string().into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(number.to_string().into()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(number.to_string().into()))
            }

            fn visit_bool<E: Error>(self, truth: bool) -> Result<Text<'de>, E> {
                Ok(Text(truth.to_string().into()))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Map<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Map<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Map(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;
        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = Entry<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[\"nanoseconds\", \"line\"] or [\"nanoseconds\", \"line\", {metadata}]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entry<'de>, A::Error> {
                let time = list.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let line = list.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                let metadata: Option<Map<'de>> = list.next_element()?;
                if list.next_element::<IgnoredAny>()?.is_some() {
                    return Err(A::Error::invalid_length(4, &self));
                }
                Ok(Entry { time, line, metadata: metadata.map(|map| map.0).unwrap_or_default() })
            }
        }
        deserializer.deserialize_seq(EntryVisitor)
    }
}
