use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orszem_availability::verdict::Vote;
use orszem_availability::{Asked, ToldVote};
use orszem_model::is_stale;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Modules, Prober};

fn told(text: &str) -> Vec<String> {
    let probes: Vec<ProbeConfig> =
        toml::from_str::<BTreeMap<String, Vec<ProbeConfig>>>(text).expect("reads").remove("probe").unwrap_or_default();
    let modules = Modules::parse("modules: {web: {prober: http}}", Path::new(".")).expect("modules");
    let wrong = plans(&probes, &modules, &BTreeMap::new()).err().unwrap_or_default();
    wrong.into_iter().map(|wrong| format!("{} {}", wrong.key, wrong.wrong)).collect()
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let good = "[[probe]]\nname = 'a'\ntargets = ['a.example']\nmodule = 'web'\n[[probe]]\nname = 'b'\n\
        targets = ['tcp://x:1', 'dns://x/y']\nconditions = ['[CONNECTED] == true']\n";
    assert_eq!(told(good), Vec::<String>::new());
    let bad = "[[probe]]\nname = 'a'\nmodule = 'mail'\ninterval = '0s'\ntimeout = '1h'\nconditions = ['[X] == 1']\n\
        labels = {probe = 'x'}\n[[probe]]\nname = 'a'\ntargets = ['gopher://x', 'x:1']\n";
    let expected = [
        "probe[0].targets names no target",
        "probe[0].interval is out of range",
        "probe[0].timeout is out of range",
        "probe[0].labels.probe can't be a label",
        "probe[0].conditions[0] names the unknown placeholder [X]",
        "probe[0].module is no module of collector.probe_modules",
        "probe[1].name is another probe's already",
        "probe[1].targets[0] does not say how it is probed",
    ];
    assert_eq!(told(bad), expected);
}

#[tokio::test]
async fn a_target_is_probed_until_it_stops_and_its_series_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let target = listener.local_addr().expect("an address").to_string();
    let probe = ProbeConfig {
        name: "a".into(),
        targets: vec![target.clone()],
        labels: BTreeMap::from([("team".into(), "x".into())]),
        conditions: vec!["[CONNECTED] == true".into()],
        ..ProbeConfig::default()
    };
    let external = BTreeMap::from([("site".to_owned(), "s".to_owned()), ("team".to_owned(), "other".to_owned())]);
    let plan = plans(&[probe], &Modules::default(), &external).expect("plans").remove(0);
    let (sink, mut scraped) = mpsc::channel(4);
    let booth = Booth::default();
    let watching = Watching {
        prober: Prober::default(),
        places: Arc::new(Semaphore::new(1)),
        sink,
        booth: booth.clone(),
        canaries: Canaries::default(),
    };
    let watcher = keep_probing(Arc::new(plan), watching, CancellationToken::new());
    let first = tokio::time::timeout(Duration::from_secs(30), scraped.recv()).await.expect("in time").expect("samples");
    let of = |name: &str| {
        let found = first.samples.iter().find(|(labels, _, _)| labels.get("__name__") == Some(name));
        found.map(|(labels, _, value)| (labels.clone(), *value))
    };
    let labels = |name: &str| {
        let pairs =
            [("__name__", name), ("instance", &target), ("job", "probe"), ("probe", "a"), ("site", "s"), ("team", "x")];
        orszem_model::Labels::from(pairs)
    };
    assert_eq!(of("probe_success"), Some((labels("probe_success"), 1.0)));
    let told = booth.told("db1");
    let (probe, instance) = ("a".to_owned(), target.clone());
    let expected = ToldVote {
        n: 1,
        probe: probe.clone(),
        instance: instance.clone(),
        vote: Vote::Up,
        reason: String::new(),
        age_ms: told.votes[0].age_ms,
        interval_ms: 30_000,
        timeout_ms: 5_000,
        labels: BTreeMap::from([("team".to_owned(), "x".to_owned())]),
    };
    assert_eq!((told.collector.as_str(), told.isolated.clone(), told.votes.clone()), ("db1", None, vec![expected]));
    assert_eq!(booth.told("db1").votes.len(), 1, "a vote waits until it is taken");
    assert!(!booth.taken(&told));
    assert_eq!(booth.told("db1").votes, []);
    // Whoever is asked probes long before its time.
    booth.ask(&[Asked { probe, instance, within_ms: 5_000 }]);
    tokio::time::timeout(Duration::from_secs(20), scraped.recv()).await.expect("in time").expect("samples");
    booth.filled().await;
    assert_eq!(booth.told("db1").votes.iter().map(|vote| vote.n).collect::<Vec<_>>(), [2]);
    watcher.cancel();
    let last = scraped.recv().await.expect("ends");
    watcher.stopped().await;
    assert_eq!(last.samples.len(), first.samples.len());
    assert!(last.samples.iter().all(|(_, _, value)| is_stale(*value)));
}
