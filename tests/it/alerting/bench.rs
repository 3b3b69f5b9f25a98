//! `orszem bench alerts` and `rules` at a small size: all is told, by this program and by its peers, and timed.

use serde_json::{Value, json};

use crate::program::orszem;
use crate::tools;

const OWN: [&str; 3] =
    ["orszem, threshold, sample by sample", "orszem, Prometheus' rule every 15s", "orszem, Prometheus' rule every 1s"];

fn bench(arguments: &[&str]) -> String {
    let mut command = orszem(&["bench", "alerts", "--crossings", "4", "--spread", "2s"]);
    let path = std::env::var("PATH").expect("a path");
    let output = command.args(arguments).env("PATH", path).output().expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The seconds of a row, which can be: in order, and from the change no shorter than from the sample.
fn check(row: &Value) {
    assert_eq!((&row["crossings"], &row["told"]), (&json!(4), &json!(4)), "{row}");
    let seconds = |from: &str| ["p50_s", "p95_s", "max_s"].map(|name| row[from][name].as_f64().expect("a number"));
    let (sample, change) = (seconds("sample_to_webhook"), seconds("change_to_webhook"));
    assert!(sample[0] > 0.0 && sample.is_sorted() && change.is_sorted(), "{row}");
    assert!(sample.iter().zip(&change).all(|(sample, change)| sample <= change), "{row}");
}

#[test]
fn crossings_are_timed_until_the_webhook_beside_prometheus_and_alertmanager() {
    if ["prometheus", "prometheus-alertmanager"].iter().any(|peer| tools::program(peer).is_none()) {
        return;
    }
    let report: Value = serde_json::from_str(&bench(&["--settings", "1s/1s/1s", "--json"])).expect("JSON");
    let rows = report.as_array().expect("rows");
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().expect("a name")).collect();
    assert_eq!(names, [&OWN[..], &["prometheus and alertmanager, 1s/1s/1s"]].concat());
    rows.iter().for_each(check);
}

#[test]
fn alone_the_benchmark_of_alerts_measures_this_program() {
    let report = bench(&["--alone"]);
    let rows: Vec<&str> = report.lines().filter(|line| line.ends_with("  4/4")).collect();
    assert_eq!(rows.len(), OWN.len(), "{report}");
    for (row, name) in rows.iter().zip(OWN) {
        assert!(row.starts_with(name), "{report}");
    }
}

#[test]
fn alone_the_benchmark_of_rules_measures_both_ways_of_evaluating() {
    let output = orszem(&["bench", "rules", "--count", "2000", "--alone"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8(output.stdout).expect("text");
    let rows: Vec<(f64, &str)> = report
        .lines()
        .filter_map(|row| row.split_once(" ms CPU a pass  "))
        .map(|(spent, what)| (spent.trim().parse().expect("a number"), what.split(',').next().unwrap_or(what)))
        .collect();
    let [(sample, "orszem"), (tick, "orszem")] = rows[..] else { panic!("{report}") };
    assert!(sample >= 0.0 && tick > sample, "{report}");
}
