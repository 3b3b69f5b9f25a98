//! promtool against the series that rules write, and as what evaluates recording rules over past series of the server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::sink::Sink;
use super::{now, start, wait_told};
use crate::program::wait_until;
use crate::tools::program;

/// What it prints; it ends well.
fn promtool(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new(file).args(arguments).output().expect("runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn promtool_asks_for_alerts_and_makes_up_recording_rules() {
    let Some(file) = program("promtool") else { return };
    let (folder, sink) = (tempfile::tempdir().expect("a directory"), Sink::start());
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let rules = "groups:\n- name: g\n  rules:\n  - alert: Own\n    expr: vector(2) > 1\n";
    fs::write(path("rules.yml"), rules).expect("writes");
    let server = start(folder.path(), &sink, "rule_files = [\"rules.yml\"]");
    wait_told(&sink, "Own", "firing");
    let url = server.url();
    wait_until("promtool sees the alert", || {
        let said = promtool(&file, &["query", "instant", &url, "ALERTS"]);
        said.starts_with("ALERTS{alertname=\"Own\", alertstate=\"firing\"} => 1 @[")
    });
    let series = promtool(&file, &["query", "series", "--match", "ALERTS_FOR_STATE", &url]);
    assert_eq!(series, "{__name__=\"ALERTS_FOR_STATE\", alertname=\"Own\"}\n");

    // Ten minutes of the past, a sample a minute.
    let minute = now().0 / 60_000_000_000;
    let lines = (1..=10).flat_map(|ago| {
        let at_ms = (minute - ago) * 60_000;
        [("0", "a", 21), ("0", "b", 11), ("1", "a", 31)]
            .map(|(room, sensor, value)| format!("heat{{room=\"{room}\",sensor=\"{sensor}\"}} {value} {at_ms}\n"))
    });
    let (status, said) = server.post("/api/v1/import/prometheus", "", lines.collect::<String>().as_bytes());
    assert_eq!(status, 204, "{said}");
    let recording = "groups:\n- name: g\n  rules:\n  - {record: hottest, expr: max by (room) (heat)}\n";
    fs::write(path("recording.yml"), recording).expect("writes");
    // Where there is none, its own reader of blocks complains.
    fs::create_dir_all(path("blocks/wal")).expect("a folder");
    let [begin, end] = [10, 1].map(|ago| ((minute - ago) * 60).to_string());
    let (blocks, recording) = (path("blocks"), path("recording.yml"));
    let (from, until) = (format!("--start={begin}"), format!("--end={end}"));
    let (url, into) = (format!("--url={url}"), format!("--output-dir={blocks}"));
    let evaluate =
        ["tsdb", "create-blocks-from", "rules", &from, &until, &url, &into, "--eval-interval=60s", &recording];
    promtool(&file, &evaluate);
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for line in promtool(&file, &["tsdb", "dump", &blocks]).lines() {
        let (sample, _) = line.rsplit_once(' ').expect("a time");
        *found.entry(sample.to_owned()).or_default() += 1;
    }
    // It evaluates somewhere within each minute, so that the last one may not be whole.
    let samples: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(samples, ["{__name__=\"hottest\", room=\"0\"} 21", "{__name__=\"hottest\", room=\"1\"} 31"]);
    assert!(found.values().all(|count| (9..=10).contains(count)), "{found:?}");
}
