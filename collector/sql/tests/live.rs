//! Real servers from Debian's packages, asked by the shipped files; and what merely listens in Oracle's place.

mod live {
    mod mariadb;
    mod oracle;
    mod postgresql;
}

#[path = "../../../tests/it/tools.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod tools;
#[path = "../../../tests/it/real_writers/writer.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod writer;

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
fn failed(ran: &[RunOnce]) -> Vec<(String, Reason, String)> {
    let failed = ran.iter().filter_map(|one| {
        let error = one.result.as_ref().err()?;
        Some((one.query.clone(), error.reason, error.to_string()))
    });
    failed.collect()
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

/// Asserts that each line is there.
fn assert_has(lines: &[String], expected: &[&str]) {
    for line in expected {
        assert!(lines.iter().any(|told| told == line), "{line:?} is not in {lines:#?}");
    }
}
