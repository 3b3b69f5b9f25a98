//! OTLP's values as texts and as attributes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use orszem_model::wire::{ValueType, put_attribute};

/// Appends a value as a record's text: strings and bytes as they are, anything else as JSON.
pub(super) fn text_of(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::StringValue(text) => out.extend_from_slice(text.as_bytes()),
        Value::BytesValue(bytes) => out.extend_from_slice(bytes),
        other => json_of(other, out),
    }
}

/// Appends an attribute, or several with dotted keys for a key-value list.
pub(super) fn put_value(out: &mut Vec<u8>, key: &str, value: Option<&Value>) {
    let Some(value) = value else {
        put_attribute(out, key, ValueType::Null, b"");
        return;
    };
    let kind = match value {
        Value::StringValue(_) => ValueType::String,
        Value::BoolValue(_) => ValueType::Bool,
        Value::IntValue(_) | Value::StringValueStrindex(_) => ValueType::Integer,
        Value::DoubleValue(number) => {
            put_attribute(out, key, ValueType::Float, format!("{number:?}").as_bytes());
            return;
        }
        Value::BytesValue(_) => ValueType::Bytes,
        Value::ArrayValue(_) => ValueType::Json,
        Value::KvlistValue(list) if !list.values.is_empty() => {
            for KeyValue { key: inner, value, .. } in &list.values {
                let value = value.as_ref().and_then(|value| value.value.as_ref());
                put_value(out, &format!("{key}.{inner}"), value);
            }
            return;
        }
        Value::KvlistValue(_) => ValueType::Json,
    };
    let mut text = Vec::new();
    text_of(value, &mut text);
    put_attribute(out, key, kind, &text);
}

/// Appends plain JSON: a list as object or array, bytes in base64, a number that JSON lacks as string.
fn json_of(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::StringValue(text) => json_string(text, out),
        Value::BoolValue(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::IntValue(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::StringValueStrindex(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::DoubleValue(number) if number.is_finite() => out.extend_from_slice(format!("{number:?}").as_bytes()),
        Value::DoubleValue(number) => json_string(&number.to_string(), out),
        Value::BytesValue(bytes) => json_string(&STANDARD.encode(bytes), out),
        Value::ArrayValue(list) => {
            out.push(b'[');
            for (at, value) in list.values.iter().enumerate() {
                comma(at, out);
                json_of_any(Some(value), out);
            }
            out.push(b']');
        }
        Value::KvlistValue(list) => {
            out.push(b'{');
            for (at, KeyValue { key, value, .. }) in list.values.iter().enumerate() {
                comma(at, out);
                json_string(key, out);
                out.push(b':');
                json_of_any(value.as_ref(), out);
            }
            out.push(b'}');
        }
    }
}

fn json_of_any(value: Option<&AnyValue>, out: &mut Vec<u8>) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(value) => json_of(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn comma(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

fn json_string(text: &str, out: &mut Vec<u8>) {
    // Serde's own quoting, so that nothing can fail: a `Value` displays as JSON.
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}
