//! `orszem rules test`: runs unit tests of rules.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use orszem_model::Labels;
use orszem_promql::{ParseOptions, format_duration_ms};
use orszem_rules::Problem;
use orszem_rules::unit::{self, Alerted, Failure, Measured, RuleSource, TestReport};
use serde::Serialize;

use super::pattern;
use crate::lines::harmless;

/// Run unit tests of rules
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The format is that of `promtool test rules`, with `log_lines` and `facts` for own rules. `rule_files` are paths or patterns, relative to the file of tests. Exits 0
if all tests pass, 1 if one fails or a file is not in order, 2 if a file can't be read.

EXAMPLES
  orszem rules test tests/alerts_test.yml
  orszem rules test --json tests/*.yml > report.json")]
pub struct Args {
    /// The files of tests
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Write one JSON document
    #[arg(long)]
    pub json: bool,
}

/// What there is to say of a file.
#[derive(Serialize)]
struct Tested {
    file: String,
    problems: Vec<Problem>,
    /// Of `rule_files`, those that name no file.
    missing: Vec<String>,
    tests: Vec<TestReport>,
}

pub(super) fn run(args: &Args, options: ParseOptions) -> anyhow::Result<ExitCode> {
    let all = args.files.iter().map(|path| tested(path, options)).collect::<anyhow::Result<Vec<Tested>>>()?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
    } else {
        all.iter().try_for_each(|tested| show(&mut out, tested))?;
    }
    let is_fine =
        |tested: &Tested| tested.problems.is_empty() && tested.tests.iter().all(|report| report.failures.is_empty());
    Ok(if all.iter().all(is_fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tested(path: &Path, options: ParseOptions) -> anyhow::Result<Tested> {
    let text = super::read(path)?;
    let mut tested =
        Tested { file: path.display().to_string(), problems: Vec::new(), missing: Vec::new(), tests: Vec::new() };
    let file = match unit::read(&text, options) {
        Ok(file) => file,
        Err(problems) => {
            tested.problems = problems.0;
            return Ok(tested);
        }
    };
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut sources = Vec::new();
    for pattern in &file.rule_files {
        let found = pattern::expand(&directory.join(pattern));
        if found.is_empty() {
            tested.missing.push(pattern.clone());
        }
        for path in found {
            sources.push(RuleSource { text: super::read(&path)?, path: path.display().to_string() });
        }
    }
    tested.tests = unit::run(&file, &sources, options);
    Ok(tested)
}

fn show(out: &mut impl Write, tested: &Tested) -> std::io::Result<()> {
    let Tested { file, problems, missing, tests } = tested;
    for problem in problems {
        writeln!(out, "{}", harmless(&format!("{file}:{problem}")))?;
    }
    for pattern in missing {
        writeln!(out, "{}", harmless(&format!("{file}: warning: rule_files: there is no file {pattern}")))?;
    }
    let failed: Vec<&TestReport> = tests.iter().filter(|report| !report.failures.is_empty()).collect();
    for report in &failed {
        writeln!(out, "{}", harmless(&format!("{file}: {} FAILED", report.name)))?;
        report.failures.iter().try_for_each(|failure| show_failure(out, failure))?;
    }
    let verdict = if !problems.is_empty() {
        super::counted(problems.len(), "problem")
    } else if failed.is_empty() {
        format!("{} passed", super::counted(tests.len(), "test"))
    } else {
        format!("{} of {} failed", failed.len(), super::counted(tests.len(), "test"))
    };
    writeln!(out, "{file}: {verdict}")
}

fn show_failure(out: &mut impl Write, failure: &Failure) -> std::io::Result<()> {
    let at = |time_ms: &i64| format_duration_ms(*time_ms);
    let text = match failure {
        Failure::RuleFile { file, problems } => {
            problems.iter().map(|problem| format!("  {file}:{problem}")).collect::<Vec<_>>().join("\n")
        }
        Failure::Rule { rule, time_ms, error } => format!("  rule {rule} at {}: {error}", at(time_ms)),
        Failure::NoAlertname { time_ms } => format!("  a test at {} has no alertname", at(time_ms)),
        Failure::Alerts { alertname, time_ms, expected, got } => {
            let list = |alerts: &[Alerted]| listed(alerts.iter().map(alerted));
            format!("  alert {alertname} at {}\n    wanted:{}\n    got:{}", at(time_ms), list(expected), list(got))
        }
        Failure::Expr { expr, time_ms, expected, got } => {
            let list = |samples: &[Measured]| {
                listed(samples.iter().map(|sample| format!("{} {}", labels(&sample.labels), sample.value)))
            };
            format!("  {expr} at {}\n    wanted:{}\n    got:{}", at(time_ms), list(expected), list(got))
        }
        Failure::ExprFailed { expr, time_ms, error } => format!("  {expr} at {}: {error}", at(time_ms)),
        Failure::Input { error } => format!("  input_series: {error}"),
    };
    text.lines().try_for_each(|line| writeln!(out, "{}", harmless(line)))
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: String = items.map(|item| format!("\n      {item}")).collect();
    if items.is_empty() { " nothing".to_owned() } else { items }
}

fn alerted(alert: &Alerted) -> String {
    format!("{} annotations {}", labels(&alert.labels), labels(&alert.annotations))
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
