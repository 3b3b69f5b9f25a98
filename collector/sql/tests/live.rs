//! Real servers from Debian's packages, asked by the shipped files; and what merely listens in Oracle's place.

mod live {
    mod mariadb;
    mod oracle;
    mod postgresql;
}

#[path = "../../../tests/it/databases/postgresql.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod postgresql;
#[path = "../../../tests/it/tools.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod tools;
#[path = "../../../tests/it/real_writers/writer.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod writer;

/// Where the shared files look for it.
mod real_writers {
    pub(crate) use crate::writer;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orszem_sql::{DatabaseConfig, Plan, Reason, RunOnce, run_once};

/// A shipped file.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/sql").join(name)
}

/// What the fixture of this name holds.
fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read_to_string(path).expect("reads")
}

fn plan(config: &DatabaseConfig) -> Plan {
    assert_eq!(config.validate("sql[0]"), []);
    Plan::new(config, BTreeMap::new(), BTreeMap::new(), &|_| None).expect("loads")
}

async fn run(config: &DatabaseConfig) -> Vec<RunOnce> {
    run_once(&plan(config), None).await.expect("connects")
}

/// Those that failed.
fn failed(ran: &[RunOnce]) -> Vec<(&str, Reason, String)> {
    let failed = ran.iter().filter_map(|one| {
        let error = one.result.as_ref().err()?;
        Some((one.query.as_str(), error.reason, error.to_string()))
    });
    failed.collect()
}

/// Those that failed, and why.
fn reasons(ran: &[RunOnce]) -> Vec<(&str, Reason)> {
    failed(ran).into_iter().map(|(name, reason, _)| (name, reason)).collect()
}

/// The names of those that failed.
fn failed_names(ran: &[RunOnce]) -> Vec<&str> {
    failed(ran).into_iter().map(|(name, _, _)| name).collect()
}

/// The samples of a run as `name{labels} value`.
fn lines(ran: &[RunOnce]) -> Vec<String> {
    let samples = ran.iter().filter_map(|one| one.result.as_ref().ok()).flat_map(|yielded| &yielded.samples);
    let line = |sample: &orszem_sql::Sample| {
        let labels: Vec<String> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}{{{}}} {}", sample.name, labels.join(","), sample.value)
    };
    samples.map(line).collect()
}

/// A metric of the column `v`, with the label `l`.
fn metric(context: &str, request: &str, more: &str) -> String {
    format!(
        "[[metric]]\ncontext = \"{context}\"\nlabels = [\"l\"]\nmetricsdesc = {{ v = \"V\" }}\nrequest = \"{request}\"\n{more}\n"
    )
}

/// Asserts that each line is there.
fn assert_has(lines: &[String], expected: &[&str]) {
    for line in expected {
        assert!(lines.iter().any(|told| told == line), "{line:?} is not in {lines:#?}");
    }
}
