//! promtool's queries against the server.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::remote::seconds;
use crate::program::{Server, orszem, wait_until};
use crate::tools;

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

/// What `promtool check metrics` says of a page; nothing where all is well.
fn lint(tool: &Path, page: &str) -> String {
    let mut command = Command::new(tool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(page.as_bytes()).expect("reads");
    let output = child.wait_with_output().expect("ends");
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_eq!(output.status.success(), told.is_empty(), "{}: {told}", output.status);
    told
}

#[test]
fn the_servers_own_metrics_pass_promtool() {
    let Some(tool) = tools::program("promtool") else { return };
    let folder = tempfile::tempdir().expect("a directory");
    // With a collector inside, there are its metrics, too.
    let data = folder.path().to_str().expect("a plain path");
    let server = Server::spawn(orszem(&["up", "--listen", "127.0.0.1:0", "--log-level", "error", "--data-dir", data]));
    let page = || server.get("/metrics", "Accept: */*\r\n").1;
    wait_until("everything has been counted", || {
        let page = page();
        ["orszem_collector_samples_sent_total ", "orszem_http_requests_total{"].iter().all(|name| page.contains(name))
    });
    assert_eq!(server.get("/api/v1/query?query=up", "").0, 200);
    assert_eq!(lint(&tool, &page()), "");
    // It would tell.
    assert_ne!(lint(&tool, &format!("{}extra_total 1\n", page())), "");
}
