//! Samples as Prometheus text, families and samples in order.

use std::collections::BTreeMap;

use orszem_exposition::MetricType;

use crate::family::{Family, Sink};

/// A [`Sink`] that writes the text format 0.0.4; its `Display` is the body of a page for scrapers.
#[derive(Clone, Debug, Default)]
pub struct Text {
    families: BTreeMap<String, Block>,
}

#[derive(Clone, Debug, Default)]
struct Block {
    head: String,
    samples: String,
}

impl Sink for Text {
    fn sample(&mut self, family: &Family<'_>, name: &str, labels: &[(&str, &str)], value: f64) {
        let block = match self.families.get_mut(family.name) {
            Some(block) => block,
            None => {
                let block = Block { head: head(family), samples: String::new() };
                self.families.entry(family.name.to_owned()).or_insert(block)
            }
        };
        write_sample(&mut block.samples, name, labels, value);
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.families.values().try_for_each(|block| write!(out, "{}{}", block.head, block.samples))
    }
}

fn head(family: &Family<'_>) -> String {
    let kind = match family.kind {
        MetricType::Unknown => "untyped",
        MetricType::Counter | MetricType::Gauge | MetricType::Histogram | MetricType::Summary => family.kind.name(),
        // The text format has no word for these.
        MetricType::GaugeHistogram => "histogram",
        MetricType::Info | MetricType::StateSet => "gauge",
    };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    format!("# HELP {name} {help}\n# TYPE {name} {kind}\n", name = family.name)
}

/// One line of the text format.
pub(crate) fn write_sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    out.push_str(name);
    for (at, (label, content)) in labels.iter().enumerate() {
        out.push(if at == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        for letter in content.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    let number = if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    };
    out.push(' ');
    out.push_str(&number);
    out.push('\n');
}
