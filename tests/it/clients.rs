//! Real clients: every line that `docs/ingest.md` has to paste, run as it stands there, and what it sent found again.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{Server, run, wait_until};
use crate::tools;

const DOCS: &str = include_str!("../../docs/ingest.md");
/// The address that the lines of the docs name.
const DOCS_URL: &str = "http://127.0.0.1:7450";

/// The only block of the docs in `language`, for `server`.
pub(crate) fn block(language: &str, contains: &str, server: &Server) -> String {
    let begin = format!("```{language}\n");
    let blocks = DOCS.split(&begin).skip(1).filter_map(|rest| rest.split("```").next());
    let found: Vec<&str> = blocks.filter(|block| block.contains(contains)).collect();
    let [block] = found.as_slice() else { panic!("{} blocks of {language} with {contains}", found.len()) };
    assert!(block.contains(DOCS_URL), "{block}");
    block.replace(DOCS_URL, &server.url())
}

/// Rows that a search of the command line finds.
pub(crate) fn search(server: &Server, arguments: &[&str]) -> Vec<Value> {
    let url = server.url();
    let (code, out, err) = run(&[&["search", "--json", "--server", &url], arguments].concat());
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(code, i32::from(rows.is_empty()), "{err}");
    rows
}

/// What names a found row: its cursor.
fn cursors(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["cursor"].as_str().expect("a cursor")).collect()
}

/// Checks that the one line of `server` is found by its content, host, severity and time, and by nothing else.
pub(crate) fn check_found(server: &Server, query: &str, body: &str, labels: &Value) {
    wait_until("the line is found", || !search(server, &[query]).is_empty());
    let rows = search(server, &[query]);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((&row["body"], &row["level"], &row["stream"]), (&Value::from(body), &Value::from("error"), labels));
    let found: [&[&str]; 4] =
        [&["host:db1"], &["severity:error"], &[query, "--since", "5m"], &["", "--from", "now-5m", "--to", "now"]];
    for arguments in found {
        assert_eq!(cursors(&search(server, arguments)), cursors(&rows), "{arguments:?}");
    }
    let not_found: [&[&str]; 4] = [&["others"], &["host:other"], &["severity:info"], &[query, "--to", "now-5m"]];
    for arguments in not_found {
        assert_eq!(search(server, arguments), Vec::<Value>::new(), "{arguments:?}");
    }
    let (status, answer) = server.get("/app/v1/count?q=host:db1&since=5m", "");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, answer["count"].as_u64()), (200, Some(1)));
}

/// Runs `command` to its end, which must be a success; gives its standard output.
pub(crate) fn run_client(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn curl_sends_lines_of_json_and_of_text() {
    if tools::program("curl").is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(&directory.path().join("data"), &[]);
    let file = directory.path().join("syslog");
    fs::write(&file, b"link down\nlink \xffup\n").expect("writes");
    let lines = block("sh", "/app/v1/ingest", &server).replace("@/var/log/syslog", &format!("@{}", file.display()));
    let (json, text) = lines.split_once("\n\n").expect("two commands");

    let answer = run_client(Command::new("sh").args(["-e", "-c", json]));
    assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON")["accepted"], 1, "{answer}");
    check_found(&server, "disk full", "disk full", &serde_json::json!({"host": "db1", "service": "pg"}));
    assert_eq!(search(&server, &["code:28"]).len(), 1);

    run_client(Command::new("sh").args(["-e", "-c", text]));
    let found = search(&server, &[r#"file:"/var/log/syslog" host:db1 link"#, "--order", "oldest"]);
    let bodies: Vec<&str> = found.iter().filter_map(|row| row["body"].as_str()).collect();
    assert_eq!(bodies, ["link down", "link \u{fffd}up"]);
}

#[test]
fn open_telemetry_sdk_for_python() {
    let Some(python) = tools::python() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    run_client(Command::new(python).args(["-c", &block("python", "opentelemetry", &server)]));
    check_found(&server, "disk full", "disk full", &serde_json::json!({"host": "db1", "service": "pg"}));
}

#[test]
fn python_logging_loki() {
    let Some(python) = tools::python() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    run_client(Command::new(python).args(["-c", &block("python", "logging_loki", &server)]));
    let labels = serde_json::json!({"app": "web", "host": "db1", "logger": "root", "severity": "error"});
    check_found(&server, "disk full", "disk full", &labels);
}

#[test]
fn winston_loki_in_json_and_in_protobuf() {
    for (json, line) in [("json: true", "json"), ("json: false", "protobuf")] {
        let Some(mut node) = tools::node() else { return };
        let directory = tempfile::tempdir().expect("a directory");
        let server = Server::start(directory.path(), &[]);
        let script = block("js", "winston-loki", &server);
        assert!(script.contains("json: true"), "{script}");
        let script = script.replace("json: true", json).replace("disk full", line);
        let _client = Running::start(node.args(["-e", &script]));
        let labels = serde_json::json!({"app": "web", "host": "db1", "level": "error"});
        check_found(&server, line, &format!("{line} {{\"level\":\"error\"}}"), &labels);
    }
}

/// A process that runs until it is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("is stopped");
        self.0.wait().expect("ends");
    }
}
