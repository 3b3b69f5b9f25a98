//! Runs scripts of loads and evaluations, as Prometheus' test framework writes them (`promql/promqltest`): our own from
//! `tests/scripts`, and those of the folder that `ORSZEM_PROMQL_SCRIPTS` names.
//!
//! `ORSZEM_PROMQL_FAILURES=1` shows each failure of that folder.

#![expect(clippy::print_stdout, reason = "scores are what this test is for")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use orszem_promql::functions::Function;
use support::run::{Score, run};

#[test]
fn our_scripts_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let scores = run_folder(&folder);
    assert!(!scores.is_empty());
    let failures: Vec<&String> = scores.iter().flat_map(|(_, score)| &score.failures).collect();
    assert!(failures.is_empty(), "\n{}", failures.into_iter().cloned().collect::<Vec<_>>().join("\n"));
}

/// Scores only: what is in the folder may be newer than we are.
#[test]
fn scripts_from_outside_are_scored() {
    let Some(folder) = std::env::var_os("ORSZEM_PROMQL_SCRIPTS") else { return };
    let is_verbose = std::env::var_os("ORSZEM_PROMQL_FAILURES").is_some_and(|value| value == "1");
    let scores = run_folder(Path::new(&folder));
    for (path, score) in &scores {
        if is_verbose {
            score.failures.iter().for_each(|failure| println!("{failure}"));
        }
        let skipped = if score.skipped > 0 { format!(" ({} skipped)", score.skipped) } else { String::new() };
        println!("{}/{} {}{skipped}", score.passed, score.total, name(path));
    }
    let sum = |number: fn(&Score) -> usize| scores.iter().map(|(_, score)| number(score)).sum::<usize>();
    println!("{}/{} all", sum(|score| score.passed), sum(|score| score.total));
}

#[test]
fn our_scripts_use_every_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let scripts: String =
        paths(&folder).iter().map(|path| fs::read_to_string(path).expect("a readable script")).collect();
    let words: Vec<&str> = scripts
        .lines()
        .filter(|line| line.starts_with("eval"))
        .flat_map(|line| line.split(|character: char| !character.is_alphanumeric() && character != '_'))
        .collect();
    let names = Function::ALL.iter().map(|function| function.signature().name);
    let unused: Vec<&str> = names.filter(|name| !words.contains(name)).collect();
    assert_eq!(unused, [""; 0]);
}

/// A script that is wrong in each way must not pass.
#[test]
fn wrong_expectations_fail() {
    let wrong = "
load 1m
  m{a=\"1\"} 1 2 3
  h {{schema:0 count:2 sum:3 buckets:[1 1]}}x2

eval instant at 1m m
  m{a=\"1\"} 3

eval instant at 1m m
  m{a=\"2\"} 2

eval instant at 1m m

eval instant at 1m h
  h {{schema:0 count:2 sum:3 buckets:[2]}}

eval range from 0 to 2m step 1m m
  m{a=\"1\"} 1 _ 3

eval instant at 1m rate(h[1m])
  expect warn

eval instant at 1m 1 + 1
  3

eval instant at 1m m
  expect fail

eval instant at 1m m +
  m 1
";
    let score = run("wrong", wrong);
    assert_eq!((score.passed, score.total), (0, 9), "{:#?}", score.failures);
}

fn run_folder(folder: &Path) -> Vec<(PathBuf, Score)> {
    let scored = |path: PathBuf| {
        let score = run(&name(&path), &fs::read_to_string(&path).expect("a readable script"));
        (path, score)
    };
    paths(folder).into_iter().map(scored).collect()
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
