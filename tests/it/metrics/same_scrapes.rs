//! A real node_exporter and a real Prometheus are scraped by `orszem up` and by Prometheus, with the same configuration
//! file: both end up with the same series, values and metadata.
//!
//! These differences are meant, and no others pass:
//!
//! - `le` and `quantile` are written as OpenMetrics writes numbers, `1.0`, as Prometheus does since 3.0; Debian's is
//!   older and takes them over as they stand.
//! - Where several targets describe one metric with different texts, Prometheus lists each; remote write tells metadata
//!   by metric name, so here the one that was told last counts.
//! - For the same reason there is no metadata of a metric of which relabelling drops all series.
//! - `prometheus_tsdb_head_active_appenders` is 1 where Prometheus scrapes itself, for the scrape under way is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::prometheus::{NodeExporter, Prometheus, free_address};
use super::remote::{ask, instant, seconds};
use crate::program::{Server, orszem, wait_until};
use crate::tools;

/// All that is scraped.
const ALL: &str = "{job=~\"node|prometheus\"}";
/// What relabelling drops.
const DROPPED: &str = "node_scrape_";
/// Of which the values depend on who scrapes.
const OF_THE_SCRAPER: &str = "prometheus_tsdb_head_active_appenders";
/// What is compared lies so far back at most; every target is scraped several times in it.
const WINDOW_MS: i64 = 10_000;
const SAME_WITHIN: Duration = Duration::from_secs(30);

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    i64::try_from(now).expect("before the far future")
}

/// The labels of a series in one text; those of numbers as Prometheus 3 writes them.
fn shown(labels: &Value) -> String {
    let labels: BTreeMap<&str, String> = labels
        .as_object()
        .expect("labels")
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().expect("a text");
            let is_integer = value.parse::<i64>().is_ok();
            let is_number = matches!(name.as_str(), "le" | "quantile");
            (name.as_str(), if is_number && is_integer { format!("{value}.0") } else { value.to_owned() })
        })
        .collect();
    format!("{labels:?}")
}

fn series(address: SocketAddr) -> BTreeSet<String> {
    let start = seconds(now_ms() - WINDOW_MS);
    let (status, answer) = ask(address, "/api/v1/series", &[("match[]", ALL), ("start", &start)]);
    assert_eq!(status, 200, "{answer}");
    answer["data"].as_array().expect("a list").iter().map(shown).collect()
}

/// The series that had one value and no other during the window, with it; at least three samples.
fn constants(address: SocketAddr, end: i64) -> BTreeMap<String, String> {
    let (result, _) = instant(address, &format!("{ALL}[{WINDOW_MS}ms]"), end);
    let of = |series: &Value| {
        if series["metric"]["__name__"] == OF_THE_SCRAPER {
            return None;
        }
        let mut values = series["values"].as_array()?.iter().map(|point| point[1].as_str());
        let (count, first) = (values.len(), values.next()??.to_owned());
        (count >= 3 && values.all(|value| value == Some(&first))).then(|| (shown(&series["metric"]), first))
    };
    result.as_array().expect("a matrix").iter().filter_map(of).collect()
}

fn metadata(address: SocketAddr) -> BTreeMap<String, Vec<Value>> {
    let (status, answer) = ask(address, "/api/v1/metadata", &[]);
    assert_eq!(status, 200, "{answer}");
    serde_json::from_value(answer["data"].clone()).expect("lists by metric")
}

/// What one has and the other has not, at most twenty of each.
fn differences<T: Ord + std::fmt::Debug>(theirs: &BTreeSet<T>, ours: &BTreeSet<T>) -> String {
    let only = |a: &BTreeSet<T>, b: &BTreeSet<T>| {
        let all: Vec<String> = a.difference(b).map(|one| format!("{one:?}")).collect();
        format!("{}: {}", all.len(), all.into_iter().take(20).collect::<Vec<_>>().join("\n  "))
    };
    format!("only Prometheus has {}\nonly the server has {}", only(theirs, ours), only(ours, theirs))
}

/// Waits until `found` is the same of both, and at least `count` things: what comes or changes now is seen by the one
/// earlier than by the other.
fn wait_same<T: Ord + std::fmt::Debug>(what: &str, count: usize, found: impl Fn() -> [BTreeSet<T>; 2]) -> BTreeSet<T> {
    let begun = Instant::now();
    loop {
        let [theirs, ours] = found();
        if theirs == ours && ours.len() >= count {
            return ours;
        }
        assert!(
            begun.elapsed() < SAME_WITHIN,
            "{what}, {} of them, differ: {}",
            ours.len(),
            differences(&theirs, &ours)
        );
        std::thread::park_timeout(Duration::from_millis(300));
    }
}

fn up(folder: &Path) -> Server {
    let text = |path: &Path| format!("{:?}", path.to_str().expect("a plain path"));
    let config = format!(
        "[collector]\ninclude = [{}]\njournal = \"off\"\n[collector.host_metrics]\nenabled = false\n\
         [collector.scrape]\nfiles = [{}]\n",
        text(&folder.join("none/*.log")),
        text(&folder.join("prometheus.yml"))
    );
    let file = folder.join("orszem.toml");
    fs::write(&file, config).expect("writes");
    let (data, file) = (folder.join("data"), file.to_str().expect("a plain path"));
    let data = data.to_str().expect("a plain path");
    let begin = ["up", "--listen", "127.0.0.1:0", "--log-level", "warn"];
    Server::spawn(orszem(&[&begin, ["--data-dir", data, "--config", file].as_slice()].concat()))
}

#[test]
fn scrapes_give_the_series_and_metadata_that_prometheus_has() {
    let (Some(program), Some(exporter)) = (tools::program("prometheus"), tools::program("prometheus-node-exporter"))
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let exporter = NodeExporter::start(&exporter);
    // Prometheus scrapes itself, so its address is needed before it runs.
    let address = free_address();
    let config = format!(
        "global:\n  scrape_interval: 2s\n  scrape_timeout: 2s\n  external_labels: {{}}\nscrape_configs:\n  \
         - job_name: node\n    static_configs:\n      - targets: ['{}']\n        labels: {{rack: 'a b'}}\n    \
         relabel_configs:\n      - {{source_labels: [__address__], regex: '(.*):.*', target_label: host}}\n    \
         metric_relabel_configs:\n      - {{source_labels: [__name__], regex: '{DROPPED}.*', action: drop}}\n  \
         - job_name: prometheus\n    honor_labels: true\n    static_configs:\n      - targets: ['{address}']\n",
        exporter.address
    );
    let prometheus = Prometheus::start_at(address, &program, folder.path(), &config);
    let server = up(folder.path());
    let both = [prometheus.address, server.address];
    wait_until("Prometheus serves", || std::net::TcpStream::connect(address).is_ok());
    wait_until("all targets are scraped by both more than once", || {
        let up = |address| instant(address, "count_over_time(up[1m]) >= 2", now_ms()).0;
        both.iter().all(|address| up(*address).as_array().is_some_and(|targets| targets.len() == 2))
    });

    let found = wait_same("the series", 500, || both.map(series));
    let is_of = |job: &str| found.iter().filter(|series| series.contains(&format!("\"job\": {job:?}"))).count();
    assert!(is_of("node") > 200 && is_of("prometheus") > 200, "{} and {}", is_of("node"), is_of("prometheus"));
    for part in ["\"rack\": \"a b\"", "\"le\": \"1.0\"", "\"quantile\": \"0.5\"", "\"host\": \"127.0.0.1\""] {
        assert!(found.iter().any(|series| series.contains(part)), "no series has {part}");
    }

    // The values of what stood still at both, at the same moment.
    wait_same("the constant values", 300, || {
        let end = now_ms();
        let [theirs, ours] = both.map(|address| constants(address, end));
        let of_both = |values: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            values.iter().filter(|one| other.contains_key(one.0)).map(|(a, b)| (a.clone(), b.clone())).collect()
        };
        [of_both(&theirs, &ours), of_both(&ours, &theirs)]
    });

    let described = wait_same("the metadata", 300, || {
        let [mut theirs, mut ours] = both.map(metadata);
        theirs.retain(|metric, _| !metric.starts_with(DROPPED));
        for (metric, texts) in &theirs {
            let one = ours.get_mut(metric).filter(|ours| texts.len() > 1 && ours.len() == 1);
            if let Some(ours) = one.filter(|ours| texts.contains(&ours[0])) {
                ours.clone_from(texts);
            }
        }
        let lines = |all: BTreeMap<String, Vec<Value>>| {
            all.into_iter().flat_map(|(metric, texts)| texts.into_iter().map(move |text| format!("{metric} {text}")))
        };
        [lines(theirs).collect::<BTreeSet<_>>(), lines(ours).collect()]
    });
    for kind in ["counter", "gauge", "histogram", "summary"] {
        let text = format!("\"type\":\"{kind}\"");
        assert!(described.iter().any(|line| line.contains(&text)), "no {kind} is described");
    }
}

#[test]
fn only_the_numbers_of_buckets_and_quantiles_may_be_written_otherwise() {
    let one = |name: &str, value: &str| shown(&serde_json::json!({ name: value }));
    assert_eq!((one("le", "1"), one("quantile", "0")), (one("le", "1.0"), one("quantile", "0.0")));
    assert_ne!(one("le", "1"), one("le", "2.0"));
    assert_ne!(one("port", "1"), one("port", "1.0"));
    let [theirs, ours] = [["a", "b"], ["b", "c"]].map(BTreeSet::from);
    assert_eq!(differences(&theirs, &ours), "only Prometheus has 1: \"a\"\nonly the server has 1: \"c\"");
}
