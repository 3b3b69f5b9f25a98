//! `orszem query --explain` over a small data set.

use serde_json::Value;

use super::remote::{Series, write};
use crate::program::{Server, run};

/// 2020-09-13T12:26:40Z.
const BEGIN: i64 = 1_600_000_000_000;
const QUERY: &str = "sum by (host) (rate(disk_bytes_total{host=~\"db.\"}[1m] offset 30s)) / on () group_left () count(disk_bytes_total @ end())";

#[test]
fn a_query_is_explained_as_a_tree_and_as_json() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    let samples: Vec<(i64, f64)> = (0..20).map(|at| (BEGIN + at * 15_000, at as f64)).collect();
    let series =
        ["db1", "db2", "web"].map(|host| Series::new(&[("__name__", "disk_bytes_total"), ("host", host)], &samples));
    assert_eq!(write(server.address, "", &series).expect("answers").status, 204);
    let url = server.url();
    let explain = |more: &[&str]| {
        let range = ["--from", "2020-09-13T12:28:40Z", "--to", "2020-09-13T12:29:40Z", "--step", "30s"];
        run(&[&["query", "--server", &url, "--explain", QUERY], &range[..], more].concat())
    };

    let (code, out, err) = explain(&[]);
    let expected = "\
/ on () group_left ()
├─ sum by (host)
│  └─ rate
│     └─ disk_bytes_total{host=~\"db.\"}[1m] offset 30s
│          2 series in 2 parts, about 16 samples; 2020-09-13T12:27:10Z to 2020-09-13T12:29:10Z
└─ count  at 1 moment
   └─ disk_bytes_total @ end()
        3 series in 3 parts, about 39 samples; 2020-09-13T12:24:40Z to 2020-09-13T12:29:40Z

about 55 samples to read
";
    assert_eq!((code, out.as_str(), err.as_str()), (0, expected, ""));

    let (code, out, err) = explain(&["--analyze"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for part in ["group_left ()  -> 2 series, 6 samples in ", ", 16 read in ", ", 39 read in ", "\n55 samples read in "]
    {
        assert!(out.contains(part), "{part} in\n{out}");
    }

    let (code, out, err) = explain(&["--analyze", "--output", "json"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let found: Value = serde_json::from_str(&out).expect("JSON");
    let selects = &found["tree"]["children"][0]["children"][0]["children"][0]["selects"];
    assert_eq!((&found["samplesRead"], &selects["read"]["samples"]), (&55.into(), &16.into()), "{out}");
    assert_eq!((&selects["after"], &selects["until"]), (&1_600_000_030.into(), &1_600_000_150.into()), "{out}");

    for (more, told) in [
        (&["--output", "csv"][..], "--explain is shown as a tree, or with --output json"),
        (&["--stats"][..], "cannot be used with"),
    ] {
        let (code, out, err) = explain(more);
        assert!(code == 2 && out.is_empty() && err.contains(told), "{more:?}: {err}");
    }
    let (code, _, err) = run(&["query", "--server", &url, "up", "--analyze"]);
    assert!(code == 2 && err.contains("--explain"), "{err}");
    let (code, _, err) = run(&["query", "--server", &url, "--explain", "disk_bytes_total{"]);
    assert!(code == 2 && err.contains("unexpected end of input inside braces"), "{err}");
}
