//! What would become of a line, without anything being read, queued or sent.

use std::collections::BTreeMap;
use std::path::Path;

use orszem_model::{Kind, Timestamp};
use orszem_parse::{Layer, Moment, Recogniser, Value, Zone, label};
use serde::Serialize;

use crate::pipeline::{Dropped, Facts, Origin, Stage};
use crate::prepare;
use crate::{CollectorConfig, CollectorError, glob};

/// A record as it would be kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The format that was recognised.
    pub format: Option<String>,
    /// Unix nanoseconds.
    pub timestamp: i64,
    pub severity: String,
    /// The line's own word for it.
    pub severity_text: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub attributes: Vec<(String, serde_json::Value)>,
    pub entities: Vec<String>,
    pub trace_id: Option<String>,
    /// The text after redaction.
    pub body: String,
    /// Why it would be left out.
    pub dropped: Option<String>,
}

impl Explained {
    /// A field by the name that people know it by: `timestamp`, `severity`, `format`, `body`, `dropped`, a label, an
    /// attribute, or `entities` (joined by blanks).
    pub fn field(&self, name: &str) -> Option<serde_json::Value> {
        let text = |text: &str| serde_json::Value::String(text.to_owned());
        match name {
            "timestamp" => Some(text(&Timestamp(self.timestamp).to_string())),
            "severity" => Some(text(&self.severity)),
            "severity_text" => self.severity_text.as_deref().map(text),
            "format" => self.format.as_deref().map(text),
            "body" => Some(text(&self.body)),
            "dropped" => Some(serde_json::Value::Bool(self.dropped.is_some())),
            "entities" => Some(text(&self.entities.join(" "))),
            "trace_id" => self.trace_id.as_deref().map(text),
            name => self.labels.get(name).map(|value| text(value)).or_else(|| {
                let attribute = self.attributes.iter().find(|(key, _)| key == name);
                attribute.map(|(_, value)| value.clone())
            }),
        }
    }
}

/// Explains the lines of a configuration's sources.
#[derive(Debug)]
pub struct Explainer {
    config: CollectorConfig,
    stage: Stage,
}

impl Explainer {
    /// Errors: a configuration that `validate` refuses.
    pub fn new(config: CollectorConfig, host: &str, zone: Zone) -> Result<Self, CollectorError> {
        let stage = prepare::stage(&config, host, zone)?;
        Ok(Self { config, stage })
    }

    /// Explains a record (one line, or several joined by line feeds) as if it were read from `path`.
    pub fn explain(&mut self, record: &[u8], path: Option<&Path>, now: Timestamp) -> Explained {
        let group = path.and_then(|path| {
            self.config
                .file
                .iter()
                .find(|group| glob::any_matches(&group.include, path) && !glob::any_matches(&group.exclude, path))
        });
        let mut recogniser = group.and_then(|group| group.recogniser()).unwrap_or_else(Recogniser::auto);
        recogniser.learn(record);
        let zone = self.stage.zone.clone();
        let parsed = recogniser.parse(record, &Moment { now, zone: &zone });
        let format = parsed.format.map(|format| format.name().to_owned());
        let of_path = path.map_or_else(|| "stdin".to_owned(), |path| label::of_file(path).service);
        let none = BTreeMap::new();
        let origin = Origin {
            slot: 0,
            service: group.map(|group| group.service.as_str()).filter(|name| !name.is_empty()).unwrap_or(&of_path),
            layer: group.and_then(|group| Layer::from_name(&group.layer)),
            file: path,
            unit: None,
            labels: group.map_or(&none, |group| &group.labels),
        };
        let facts = Facts { now, backlog: None, is_split: false, kind: Kind::Log };
        let judged = self.stage.explain(&origin, record, parsed, facts);
        Explained {
            format,
            timestamp: judged.timestamp.0,
            severity: judged.draft.severity.name().to_owned(),
            severity_text: judged.severity_text.map(|text| text.into_owned()),
            labels: judged.draft.labels.iter().cloned().collect(),
            attributes: judged.draft.attributes.iter().map(|(key, value)| (key.to_string(), json(value))).collect(),
            entities: judged.entities.iter().map(|entity| entity.to_string()).collect(),
            trace_id: judged.draft.trace_id.map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect()),
            body: String::from_utf8_lossy(&judged.draft.body).into_owned(),
            dropped: judged.dropped.map(|dropped| match dropped {
                Dropped::Relabel => "relabelling drops its stream".to_owned(),
                Dropped::Rule(reason) => format!("{reason:?}"),
            }),
        }
    }
}

fn json(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Text(text) => serde_json::Value::String(text.to_string()),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Null => serde_json::Value::Null,
        Value::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_string())),
    }
}
