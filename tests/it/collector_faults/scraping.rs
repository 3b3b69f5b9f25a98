//! Kill -9 of the collector, of the server and of both while targets are scraped. Targets number their scrapes, so that
//! the server shows what is lost, doubled or made up: of each of the collector's lives only the very end may be missing,
//! which it had not queued yet, and no series is called over that goes on.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{asked, collector_log, wait};
use crate::collector::site::Site;
use crate::metrics::exporter::Exporter;
use crate::metrics::remote::{ask, instant, seconds};
use crate::torture::random::{Random, seed};
use crate::torture::wait as linger;

const TARGETS: usize = 4;
const ROUNDS: u64 = 6;
/// The longest between two kills.
const ROUND_MS: u64 = 2_500;
/// Samples wait so long for their batch and its sync, and somewhat longer where there is no processor to be had.
const UNQUEUED_MAX: Duration = Duration::from_millis(1_200 + 4_000);
/// Longer than the test takes.
const RANGE: &str = "1h";

/// A target that exposes the number of its scrape, in three series.
struct Target {
    exporter: Exporter,
    /// When each scrape was answered.
    answered: Arc<Mutex<Vec<Instant>>>,
    lives: Vec<Life>,
}

/// One of the collector's lives, as a target sees it.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// Its first scrape.
    first: u64,
    ended: Option<Instant>,
    /// What was answered so long before its end may be lost.
    lost_max: Duration,
}

impl Life {
    fn begin(first: u64) -> Self {
        Self { first, ended: None, lost_max: UNQUEUED_MAX }
    }
}

impl Target {
    fn start() -> Self {
        let answered: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let noted = Arc::clone(&answered);
        let exporter = Exporter::serving(move |scrape| {
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
            let series = ["numbered_total", "numbered_echo{part=\"a\"}", "numbered_echo{part=\"b\"}"];
            Some(series.map(|series| format!("{series} {scrape}\n")).concat())
        });
        Self { exporter, answered, lives: vec![Life::begin(0)] }
    }

    fn instance(&self) -> String {
        self.exporter.address.to_string()
    }

    /// Ends the life of a collector that was killed at `killed`. Scrapes are answered one after the other, so all those
    /// of that life come before one of the test's own, which takes a number, too.
    fn next_life(&mut self, killed: Instant) {
        let mut stream = TcpStream::connect(self.exporter.address).expect("connects");
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("reads");
        let number = answer.rsplit(' ').next().and_then(|number| number.trim_end().parse::<u64>().ok());
        self.lives.last_mut().expect("a life").ended = Some(killed);
        self.lives.push(Life::begin(number.expect("a number") + 1));
    }

    /// Panics unless of every life a beginning is there, and all that was not answered just before its end. The numbers
    /// are in order and each is there once.
    fn check(&self, numbers: &[u64], log: &str) {
        assert!(numbers.is_sorted_by(|a, b| a < b), "doubled or out of order: {numbers:?}");
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = self.lives.iter().skip(1).map(|life| life.first - 1).chain([answered.len() as u64]);
        let mut is_known = 0;
        for (Life { first, ended, lost_max }, end) in self.lives.iter().copied().zip(ends) {
            let found = numbers.iter().filter(|number| (first..end).contains(number)).count() as u64;
            let last = numbers.iter().rfind(|number| **number < end).map_or(0, |number| number + 1);
            assert!(
                found == 0 || last == first + found,
                "of {first}..{end} not a beginning is there: {numbers:?}\n{log}"
            );
            for lost in first + found..end {
                let before = ended.map(|ended| ended.saturating_duration_since(answered[lost as usize]));
                let is_just_before = before.is_some_and(|before| before < lost_max);
                assert!(is_just_before, "{lost} of {first}..{end} is lost, answered {before:?} before the end\n{log}");
            }
            is_known += found;
        }
        assert_eq!(is_known, numbers.len() as u64, "numbers that were never exposed: {numbers:?}");
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    i64::try_from(now).expect("before the far future")
}

fn configuration(targets: &[Target]) -> String {
    let targets: Vec<String> = targets.iter().map(|target| format!("{:?}", target.instance())).collect();
    format!(
        "[[collector.scrape.jobs]]\njob_name = \"numbered\"\nscrape_interval = \"1s\"\nscrape_timeout = \"1s\"\n\
         static_configs = [{{ targets = [{}] }}]\n",
        targets.join(", ")
    )
}

/// Times and numbers by series.
type Found = BTreeMap<String, Vec<(i64, u64)>>;

fn found(server: SocketAddr, target: &Target) -> Found {
    let query = format!("{{__name__=~\"numbered_.*\", instance={:?}}}[{RANGE}]", target.instance());
    let (result, _) = instant(server, &query, now_ms());
    let point = |point: &Value| {
        let number = point[1].as_str().and_then(|text| text.parse().ok()).expect("a number");
        ((point[0].as_f64().expect("a time") * 1000.0).round() as i64, number)
    };
    let of = |series: &Value| {
        let points = series["values"].as_array().expect("values").iter().map(point).collect();
        (series["metric"].to_string(), points)
    };
    result.as_array().expect("a matrix").iter().map(of).collect()
}

/// How many series of the target have a value now.
fn alive(server: SocketAddr, target: &Target) -> usize {
    let query = format!("{{__name__=~\"numbered_.*\", instance={:?}}}", target.instance());
    instant(server, &query, now_ms()).0.as_array().map_or(0, Vec::len)
}

/// Panics where the first of the series has no value at some time between its first sample and its last.
fn assert_unbroken(server: SocketAddr, target: &Target, points: &[(i64, u64)]) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { panic!("no samples") };
    let (query, step) = (format!("numbered_total{{instance={:?}}}", target.instance()), 250);
    let (start, end) = (seconds(first.0), seconds(last.0));
    let parameters = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", "0.25")];
    let (status, answer) = ask(server, "/api/v1/query_range", &parameters);
    assert_eq!(status, 200, "{answer}");
    let values = answer["data"]["result"][0]["values"].as_array().map_or(0, Vec::len) as i64;
    assert_eq!(values, (last.0 - first.0) / step + 1, "the series was called over while it went on: {answer}");
}

#[test]
fn scraped_samples_survive_kill_9_of_collector_and_server() {
    let seed = seed();
    eprintln!("to repeat it: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().expect("a directory");
    let mut targets: Vec<Target> = (0..TARGETS).map(|_| Target::start()).collect();
    let mut site = Site::new(folder.path(), &configuration(&targets));
    site.start_collector();
    for round in 0..asked("ORSZEM_SCRAPE_KILLS", ROUNDS) {
        let before: Vec<u64> = targets.iter().map(|target| target.exporter.scrapes()).collect();
        wait(&site, "all targets are scraped", || {
            targets.iter().zip(&before).all(|(target, before)| target.exporter.scrapes() > *before)
        });
        linger(Duration::from_millis(random.below(ROUND_MS)));
        let (kills_collector, kills_server) = (round % 3 != 1, round % 3 != 0);
        if kills_server {
            site.kill_server();
            linger(Duration::from_millis(random.below(ROUND_MS)));
        }
        if kills_collector {
            let killed = Instant::now();
            site.kill_collector();
            targets.iter_mut().for_each(|target| target.next_life(killed));
            linger(Duration::from_millis(random.below(ROUND_MS / 2)));
            site.start_collector();
            linger(Duration::from_millis(random.below(ROUND_MS / 2)));
        }
        if kills_server {
            site.start_server();
        }
    }
    let server = site.address();
    let now: Vec<u64> = targets.iter().map(|target| target.exporter.scrapes()).collect();
    wait(&site, "what was scraped arrives", || {
        targets.iter().zip(&now).all(|(target, now)| {
            let found = found(server, target);
            found.len() == 3 && found.values().all(|points| points.last().is_some_and(|last| last.1 > *now))
        })
    });
    for target in &targets {
        let points = found(server, target).into_values().next().expect("a series");
        assert_unbroken(server, target, &points);
    }

    // A target that is gone ends, and the others go on.
    let Target { exporter, .. } = targets.remove(0);
    let address = exporter.address;
    drop(exporter);
    wait(&site, "a target that is gone is down", || {
        instant(server, &format!("up{{instance=\"{address}\"}} == 0"), now_ms()).0[0].is_object()
    });
    let query = format!("numbered_total{{instance=\"{address}\"}}");
    assert_eq!(instant(server, &query, now_ms()).0, Value::Array(Vec::new()), "its series goes on");
    assert!(targets.iter().all(|target| alive(server, target) == 3), "others ended with it");

    // So does everything when the collector stops, which loses nothing but what is on its way from a target.
    for target in &mut targets {
        let life = target.lives.last_mut().expect("a life");
        (life.ended, life.lost_max) = (Some(Instant::now()), Duration::from_millis(100));
    }
    assert_eq!(site.stop_collector(), Some(0));
    for target in &targets {
        assert_eq!(alive(server, target), 0, "series go on without a collector");
        let found = found(server, target);
        let mut all = found.values();
        let first = all.next().expect("a series");
        assert!(found.len() == 3 && all.all(|points| points == first), "half a scrape arrived: {found:?}");
        let numbers: Vec<u64> = first.iter().map(|point| point.1).collect();
        assert!(first.is_sorted_by(|a, b| a.0 < b.0) && numbers.len() > 5, "{first:?}");
        target.check(&numbers, &collector_log(&site));
    }
}
