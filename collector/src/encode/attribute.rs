//! Attributes in OTLP's wire format.

use std::borrow::Cow;
use std::fmt;

use orszem_model::varint::{put, put_bytes};
use orszem_parse::Value;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::field;

/// How many lists a value may have in each other. Decoders of Protocol Buffers stop at 100 nested messages, and each
/// list is up to three.
const JSON_DEPTH_MAX: u8 = 24;

/// Appends an attribute as the field `attributes` of a record.
///
/// JSON becomes an array or a list of keys and values; what is no JSON, or nested too deep for that, stays text.
pub(super) fn put_attribute(out: &mut Vec<u8>, key: &str, value: &Value<'_>) {
    match value {
        Value::Text(text) => put_text(out, field(6), key, text),
        Value::Integer(number) => {
            put_head(out, field(6), key, 1 + varint_len(*number as u64));
            out.push(3 << 3);
            put(out, *number as u64);
        }
        Value::Float(number) => {
            put_head(out, field(6), key, 9);
            out.push(4 << 3 | 1);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Bool(truth) => {
            put_head(out, field(6), key, 2);
            out.extend_from_slice(&[2 << 3, u8::from(*truth)]);
        }
        Value::Null => {
            out.push(field(6));
            put(out, (1 + bytes_len(key.len())) as u64);
            out.push(field(1));
            put_bytes(out, key.as_bytes());
        }
        Value::Json(text) => match any_value(text) {
            Some(encoded) => {
                put_head(out, field(6), key, encoded.len());
                out.extend_from_slice(&encoded);
            }
            None => put_text(out, field(6), key, text),
        },
    }
}

/// Appends a text attribute as the field with this tag.
pub(super) fn put_text(out: &mut Vec<u8>, tag: u8, key: &str, text: &str) {
    put_head(out, tag, key, 1 + bytes_len(text.len()));
    out.push(field(1));
    put_bytes(out, text.as_bytes());
}

/// Appends an attribute that is an array of texts as the field `attributes` of a record.
pub(super) fn put_texts(out: &mut Vec<u8>, key: &str, texts: &[Cow<'_, str>]) {
    let item = |text: &str| 1 + bytes_len(text.len());
    let array: usize = texts.iter().map(|text| 1 + bytes_len(item(text))).sum();
    put_head(out, field(6), key, 1 + bytes_len(array));
    out.push(field(5));
    put(out, array as u64);
    for text in texts {
        out.push(field(1));
        put(out, item(text) as u64);
        out.push(field(1));
        put_bytes(out, text.as_bytes());
    }
}

/// Appends everything of a `KeyValue` but the `value_len` bytes of its `AnyValue`.
fn put_head(out: &mut Vec<u8>, tag: u8, key: &str, value_len: usize) {
    out.push(tag);
    put(out, (1 + bytes_len(key.len()) + 1 + bytes_len(value_len)) as u64);
    out.push(field(1));
    put_bytes(out, key.as_bytes());
    out.push(field(2));
    put(out, value_len as u64);
}

/// The length of `len` bytes behind their length.
#[inline]
pub(super) fn bytes_len(len: usize) -> usize {
    varint_len(len as u64) + len
}

#[inline]
fn varint_len(value: u64) -> usize {
    (63 - (value | 1).leading_zeros() as usize) / 7 + 1
}

/// A JSON text as an encoded `AnyValue`; `None` for what is no JSON, or nested too deep.
///
/// Integers beyond 64 bits with sign are rounded to a double.
fn any_value(json: &str) -> Option<Vec<u8>> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let encoded = Level(JSON_DEPTH_MAX).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(encoded)
}

/// Encodes a JSON value with at most this many lists in each other.
#[derive(Clone, Copy)]
struct Level(u8);

impl Level {
    fn inner<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Vec<u8>, E> {
        Ok(Vec::new())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Vec<u8>, E> {
        Ok(vec![2 << 3, u8::from(truth)])
    }

    fn visit_i64<E>(self, number: i64) -> Result<Vec<u8>, E> {
        let mut out = vec![3 << 3];
        put(&mut out, number as u64);
        Ok(out)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Vec<u8>, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => self.visit_f64(number as f64),
        }
    }

    fn visit_f64<E>(self, number: f64) -> Result<Vec<u8>, E> {
        let mut out = vec![4 << 3 | 1];
        out.extend_from_slice(&number.to_le_bytes());
        Ok(out)
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<u8>, E> {
        let mut out = vec![field(1)];
        put_bytes(&mut out, text.as_bytes());
        Ok(out)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(field(1));
            put_bytes(&mut list, &item);
        }
        Ok(nested(5, &list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<u8>, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(key) = entries.next_key::<Cow<'_, str>>()? {
            let value = entries.next_value_seed(inner)?;
            put_head(&mut list, field(1), &key, value.len());
            list.extend_from_slice(&value);
        }
        Ok(nested(6, &list))
    }
}

/// An `AnyValue` that is the list in field `number`.
fn nested(number: u8, list: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(list.len() + 6);
    out.push(field(number));
    put_bytes(&mut out, list);
    out
}
