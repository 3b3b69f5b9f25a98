//! `orszem query`: each output of a small data set, and the exit codes.

use serde_json::Value;

use super::remote::{Series, write};
use crate::program::{Server, run};

/// 2020-09-13T12:26:40Z.
const BEGIN: i64 = 1_600_000_000_000;

fn filled(server: &Server) {
    let samples = |factor: f64| (0..20).map(|at| (BEGIN + at * 30_000, at as f64 * factor)).collect::<Vec<_>>();
    let series = [
        Series::new(&[("__name__", "disk_bytes"), ("host", "db1"), ("path", "/a b, \"c\"")], &samples(1.5)),
        Series::new(&[("__name__", "disk_bytes"), ("host", "db2"), ("path", "/")], &samples(1000.0)),
    ];
    let answer = write(server.address, "", &series).expect("answers");
    assert_eq!((answer.status, answer.written()), (204, 40), "{answer:?}");
}

#[test]
fn query_prints_tables_csv_json_and_plots() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    filled(&server);
    let url = server.url();
    let query = |arguments: &[&str]| run(&[&["query", "--server", &url], arguments].concat());
    let at = ["--time", "2020-09-13T12:27:40Z"];
    let range = ["--from", "2020-09-13T12:26:40Z", "--to", "2020-09-13T12:27:40Z", "--step", "30s"];

    let (code, out, err) = query(&[&["disk_bytes", "--output", "table"], at.as_slice()].concat());
    let expected =
        "   3  disk_bytes{host=\"db1\", path=\"/a b, \\\"c\\\"\"}\n2000  disk_bytes{host=\"db2\", path=\"/\"}\n";
    assert_eq!((code, out.as_str(), err.as_str()), (0, expected, ""));

    let csv = query(&[&["sum by (host) (disk_bytes{host=\"db2\"})", "--output", "csv"], range.as_slice()].concat());
    let expected = "time,value,series\r\n\
                    2020-09-13T12:26:40Z,0,\"{host=\"\"db2\"\"}\"\r\n\
                    2020-09-13T12:27:10Z,1000,\"{host=\"\"db2\"\"}\"\r\n\
                    2020-09-13T12:27:40Z,2000,\"{host=\"\"db2\"\"}\"\r\n";
    assert_eq!((csv.0, csv.1.as_str()), (0, expected), "{}", csv.2);
    // CSV is what is printed where there is no terminal.
    assert_eq!(query(&[&["sum by (host) (disk_bytes{host=\"db2\"})"], range.as_slice()].concat()), csv);

    let (code, out, err) = query(&[&["sum(disk_bytes)", "--output", "json"], at.as_slice()].concat());
    assert_eq!(code, 0, "{err}");
    let found: Value = serde_json::from_str(&out).expect("JSON");
    let expected = serde_json::json!({
        "resultType": "vector", "result": [{"metric": {}, "value": [1_600_000_060, "2003"]}]
    });
    assert_eq!(found, expected);

    let (code, out, err) = query(&[&["disk_bytes", "--output", "plot"], range.as_slice()].concat());
    assert_eq!(code, 0, "{err}");
    for part in ["━━ disk_bytes{host=\"db2\", path=\"/\"} = 2000\n", "2.00k ┤", "0.000 ┤", "2020-09-13T12:26:40Z"]
    {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    let is_dots = |char: char| ('\u{2801}'..='\u{28ff}').contains(&char);
    assert!(out.contains(is_dots) && !out.contains('\x1b'), "{out}");
}

#[test]
fn query_tells_by_its_exit_code_what_came_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    filled(&server);
    let url = server.url();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["vector(1)"], 0, ""),
        (&["disk_bytes"], 1, ""),
        (&["disk_bytes{"], 2, "1:12: parse error: unexpected end of input inside braces (bad_data)"),
        (&["disk_bytes", "--range", "1h", "--time", "now"], 2, "--time"),
        (&["disk_bytes", "--step", "1m"], 2, "--step goes with --range or --from"),
        (&["disk_bytes", "--from", "2020-01-02", "--to", "2020-01-01"], 2, "the range is empty"),
        (&["disk_bytes", "--time", "soon"], 2, "--time soon"),
        (&["disk_bytes", "--output", "xml"], 2, "xml"),
    ];
    for (arguments, expected, message) in cases {
        let (code, _, err) = run(&[&["query", "--server", &url], arguments].concat());
        assert_eq!((code, err.contains(message)), (expected, true), "{arguments:?}: {err}");
    }
    drop(server);
    let (code, out, err) = run(&["query", "--server", &url, "up"]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains(url.trim_start_matches("http://")), "{err}");
}
