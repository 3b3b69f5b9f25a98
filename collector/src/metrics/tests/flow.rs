//! From a target through the queue to a server in the same process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orszem_model::{Labels, Span, is_stale};
use orszem_scrape::config::ScrapeConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::decode::Request;
use crate::output::{Accepted, OutboundBatch, Signal};
use crate::{Collector, CollectorConfig, CollectorHandle, Destination, HostMetricsConfig, Input, JournalMode};

/// Answers every request with these metrics; where it listens.
async fn target(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.expect("reads") == 0 {
                    break;
                }
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.expect("writes");
        }
    });
    address
}

fn job(name: &str, address: &str) -> ScrapeConfig {
    let job = serde_json::json!({
        "job_name": name,
        "scrape_interval": "2s",
        "static_configs": [{ "targets": [address] }],
    });
    serde_json::from_value(job).expect("a job")
}

/// A collector of nothing but these jobs.
fn config(state_dir: &Path, jobs: Vec<ScrapeConfig>) -> CollectorConfig {
    let mut config = CollectorConfig {
        include: vec![state_dir.join("*.log").display().to_string()],
        journal: JournalMode::Off,
        state_dir: state_dir.to_owned(),
        host_metrics: HostMetricsConfig { enabled: false, interval: Span::secs(1), ..HostMetricsConfig::default() },
        ..CollectorConfig::default()
    };
    config.scrape.jobs = jobs;
    config.scrape.external_labels = BTreeMap::from([("site".to_owned(), "x".to_owned())]);
    config
}

fn start(config: CollectorConfig) -> (CollectorHandle, mpsc::Receiver<OutboundBatch>) {
    let (sender, batches) = mpsc::channel(1);
    let handle = Collector::start(config, "n".into(), Input::Configured, Destination::InProcess(sender));
    (handle.expect("starts"), batches)
}

fn accept(batch: OutboundBatch) {
    let accepted = Accepted { accepted_seq: batch.seq, horizon_seq: batch.seq, ..Accepted::default() };
    batch.done.send(Ok(accepted)).expect("is waited for");
}

/// The next batch of metrics; those of logs are taken.
async fn next(batches: &mut mpsc::Receiver<OutboundBatch>) -> OutboundBatch {
    loop {
        let batch = tokio::time::timeout(Duration::from_secs(60), batches.recv()).await;
        let batch = batch.expect("a batch comes").expect("the collector runs");
        match batch.signal {
            Signal::Logs => accept(batch),
            Signal::Metrics => return batch,
        }
    }
}

/// Takes batches until one has a sample that fits.
async fn until(batches: &mut mpsc::Receiver<OutboundBatch>, fits: impl Fn(&Labels, f64) -> bool) -> Request {
    loop {
        let batch = next(batches).await;
        let request = Request::of(&batch.payload);
        accept(batch);
        if request.samples().iter().any(|(labels, _, value)| fits(labels, *value)) {
            return request;
        }
    }
}

/// Takes everything until the collector has stopped, which began with so many samples in its queue.
async fn stop_of(
    recovered: u64,
    collector: CollectorHandle,
    mut batches: mpsc::Receiver<OutboundBatch>,
) -> Vec<Request> {
    let taking = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Some(batch) = batches.recv().await {
            if batch.signal == Signal::Metrics {
                taken.push(Request::of(&batch.payload));
            }
            accept(batch);
        }
        taken
    });
    collector.stop(Duration::from_secs(60)).await;
    let counters = collector.counters();
    assert_eq!(counters.samples_read + recovered, counters.samples_sent + counters.samples_refused);
    taking.await.expect("ends")
}

async fn stop(collector: CollectorHandle, batches: mpsc::Receiver<OutboundBatch>) -> Vec<Request> {
    stop_of(0, collector, batches).await
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).expect("copies")),
        }
    }
}

fn is(labels: &Labels, name: &str, job: &str) -> bool {
    (labels.get("__name__"), labels.get("job")) == (Some(name), Some(job))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_scraped_arrives_with_its_labels_and_metadata() {
    let directory = tempfile::tempdir().expect("a directory");
    let body = "# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total{path=\"/\"} 42\n";
    let address = target(body).await;
    let (collector, mut batches) = start(config(directory.path(), vec![job("web", &address)]));
    let batch = next(&mut batches).await;
    assert_eq!((batch.source.as_str(), batch.seq, batch.skipped), ("metrics/n", 1, 0));
    let request = Request::of(&batch.payload);
    let samples = request.samples();
    assert_eq!(batch.records as usize, samples.len());
    let hits = Labels::from([
        ("__name__", "hits_total"),
        ("instance", address.as_str()),
        ("job", "web"),
        ("path", "/"),
        ("site", "x"),
    ]);
    let values: Vec<f64> = samples.iter().filter(|(labels, ..)| *labels == hits).map(|(.., value)| *value).collect();
    assert_eq!(values, [42.0], "once in a batch of one scrape");
    assert!(samples.iter().any(|(labels, _, value)| is(labels, "up", "web") && *value == 1.0));
    assert!(request.metadata().contains(&("hits_total".to_owned(), 1, "Hits.", "")));
    accept(batch);
    let report = collector.report().metrics;
    assert_eq!((report.is_running, report.targets_up, report.targets_down), (true, 1, 0));
    let last = stop(collector, batches).await;
    let is_ended = |request: &Request| request.samples().iter().any(|(labels, _, v)| *labels == hits && is_stale(*v));
    assert!(last.iter().any(is_ended), "its series end when it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_before_a_kill_is_sent_again_under_its_number() {
    let (directory, killed) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let address = target("a 1\n").await;
    let (collector, mut batches) = start(config(directory.path(), vec![job("web", &address)]));
    let unanswered = next(&mut batches).await;
    // As a kill leaves it: whether the server has the batch is not known.
    copy(directory.path(), killed.path());
    let name = (unanswered.source.clone(), unanswered.epoch, unanswered.seq);
    let (payload, queued) = (unanswered.payload.clone(), u64::from(unanswered.records));
    accept(unanswered);
    stop(collector, batches).await;

    let (collector, mut batches) = start(config(killed.path(), vec![job("web", &address)]));
    let again = next(&mut batches).await;
    assert_eq!(((again.source.clone(), again.epoch, again.seq), &again.payload), (name.clone(), &payload));
    accept(again);
    let new = next(&mut batches).await;
    assert_eq!((new.source.clone(), new.seq), (name.0, name.2 + 1));
    assert_ne!(new.epoch, name.1, "each start has an epoch of its own");
    accept(new);
    stop_of(queued, collector, batches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_starts_and_ends_jobs_and_leaves_the_others_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let address = target("a 1\n").await;
    let jobs = |names: &[&str]| names.iter().map(|name| job(name, &address)).collect::<Vec<_>>();
    let first = config(directory.path(), jobs(&["kept", "gone"]));
    let (collector, mut batches) = start(first.clone());
    until(&mut batches, |labels, _| is(labels, "a", "gone")).await;

    let mut second = config(directory.path(), jobs(&["kept", "new"]));
    second.host_metrics.enabled = true;
    second.host_metrics.host.collectors = vec!["loadavg".into()];
    let reloading = tokio::spawn({
        let (collector, second) = (collector.clone(), second.clone());
        async move { collector.reload(second).await }
    });
    let ended = until(&mut batches, |labels, value| is(labels, "a", "gone") && is_stale(value)).await;
    let is_kept_ended = |(labels, _, value): &(Labels, i64, f64)| is(labels, "a", "kept") && is_stale(*value);
    assert!(!ended.samples().iter().any(is_kept_ended));
    reloading.await.expect("ends").expect("is good");
    until(&mut batches, |labels, _| is(labels, "a", "new")).await;
    until(&mut batches, |labels, value| is(labels, "up", "node") && value == 1.0).await;
    let load = until(&mut batches, |labels, _| is(labels, "node_load1", "node")).await;
    let labels = Labels::from([("__name__", "node_load1"), ("instance", "n"), ("job", "node"), ("site", "x")]);
    assert!(load.samples().iter().any(|(found, ..)| *found == labels));

    collector.measure_own(|| Some("# TYPE own_lines counter\nown_lines_total 3\n# EOF\n".to_owned()));
    let own =
        Labels::from([("__name__", "own_lines_total"), ("instance", "n"), ("job", "orszem-collector"), ("site", "x")]);
    until(&mut batches, |labels, value| *labels == own && value == 3.0).await;

    let mut bad = second;
    bad.scrape.files = vec![directory.path().join("missing.yml")];
    assert!(collector.reload(bad).await.is_err(), "all stays as it was");
    let collector = Arc::new(collector);
    until(&mut batches, |labels, _| is(labels, "a", "kept")).await;
    assert_eq!(collector.report().metrics.targets_up, 2);
    stop(CollectorHandle::clone(&collector), batches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_prometheus_that_changes_is_read_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let address = target("a 1\n").await;
    let path = directory.path().join("prometheus.yml");
    let write = |name: &str| {
        let job = format!("- job_name: {name}\n  static_configs: [{{targets: ['{address}']}}]\n");
        let global = "global: {scrape_interval: 1s, external_labels: {site: own}}";
        let beside = path.with_extension("new");
        fs::write(&beside, format!("{global}\nscrape_configs:\n{job}")).expect("writes");
        fs::rename(beside, &path).expect("renames");
    };
    write("before");
    let mut config = config(directory.path(), Vec::new());
    config.scrape.files = vec![path.clone()];
    let (collector, mut batches) = start(config);
    let request = until(&mut batches, |labels, _| is(labels, "a", "before")).await;
    let site = |(labels, ..): &(Labels, i64, f64)| labels.get("site").map(str::to_owned);
    assert!(request.samples().iter().all(|sample| site(sample).as_deref() == Some("own")), "the file's own label wins");
    fs::write(&path, "scrape_configs: 7").expect("writes");
    write("after");
    until(&mut batches, |labels, _| is(labels, "a", "after")).await;
    stop(collector, batches).await;
}
