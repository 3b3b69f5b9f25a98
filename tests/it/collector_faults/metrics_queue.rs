//! The queue of metrics at its limit, while the server is away: the oldest samples make room, counted and told, and what
//! is left arrives once.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::full::told;
use super::{free_port, metric, report, wait};
use crate::collector::site::Site;
use crate::metrics::exporter::Exporter;
use crate::metrics::remote::{instant, value};
use crate::torture::random::Random;

/// The smallest that is allowed.
const QUEUE_BYTES: u64 = 64 << 20;
const TARGETS: u64 = 64;
/// Series of each target, with labels so long and dense that few scrapes fill the queue: five, as the ends of all series
/// take the room of one, and some that waited are to be left.
const SERIES: u64 = 50;
const LABELS: [&str; 4] = ["a", "b", "c", "d"];
const LABEL_BYTES: usize = 1_200;
/// Series of each scrape beside those of the target: `up` and its like.
const REPORTED: u64 = 5;

/// The series of a target. Their labels are its own, for a batch holds each text once, and such that zstd can't make much
/// of them.
fn series(target: u64) -> Vec<String> {
    const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-";
    let mut random = Random::new(target);
    let mut letter = || char::from(LETTERS[random.below(64) as usize]);
    (0..SERIES)
        .map(|number| {
            let mut label = |name| format!("{name}=\"{}\"", (0..LABEL_BYTES).map(|_| letter()).collect::<String>());
            format!("filling{{number=\"{number}\",{}}}", LABELS.map(&mut label).join(","))
        })
        .collect()
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    i64::try_from(now).expect("before the far future")
}

/// Numbers of the scrapes that arrived, by series of a target.
fn arrived(site: &Site, target: &Exporter) -> Vec<Vec<u64>> {
    let query = format!("filling{{instance=\"{}\"}}[1h]", target.address);
    let (result, _) = instant(site.address(), &query, now_ms());
    let number = |point: &Value| point[1].as_str().and_then(|text| text.parse().ok()).expect("a number");
    let of = |series: &Value| series["values"].as_array().expect("values").iter().map(number).collect();
    result.as_array().expect("a matrix").iter().map(of).collect()
}

#[test]
fn a_full_queue_of_metrics_drops_the_oldest_counted_and_told() {
    let folder = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let exporters: Vec<Exporter> = (0..TARGETS)
        .map(|target| {
            let series = series(target);
            Exporter::serving(move |scrape| Some(series.iter().map(|series| format!("{series} {scrape}\n")).collect()))
        })
        .collect();
    let targets: Vec<String> = exporters.iter().map(|exporter| format!("\"{}\"", exporter.address)).collect();
    let common = format!("metrics_listen = \"127.0.0.1:{port}\"\nmetrics_queue = {{ bytes_max = \"64MiB\" }}\n");
    let job = format!(
        "[[collector.scrape.jobs]]\njob_name = \"full\"\nscrape_interval = \"4s\"\nscrape_timeout = \"4s\"\n\
         static_configs = [{{ targets = [{}] }}]\n",
        targets.join(", ")
    );
    let mut site = Site::new(folder.path(), &format!("{common}{job}"));
    let counted = |name: &str| metric(port, &format!("orszem_collector_{name}"));
    let dropped = || counted("metrics_queue_samples_dropped_total");
    site.start_collector();
    wait(&site, "the first scrapes arrive", || counted("samples_sent_total") > Some(2 * TARGETS * SERIES));
    assert_eq!(dropped(), Some(0));
    site.kill_server();
    wait(&site, "the queue drops", || dropped() > Some(0));
    let bytes = counted("metrics_queue_bytes").expect("answers");
    assert!((QUEUE_BYTES / 2..=QUEUE_BYTES).contains(&bytes), "the queue takes {bytes} bytes");
    // Its series end, and nothing more is scraped.
    site.configure(&common);
    site.signal_collector("HUP");
    wait(&site, "scraping ends", || counted("targets_up") == Some(0) && counted("targets_down") == Some(0));

    site.start_server();
    let counts = || Some((counted("samples_read_total")?, counted("samples_sent_total")?, dropped()?));
    wait(&site, "read = sent + dropped", || {
        counts().is_some_and(|(read, sent, dropped)| read == sent + dropped)
            && counted("metrics_queue_batches") == Some(0)
    });
    let (_, sent, dropped) = counts().expect("answers");
    wait(&site, "all of it is told", || told(&site) == Some(dropped));
    let state = folder.path().join("state");
    wait(&site, "the status says so", || {
        report(&state).is_some_and(|report| report.metrics.samples_dropped == dropped)
    });

    for target in exporters.iter().take(4) {
        let arrived = arrived(&site, target);
        assert_eq!(arrived.len() as u64, SERIES);
        for numbers in &arrived {
            assert!(numbers.is_sorted_by(|a, b| a < b), "doubled or out of order: {numbers:?}");
            let jumps = numbers.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
            // The very last scrape may have been broken off.
            let last = numbers.last().map(|last| target.scrapes() - last);
            assert!(
                jumps == 1 && numbers.first() == Some(&0) && last.is_some_and(|last| last <= 2),
                "not the oldest that waited are missing: {numbers:?} of {}",
                target.scrapes()
            );
        }
    }
    let sum = |of: &str| value(site.address(), &format!("sum({of})"), now_ms()) as u64;
    let missing = sum("max_over_time(filling[1h]) + 1 - count_over_time(filling[1h])");
    let reported = REPORTED * (missing / SERIES + 2 * TARGETS);
    assert!((missing..=missing + reported).contains(&dropped), "{missing} are missing, {dropped} are counted");
    // All that was sent is there, but for the marks with which the series end.
    assert_eq!(sum("count_over_time({job=\"full\"}[1h])"), sent - TARGETS * (SERIES + REPORTED));
}
