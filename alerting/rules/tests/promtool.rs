//! Our verdicts against those of Debian's promtool, on generated rule files and unit tests, passing and failing.
//!
//! Where promtool is not installed there is nothing to compare with, and the test says so.

#![expect(clippy::print_stderr, reason = "says what was compared")]

mod generate;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use generate::{Case, cases};
use orszem_promql::ParseOptions;
use orszem_rules::unit::{self, RuleSource};

const OPTIONS: ParseOptions = ParseOptions { is_experimental: false };

/// How many files are compared; `ORSZEM_PROMTOOL_CASES` names another number.
fn count() -> usize {
    std::env::var("ORSZEM_PROMTOOL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(260)
}

#[test]
fn verdicts_are_promtools() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("promtool is not installed: nothing to compare with");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let cases = cases(count());
    for case in &cases {
        fs::write(directory.path().join(format!("{}.rules.yml", case.name)), &case.rules).expect("writes");
        fs::write(directory.path().join(format!("{}.test.yml", case.name)), &case.tests).expect("writes");
    }
    let checked = promtool("check", directory.path(), &cases, "rules.yml");
    let tested = promtool("test", directory.path(), &cases, "test.yml");
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for case in &cases {
        let ours = (orszem_rules::read(&case.rules, OPTIONS).is_ok(), ours(case).is_empty());
        let theirs = (checked[&case.name], tested[&case.name]);
        *seen.entry(theirs).or_insert(0) += 1;
        if ours != theirs {
            wrong.push(format!(
                "{}: ours {ours:?}, promtool's {theirs:?}\n{}\n{}\nours: {:#?}",
                case.name,
                case.rules,
                case.tests,
                self::ours(case)
            ));
        }
    }
    eprintln!("compared {} files, (check, test): {seen:?}", cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n----\n"));
    let of = |check: bool, test: bool| seen.get(&(check, test)).copied().unwrap_or(0);
    assert!(of(true, true) > 20 && of(true, false) > 20 && of(false, false) > 10, "all kinds are there: {seen:?}");
}

/// What fails in a case.
fn ours(case: &Case) -> Vec<String> {
    let file = match unit::read(&case.tests, OPTIONS) {
        Ok(file) => file,
        Err(problems) => return problems.0.iter().map(ToString::to_string).collect(),
    };
    let source = RuleSource { path: format!("{}.rules.yml", case.name), text: case.rules.clone() };
    let reports = unit::run(&file, &[source], OPTIONS);
    reports.iter().flat_map(|report| &report.failures).map(|failure| format!("{failure:?}")).collect()
}

/// Whether promtool says that files are in order, by the names of cases.
fn promtool(verb: &str, directory: &Path, cases: &[Case], suffix: &str) -> BTreeMap<String, bool> {
    let mut verdicts = BTreeMap::new();
    let files = cases.iter().map(|case| format!("{}.{suffix}", case.name));
    // Rules with the same name and labels are told apart from problems.
    let lint = if verb == "check" { &["--lint=none"][..] } else { &[] };
    let output = Command::new("promtool")
        .args([verb, "rules"])
        .args(lint)
        .args(files)
        .current_dir(directory)
        .output()
        .expect("runs");
    let mut current = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let named = ["Checking", "Unit Testing:"].iter().find_map(|prefix| line.strip_prefix(prefix));
        if let Some(name) = named.and_then(|name| name.trim().strip_suffix(&format!(".{suffix}"))) {
            name.clone_into(&mut current);
            verdicts.insert(current.clone(), false);
        } else if line.trim_start().starts_with("SUCCESS") {
            verdicts.insert(current.clone(), true);
        }
    }
    assert_eq!(verdicts.len(), cases.len(), "{}", String::from_utf8_lossy(&output.stderr));
    verdicts
}
