//! `[[collector.exec]]`: commands whose output is followed.

use std::collections::BTreeMap;

use orszem_model::Span;
use serde::{Deserialize, Serialize};

use super::limits::validate_label;
use crate::Wrong;

/// A command whose lines on standard output are records. It runs without a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecConfig {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How often it is run; without, it is kept running and started again 5 s after it ends.
    pub interval: Option<Span>,
    /// The longest one run with an interval may take; 30 s if none is given.
    pub timeout: Option<Span>,
    /// The program in the records; empty: the command's name.
    pub service: String,
    /// Labels of its stream.
    pub labels: BTreeMap<String, String>,
}

impl ExecConfig {
    pub(super) fn validate(&self, key: &str) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if self.command.first().is_none_or(String::is_empty) {
            let remedy = "write the program and its arguments, such as [\"/usr/bin/vmstat\", \"10\"]";
            wrong.push(Wrong::new(format!("{key}.command"), format!("{:?}", self.command), "names no program", remedy));
        }
        for (name, span) in [("interval", self.interval), ("timeout", self.timeout)] {
            if let Some(span) = span.filter(|span| *span < Span::secs(1)) {
                wrong.push(Wrong::new(format!("{key}.{name}"), span, "is too short", "write at least \"1s\""));
            }
        }
        if self.timeout.is_some() && self.interval.is_none() {
            let value = self.timeout.map(|span| span.to_string()).unwrap_or_default();
            let remedy = "add `interval`, or leave `timeout` out: a command without interval is kept running";
            wrong.push(Wrong::new(format!("{key}.timeout"), value, "is not used", remedy));
        }
        let labels = format!("{key}.labels");
        wrong.extend(self.labels.iter().filter_map(|(name, value)| validate_label(&labels, name, value)));
        wrong
    }

    /// The program in the records.
    pub(crate) fn service_name(&self) -> String {
        if !self.service.is_empty() {
            return self.service.clone();
        }
        let program = self.command.first().map_or("", String::as_str);
        program.rsplit('/').next().unwrap_or(program).to_owned()
    }
}
