//! OTLP in JSON, read leniently: camelCase or snake_case, numbers as numbers or strings, enums as numbers or names.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::super::error::IngestError;

/// The elements of `resourceLogs`, not yet read, so that a body of millions of empty ones costs little.
pub(super) fn resource_logs(body: &[u8]) -> Result<Vec<&RawValue>, IngestError> {
    serde_json::from_slice(body)
        .map(|request: Request<'_>| request.resource_logs)
        .map_err(|error| IngestError::bad_json(&error))
}

/// An element's resource and the elements of its `scopeLogs`.
pub(super) fn resource_and_scopes(raw: &RawValue) -> Result<(Resource, Vec<&RawValue>), IngestError> {
    let read: ResourceLogs<'_> = read(raw)?;
    let attributes = read.resource.map(|resource| pairs(resource.attributes)).unwrap_or_default();
    Ok((Resource { attributes, ..Resource::default() }, read.scope_logs))
}

/// An element's scope and its records.
pub(super) fn scope_and_records(raw: &RawValue) -> Result<(common::InstrumentationScope, Vec<&RawValue>), IngestError> {
    let ScopeLogs { scope, log_records } = read(raw)?;
    let Attributed { name, version, attributes } = scope.unwrap_or_default();
    let attributes = pairs(attributes);
    Ok((common::InstrumentationScope { name, version, attributes, dropped_attributes_count: 0 }, log_records))
}

/// A record.
pub(super) fn record(raw: &RawValue) -> Result<logs::LogRecord, IngestError> {
    read::<Record>(raw).map(Into::into)
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, IngestError> {
    serde_json::from_str(raw.get()).map_err(|error| IngestError::bad_json(&error))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default, alias = "resource_logs")]
    resource_logs: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ResourceLogs<'a> {
    resource: Option<Attributed>,
    #[serde(borrow, alias = "scope_logs")]
    scope_logs: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributed {
    name: String,
    version: String,
    attributes: Vec<Pair>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ScopeLogs<'a> {
    scope: Option<Attributed>,
    #[serde(borrow, alias = "log_records")]
    log_records: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Number,
    #[serde(alias = "observed_time_unix_nano")]
    observed_time_unix_nano: Number,
    #[serde(alias = "severity_number", deserialize_with = "severity")]
    severity_number: i32,
    #[serde(alias = "severity_text")]
    severity_text: String,
    body: Option<Any>,
    attributes: Vec<Pair>,
    #[serde(alias = "trace_id")]
    trace_id: String,
    #[serde(alias = "span_id")]
    span_id: String,
    #[serde(alias = "event_name")]
    event_name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pair {
    key: String,
    value: Option<Any>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Any {
    #[serde(alias = "string_value")]
    string_value: Option<String>,
    #[serde(alias = "bool_value")]
    bool_value: Option<bool>,
    #[serde(alias = "int_value")]
    int_value: Option<Signed>,
    #[serde(alias = "double_value")]
    double_value: Option<Double>,
    #[serde(alias = "array_value")]
    array_value: Option<List<Any>>,
    #[serde(alias = "kvlist_value")]
    kvlist_value: Option<List<Pair>>,
    #[serde(alias = "bytes_value", deserialize_with = "base64_bytes")]
    bytes_value: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default = "Vec::new")]
    values: Vec<T>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText<N> {
    Number(N),
    Text(String),
}

impl<N: std::str::FromStr> NumberOrText<N> {
    fn get<E: de::Error>(self, expected: &str) -> Result<N, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text.parse().map_err(|_| E::custom(format!("`{text}` is no {expected}"))),
        }
    }
}

/// Nanoseconds; empty and null are 0.
#[derive(Default)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<NumberOrText<u64>>::deserialize(deserializer)? {
            None => Ok(Self(0)),
            Some(NumberOrText::Text(text)) if text.is_empty() => Ok(Self(0)),
            Some(number) => number.get("unsigned 64-bit number").map(Self),
        }
    }
}

struct Signed(i64);

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NumberOrText::deserialize(deserializer)?.get("signed 64-bit number").map(Self)
    }
}

struct Double(f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NumberOrText::deserialize(deserializer)?.get("number").map(Self)
    }
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    match NumberOrText::<i32>::deserialize(deserializer)? {
        NumberOrText::Number(number) => Ok(number),
        NumberOrText::Text(text) => match logs::SeverityNumber::from_str_name(&text) {
            Some(severity) => Ok(severity as i32),
            None => text.parse().map_err(|_| de::Error::custom(format!("`{text}` is no severityNumber"))),
        },
    }
}

fn base64_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| STANDARD.decode(text).map_err(de::Error::custom)).transpose()
}

/// The bytes of a hex id; other text stays as its bytes, which no id is long as.
fn id_bytes(text: &str) -> Vec<u8> {
    let digits: Option<Vec<u8>> =
        text.bytes().map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
        }
        _ => [text.as_bytes(), b"?"].concat(),
    }
}

impl From<Record> for logs::LogRecord {
    fn from(from: Record) -> Self {
        Self {
            time_unix_nano: from.time_unix_nano.0,
            observed_time_unix_nano: from.observed_time_unix_nano.0,
            severity_number: from.severity_number,
            severity_text: from.severity_text,
            body: from.body.map(Into::into),
            attributes: pairs(from.attributes),
            dropped_attributes_count: 0,
            flags: 0,
            trace_id: id_bytes(&from.trace_id),
            span_id: id_bytes(&from.span_id),
            event_name: from.event_name,
        }
    }
}

fn pairs(from: Vec<Pair>) -> Vec<common::KeyValue> {
    from.into_iter()
        .map(|pair| common::KeyValue { key: pair.key, value: pair.value.map(Into::into), ..Default::default() })
        .collect()
}

impl From<Any> for common::AnyValue {
    fn from(from: Any) -> Self {
        let value = from
            .string_value
            .map(Value::StringValue)
            .or(from.bool_value.map(Value::BoolValue))
            .or(from.int_value.map(|number| Value::IntValue(number.0)))
            .or(from.double_value.map(|number| Value::DoubleValue(number.0)))
            .or_else(|| {
                let list = from.array_value?;
                Some(Value::ArrayValue(common::ArrayValue {
                    values: list.values.into_iter().map(Into::into).collect(),
                }))
            })
            .or_else(|| Some(Value::KvlistValue(common::KeyValueList { values: pairs(from.kvlist_value?.values) })))
            .or(from.bytes_value.map(Value::BytesValue));
        Self { value }
    }
}
