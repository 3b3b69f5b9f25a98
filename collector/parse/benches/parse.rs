//! How many megabytes of log text are parsed in a second of CPU time, by format, on made-up lines.
//!
//! `cargo bench -p orszem-parse` prints a line a format; with names of formats behind `--` only
//! theirs, with absolute paths which format each file is taken for and how many of its lines have a time.

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use orszem_parse::{Moment, Recogniser, Zone};

/// How long each format is measured.
const SPAN: Duration = Duration::from_millis(700);
const LINES: usize = 2000;
/// 2026-11-22T12:00:00Z
const NOW: Timestamp = Timestamp(1_795_348_800_000_000_000);

fn main() -> std::io::Result<()> {
    let zone = std::fs::read("/usr/share/zoneinfo/Europe/Budapest").ok().and_then(|bytes| Zone::from_tzif(&bytes));
    let zone = zone.unwrap_or_else(Zone::utc);
    let moment = Moment { now: NOW, zone: &zone };
    let mut out = std::io::stdout();
    let paths: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let is_chosen = |name: &str| paths.is_empty() || paths.iter().any(|path| path == name);
    for path in paths.iter().filter(|path| path.starts_with('/')) {
        read(path, &std::fs::read(path)?, &moment, &mut out)?;
    }
    for (name, line) in FORMATS.into_iter().filter(|(name, _)| is_chosen(name)) {
        let lines: Vec<String> = (0..LINES).map(line).collect();
        writeln!(out, "{name:<14} {:>6.0} MB per CPU-second", speed(&lines, &moment))?;
    }
    Ok(())
}

/// A kind of line, made from its number.
type Line = fn(usize) -> String;

const FORMATS: [(&str, Line); 9] = [
    ("json", |n| {
        format!(
            r#"{{"time":"2026-11-22T10:{:02}:{:02}.{:03}Z","level":"info","service":"payments","msg":"order {n} was accepted by the gateway","order_id":{n},"customer":"c-{}","latency_ms":{}.5,"trace":"abcdef{n:08x}"}}"#,
            n / 60 % 60,
            n % 60,
            n % 1000,
            n % 97,
            n % 300
        )
    }),
    ("logfmt", |n| {
        format!(
            r#"time=2026-11-22T10:{:02}:{:02}Z level=info msg="order {n} was accepted" component=gateway order_id={n} latency=12.5ms"#,
            n / 60 % 60,
            n % 60
        )
    }),
    ("syslog", |n| {
        format!(
            "Nov 22 10:{:02}:{:02} db1 sshd[{n}]: Accepted publickey for deploy from 10.0.0.{} port 51{:03} ssh2",
            n / 60 % 60,
            n % 60,
            n % 250,
            n % 1000
        )
    }),
    ("syslog_iso", |n| {
        format!(
            "2026-11-22T10:{:02}:{:02}.123456+01:00 db1 systemd[1]: session-{n}.scope: Deactivated successfully after {n} s.",
            n / 60 % 60,
            n % 60
        )
    }),
    ("rfc5424", |n| {
        format!(
            r#"<165>1 2026-11-22T10:{:02}:{:02}.003Z db1 app {n} ID47 [meta@1 seq="{n}"] the request was answered in {n} ms"#,
            n / 60 % 60,
            n % 60
        )
    }),
    ("access", |n| {
        format!(
            r#"10.0.0.{} - - [22/Nov/2026:10:{:02}:{:02} +0000] "GET /shop/item/{n}?ref=home HTTP/1.1" 200 {} "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0""#,
            n % 250,
            n / 60 % 60,
            n % 60,
            n * 7
        )
    }),
    ("nginx_error", |n| {
        format!(
            r#"2026/11/22 10:{:02}:{:02} [error] 31#31: *{n} open() "/srv/{n}" failed (2: No such file or directory), client: 10.0.0.1, server: example.com, request: "GET /{n} HTTP/1.1", host: "example.com""#,
            n / 60 % 60,
            n % 60
        )
    }),
    ("generic", |n| {
        format!(
            "2026-11-22 10:{:02}:{:02} status installed libexample{n}:amd64 1.2.{n}-1 half-configured again",
            n / 60 % 60,
            n % 60
        )
    }),
    ("plain", |n| format!("worker {n} took the next piece of work from the queue and found that it was done already")),
];

/// Megabytes per CPU-second, learning from the first lines as a followed file would.
fn speed(lines: &[String], moment: &Moment<'_>) -> f64 {
    let mut recogniser = Recogniser::auto();
    recogniser.learn(lines.get(..50).unwrap_or(lines).join("\n").as_bytes());
    let (mut bytes, start, used) = (0, Instant::now(), cpu_seconds());
    while start.elapsed() < SPAN {
        for line in lines {
            black_box(recogniser.parse(black_box(line.as_bytes()), moment));
            bytes += line.len() + 1;
        }
    }
    let spent = cpu_seconds().zip(used).map_or(start.elapsed().as_secs_f64(), |(now, before)| now - before);
    bytes as f64 / spent / 1e6
}

/// The time that this thread has run, in seconds, where the kernel tells it: other work on the machine does not count.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanos / 1e9)
}

/// What a file is taken for.
fn read(path: &str, bytes: &[u8], moment: &Moment<'_>, out: &mut impl Write) -> std::io::Result<()> {
    let mut recogniser = Recogniser::auto();
    recogniser.learn(bytes);
    let (mut records, mut timed, mut graded, mut named) = (0, 0, 0, 0);
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let parsed = recogniser.parse(line, moment);
        records += 1;
        timed += usize::from(parsed.timestamp.is_some());
        graded += usize::from(parsed.severity.number() > 0);
        named += usize::from(parsed.service.is_some());
    }
    let format = recogniser.format().map_or("none", |format| format.name());
    writeln!(out, "{path}: {format}, of {records} lines {timed} have a time, {graded} a severity, {named} a program")
}
