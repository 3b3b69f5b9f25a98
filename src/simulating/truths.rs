//! The truth about the stories of the simulated site: a JSON object a line.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use orszem_demo::Truth;
use serde_json::{Value, json};

/// Where the truth goes.
pub(crate) struct Truths {
    file: File,
    prints: bool,
}

impl Truths {
    /// Begins the file anew.
    pub(crate) fn new(path: &Path, prints: bool) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
        Ok(Self { file, prints })
    }

    pub(super) fn tell(&mut self, truths: &[Truth]) -> anyhow::Result<()> {
        for truth in truths {
            let line = line(truth);
            writeln!(self.file, "{line}").context("can't write the truth")?;
            if self.prints {
                writeln!(std::io::stdout().lock(), "{line}").context("can't print the truth")?;
            }
        }
        Ok(())
    }
}

fn line(truth: &Truth) -> Value {
    let Truth { story, from, until, root_cause, outage, service_away_ms, moved, expected, text } = truth;
    let outage = outage.map(|(from, until)| {
        let ms = (until.0 - from.0) / 1_000_000;
        json!({"from": from.to_string(), "until": until.to_string(), "ms": ms})
    });
    let fact = |(kind, entity): &(orszem_model::FactKind, String)| json!({"fact": kind.name(), "entity": entity});
    let expected: Vec<Value> = expected.iter().map(fact).collect();
    json!({
        "story": story.name(),
        "from": from.to_string(),
        "until": until.to_string(),
        "root_cause": root_cause,
        "outage": outage,
        "service_away_ms": service_away_ms,
        "moved": moved.map(|(from, to)| json!({"from": from, "to": to})),
        "expected_facts": expected,
        "text": text,
    })
}
