//! One entry of the systemd journal, as `journalctl -o json` writes it.

use std::borrow::Cow;

use orszem_model::{Severity, Timestamp};
use orszem_parse::Value as Field;
use serde_json::{Map, Value};

use crate::source::stdin::LINE_BYTES_MAX;

/// What journald says when it left messages out because there were too many.
const SUPPRESSED: &str = "Suppressed ";

/// One journal entry, as far as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) cursor: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) severity: Severity,
    pub(crate) service: String,
    pub(crate) unit: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) attributes: Vec<(Cow<'static, str>, Field<'static>)>,
    pub(crate) message: Vec<u8>,
}

impl Entry {
    /// Messages that journald left out before this entry, which says so.
    pub(crate) fn suppressed(&self) -> Option<u64> {
        let message = std::str::from_utf8(&self.message).ok()?;
        let rest = message.strip_prefix(SUPPRESSED).filter(|_| self.service == "systemd-journald")?;
        rest.split(' ').next()?.parse().ok()
    }
}

/// Fields that are kept beside those that have a place of their own.
const KEPT: [(&str, &[&str], bool); 8] = [
    // The program's own word counts where the entry came through a relay.
    ("pid", &["_PID", "SYSLOG_PID"], true),
    ("uid", &["_UID"], true),
    ("transport", &["_TRANSPORT"], false),
    ("code_file", &["CODE_FILE"], false),
    ("code_line", &["CODE_LINE"], true),
    ("message_id", &["MESSAGE_ID"], false),
    ("facility", &["SYSLOG_FACILITY"], true),
    ("errno", &["ERRNO"], true),
];

/// Reads one entry in journald's JSON form. Source: systemd, JOURNAL_EXPORT_FORMATS, "Journal JSON Format".
pub(crate) fn parse(line: &[u8]) -> Option<Entry> {
    let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let text = |key: &str| fields.get(key).and_then(first_text);
    let micros: i64 = text("_SOURCE_REALTIME_TIMESTAMP").or_else(|| text("__REALTIME_TIMESTAMP"))?.parse().ok()?;
    let unit = text("_SYSTEMD_UNIT").map(str::to_owned);
    let unit_stem = unit.as_deref().map(|unit| unit.strip_suffix(".service").unwrap_or(unit));
    let service = text("SYSLOG_IDENTIFIER").or(unit_stem).or_else(|| text("_COMM")).unwrap_or("journal").to_owned();
    let level = text("PRIORITY").and_then(|p| p.parse::<u8>().ok());
    // An entry may have fields alone.
    let mut message = fields.get("MESSAGE").map_or(Some(Vec::new()), bytes)?;
    message.truncate(LINE_BYTES_MAX);
    let attributes = KEPT.iter().filter_map(|(key, fields, is_number)| {
        let value = fields.iter().find_map(|field| text(field))?;
        let value = match value.parse() {
            Ok(number) if *is_number => Field::Integer(number),
            _ => Field::Text(Cow::Owned(value.to_owned())),
        };
        Some((Cow::Borrowed(*key), value))
    });
    Some(Entry {
        cursor: text("__CURSOR")?.to_owned(),
        timestamp: Timestamp(micros.checked_mul(1000)?),
        severity: level.map_or(Severity::UNSET, Severity::from_syslog),
        service,
        host: text("_HOSTNAME").map(str::to_owned),
        attributes: attributes.collect(),
        message,
        unit,
    })
}

/// A field's text; of several values the first.
fn first_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) => items.first().and_then(Value::as_str),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// A field's value: text, or an array of bytes where it is no UTF-8, or several values, of which the first.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Array(items) if items.iter().all(Value::is_u64) => {
            items.iter().map(|item| item.as_u64().and_then(|b| u8::try_from(b).ok())).collect()
        }
        Value::Array(items) => items.first().and_then(bytes),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_its_bytes_and_bad_ones_are_refused() {
        let line = br#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795341600000001","PRIORITY":"4","_PID":"7",
            "_SYSTEMD_UNIT":"ssh.service","_HOSTNAME":"db1","MESSAGE":[99,255]}"#;
        let expected = Entry {
            cursor: "s=1;i=2".into(),
            timestamp: Timestamp(1_795_341_600_000_001_000),
            severity: Severity::WARN,
            service: "ssh".into(),
            unit: Some("ssh.service".into()),
            host: Some("db1".into()),
            attributes: vec![("pid".into(), Field::Integer(7))],
            message: vec![99, 255],
        };
        assert_eq!(parse(line), Some(expected));
        let bare = parse(br#"{"__CURSOR":"x","__REALTIME_TIMESTAMP":"1","SYSLOG_PID":["5","6"],"_COMM":"cat"}"#);
        let bare = bare.expect("an entry of fields alone");
        assert_eq!((bare.message, bare.service.as_str()), (Vec::new(), "cat"));
        assert_eq!(bare.attributes, [("pid".into(), Field::Integer(5))]);
        assert_eq!(parse(br#"{"__CURSOR":"x","__REALTIME_TIMESTAMP":"1","MESSAGE":null}"#), None);
        assert_eq!(parse(b"-- cursor"), None);
    }

    #[test]
    fn what_journald_left_out_is_counted() {
        let entry = |who: &str, message: &str| {
            let line = format!(
                r#"{{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1","SYSLOG_IDENTIFIER":"{who}","MESSAGE":"{message}"}}"#
            );
            parse(line.as_bytes()).and_then(|entry| entry.suppressed())
        };
        assert_eq!(entry("systemd-journald", "Suppressed 1422 messages from app.service"), Some(1422));
        assert_eq!(entry("app", "Suppressed 3 messages from app.service"), None);
        assert_eq!(entry("systemd-journald", "Suppressed all"), None);
    }
}
