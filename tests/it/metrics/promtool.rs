//! promtool's queries against the server.

use std::path::Path;
use std::process::Command;

use super::remote::seconds;
use crate::program::Server;

/// Exit code and the sorted lines of the standard output.
fn run(tool: &Path, arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let output = Command::new(tool).args(arguments).output().expect("runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    (output.status.code(), lines, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Panics unless each kind of query exits with 0 and prints what the server has.
pub(crate) fn check(tool: &Path, server: &Server, begin: i64, end: i64) {
    let (url, begin, end) = (server.url(), seconds(begin), seconds(end));
    let (code, lines, err) =
        run(tool, &["query", "instant", "--time", &end, &url, "sum by (room) (demo_temperature * 0 + 1)"]);
    assert_eq!(code, Some(0), "{err}");
    let starts: Vec<&str> = lines.iter().filter_map(|line| line.split(" @").next()).collect();
    assert_eq!(starts, ["{room=\"0\"} => 2", "{room=\"1\"} => 2", "{room=\"2\"} => 2"]);

    let range = ["query", "range", "--start", &begin, "--end", &end, "--step", "7s", &url, "count(demo_limit)"];
    let (code, lines, err) = run(tool, &range);
    assert_eq!((code, lines.iter().filter(|line| line.starts_with("2 @[")).count()), (Some(0), 3), "{lines:?} {err}");

    let series = ["query", "series", "--match", "demo_build_info", "--start", &begin, "--end", &end, &url];
    let (code, lines, err) = run(tool, &series);
    assert_eq!((code, lines.len()), (Some(0), 2), "{lines:?} {err}");
    for (line, version) in lines.iter().zip(["1.0", "1.1"]) {
        assert!(
            line.contains("__name__=\"demo_build_info\"") && lines.iter().any(|line| line.contains(version)),
            "{line}"
        );
    }

    let (code, lines, err) = run(tool, &["query", "labels", "--start", &begin, "--end", &end, &url, "method"]);
    assert_eq!((code, lines), (Some(0), vec!["GET".to_owned(), "PUT".to_owned()]), "{err}");

    let (code, _, err) = run(tool, &["query", "instant", &url, "sum("]);
    assert!(code == Some(1) && err.contains("bad_data"), "{code:?} {err}");
}
