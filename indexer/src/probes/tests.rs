use std::collections::BTreeMap;

use orszem_availability::ledger::{Availability, Held};
use orszem_availability::verdict::{Verdict, Vote};
use orszem_availability::{Asked, Reply, Told, ToldVote};
use orszem_model::Matcher;
use prometheus_client::registry::Registry;

use super::known::{Known, Target, TargetKey};
use super::series::Shown;
use super::step::{After, Entry, Step};
use super::store::{NewExclusion, Store};
use super::*;
use crate::samples::{Samples, SamplesOptions};

/// The state of one tenant's probes on its store, with the time in the test's hands.
struct Site {
    directory: tempfile::TempDir,
    store: Store,
    known: Known,
    n: u64,
    /// What followed last.
    last: After,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, known) = Store::open(directory.path()).expect("opens");
        Self { directory, store, known, n: 0, last: After::default() }
    }

    /// As after kill -9.
    fn reopened(self, now: i64) -> Self {
        let Self { directory, store, known: _, n, last } = self;
        drop(store);
        let (store, known) = Store::open(directory.path()).expect("opens");
        let mut site = Self { directory, store, known, n, last };
        let mut step = Step::new(&site.known);
        for key in site.known.targets.keys() {
            step.resume(key, now);
        }
        let after = step.after;
        site.hold(after);
        site
    }

    fn hold(&mut self, after: After) {
        self.store.commit(&after).expect("writes");
        self.known.apply(after.targets.clone(), after.collectors.clone());
        self.last = after;
    }

    fn tell(&mut self, now: i64, told: &Told) -> Verdict {
        let mut step = Step::new(&self.known);
        step.take(7, told, now);
        let after = step.after;
        self.hold(after);
        self.target().watch.verdict
    }

    fn vote(&mut self, now: i64, collector: &str, vote: Vote) -> Verdict {
        self.n += 1;
        let isolated = (vote == Vote::Unknown).then(|| "no canary answers".to_owned());
        let told =
            Told { collector: collector.to_owned(), epoch: 1, isolated, votes: vec![a_vote(self.n, vote)], wait_ms: 0 };
        self.tell(now, &told)
    }

    fn tick(&mut self, now: i64) -> Verdict {
        let mut step = Step::new(&self.known);
        step.tick(&key(), now);
        let after = step.after;
        self.hold(after);
        self.target().watch.verdict
    }

    fn target(&self) -> &Target {
        self.known.targets.get(&key()).expect("is known")
    }

    fn count(&self, from: i64, until: i64) -> Availability {
        let mut ledgers = self.store.ledgers(7, None, (from, until)).expect("reads");
        ledgers.remove(&self.target().id).expect("a ledger").count(from, until)
    }
}

fn key() -> TargetKey {
    TargetKey { tenant: 7, probe: "shop".to_owned(), instance: "https://shop.example/".to_owned() }
}

fn a_vote(n: u64, vote: Vote) -> ToldVote {
    ToldVote {
        n,
        probe: "shop".to_owned(),
        instance: "https://shop.example/".to_owned(),
        vote,
        reason: if vote == Vote::Down { "status 503".to_owned() } else { String::new() },
        age_ms: 100,
        interval_ms: 10_000,
        timeout_ms: 5_000,
        labels: BTreeMap::from([("team".to_owned(), "x".to_owned())]),
    }
}

fn down(at: i64) -> Entry {
    Entry { target: 1, at, held: Held::Down, reason: "status 503".to_owned() }
}

fn up(at: i64) -> Entry {
    Entry { target: 1, at, held: Held::Up, reason: String::new() }
}

#[test]
fn an_outage_is_what_most_see_from_its_first_failure_to_its_first_success() {
    let mut site = Site::new();
    for (at, collector) in [(10_000, "a"), (10_010, "b"), (10_020, "c")] {
        assert_eq!(site.vote(at, collector, Vote::Up), Verdict::Up);
    }
    // One alone: the others are asked, and do not find it down.
    assert_eq!(site.vote(20_000, "a", Vote::Down), Verdict::Suspect);
    let asked: Vec<(&str, i64)> =
        site.last.questions.iter().map(|asked| (asked.collector.1.as_str(), asked.deadline)).collect();
    assert_eq!(asked, [("b", 28_000), ("c", 28_000)]);
    assert_eq!(site.vote(20_500, "b", Vote::Up), Verdict::Suspect);
    assert_eq!(site.vote(20_600, "c", Vote::Up), Verdict::Up);
    assert_eq!((site.known.dissent(&key(), site.target()), site.last.entries.clone()), (1, vec![]));
    // Most of them.
    assert_eq!(site.vote(30_000, "b", Vote::Down), Verdict::Suspect);
    assert_eq!(site.vote(30_900, "a", Vote::Down), Verdict::Down);
    assert_eq!(site.last.entries, [down(29_900)]);
    assert_eq!(site.vote(40_000, "a", Vote::Up), Verdict::Down);
    assert_eq!(site.vote(40_010, "b", Vote::Up), Verdict::Recovering);
    assert_eq!(site.last.entries, []);
    assert_eq!(site.vote(50_000, "a", Vote::Up), Verdict::Recovering);
    assert_eq!(site.vote(50_010, "b", Vote::Up), Verdict::Up);
    assert_eq!(site.last.entries, [up(39_910)]);
    let counted = site.count(9_900, 60_000);
    assert_eq!((counted.up, counted.down, counted.unknown), (60_000 - 9_900 - 10_010, 10_010, 0));
}

#[test]
fn who_is_cut_off_has_no_vote_and_its_targets_stay_up() {
    let mut site = Site::new();
    for collector in ["a", "b", "c"] {
        site.vote(10_000, collector, Vote::Up);
    }
    assert_eq!(site.vote(20_000, "a", Vote::Unknown), Verdict::Up);
    let isolated = |site: &Site| site.known.collectors(7).map(|c| (c.name, c.isolated)).collect::<Vec<_>>();
    let why = Some("no canary answers".to_owned());
    assert_eq!(isolated(&site), [("a".to_owned(), why), ("b".to_owned(), None), ("c".to_owned(), None)]);
    assert_eq!(site.vote(30_000, "a", Vote::Up), Verdict::Up);
    assert_eq!(isolated(&site)[0], ("a".to_owned(), None));
}

#[test]
fn who_reaches_nothing_that_all_others_reach_is_cut_off_without_saying_so() {
    let mut site = Site::new();
    let told = |collector: &str, votes: [Vote; 3], epoch| {
        let votes =
            votes.into_iter().zip(1..).map(|(vote, n)| ToldVote { instance: format!("host{n}:80"), ..a_vote(n, vote) });
        Told { collector: collector.to_owned(), epoch, isolated: None, votes: votes.collect(), wait_ms: 0 }
    };
    let (ups, downs) = ([Vote::Up; 3], [Vote::Down; 3]);
    let mut steps = |told: &Told| {
        let mut step = Step::new(&site.known);
        step.take(7, told, 10_000);
        let after = step.after;
        site.known.apply(after.targets, after.collectors);
        site.known.compare();
        let dissent: usize = site.known.targets(7).map(|(key, target)| site.known.dissent(key, target)).sum();
        (site.known.collectors(7).filter_map(|c| c.isolated.map(|_| c.name)).collect::<Vec<_>>(), dissent)
    };
    steps(&told("a", ups, 1));
    steps(&told("b", ups, 1));
    assert_eq!(steps(&told("c", [Vote::Down, Vote::Up, Vote::Down], 1)), (vec![], 2), "it reaches one");
    assert_eq!(steps(&told("c", downs, 2)), (vec!["c".to_owned()], 0));
    assert_eq!(steps(&told("b", downs, 2)), (vec![], 0), "two of three are most");
}

#[test]
fn what_was_told_is_kept_and_told_twice_is_taken_once() {
    let mut site = Site::new();
    assert_eq!(site.vote(10_000, "a", Vote::Up), Verdict::Up);
    assert_eq!(site.vote(20_000, "a", Vote::Down), Verdict::Suspect);
    let again = Told {
        collector: "a".to_owned(),
        epoch: 1,
        isolated: None,
        votes: vec![a_vote(2, Vote::Down), a_vote(3, Vote::Down)],
        wait_ms: 0,
    };
    let mut site = site.reopened(20_500);
    assert_eq!(site.tell(21_000, &again), Verdict::Suspect, "the second of three");
    assert_eq!((site.last.taken, site.last.passed_over), (1, 1));
    assert_eq!(site.tell(21_500, &again), Verdict::Suspect);
    let last = Told { votes: vec![a_vote(4, Vote::Down)], ..again };
    assert_eq!(site.tell(22_000, &last), Verdict::Down);
    assert_eq!(site.last.entries, [down(19_900)]);
    // The server is away for long: the outage goes on, and what lies between is not known.
    let mut site = site.reopened(200_000);
    assert_eq!(site.target().watch.verdict, Verdict::Down);
    assert_eq!(site.tick(230_000), Verdict::Down, "it waits for votes as long as ever");
    let counted = site.count(9_900, 230_000);
    let expected = (10_000, 2_000 + 30_000, 178_100);
    assert_eq!((counted.up, counted.down, counted.unknown), expected);
    assert_eq!(site.tick(400_000), Verdict::Unknown);
    let late = Told { epoch: 2, votes: vec![ToldVote { age_ms: 90_000, ..a_vote(1, Vote::Up) }], ..last };
    assert_eq!(site.tell(400_100, &late), Verdict::Unknown, "a vote of long ago says nothing of now");
}

#[test]
fn what_is_excluded_does_not_count_until_it_is_taken_back() {
    let mut site = Site::new();
    site.vote(10_000, "a", Vote::Up);
    for at in [20_000, 21_000, 22_000] {
        site.vote(at, "a", Vote::Down);
    }
    site.vote(50_000, "a", Vote::Up);
    site.vote(60_000, "a", Vote::Up);
    let down_for = |site: &Site| site.count(10_000, 70_000).down;
    assert_eq!(down_for(&site), 30_000);
    let new = NewExclusion {
        tenant: 7,
        target: Some(1),
        from: 0,
        until: 30_000,
        reason: "maintenance".to_owned(),
        by: "eva".to_owned(),
    };
    let id = site.store.exclude(&new, 70_000).expect("writes");
    site.store.exclude(&NewExclusion { target: Some(2), ..new.clone() }, 70_000).expect("writes");
    let mut site = site.reopened(70_000);
    assert_eq!(down_for(&site), 19_900);
    assert!(!site.store.withdraw(8, id, 80_000).expect("writes"), "another tenant's");
    assert!(site.store.withdraw(7, id, 80_000).expect("writes"));
    assert!(!site.store.withdraw(7, id, 80_000).expect("writes"), "once");
    assert_eq!(down_for(&site), 30_000);
    let kept = site.store.exclusions(7).expect("reads");
    assert_eq!(kept[0], WrittenExclusion { id, exclusion: new, made_at: 70_000, withdrawn_at: Some(80_000) });
    assert_eq!(kept.len(), 2, "nothing is deleted");
    site.vote(80_000, "a", Vote::Up);
}

#[test]
fn a_damaged_store_is_set_aside_and_one_of_a_later_version_is_refused() {
    let mut site = Site::new();
    site.vote(10_000, "a", Vote::Up);
    let Site { directory, store, .. } = site;
    drop(store);
    let path = directory.path().join("probes/probes.sqlite");
    let whole = std::fs::read(&path).expect("reads");
    std::fs::write(&path, vec![b'x'; whole.len()]).expect("writes");
    let (store, known) = Store::open(directory.path()).expect("opens");
    assert_eq!(known.targets.len(), 0);
    drop(store);
    let connection = rusqlite::Connection::open(&path).expect("opens");
    connection.execute("UPDATE meta SET value = 2 WHERE key = 'version'", []).expect("writes");
    drop(connection);
    assert!(matches!(Store::open(directory.path()), Err(crate::Error::DatabaseVersion { found: 2, .. })));
}

#[test]
fn the_state_of_a_target_is_read_as_it_was_written_by_version_1() {
    let text = r#"{"labels":{"team":"x"},"interval_ms":10000,"timeout_ms":5000,"watch":{"verdict":"down","since":22000,"ballots":{"a":{"vote":"down","at":22000,"reason":"status 503"}},"failures":3,"rounds":0,"round_since":22001,"dissent":0},"held":"down","entered":19900,"failing_since":19900,"recovering_since":0,"voted_at":21900}"#;
    let target: Target = serde_json::from_str(text).expect("reads");
    assert_eq!((target.watch.verdict, target.held, target.entered), (Verdict::Down, Some(Held::Down), 19_900));
    assert_eq!(serde_json::to_string(&target).expect("writes"), text);
}

#[test]
fn verdicts_are_series_that_end_when_nothing_is_heard() {
    let mut site = Site::new();
    site.vote(10_000, "a", Vote::Up);
    let mut shown = Shown::default();
    let of = |samples: Vec<super::series::Sample>| {
        let text = |(_, labels, at, value): super::series::Sample| {
            let value = if orszem_model::is_stale(value) { "stale".to_owned() } else { value.to_string() };
            let pairs = labels.iter().filter(|(name, _)| *name != orszem_model::METRIC_NAME);
            let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {} {at} {value}", labels.get(orszem_model::METRIC_NAME).unwrap_or(""), pairs.join(" "))
        };
        samples.into_iter().map(text).collect::<Vec<_>>()
    };
    let verdict = "probe_verdict instance=https://shop.example/ job=probe probe=shop team=x";
    let dissent = "probe_dissent instance=https://shop.example/ job=probe probe=shop team=x";
    let isolated = "probe_collector_isolated collector=a";
    let all = of(shown.all(&site.known, 11_000));
    assert_eq!(all, [format!("{verdict} 11000 1"), format!("{dissent} 11000 0"), format!("{isolated} 11000 0")]);
    assert_eq!(site.tick(100_000), Verdict::Unknown);
    assert_eq!(of(shown.all(&site.known, 100_000)).len(), 3);
    let ends = of(shown.all(&site.known, 700_000));
    let stale = |series: &str| format!("{series} 700000 stale");
    let mut expected = [verdict, dissent, isolated].map(stale);
    expected.sort();
    let mut ends = ends;
    ends.sort();
    assert_eq!(ends, expected);
    assert_eq!(of(shown.all(&site.known, 701_000)), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collectors_are_asked_where_they_wait_and_verdicts_are_stored() {
    let directory = tempfile::tempdir().expect("a directory");
    let (samples, _) = Samples::open(directory.path(), SamplesOptions::default()).expect("opens");
    let service = ProbesService::start(directory.path(), samples.clone(), &mut Registry::default()).expect("starts");
    let handle = service.handle();
    let told = |collector: &str, n, vote| Told {
        collector: collector.to_owned(),
        epoch: 1,
        isolated: None,
        votes: vec![a_vote(n, vote)],
        wait_ms: 0,
    };
    for collector in ["a", "b"] {
        assert_eq!(handle.tell(7, told(collector, 1, Vote::Up)).await.expect("is taken"), Reply::default());
    }
    let waiting = handle.clone();
    let waits = tokio::spawn(async move {
        let told = Told { collector: "b".to_owned(), epoch: 1, isolated: None, votes: vec![], wait_ms: 20_000 };
        waiting.tell(7, told).await.expect("is taken")
    });
    handle.tell(7, told("a", 2, Vote::Down)).await.expect("is taken");
    let Reply { asked } = waits.await.expect("ends");
    let [Asked { probe, instance, within_ms }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((probe.as_str(), instance.as_str(), *within_ms > 0), ("shop", "https://shop.example/", true));
    assert_eq!(handle.tell(7, told("b", 2, Vote::Down)).await.expect("is taken"), Reply::default(), "asked once");
    let found = handle.ledgers(7, None, (0, i64::MAX)).await.expect("reads");
    assert_eq!(found.iter().map(|found| found.target.watch.verdict).collect::<Vec<_>>(), [Verdict::Down]);
    drop(handle);
    service.stop().await;
    let is_verdict = [Matcher::equal(orszem_model::METRIC_NAME, "probe_verdict")];
    let selection = samples.store().select(7, &is_verdict, 0, i64::MAX).expect("selects");
    assert_eq!(selection.len(), 1);
    let mut columns = orszem_model::Columns::default();
    selection.reader().read(0, &mut columns).expect("reads");
    assert_eq!(columns.values.last(), Some(&4.0));
    samples.shutdown().await.expect("stops");
}
