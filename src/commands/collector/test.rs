//! `orszem collector test`: what a configuration makes of lines, compared with what is expected.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use orszem_collector::{Explained, Explainer, Zone};
use orszem_model::Timestamp;
use orszem_model::time::parse_timestamp;
use serde::Deserialize;

use crate::app::host_name;
use crate::cli::Global;
use crate::collecting;
use crate::lines::harmless;

/// Check what the configuration makes of lines
#[derive(Debug, clap::Args)]
#[command(after_help = "\
FILE is TOML with a table for each line:

  [[test]]
  input = 'Nov 22 10:00:00 db1 sshd[42]: Failed password for root from 10.0.0.9 port 22 ssh2'
  file = \"/var/log/auth.log\"          # optional: read as if from there
  now = \"2026-11-22T12:00:00Z\"        # optional: the moment of reading
  expected = { service = \"sshd\", severity = \"warn\", pid = 42, dropped = false }

A field is timestamp, severity, format, body, dropped, entities, trace_id, a label, or an attribute.
Times without a zone are read as UTC. Exits with 1 when a line does not give what is expected.

EXAMPLES
  orszem collector test tests.toml
  orszem collector test tests.toml --config /etc/orszem/collector.toml")]
pub struct Args {
    /// The file with lines and what is expected of them
    pub file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tests {
    test: Vec<Test>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    input: String,
    file: Option<PathBuf>,
    now: Option<String>,
    expected: BTreeMap<String, toml::Value>,
}

/// Runs the tests.
pub(super) fn run(global: &Global, Args { file }: Args) -> anyhow::Result<ExitCode> {
    let config = collecting::load(global)?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    let Tests { test: tests } = toml::from_str(&text).with_context(|| format!("{} is no test file", file.display()))?;
    let mut out = std::io::stdout().lock();
    let mut failed = 0;
    for (number, test) in tests.iter().enumerate() {
        let mut explainer = Explainer::new(config.clone(), &host_name(), Zone::utc())?;
        let now = test.now.as_deref().map(|now| moment(now, &file)).transpose()?.unwrap_or_else(collecting::now);
        let explained = explainer.explain(test.input.as_bytes(), test.file.as_deref(), now);
        let differences = differences(&explained, &test.expected);
        if differences.is_empty() {
            continue;
        }
        failed += 1;
        writeln!(out, "test {} failed: {}", number + 1, harmless(&test.input))?;
        for difference in differences {
            writeln!(out, "  {difference}")?;
        }
    }
    writeln!(out, "{} of {} passed", tests.len() - failed, tests.len())?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn moment(text: &str, file: &Path) -> anyhow::Result<Timestamp> {
    parse_timestamp(text, collecting::now())
        .map_err(|error| anyhow::anyhow!("{}: now = {text:?}: {error}", file.display()))
}

fn differences(explained: &Explained, expected: &BTreeMap<String, toml::Value>) -> Vec<String> {
    let different = expected.iter().filter_map(|(name, wanted)| {
        let found = explained.field(name);
        let (wanted, found) = (shown(&serde_json::to_value(wanted).ok()), shown(&found));
        (wanted != found).then(|| format!("{name}: expected {wanted}, found {}", harmless(&found)))
    });
    different.collect()
}

/// Numbers are compared by their text, so `status = 503` and `"503"` differ, but 1 and 1.0 too.
fn shown(value: &Option<serde_json::Value>) -> String {
    value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
}
