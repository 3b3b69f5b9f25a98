//! The collector's commands as a person uses them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::collector::site::Site;
use crate::program::{Server, orszem, run, wait_until};
use crate::torture::client::export;

const SSHD: &str = "Nov 22 10:00:00 db1 sshd[42]: Failed password for root from 10.0.0.9 port 22 ssh2";

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn what_is_discovered_is_a_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let (code, text, err) = run(&["collector", "--discover"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        text.starts_with("# Made by `orszem collector --discover`.\n[collector]\ninclude = [\"/var/log/**\"]\n"),
        "{text}"
    );
    let file = directory.path().join("c.toml");
    fs::write(&file, &text).expect("writes");
    assert_eq!(run(&["check-config", plain(&file)]), (0, format!("{}: in order\n", file.display()), String::new()));
}

#[test]
fn lines_are_tested_against_a_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, config) = (directory.path().join("t.toml"), directory.path().join("c.toml"));
    let test = |more: &str, expected: &str| {
        let text = format!(
            "[[test]]\ninput = {SSHD:?}\nfile = \"/var/log/auth.log\"\nnow = \"2026-11-22T12:00:00Z\"\nexpected = {{ {expected} }}\n"
        );
        fs::write(&file, text).expect("writes");
        fs::write(&config, format!("[collector]\n{more}")).expect("writes");
        run(&["collector", "test", plain(&file), "--config", plain(&config)])
    };
    let right = "service = \"sshd\", severity = \"warn\", pid = 42, format = \"syslog\", dropped = false, \
                 file = \"/var/log/auth.log\", timestamp = \"2026-11-22T10:00:00Z\"";
    assert_eq!(test("", right), (0, "1 of 1 passed\n".to_owned(), String::new()));
    let (code, out, _) = test("", "service = \"cron\", pid = \"42\", nothing = 1");
    let expected = format!(
        "test 1 failed: {SSHD}\n  nothing: expected 1, found nothing\n  pid: expected \"42\", found 42\n  \
         service: expected \"cron\", found \"sshd\"\n0 of 1 passed\n"
    );
    assert_eq!((code, out), (1, expected));
    let drop = "[[collector.drop]]\nservice = \"sshd\"\n";
    assert_eq!(test(drop, "dropped = true").0, 0);
    assert_eq!(test(drop, "dropped = false").0, 1);
    let (code, _, err) = test("depth_max = 0\n", right);
    assert!(code == 2 && err.contains(&format!("{}:2: collector.depth_max = 0: ", config.display())), "{err}");
    fs::write(&file, "[[test]]\ninputs = \"x\"\n").expect("writes");
    let (code, _, err) = run(&["collector", "test", plain(&file)]);
    assert!(code == 2 && err.contains(&format!("{} is no test file", file.display())), "{err}");
}

#[test]
fn a_log_line_is_explained_as_one_and_a_query_as_a_query() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    let explain = |arguments: &[&str]| run(&[&["explain", "--server", &server.url()], arguments].concat());
    let (code, out, _) = explain(&[SSHD]);
    assert_eq!(code, 0);
    for row in [
        "format           syslog",
        "severity         warn",
        "label host       db1",
        "label service    sshd",
        "pid              42",
        &format!("body             {SSHD}"),
    ] {
        assert!(out.lines().any(|line| line == row), "{row} in\n{out}");
    }
    for query in
        ["error", "severity:>=warn", "host:db1 AND /blk_-?[0-9]+9/", "\"a phrase\"", "12:30", "user=root", "10.0.0.1"]
    {
        let (code, out, err) = explain(&[query]);
        assert!(code == 0 && out.contains("scanned 0 bytes, 0 records"), "{query}: {out}{err}");
    }
    let (_, out, _) = explain(&["--query", SSHD]);
    assert!(!out.contains("format "), "{out}");
    let (_, out, _) = explain(&["--line", "error"]);
    assert!(out.starts_with("format           none\n"), "{out}");
}

#[test]
fn standard_input_is_delivered_and_then_it_exits() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(&directory.path().join("data"), &[]);
    let state = directory.path().join("node");
    let mut child = orszem(&["collector", "--stdin", "--server", &server.url(), "--data-dir", plain(&state)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"first\nsecond\nwithout an end").expect("writes");
    drop(input);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("ends");
    assert!(status.success() && stdout.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    let mut bodies = export(server.address);
    bodies.retain(|body| !body.starts_with("canary "));
    assert_eq!(bodies, ["first", "second", "without an end"]);
}

#[test]
fn its_files_and_its_queue_can_be_looked_into() {
    let directory = tempfile::tempdir().expect("a directory");
    // Nothing listens there: `up` is 0, which is queued as well.
    let scraped = "[[collector.scrape.jobs]]\njob_name = \"none\"\nscrape_interval = \"1s\"\nscrape_timeout = \"1s\"\n\
                   static_configs = [{ targets = [\"127.0.0.1:1\"] }]\n";
    let mut site = Site::new(directory.path(), scraped);
    let config = directory.path().join("collector.toml");
    let command = |arguments: &[&str]| run(&[&["collector"], arguments, &["--config", plain(&config)]].concat());
    let (code, out, err) = command(&["queue", "ls"]);
    assert!(code == 2 && out.is_empty() && err.contains("no collector has queued anything in "), "{out}{err}");
    let (code, _, err) = command(&["files"]);
    assert!(code == 2 && err.contains("no collector has written of itself in "), "{err}");

    site.kill_server();
    let log = directory.path().join("log/a.log");
    fs::write(&log, "one\ntwo\n").expect("writes");
    site.start_collector();
    let records = || {
        let (_, out, _) = command(&["queue", "dump", "--signal", "logs"]);
        let records = out.lines().filter_map(|line| line.split(": ").nth(1)?.split(' ').next()?.parse::<u64>().ok());
        records.sum::<u64>()
    };
    wait_until("the lines and a canary are queued", || records() == 3);
    wait_until("it has written of itself", || command(&["files"]).0 == 0);
    let (code, out, _) = command(&["files"]);
    let row: Vec<&str> = out.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!((code, row.last()), (0, Some(&plain(&log))), "{out}");
    let (code, out, _) = command(&["files", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &json[0]["path"], &json[0]["state"]), (0, &plain(&log).into(), &"following".into()));

    let signals = |out: &str| {
        let all = out.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
        all.collect::<Vec<_>>()
    };
    let of_metrics = || command(&["queue", "dump", "--signal", "metrics"]).1;
    wait_until("metrics are queued", || of_metrics().starts_with("metrics batch 1: "));
    assert!(of_metrics().contains(" samples, "), "{}", of_metrics());
    assert_eq!(signals(&command(&["queue", "ls"]).1), ["logs", "metrics"]);
    site.kill_collector();
    assert_eq!(signals(&command(&["queue", "ls", "--signal", "metrics"]).1), ["metrics"]);
    let (code, out, _) = command(&["queue", "ls", "--signal", "logs"]);
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");
    let segment = directory.path().join("state/queue").join(out.split_whitespace().last().expect("a file"));
    let (code, out, _) = command(&["queue", "fsck"]);
    assert_eq!(code, 0, "{out}");
    let mut bytes = fs::read(&segment).expect("reads");
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    fs::write(&segment, bytes).expect("writes");
    let (code, out, _) = command(&["queue", "fsck"]);
    assert_eq!(code, 1, "{out}");
    assert_eq!(command(&["queue", "fsck", "--signal", "metrics"]).0, 0);
    assert!(out.contains("damaged: ") && out.contains(plain(&segment)), "{out}");
    let (code, out, err) = command(&["queue", "fsck", "--repair"]);
    assert!(code == 0 && out.contains(" set aside\n"), "{out}{err}");
    let kept = fs::read_dir(directory.path().join("state/queue/quarantine")).expect("is made").count();
    assert_eq!(kept, 1, "{out}");
}

#[test]
fn every_format_and_every_command_is_documented() {
    let docs = include_str!("../../docs/collector.md");
    let formats = include_str!("collector_config/bad.txt").split_once("\"regex\" or one of: ").expect("are listed").1;
    for format in formats.lines().next().expect("a line").split(", ") {
        assert!(docs.contains(&format!("`{format}`")), "{format}");
    }
    let lines = docs.lines().map(|line| line.rsplit(" | ").next().unwrap_or(line));
    let commands: Vec<&str> = lines.filter(|line| line.starts_with("orszem ")).collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split("   ").next().expect("a command").split(" '").collect();
        let mut words: Vec<&str> = words[0].split_whitespace().skip(1).take_while(|word| *word != ">").collect();
        words.push("--help");
        let (code, out, err) = run(&words);
        assert!(code == 0 && out.contains("Usage: orszem"), "{command}: {err}");
    }
}
