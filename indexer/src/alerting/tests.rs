use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orszem_alerting::{External, Graph, Input, Kind, Period, Refusal, Silence};
use orszem_model::{Labels, Matcher, Timestamp};
use prometheus_client::registry::Registry;

use super::*;
use crate::indexer::Indexer;
use crate::maintenance;
use crate::options::IndexerOptions;
use crate::samples::{Samples, SamplesOptions};
use crate::wake::lock;

/// Notes what is sent; answers what it is told to, then that it was delivered.
#[derive(Default)]
struct Notes {
    sent: Mutex<Vec<(Kind, String)>>,
    answers: Mutex<Vec<Sent>>,
    /// What each message was told of the one before, and how many links it has.
    given: Mutex<Vec<(Option<String>, usize)>>,
}

impl Deliver for Notes {
    fn deliver<'a>(&'a self, sending: &'a Sending) -> Pin<Box<dyn Future<Output = Sent> + Send + 'a>> {
        Box::pin(async move {
            lock(&self.sent).push((sending.intent.kind, sending.intent.key.to_string()));
            lock(&self.given).push((sending.earlier.clone(), sending.grants.len()));
            lock(&self.answers)
                .pop()
                .unwrap_or(Sent::Delivered { detail: "taken".to_owned(), remote_id: String::new() })
        })
    }
}

impl Notes {
    fn kinds(&self) -> Vec<Kind> {
        lock(&self.sent).iter().map(|(kind, _)| *kind).collect()
    }
}

struct Started {
    service: AlertingService,
    indexer: Indexer,
    samples: Samples,
}

fn config() -> AlertingConfig {
    let text = r#"
        contacts = [{ name = "eva", addresses = [{ channel = "note", to = "eva" }] }]
        policies = [{ name = "all", steps = [{ contacts = ["eva"] }] }]
        route = { policy = "all", wait_warning = "0s", wait_critical = "0s" }
        restart_hold = "0s"
        restart_hold_critical = "0s"
        evaluation_interval = "100ms"
    "#;
    toml::from_str(text).expect("reads")
}

fn start(data_dir: &Path, config: &AlertingConfig, notes: &Arc<Notes>) -> Started {
    let (indexer, _) = Indexer::open(data_dir, IndexerOptions::default()).expect("opens");
    let (samples, _) = Samples::open(data_dir, SamplesOptions::default()).expect("opens");
    let rules = config.sources(0, false, "").expect("good files");
    let plan = config.plan(rules_of(&rules)).expect("a plan");
    let channels: Arc<dyn Deliver> = Arc::<Notes>::clone(notes);
    let (topology, samples_of_rules) = (indexer.topology(), samples.clone());
    let parts = Parts { data_dir, tenant: 0, plan, rules, samples: samples_of_rules, topology, channels };
    let service = AlertingService::start(parts, &mut Registry::default()).expect("starts");
    Started { service, indexer, samples }
}

impl Started {
    async fn stop(self) {
        let Self { service, indexer, samples } = self;
        service.stop().await;
        samples.shutdown().await.expect("stops");
        indexer.shutdown().await.expect("stops");
    }
}

fn external(name: &str, is_firing: bool) -> Input {
    let now = maintenance::now();
    let ends_at = if is_firing { now.after(Duration::from_secs(3600)) } else { now };
    Input::External(External {
        labels: Labels::from([("alertname", name)]),
        annotations: Labels::default(),
        starts_at: now.before(Duration::from_secs(10)),
        ends_at,
        generator: String::new(),
    })
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_before_a_restart_hears_the_end_after_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let notes = Arc::new(Notes::default());
    let named = Sent::Delivered { detail: "taken".to_owned(), remote_id: "m-1".to_owned() };
    *lock(&notes.answers) = vec![named];
    let before = start(dir.path(), &config(), &notes);
    let inputs = vec![external("A", true), Input::EndSilence { id: "x".to_owned() }];
    let answers = before.service.handle().submit(inputs).await.expect("written");
    assert_eq!(answers, [None, Some(Refusal::UnknownSilence("x".to_owned()))]);
    until("it is told", || notes.kinds() == [Kind::Open]).await;
    before.stop().await;

    let after = start(dir.path(), &config(), &notes);
    assert_eq!(after.service.handle().submit(vec![external("A", false)]).await.expect("written"), [None]);
    until("the end is told", || notes.kinds() == [Kind::Open, Kind::Resolve]).await;
    let handle = after.service.handle();
    let states = || handle.deliveries(None, 10).expect("reads").iter().map(|told| told.state).collect::<Vec<_>>();
    until("it is written", || states() == [DeliveryState::Delivered; 2]).await;
    assert_eq!(*lock(&notes.given), [(None, 2), (Some("m-1".to_owned()), 0)], "it is known how the first was called");
    let past = handle.past_incidents(Timestamp(i64::MAX), 10).expect("reads");
    assert_eq!(past.iter().map(|incident| (incident.id, incident.is_open())).collect::<Vec<_>>(), [(1, false)]);
    assert!(!handle.timeline(1).expect("reads").is_empty());
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_under_its_key_and_what_is_refused_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let notes = Arc::new(Notes::default());
    let retry = Sent::Retry { after: None, reason: "busy".to_owned() };
    *lock(&notes.answers) = vec![Sent::Refused { reason: "gone".to_owned(), is_gone: false }, retry];
    let started = start(dir.path(), &config(), &notes);
    let handle = started.service.handle();
    handle.submit(vec![external("A", true)]).await.expect("written");
    until("it is refused", || lock(&notes.sent).len() == 2).await;
    let keys: Vec<String> = lock(&notes.sent).iter().map(|(_, key)| key.clone()).collect();
    assert_eq!(keys[0], keys[1]);
    let attempts = || handle.deliveries(None, 10).expect("reads").remove(0).attempts;
    until("it is written", || attempts().len() == 2).await;
    let said: Vec<(DeliveryState, String)> = attempts().into_iter().map(|(_, state, text)| (state, text)).collect();
    let expected = [(DeliveryState::Waiting, "busy".to_owned()), (DeliveryState::Refused, "gone".to_owned())];
    assert_eq!(said, expected);
    started.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_set_aside_and_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = directory(dir.path());
    std::fs::create_dir_all(&store).expect("a directory");
    std::fs::write(store.join("alerting.sqlite"), "this is no database, but long enough to be looked at")
        .expect("writes");
    let plan = config().plan(Vec::new()).expect("a plan");
    let (_, engine, aside) = Store::open(&store, &plan, &Graph::default()).expect("opens");
    let aside = aside.expect("set aside");
    assert!(aside.starts_with(&store) && aside.is_file(), "{}", aside.display());
    assert_eq!(engine.alerts().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_fire_go_on_over_a_restart_and_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("rules.yml");
    let rules = |value: &str| {
        format!(
            "groups:\n- name: g\n  rules:\n  - record: level\n    expr: {value}\n  - alert: High\n    expr: level > 5\n    labels: {{severity: page}}\n"
        )
    };
    std::fs::write(&file, rules("vector(7)")).expect("writes");
    let config = AlertingConfig { rule_files: vec![file.clone()], ..config() };
    let notes = Arc::new(Notes::default());
    let before = start(dir.path(), &config, &notes);
    until("it fires", || notes.kinds() == [Kind::Open]).await;
    let series = before.samples.store().series(0, &[vec![]], 0, i64::MAX, 10).expect("reads");
    let names: BTreeMap<String, String> = series
        .iter()
        .map(|labels| {
            (labels.get("__name__").unwrap_or("").to_owned(), labels.get("severity").unwrap_or("").to_owned())
        })
        .collect();
    let expected = [("ALERTS", "page"), ("ALERTS_FOR_STATE", "page"), ("level", "")];
    assert_eq!(names, expected.map(|(name, severity)| (name.to_owned(), severity.to_owned())).into());
    before.stop().await;

    std::fs::write(&file, rules("vector(1)")).expect("writes");
    let after = start(dir.path(), &config, &notes);
    until("the end is told", || notes.kinds() == [Kind::Open, Kind::Resolve]).await;
    let groups = after.service.handle().groups();
    assert_eq!(groups.iter().map(|group| (group.name.as_str(), group.rules.len())).collect::<Vec<_>>(), [("g", 2)]);
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_counts_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let notes = Arc::new(Notes::default());
    let started = start(
        dir.path(),
        &AlertingConfig { contacts: Vec::new(), policies: Vec::new(), route: RouteConfig::default(), ..config() },
        &notes,
    );
    let handle = started.service.handle();
    handle.submit(vec![external("A", true)]).await.expect("written");
    let fresh = config();
    let sources = fresh.sources(0, false, "").expect("no files");
    handle.reconfigure(fresh.plan(rules_of(&sources)).expect("a plan"), sources).await.expect("written");
    until("it is told", || notes.kinds() == [Kind::Open]).await;
    assert_eq!(
        handle.submit(vec![Input::Test { contact: "eva".to_owned(), by: "me".to_owned() }]).await.expect("ok"),
        [None]
    );
    until("the test is sent", || notes.kinds() == [Kind::Open, Kind::Test]).await;
    started.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_holds_its_silences() {
    let (dir, copy) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let notes = Arc::new(Notes::default());
    let started = start(dir.path(), &config(), &notes);
    let silence = Silence {
        id: "s".to_owned(),
        matchers: vec![Matcher::equal("a", "b")],
        period: Period::once(Timestamp(0), Timestamp(i64::MAX)),
        author: "eva".to_owned(),
        comment: String::new(),
        created_at: Timestamp(0),
    };
    started.service.handle().submit(vec![Input::Silence(silence.clone())]).await.expect("written");
    crate::backup(&started.indexer, &started.samples, copy.path()).expect("copies");
    let plan = config().plan(Vec::new()).expect("a plan");
    let (_, engine, aside) = Store::open(&directory(copy.path()), &plan, &Graph::default()).expect("opens");
    assert_eq!((engine.silences().collect::<Vec<_>>(), aside), (vec![&silence], None));
    started.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_told_survives_a_restart_and_goes_when_it_is_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let notes = Arc::new(Notes::default());
    let mut config = config();
    (config.contacts, config.policies, config.route.policy) = (Vec::new(), Vec::new(), None);
    let new = |name: &str| NewDevice {
        contact: orszem_alerting::DEVICES.to_owned(),
        name: name.to_owned(),
        channel: "push".to_owned(),
        endpoint: "https://push.example/1".to_owned(),
        target: format!("{name}'s subscription"),
        level_min: orszem_alerting::Level::Warning,
    };
    let before = start(dir.path(), &config, &notes);
    let handle = before.service.handle();
    let id = handle.add_device(new("old")).await.expect("written").expect("not too many");
    assert_eq!(handle.add_device(new("phone")).await.expect("written"), Some(id), "its endpoint is known");
    assert!(handle.device_seen("https://push.example/1".to_owned()).await.expect("written"));
    assert!(!handle.device_seen("https://push.example/2".to_owned()).await.expect("written"));
    before.stop().await;

    let after = start(dir.path(), &config, &notes);
    let handle = after.service.handle();
    let known = handle.devices().await.expect("reads");
    assert_eq!(known.iter().map(|one| (&one.new, one.seen_at.is_some())).collect::<Vec<_>>(), [(&new("phone"), true)]);
    handle.submit(vec![external("A", true)]).await.expect("written");
    until("it is told", || notes.kinds() == [Kind::Open]).await;
    *lock(&notes.answers) = vec![Sent::Refused { reason: "gone".to_owned(), is_gone: true }];
    handle.submit(vec![external("A", false)]).await.expect("written");
    until("the end is told", || notes.kinds() == [Kind::Open, Kind::Resolve]).await;
    let end = Instant::now() + Duration::from_secs(60);
    while !handle.devices().await.expect("reads").is_empty() {
        assert!(Instant::now() < end, "it is still there");
        tokio::task::yield_now().await;
    }
    assert!(!handle.remove_device(id).await.expect("written"));
    after.stop().await;
}
