//! Own rules on real stores: from what comes in to the engine, over restarts and kills.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_alerting::State as AlertState;
use orszem_model::wire::encode_records;
use orszem_model::{Fact, FactKind, Kind, Labels, Record, Stream, Timestamp};
use orszem_promql::ParseOptions;
use orszem_rules::RuleFile;
use prometheus_client::registry::Registry;

use super::super::{AlertingConfig, AlertingService, Deliver, Parts, RuleSources, Sending, Sent, rules_of};
use super::*;
use crate::ingest::http::Submission;
use crate::maintenance;
use crate::options::IndexerOptions;
use crate::samples::{SampleSubmission, SamplesOptions};

const RULES: &str = "\
thresholds:
- {alert: Hot, value: temperature, warning: {above: 80}, critical: {above: 90}, entity: 'host/{{ $labels.host }}'}
- {alert: Ratio, value: used / size, critical: {above: 0.9}}
logs: [{alert: Broken, query: broken, by: [host], clear_after: 1h}]
events: [{alert: Lost, fact: node.lost}]
";

struct Nobody;

impl Deliver for Nobody {
    fn deliver<'a>(&'a self, _sending: &'a Sending) -> Pin<Box<dyn Future<Output = Sent> + Send + 'a>> {
        Box::pin(async { Sent::Delivered { detail: String::new(), remote_id: String::new() } })
    }
}

pub(in crate::alerting) struct Server {
    pub(in crate::alerting) alerting: AlertingService,
    own: OwnRulesService,
    pub(in crate::alerting) indexer: Indexer,
    pub(in crate::alerting) samples: Samples,
}

pub(in crate::alerting) fn file(text: &str) -> RuleFile {
    orszem_rules::read(text, ParseOptions { is_experimental: false }).unwrap_or_else(|problems| panic!("{problems}"))
}

fn start(data_dir: &Path) -> Server {
    let mut rules: RuleSources = AlertingConfig::default().sources(0, false, "").expect("no files");
    rules.files.push(("rules.yml".to_owned(), file(RULES)));
    start_with(data_dir, rules)
}

pub(in crate::alerting) fn start_with(data_dir: &Path, rules: RuleSources) -> Server {
    let config = AlertingConfig::default();
    let (indexer, _) = Indexer::open(data_dir, IndexerOptions::default()).expect("opens");
    let (samples, _) = Samples::open(data_dir, SamplesOptions::default()).expect("opens");
    let plan = config.plan(rules_of(&rules)).expect("a plan");
    let own_rules = own_rules_of(&rules);
    let (topology, channels) = (indexer.topology(), Arc::new(Nobody));
    let parts = Parts { data_dir, tenant: 0, plan, rules, samples: samples.clone(), topology, channels };
    let mut registry = Registry::default();
    let alerting = AlertingService::start(parts, &mut registry).expect("starts");
    let handle = alerting.handle();
    let parts = OwnParts { data_dir, tenant: 0, rules: own_rules, indexer: &indexer, samples: samples.clone(), handle };
    let own = OwnRulesService::start(parts, &mut registry).expect("starts");
    Server { alerting, own, indexer, samples }
}

impl Server {
    pub(in crate::alerting) async fn stop(self) {
        let Self { alerting, own, indexer, samples } = self;
        own.stop().await;
        alerting.stop().await;
        samples.shutdown().await.expect("stops");
        indexer.shutdown().await.expect("stops");
    }

    /// The evaluators save nothing.
    async fn kill(self) {
        let Self { alerting, own, indexer, samples } = self;
        own.running.abort();
        assert!(own.running.await.is_err(), "it was cut off");
        samples.watch(None, || {});
        alerting.stop().await;
        samples.shutdown().await.expect("stops");
        indexer.shutdown().await.expect("stops");
    }

    async fn sample(&self, all: &[(&str, f64)]) {
        self.sample_at(maintenance::now().0 / 1_000_000, all).await;
    }

    pub(in crate::alerting) async fn sample_at(&self, at_ms: i64, all: &[(&str, f64)]) {
        let mut builder = self.samples.store().batch(0);
        for (name, value) in all {
            let labels = Labels::from([("__name__", *name), ("host", "a")]);
            let key = u128::from(orszem_series::labels_hash(&labels));
            let series = builder.series(key, || Ok::<_, orszem_series::Rejected>(labels)).expect("a series");
            builder.sample(series, at_ms, *value);
        }
        let batch = builder.finish();
        let frames = batch.encode();
        let submission = SampleSubmission { tenant: 0, identity: None, idempotency_key: None, batch, frames };
        self.samples.submit(submission).await.expect("accepted");
    }

    pub(in crate::alerting) async fn record(&self, record: Record) {
        let batches = vec![encode_records(maintenance::now(), &[record])];
        let submission = Submission { tenant: 0, identity: None, idempotency_key: None, batches };
        self.indexer.submit(submission).await.expect("accepted");
    }

    /// `Hot{host="a"} firing warning` of each alert that is not quiet.
    async fn alerts(&self) -> Vec<String> {
        let handle = self.alerting.handle();
        let shown = handle.read(|engine, _| {
            let alerts = engine.alerts().filter(|alert| alert.state != AlertState::Ok);
            alerts.map(|alert| format!("{}{:?} {}", alert.key.rule, alert.key.labels, alert.state)).collect()
        });
        shown.await.expect("reads")
    }

    pub(in crate::alerting) async fn until(&self, expected: &[&str]) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let alerts = self.alerts().await;
            if alerts == expected {
                return;
            }
            assert!(Instant::now() < end, "{alerts:?} instead of {expected:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(in crate::alerting) fn line(body: &str) -> Record {
    let stream = Stream { tenant: 0, class: "default".into(), labels: Labels::from([("host", "a"), ("service", "x")]) };
    Record::line(maintenance::now(), stream, body.as_bytes())
}

pub(in crate::alerting) fn fact(kind: FactKind) -> Record {
    let fact = Fact {
        at: maintenance::now(),
        kind,
        entity: "host/b".to_owned(),
        others: Vec::new(),
        from: String::new(),
        to: String::new(),
        cause: String::new(),
        duration_ms: None,
        details: Vec::new(),
        text: "b is gone".to_owned(),
        records: Vec::new(),
    };
    let labels = Labels::from([("cluster", "lab"), ("service", crate::facts::SERVICE)]);
    let stream = Stream { tenant: 0, class: "default".into(), labels };
    let mut record = Record::line(fact.at, stream, fact.text.as_bytes());
    record.kind = Kind::Event;
    record.attributes = fact.attributes();
    record.entities = fact.entities();
    record
}

const HOT: &str = r#"Hot{"entity": "host/a", "host": "a"} firing warning"#;
const HOTTER: &str = r#"Hot{"entity": "host/a", "host": "a"} firing critical"#;
const RATIO: &str = r#"Ratio{"host": "a"} firing critical"#;
const BROKEN: &str = r#"Broken{"host": "a"} firing warning"#;
const LOST: &str = r#"Lost{"cluster": "lab", "entity": "host/b", "host": "b"} firing warning"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_begins_and_ends_alerts_over_restarts() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = start(directory.path());
    server.sample(&[("temperature", 85.0), ("used", 95.0), ("size", 100.0)]).await;
    server.record(line("the disk is broken")).await;
    server.record(fact(FactKind::NodeLost)).await;
    server.until(&[BROKEN, HOT, LOST, RATIO]).await;
    server.stop().await;

    let server = start(directory.path());
    server.until(&[BROKEN, HOT, LOST, RATIO]).await;
    server.sample(&[("temperature", 95.0), ("used", 5.0), ("size", 100.0)]).await;
    server.record(fact(FactKind::NodeJoined)).await;
    server.until(&[BROKEN, HOTTER]).await;
    server.kill().await;

    // Nothing of it was saved: the engine knows, the stores know the rest.
    let server = start(directory.path());
    server.until(&[BROKEN, HOTTER]).await;
    server.sample(&[("temperature", 20.0)]).await;
    server.until(&[BROKEN]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_tells_nothing_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = start(directory.path());
    server.sample(&[("temperature", 85.0)]).await;
    server.record(fact(FactKind::NodeLost)).await;
    server.until(&[HOT, LOST]).await;
    server.record(fact(FactKind::NodeJoined)).await;
    server.sample(&[("temperature", 1.0)]).await;
    server.until(&[]).await;
    let incidents = |server: &Server| {
        let past = server.alerting.handle().past_incidents(Timestamp(i64::MAX), 10).expect("reads");
        past.iter().map(|incident| incident.id).collect::<Vec<_>>()
    };
    let before = incidents(&server);
    server.kill().await;

    let server = start(directory.path());
    // A later one shows that the journal was read to its end.
    server.record(line("broken")).await;
    server.until(&[BROKEN]).await;
    assert_eq!(incidents(&server), before);
    server.stop().await;
}
