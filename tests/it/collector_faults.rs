//! The collector when something fails around it: exactly once all the same, in order, and it says what is wrong.

mod backlog;
mod clock;
mod full;
mod kills;
mod metrics_queue;
mod proxy;
mod refusing;
mod scraping;
mod set_back;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use orszem_collector::Report;

use crate::collector::site::Site;
use crate::torture::client::request;
use crate::torture::random::Random;

/// The longest that anything here may take to happen.
fn within() -> Duration {
    Duration::from_secs(asked("ORSZEM_FAULTS_WITHIN_SECONDS", 120))
}
/// All lines bear the same time, so that they are exported in the order of their arrival: midnight that began today.
fn same_time() -> String {
    orszem_model::Timestamp(crate::torture::today()).to_string()
}

/// A number from the environment.
fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("is a number"))
}

/// A log of numbered lines.
struct Numbered {
    name: String,
    path: PathBuf,
    written: u64,
    /// What each line begins with.
    time: String,
    random: Random,
}

impl Numbered {
    fn new(site: &Site, name: &str) -> Self {
        let path = site.folder.join("log").join(format!("{name}.log"));
        Self { name: name.to_owned(), path, written: 0, time: same_time(), random: Random::new(7) }
    }

    /// Appends `count` lines that compress well or, with `is_dense`, not at all, of about `bytes` each.
    fn append(&mut self, count: u64, bytes: usize, is_dense: bool) {
        let file = OpenOptions::new().create(true).append(true).open(&self.path).expect("opens");
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let mut filler = "the quick brown fox jumps over the lazy dog ".repeat(bytes / 44 + 1);
        filler.truncate(bytes);
        for _ in 0..count {
            let seq = self.written;
            if is_dense {
                filler.clear();
                while filler.len() < bytes {
                    filler.push_str(&format!("{:016x}", self.random.next()));
                }
            }
            writeln!(file, "{} INFO {} seq={seq} {filler}", self.time, self.name).expect("writes");
            self.written += 1;
        }
        file.flush().expect("writes");
    }

    /// The file to `.1`, `.1` to `.2.gz` and so on.
    fn rotate(&self) {
        let beside = |suffix: String| PathBuf::from(format!("{}{suffix}", self.path.display()));
        let mut last = 2;
        while beside(format!(".{last}.gz")).is_file() {
            last += 1;
        }
        for number in (2..last).rev() {
            fs::rename(beside(format!(".{number}.gz")), beside(format!(".{}.gz", number + 1))).expect("renames");
        }
        if beside(".1".into()).is_file() {
            fs::rename(beside(".1".into()), beside(".2".into())).expect("renames");
            assert!(Command::new("gzip").args(["-1"]).arg(beside(".2".into())).status().expect("runs gzip").success());
        }
        fs::rename(&self.path, beside(".1".into())).expect("renames");
    }
}

/// The line number of a numbered line.
fn seq(body: &str) -> u64 {
    let word = body.split(' ').nth(3).and_then(|word| word.strip_prefix("seq="));
    word.and_then(|seq| seq.parse().ok()).expect("a numbered line")
}

/// The line numbers of a log in the order of their arrival. The bodies are not held: there may be gigabytes of them.
fn arrived(site: &Site, log: &Numbered) -> Vec<u64> {
    let mut stream = TcpStream::connect(site.address()).expect("connects");
    let path = format!("/app/v1/export?format=text&order=oldest&timeout=30m&q=service%3A{}", log.name);
    // In the older protocol there are no chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("sends");
    let mut lines = BufReader::with_capacity(1 << 20, stream).lines().map(|line| line.expect("a whole answer"));
    let status = lines.next().expect("a status");
    assert!(status.contains(" 200 "), "{status}");
    lines.by_ref().find(String::is_empty).expect("a head");
    lines.map(|body| seq(&body)).collect()
}

/// Panics unless all lines are there once and in order.
fn assert_exact(site: &Site, logs: &[&Numbered]) {
    for log in logs {
        let seqs = arrived(site, log);
        let wrong = seqs.iter().zip(0_u64..).find(|(seq, expected)| **seq != *expected);
        if (seqs.len() as u64, wrong) != (log.written, None) {
            let (at, begin) = wrong.map_or((0, 0), |(_, at)| (at as usize, at.saturating_sub(3) as usize));
            let around = &seqs[begin..seqs.len().min(at + 5)];
            panic!(
                "{}: {} of {} lines; the first out of order is line {at}: {around:?}\n{}",
                log.name,
                seqs.len(),
                log.written,
                collector_log(site)
            );
        }
    }
}

/// Waits until the server has so many numbered lines, then compares.
fn wait_exact(site: &Site, logs: &[&Numbered]) {
    let written: u64 = logs.iter().map(|log| log.written).sum();
    let begun = Instant::now();
    while lines_at_server(site, logs) < written && begun.elapsed() <= within() {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_exact(site, logs);
}

fn lines_at_server(site: &Site, logs: &[&Numbered]) -> u64 {
    logs.iter().map(|log| count(site, &format!("service:{}", log.name))).sum()
}

/// The number of records that a query finds.
fn count(site: &Site, query: &str) -> u64 {
    let query = query.replace(':', "%3A").replace(' ', "%20");
    let answer = request(site.address(), &format!("GET /app/v1/count?timeout=5m&q={query}"), "", "").expect("answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    answer["count"].as_u64().expect("a number")
}

/// Waits for a state; with the collector's log if it does not come.
fn wait(site: &Site, what: &str, is_reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_reached() {
        if begun.elapsed() > within() {
            let log = fs::read_to_string(site.folder.join("collector.err")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            panic!("{what}: not within {:?}\n{tail:#?}", within());
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// What the collector says of itself in its state directory; `None` before it has.
fn report(state_dir: &Path) -> Option<Report> {
    Report::read_from(state_dir).expect("a whole report")
}

fn has_problem(state_dir: &Path, text: &str) -> bool {
    report(state_dir).is_some_and(|report| report.problems.iter().any(|problem| problem.contains(text)))
}

/// A free port for the collector's metrics.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// One value of the collector's metrics; `None` while it does not answer.
fn metric(port: u16, name: &str) -> Option<u64> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let page = request(address, "GET /metrics", "", "").ok()?;
    let line = page.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse::<f64>().ok().map(|value| value as u64)
}

fn pause(ms: u64) {
    std::thread::park_timeout(Duration::from_millis(ms));
}

/// The collector's log so far.
fn collector_log(site: &Site) -> String {
    fs::read_to_string(site.folder.join("collector.err")).expect("reads")
}

/// An empty file, so that the file is known before it grows.
fn touch(log: &Numbered) {
    File::create(&log.path).expect("creates");
}
