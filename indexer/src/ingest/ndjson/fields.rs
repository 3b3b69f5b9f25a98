//! Which JSON keys mean what; every other key is an attribute.

use super::{Name, Options};

/// What the value of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Body,
    Severity,
    /// A severity by OpenTelemetry's number.
    SeverityNumber,
    Label,
    TraceId,
    SpanId,
    Kind,
    Entities,
}

/// A known key.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: Name,
    pub(super) role: Role,
    /// The label's name, for labels.
    pub(super) label: Name,
}

const TIMES: [&str; 5] = ["ts", "timestamp", "time", "@timestamp", "_time"];
const BODIES: [&str; 6] = ["msg", "message", "body", "log", "_msg", "line"];
const SEVERITIES: [&str; 6] = ["level", "severity", "lvl", "loglevel", "log.level", "severity_text"];
/// Key and label.
const LABELS: [(&str, &str); 18] = [
    ("host", "host"),
    ("hostname", "host"),
    ("host.name", "host"),
    ("service", "service"),
    ("service.name", "service"),
    ("service_name", "service"),
    ("job", "job"),
    ("unit", "unit"),
    ("app", "app"),
    ("env", "env"),
    ("cluster", "cluster"),
    ("layer", "layer"),
    ("file", "file"),
    ("source", "source"),
    ("resource", "resource"),
    ("namespace", "namespace"),
    ("pod", "pod"),
    ("container", "container"),
];
const OTHERS: [(&str, Role); 9] = [
    ("severity_number", Role::SeverityNumber),
    ("trace_id", Role::TraceId),
    ("traceid", Role::TraceId),
    ("trace.id", Role::TraceId),
    ("span_id", Role::SpanId),
    ("span.id", Role::SpanId),
    ("kind", Role::Kind),
    ("entity", Role::Entities),
    ("entities", Role::Entities),
];

/// Keys of the Elastic Common Schema that lines of JSON know by another name or in another order.
const DOCUMENTS: [(&str, Role, &str); 10] = [
    ("@timestamp", Role::Time, ""),
    ("message", Role::Body, ""),
    ("log.file.path", Role::Label, "file"),
    ("kubernetes.namespace", Role::Label, "namespace"),
    ("kubernetes.pod.name", Role::Label, "pod"),
    ("kubernetes.container.name", Role::Label, "container"),
    ("container.name", Role::Label, "container"),
    ("data_stream.dataset", Role::Label, "dataset"),
    ("data_stream.namespace", Role::Label, "namespace"),
    ("data_stream.type", Role::Label, "type"),
];

/// The known keys of one request. Of several keys of one role in a line the earlier in this order counts.
#[derive(Debug)]
pub(super) struct Fields(Vec<Field>);

impl Fields {
    pub(super) fn new(options: &Options) -> Self {
        Self::with(options, Vec::with_capacity(64))
    }

    /// The keys of a document for Elasticsearch: its own common schema before the others.
    pub(super) fn of_documents() -> Self {
        let first = DOCUMENTS.map(|(key, role, label)| Field { key: key.into(), role, label: label.into() });
        Self::with(&Options::default(), first.into())
    }

    fn with(options: &Options, mut fields: Vec<Field>) -> Self {
        let mut add = |key: Name, role, label: Name| fields.push(Field { key, role, label });
        for label in &options.labels {
            add(label.clone().into(), Role::Label, label.clone().into());
        }
        match &options.time {
            Some(key) => add(key.clone().into(), Role::Time, "".into()),
            None => TIMES.iter().for_each(|key| add((*key).into(), Role::Time, "".into())),
        }
        match &options.body {
            Some(key) => add(key.clone().into(), Role::Body, "".into()),
            None => BODIES.iter().for_each(|key| add((*key).into(), Role::Body, "".into())),
        }
        SEVERITIES.iter().for_each(|key| add((*key).into(), Role::Severity, "".into()));
        LABELS.iter().for_each(|(key, label)| add((*key).into(), Role::Label, (*label).into()));
        OTHERS.iter().for_each(|(key, role)| add((*key).into(), *role, "".into()));
        Self(fields)
    }

    /// The place of the key, if it is known.
    pub(super) fn find(&self, key: &str) -> Option<u16> {
        self.0.iter().position(|field| field.key == key).and_then(|at| u16::try_from(at).ok())
    }

    /// The field at a place that [`Self::find`] gave.
    #[inline]
    pub(super) fn get(&self, at: u16) -> Option<&Field> {
        self.0.get(usize::from(at))
    }
}
