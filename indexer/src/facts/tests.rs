//! Facts through the real indexer: each once, whenever the program is killed.

use std::collections::BTreeSet;

use orszem_logs::{Budget, Order, Page, Range};
use orszem_model::observation::{
    Fencing, FencingState, Member, Observation, Operation, Origin, Placement, QuorumState, Seen,
};
use orszem_model::wire::encode_records;
use orszem_model::{Fact, FactKind, Kind, Labels, Record, RecordId, Stream, Timestamp};
use orszem_search::Query;
use tempfile::TempDir;

use super::*;
use crate::ingest::http::Submission;
use crate::samples::{Samples, SamplesOptions};
use crate::tests::{NOON, directory, open};
use crate::topology::HeldEdge;

const SECOND: i64 = 1_000_000_000;

fn at(ms: i64) -> Timestamp {
    Timestamp(NOON + ms * 1_000_000)
}

fn word(text: &str) -> String {
    text.to_owned()
}

fn record(tenant: u32, reporter: &str, ms: i64, labels: &[(&str, &str)]) -> Record {
    let own = [("host", reporter), ("layer", "cluster"), ("service", "pacemaker")];
    let labels = Labels::new(own.iter().chain(labels).copied().collect());
    Record::line(at(ms), Stream { tenant, class: "default".into(), labels }, "seen")
}

fn seen(reporter: &str, ms: i64, origin: Origin, is_initial: bool, observation: Observation) -> Record {
    let seen = Seen { at: at(ms), reporter: word(reporter), origin, is_initial, observation };
    let attributes = seen.attributes();
    Record { kind: Kind::Event, attributes, ..record(0, reporter, ms, &[]) }
}

fn member(node: &str, is_member: bool) -> Observation {
    Observation::Member(Member { node: word(node), is_member })
}

fn vip_on(node: &str) -> Observation {
    let nodes = vec![(word(node), word("Started"))];
    let agent = word("ocf:heartbeat:IPaddr2");
    Observation::Placement(Placement { resource: word("vip"), agent, nodes, is_managed: true, ..Placement::default() })
}

fn fenced() -> Observation {
    Observation::Fencing(Fencing {
        reference: word("8d43"),
        target: word("n1"),
        action: word("reboot"),
        delegate: word("n2"),
        client: word("pacemaker-controld.86"),
        origin: word("n2"),
        state: FencingState::Done,
        reason: String::new(),
    })
}

fn started() -> Observation {
    let (node, resource, task) = (word("n2"), word("vip"), word("start"));
    Observation::Operation(Operation { node, resource, task, result: word("ok"), ..Operation::default() })
}

fn quorum(members: &[&str]) -> Observation {
    let members = members.iter().map(|member| word(member)).collect();
    Observation::QuorumState(QuorumState {
        is_quorate: true,
        votes: 3,
        expected_votes: 3,
        members,
        ..Default::default()
    })
}

/// What is done, in order.
enum Step {
    /// Records that came in at this time, in milliseconds.
    Take(i64, Vec<Record>),
    /// A round at this time.
    Round(i64),
}

/// Three nodes; the first is lost, fenced, and its address goes to the second.
fn failover() -> Vec<Step> {
    let mut first = Vec::new();
    for (reporter, others) in [("n1", ["n2", "n3"]), ("n2", ["n1", "n3"]), ("n3", ["n1", "n2"])] {
        first.extend(others.map(|node| seen(reporter, 0, Origin::Status, true, member(node, true))));
        first.push(seen(reporter, 1, Origin::Status, true, vip_on("n1")));
        first.push(seen(reporter, 1, Origin::Corosync, true, quorum(&["n1", "n2", "n3"])));
    }
    let mut steps = vec![Step::Take(20, first), Step::Round(500), Step::Round(3_000)];
    for (reporter, ms) in [("n2", 10_000), ("n3", 10_004)] {
        let lost = seen(reporter, ms, Origin::Alert, false, member("n1", false));
        let left = seen(reporter, ms, Origin::Corosync, false, quorum(&["n2", "n3"]));
        steps.extend([Step::Take(ms + 10, vec![lost, left]), Step::Round(ms + 12)]);
    }
    for (reporter, ms) in [("n3", 12_000), ("n2", 12_001)] {
        steps.push(Step::Take(ms + 10, vec![seen(reporter, ms, Origin::Alert, false, fenced())]));
    }
    steps.push(Step::Round(12_500));
    for (reporter, ms) in [("n2", 13_000), ("n3", 13_005)] {
        steps.push(Step::Take(ms + 10, vec![seen(reporter, ms, Origin::Alert, false, started())]));
        steps.push(Step::Round(ms + 400));
    }
    steps.extend((14..24).map(|second| Step::Round(second * 1_000)));
    steps
}

async fn take(indexer: &Indexer, received: i64, records: &[Record]) {
    let batches = vec![encode_records(at(received), records)];
    indexer.submit(Submission { tenant: 0, identity: None, idempotency_key: None, batches }).await.expect("accepted");
}

/// All facts that are stored, oldest first, without the places of their records, which depend on how the journal is cut.
fn facts(indexer: &Indexer) -> Vec<Fact> {
    let page = Page { range: Range::ALL, order: Order::OldestFirst, limit: 10_000, after: None, stream: None };
    let query = Query::parse("kind:event service:orszem-facts").expect("parses");
    let found = indexer.snapshot().search(&query, 0, &page, &Budget::default()).expect("searches");
    let fact = |record: &Record| {
        let body = str::from_utf8(&record.body).expect("text");
        Fact::of(record.timestamp, body, &record.entities, &record.attributes).expect("a fact")
    };
    let mut facts: Vec<Fact> = found.rows.iter().map(|row| fact(&row.record)).collect();
    for fact in &mut facts {
        fact.records.iter_mut().for_each(|id| id.seq = 0);
        fact.records.sort_unstable();
    }
    facts.sort_by(|a, b| (a.at, a.kind, &a.entity, &a.text).cmp(&(b.at, b.kind, &b.entity, &b.text)));
    facts
}

/// A program that can be killed.
struct Program {
    directory: TempDir,
    /// `None` for a moment only.
    running: Option<(Indexer, Stage)>,
    now: Timestamp,
}

impl Program {
    fn start() -> Self {
        let mut program = Self { directory: directory(), running: None, now: at(0) };
        program.restart();
        program
    }

    /// Kills it and starts it again.
    fn restart(&mut self) {
        drop(self.running.take());
        let indexer = open(&self.directory);
        let stage = Stage::open(&indexer, Arc::default(), self.now).expect("goes on");
        self.running = Some((indexer, stage));
    }

    fn parts(&mut self) -> (&Indexer, &mut Stage) {
        let (indexer, stage) = self.running.as_mut().expect("it runs");
        (indexer, stage)
    }

    /// Does the steps without being killed.
    async fn go(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Take(received, records) => take(self.parts().0, *received, records).await,
                Step::Round(ms) => {
                    self.now = at(*ms);
                    while self.parts().1.advance(at(*ms)).expect("reads") {
                        self.parts().1.submit().await.expect("submits");
                    }
                }
            }
        }
    }

    /// Saving fails while a directory stands in the way.
    fn block_saving(&self, is_blocked: bool) {
        let path = self.directory.path().join(FILE_NAME).with_extension("tmp");
        if is_blocked {
            std::fs::create_dir(path).expect("stands in the way");
        } else {
            std::fs::remove_dir(path).expect("gives way");
        }
    }
}

/// Where in a step it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    /// Before facts that were concluded are saved.
    BeforeSave,
    /// After that, before they are submitted.
    BeforeSubmit,
    /// After they were submitted, before that is saved.
    AfterSubmit,
}

/// The facts of a run that is killed in the step with the number `kill.0`, and the steps that had facts to tell.
async fn run(steps: &[Step], kill: Option<(usize, Kill)>) -> (Vec<Fact>, BTreeSet<usize>) {
    let mut program = Program::start();
    let mut telling = BTreeSet::new();
    for (number, step) in steps.iter().enumerate() {
        let kill = kill.filter(|(killed, _)| *killed == number).map(|(_, kill)| kill);
        match step {
            Step::Take(received, records) => {
                program.now = at(*received);
                take(program.parts().0, *received, records).await;
                if kill.is_some() {
                    program.restart();
                }
            }
            Step::Round(ms) => {
                program.now = at(*ms);
                if kill == Some(Kill::BeforeSave) {
                    program.block_saving(true);
                    // It fails where there is something to save, and then the facts are lost with the process.
                    if let Err(error) = program.parts().1.advance(at(*ms)) {
                        assert!(matches!(error, Error::SaveFacts { .. }), "{error}");
                    }
                    program.block_saving(false);
                    program.restart();
                }
                while program.parts().1.advance(at(*ms)).expect("reads") {
                    telling.insert(number);
                    if kill == Some(Kill::BeforeSubmit) {
                        program.restart();
                    }
                    program.parts().1.submit().await.expect("submits");
                    if kill == Some(Kill::AfterSubmit) {
                        program.restart();
                        // What is submitted once more is recognised.
                        program.parts().1.submit().await.expect("submits");
                    }
                    if kill.is_some() {
                        break;
                    }
                }
            }
        }
    }
    // Once more from what is on disk.
    program.restart();
    program.parts().1.submit().await.expect("submits");
    (facts(program.parts().0), telling)
}

#[tokio::test]
async fn a_failover_is_told_once_however_the_program_is_killed() {
    let steps = failover();
    let (told, telling) = run(&steps, None).await;
    let count =
        |kind: FactKind, entity: &str| told.iter().filter(|fact| fact.kind == kind && fact.entity == entity).count();
    assert_eq!(
        (
            count(FactKind::NodeLost, "host/n1"),
            count(FactKind::FencingDone, "host/n1"),
            count(FactKind::Failover, "resource/vip"),
        ),
        (1, 1, 1),
        "{told:#?}"
    );
    assert!(telling.len() > 1, "{telling:?}");
    for number in 0..steps.len() {
        let all = [Kill::BeforeSave, Kill::BeforeSubmit, Kill::AfterSubmit];
        let kills = if telling.contains(&number) { &all[..] } else { &all[..1] };
        for kill in kills {
            assert_eq!(run(&steps, Some((number, *kill))).await.0, told, "killed in step {number}: {kill:?}");
        }
    }
}

/// As a sender that was cut off, or one for many hosts, tells of it: at once, and stream after stream.
#[tokio::test]
async fn streams_of_one_batch_are_looked_at_together_by_time() {
    let of_step = |step| match step {
        Step::Take(_, records) => records,
        Step::Round(_) => Vec::new(),
    };
    let mut records: Vec<Record> = failover().into_iter().flat_map(of_step).collect();
    records.sort_by_key(|record| record.timestamp);
    let by_time = records.clone();
    records.sort_by(|a, b| b.stream.labels.get("host").cmp(&a.stream.labels.get("host")));
    let mut told = Vec::new();
    for records in [by_time, records] {
        let mut program = Program::start();
        program.go(&[Step::Take(60_000, records), Step::Round(60_500), Step::Round(63_000)]).await;
        told.push(facts(program.parts().0));
    }
    assert!(told[0].iter().any(|fact| fact.kind == FactKind::Failover), "{told:#?}");
    assert_eq!(told[1], told[0]);
}

#[tokio::test]
async fn a_backup_goes_on_where_it_was_taken() {
    let steps = failover();
    let (told, telling) = run(&steps, None).await;
    for taken in telling {
        let mut program = Program::start();
        program.go(steps.get(..=taken).expect("steps")).await;
        let options = SamplesOptions { min_free: orszem_model::ByteSize(0), ..SamplesOptions::default() };
        let (samples, _) = Samples::open(program.directory.path(), options).expect("opens");
        let kept = directory();
        let target = kept.path().join("backup");
        crate::backup(program.parts().0, &samples, &target).expect("copies");
        let mut restored = Program { directory: directory(), running: None, now: program.now };
        crate::restore(&target, restored.directory.path()).expect("restores");
        restored.restart();
        restored.go(steps.get(taken + 1..).expect("steps")).await;
        assert_eq!(facts(restored.parts().0), told, "taken after step {taken}");
    }
}

/// Records as of the stage itself, which say that a node is lost.
async fn submit_facts_again(indexer: &Indexer) {
    let own = seen("n2", 23_000, Origin::Alert, false, member("n3", false));
    let labels = Labels::from([("host", "n2"), ("layer", "cluster"), ("service", SERVICE)]);
    let record = Record { stream: Stream { labels, ..own.stream.clone() }, ..own };
    take(indexer, 23_000, &[record]).await;
}

#[tokio::test]
async fn facts_are_not_looked_at_again_and_name_their_records() {
    let mut program = Program::start();
    program.go(&failover()).await;
    let (indexer, stage) = program.parts();
    let before = stage.state.clusters.clone();
    let position = stage.state.position;
    submit_facts_again(indexer).await;
    assert!(!stage.advance(at(23_000)).expect("reads"), "there is nothing more");
    let engines = |clusters: &std::collections::BTreeMap<_, stage::Cluster>| -> Vec<Vec<u8>> {
        clusters.values().map(|cluster| cluster.engine.encode()).collect()
    };
    assert_eq!(engines(&stage.state.clusters), engines(&before));
    assert!(stage.state.position > position, "it has read on");
    let query = Query::parse("event.name:node.lost").expect("parses");
    let page = Page { range: Range::ALL, order: Order::OldestFirst, limit: 10, after: None, stream: None };
    let found = indexer.snapshot().search(&query, 0, &page, &Budget::default()).expect("searches");
    assert_eq!(found.rows.len(), 1);
    let lost = &found.rows[0].record;
    let fact = Fact::of(lost.timestamp, "", &lost.entities, &lost.attributes).expect("a fact");
    assert!(!fact.records.is_empty());
    for RecordId { timestamp, seq } in fact.records {
        let everything = Query::parse("kind:event").expect("parses");
        let all = Page { limit: 1_000, ..page.clone() };
        let rows = indexer.snapshot().search(&everything, 0, &all, &Budget::default()).expect("searches").rows;
        let shown = rows.iter().filter(|row| row.seq == seq && row.record.timestamp == timestamp).count();
        assert_eq!(shown, 1, "{timestamp} {seq}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stage_runs_by_itself_and_keeps_the_topology() {
    let directory = directory();
    let indexer = open(&directory);
    let mut registry = Registry::default();
    let stage = FactsStage::start(&indexer, &mut registry).expect("starts");
    let now = maintenance::now();
    let shift = |records: Vec<Record>, by: i64| -> Vec<Record> {
        records.into_iter().map(|record| Record { timestamp: Timestamp(record.timestamp.0 + by), ..record }).collect()
    };
    // As if it had begun 20 s ago.
    let by = now.0 - NOON - 20 * SECOND;
    for step in failover() {
        if let Step::Take(_, records) = step {
            let batches = vec![encode_records(now, &shift(records, by))];
            let submission = Submission { tenant: 0, identity: None, idempotency_key: None, batches };
            indexer.submit(submission).await.expect("accepted");
        }
    }
    let vip = |held: &[HeldEdge]| -> Vec<String> {
        held.iter().filter(|held| held.edge.from == "resource/vip").map(|held| held.edge.to.clone()).collect()
    };
    crate::tests::eventually("the failover is told and the edges moved", || {
        let is_told = facts(&indexer).iter().any(|fact| fact.kind == FactKind::Failover);
        let held = indexer.topology().at(0, maintenance::now()).expect("reads");
        is_told && vip(&held) == ["host/n2"]
    })
    .await;
    let told = facts(&indexer);
    stage.stop().await;
    let held = indexer.topology().at(0, Timestamp(NOON + by + 5 * SECOND)).expect("reads");
    assert_eq!(vip(&held), ["host/n1"], "as it was before");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("encodes");
    assert!(text.contains("orszem_facts_total{name=\"node.lost\"} 1\n"), "{text}");
    indexer.shutdown().await.expect("stops");
    drop(indexer);
    assert_eq!(facts(&open(&directory)), told);
}
