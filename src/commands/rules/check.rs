//! `orszem rules check`: tells all that is wrong with rule files, Prometheus' groups and our own rules.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use orszem_promql::ParseOptions;
use orszem_rules::{Duplicate, Problem, RuleFile};
use serde::Serialize;

use crate::lines::harmless;

/// Check rule files
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tells every problem of all files with file, line, column, key and remedy; what Prometheus 3 refuses is refused, and so
are thresholds that can't be evaluated sample by sample. Rules with the same name and labels are warned of. Exits 0 if there is no problem, 1 if there are some, 2 if a file can't be
read.

EXAMPLES
  orszem rules check /etc/prometheus/rules/*.yml
  orszem rules check --strict rules.yml
  orszem rules check --json rules.yml")]
pub struct Args {
    /// The files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Count warnings as problems
    #[arg(long)]
    pub strict: bool,
    /// Write one JSON document
    #[arg(long)]
    pub json: bool,
}

/// What there is to say of a file.
#[derive(Serialize)]
struct Checked {
    file: String,
    groups: usize,
    rules: usize,
    thresholds: usize,
    logs: usize,
    events: usize,
    problems: Vec<Problem>,
    duplicates: Vec<Duplicate>,
}

pub(super) fn run(args: &Args, options: ParseOptions) -> anyhow::Result<ExitCode> {
    let mut all = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let text = super::read(path)?;
        let file = path.display().to_string();
        all.push(match orszem_rules::read(&text, options) {
            Ok(read) => checked(file, &read),
            Err(problems) => Checked { problems: problems.0, ..checked(file, &RuleFile::default()) },
        });
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
    } else {
        all.iter().try_for_each(|checked| show(&mut out, checked))?;
    }
    let is_fine = |checked: &Checked| checked.problems.is_empty() && (!args.strict || checked.duplicates.is_empty());
    Ok(if all.iter().all(is_fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn checked(file: String, read: &RuleFile) -> Checked {
    Checked {
        file,
        groups: read.groups.len(),
        rules: read.rules().count(),
        thresholds: read.own.thresholds.len(),
        logs: read.own.logs.len(),
        events: read.own.events.len(),
        problems: Vec::new(),
        duplicates: read.duplicates(),
    }
}

fn show(out: &mut impl Write, checked: &Checked) -> std::io::Result<()> {
    let Checked { file, groups, rules, thresholds, logs, events, problems, duplicates } = checked;
    for problem in problems {
        writeln!(out, "{}", harmless(&format!("{file}:{problem}")))?;
    }
    for Duplicate { mark, name, first } in duplicates {
        let (line, column) = (mark.line, mark.column);
        let told = format!("{file}:{line}:{column}: warning: the rule {name} with these labels is at line {first} too");
        writeln!(out, "{}", harmless(&told))?;
    }
    if problems.is_empty() {
        let mut parts = vec![super::counted(*groups, "group"), super::counted(*rules, "rule")];
        let own = [(*thresholds, "threshold"), (*logs, "log rule"), (*events, "event rule")];
        let own: Vec<String> =
            own.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| super::counted(*count, noun)).collect();
        if !own.is_empty() && *groups == 0 {
            parts.clear();
        }
        parts.extend(own);
        writeln!(out, "{file}: {}, in order", parts.join(", "))
    } else {
        writeln!(out, "{file}: {}", super::counted(problems.len(), "problem"))
    }
}
