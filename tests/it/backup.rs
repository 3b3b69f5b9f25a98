//! Backups of a server that runs: what was acknowledged before is in them once, and damage is named.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::program::{Server, run, wait_until};

const JSON: &str = "Content-Type: application/json\r\n";

/// The numbers of the samples on a server, sorted.
fn samples(server: &Server) -> Vec<u64> {
    let (status, body) = server.get("/api/v1/query?query=sent%5B1d%5D", "");
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(body_of(&body)).expect("is JSON");
    let series = answer["data"]["result"].as_array().expect("a matrix");
    let values = series.iter().flat_map(|series| series["values"].as_array().expect("values"));
    let mut found: Vec<u64> =
        values.map(|pair| pair[1].as_str().and_then(|v| v.parse().ok()).expect("a number")).collect();
    found.sort_unstable();
    found
}

/// The numbers of the records on a server, sorted.
fn records(server: &Server) -> Vec<u64> {
    let (status, body) = server.get("/app/v1/export?q=sent&format=text", "");
    assert_eq!(status, 200, "{body}");
    let numbers = body.lines().filter_map(|line| line.strip_prefix("sent "));
    let mut found: Vec<u64> = numbers.map(|number| number.parse().expect("a number")).collect();
    found.sort_unstable();
    found
}

/// The JSON in a body that may be sent in chunks.
fn body_of(body: &str) -> &str {
    let (begin, end) = (body.find('{').expect("begins"), body.rfind('}').expect("ends"));
    body.get(begin..=end).expect("is text")
}

/// Ends the senders, also when an assertion fails.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Sends until told to stop; `acknowledged` is how many were.
fn send(stop: &AtomicBool, acknowledged: &AtomicU64, one: impl Fn(u64) -> u16) {
    for number in 0.. {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let status = one(number);
        assert!((200..300).contains(&status), "{status}");
        acknowledged.store(number + 1, Ordering::Release);
    }
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).to_str().expect("a plain path").to_owned()
}

#[test]
fn a_running_server_is_backed_up_while_it_takes_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(&directory.path().join("data"), &[]);
    let begin = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64 - 3_600_000;
    let record = |number| {
        let path = format!("/app/v1/ingest?host=h{}", number % 3);
        server.post(&path, "Content-Type: text/plain\r\n", format!("sent {number}\n").as_bytes()).0
    };
    let sample = |number| {
        let line = format!("sent{{shard=\"{}\"}} {number} {}\n", number % 3, begin + number * 10);
        server.post("/api/v1/import/prometheus", "", line.as_bytes()).0
    };
    let (stop, logs, metrics) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let mut backups = Vec::new();
    thread::scope(|scope| {
        let _stopping = Stopping(&stop);
        scope.spawn(|| send(&stop, &logs, record));
        scope.spawn(|| send(&stop, &metrics, sample));
        for round in 1..=3 {
            wait_until("something is taken in", || {
                logs.load(Ordering::Acquire) > round * 20 && metrics.load(Ordering::Acquire) > round * 20
            });
            if round == 2 {
                assert_eq!(server.post("/app/v1/admin/seal", JSON, b"").0, 200);
            }
            let before = (logs.load(Ordering::Acquire), metrics.load(Ordering::Acquire));
            let file = path(directory.path(), &format!("{round}.tar.zst"));
            let (code, out, err) = run(&["backup", &file, "--server", &server.url()]);
            assert_eq!(code, 0, "{out}{err}");
            backups.push((before, file));
        }
    });
    assert!(!directory.path().join("data/backup.part").is_dir(), "the copy is gone");
    for ((logs, metrics), file) in backups {
        let (code, out, err) = run(&["backup", "check", &file]);
        assert!(code == 0 && out.starts_with(&format!("{file} is whole: ")), "{out}{err}");
        let restored = format!("{file}.restored");
        let (code, _, err) = run(&["restore", &file, "--data-dir", &restored]);
        assert_eq!(code, 0, "{err}");
        let server = Server::start(Path::new(&restored), &[]);
        for (found, before) in [(records(&server), logs), (samples(&server), metrics)] {
            assert!(found.len() as u64 >= before, "{} of {before}", found.len());
            assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_damaged_backup_is_named_and_not_restored() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let mut server = Server::start(&data, &[]);
    let mut text = String::new();
    for number in 0..60_000_u64 {
        let value = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) as f64;
        text.push_str(&format!("noise{{shard=\"{}\"}} {value} {}\n", number % 50, 1_795_341_600_000 - number * 1000));
    }
    assert_eq!(server.post("/api/v1/import/prometheus", "", text.as_bytes()).0, 204);
    let backups = path(directory.path(), "");
    let data = data.to_str().expect("a plain path").to_owned();
    let (code, _, err) = run(&["backup", &path(directory.path(), "x"), "--data-dir", &data]);
    assert!(code == 2 && err.contains("in use") && err.contains("--server"), "{err}");
    let (code, out, err) = run(&["backup", &backups, "--server", &server.url()]);
    assert_eq!(code, 0, "{err}");
    let file = out.split_once(": ").expect("names the file").0.to_owned();
    server.signal("TERM");
    server.wait();

    let mut bytes = fs::read(&file).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = path(directory.path(), "bad.tar.zst");
    fs::write(&bad, bytes).expect("writes");
    let (code, _, err) = run(&["backup", "check", &bad]);
    let named = err.contains("is no whole backup: journal/series/") || err.contains("is no whole backup: series/");
    assert!(code == 2 && named, "{err}");
    let target = path(directory.path(), "restored");
    assert_eq!(run(&["restore", &bad, "--data-dir", &target]).0, 2);
    assert!(!Path::new(&target).is_dir());
    assert_eq!(run(&["restore", &file, "--data-dir", &target]).0, 0);
}

#[test]
fn only_an_administrator_is_given_a_backup() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_, admin, admin_secret) = run(&["token", "new", "root", "--role", "admin"]);
    let (_, read, read_secret) = run(&["token", "new", "eyes", "--role", "read"]);
    let tokens = path(directory.path(), "tokens");
    fs::write(&tokens, format!("{admin}{read}")).expect("writes");
    let server = Server::start(&directory.path().join("data"), &["--token-file", &tokens]);
    let secret = |shown: &str| shown.trim_end().rsplit(' ').next().expect("a token").to_owned();
    for (shown, expected) in [(read_secret, 2), (admin_secret, 0)] {
        let token = path(directory.path(), "token");
        fs::write(&token, secret(&shown)).expect("writes");
        let file = path(directory.path(), "b.tar.zst");
        let (code, _, err) = run(&["backup", &file, "--server", &server.url(), "--token-file", &token]);
        assert_eq!(code, expected, "{err}");
        assert_eq!(Path::new(&file).is_file(), expected == 0);
    }
}
