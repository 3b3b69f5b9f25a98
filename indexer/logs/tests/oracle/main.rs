//! The store against a naive scan: random records, applied, flushed, merged, sealed and deleted in random order; then
//! random queries of every sort, which must answer what a list of all records answers.

mod edges;
mod naive;
mod queries;
mod random;
mod records;

use std::collections::BTreeSet;

use naive::Matching;
use orszem_logs::{Answer, Budget, Cursor, LogStore, Options, Order, Page, Range, Row, SearchResult, Snapshot};
use orszem_model::wire::encode_records;
use orszem_model::{Record, Timestamp};
use orszem_search::{Query, oracle};
use proptest::prelude::*;
use random::Random;

const FIELDS: [&str; 9] = ["level", "status", "host", "http.path", "trace_id", "entity", "kind", "user", "body"];

/// A store and what was put into it.
struct World {
    directory: tempfile::TempDir,
    options: Options,
    store: Option<LogStore>,
    applied: Vec<(u64, Vec<u8>)>,
    records: Vec<Record>,
    gone: BTreeSet<u64>,
    position: u64,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let options = Options {
            memtable_bytes: 1 << (10 + random.below(10)),
            merge_segments: 2 + random.below(3),
            merge_bytes_max: 1 << (16 + random.below(14)),
        };
        let position = if random.one_in(3) { 0 } else { random.next() >> 24 };
        let directory = tempfile::tempdir().expect("a directory");
        let mut world = Self {
            directory,
            options,
            store: None,
            applied: Vec::new(),
            records: Vec::new(),
            gone: BTreeSet::new(),
            position,
        };
        world.open();
        world
    }

    fn open(&mut self) {
        self.store = None;
        let (store, quarantined) = LogStore::open(self.directory.path(), self.options.clone()).expect("opens");
        assert_eq!(quarantined, []);
        let replayed: Vec<_> =
            self.applied.iter().filter(|(position, _)| *position >= store.flushed()).cloned().collect();
        store.apply(replayed, self.position).expect("applies");
        self.store = Some(store);
    }

    fn store(&self) -> &LogStore {
        self.store.as_ref().expect("open")
    }

    /// Applies one submission of one batch or more.
    fn apply(&mut self, random: &mut Random, batches: usize, rows: usize, long: bool) {
        let mut submission = Vec::new();
        for _ in 0..batches {
            let mut batch: Vec<Record> = Vec::new();
            let base = random.one_in(2).then(|| records::record(random, false));
            for _ in 0..rows {
                let record = match (batch.last().or(self.records.last()), &base) {
                    (Some(last), _) if random.one_in(20) => last.clone(),
                    (_, Some(base)) if !random.one_in(10) => records::variant(random, base),
                    _ => records::record(random, long),
                };
                batch.push(record);
            }
            let payload = encode_records(Timestamp(1_790_000_000_000_000_000 + self.position as i64), &batch);
            let position = self.position;
            self.position += payload.len() as u64 + 1;
            self.records.extend(batch);
            self.applied.push((position, payload.clone()));
            submission.push((position, payload));
        }
        self.store().apply(submission, self.position).expect("applies");
    }

    /// Applies these records as one batch.
    fn put(&mut self, records: Vec<Record>) {
        let payload = encode_records(Timestamp(0), &records);
        let position = self.position;
        self.position += 1;
        self.records.extend(records);
        self.applied.push((position, payload.clone()));
        self.store().apply(vec![(position, payload)], self.position).expect("applies");
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(14) {
            0..=5 => self.store().flush().map(drop).expect("flushes"),
            6..=8 => while self.store().merge_due().expect("merges") && !random.one_in(4) {},
            9 | 10 => {
                let day = [20_779, 0, i64::MAX][random.below(3)];
                while self.store().seal_due(day).expect("seals") && !random.one_in(4) {}
            }
            11 => self.open(),
            12 => self.delete(random),
            _ => {}
        }
    }

    fn delete(&mut self, random: &mut Random) {
        let Some(query) = self.query(random) else { return };
        let mut wanted = BTreeSet::new();
        naive::for_each(&self.applied, |record| {
            if oracle::matches(&query, record) && record.seq % 3 == 0 && !self.gone.contains(&record.seq) {
                wanted.insert(record.seq);
            }
        });
        let deleted = self.store().delete(&|record| query.matches(record) && record.seq % 3 == 0).expect("deletes");
        assert_eq!(deleted, wanted.len() as u64, "deleted by {}", query.source);
        self.gone.extend(wanted);
    }

    fn query(&self, random: &mut Random) -> Option<Query> {
        let records: Vec<&Record> = self.records.iter().collect();
        Query::parse(&queries::query(random, &records)).ok()
    }

    fn range(&self, random: &mut Random) -> Range {
        if self.records.is_empty() || random.one_in(2) {
            return Range::ALL;
        }
        let mut bound = || random.pick(&self.records).timestamp.0.saturating_add(random.below(3) as i64 - 1);
        let (a, b) = (bound(), bound());
        Range { from: a.min(b), to: a.max(b) }
    }

    /// Asks everything there is to ask of one query; answers whether the query was one.
    fn check(&self, random: &mut Random) -> bool {
        let Some(query) = self.query(random) else { return false };
        let tenant = if random.one_in(6) { 2 } else { 1 };
        let range = self.range(random);
        self.ask(random, &query, tenant, range);
        true
    }

    fn ask(&self, random: &mut Random, query: &Query, tenant: u32, range: Range) {
        let gone = |seq| self.gone.contains(&seq);
        let expected = naive::matching(&self.applied, query, tenant, range, &FIELDS, &gone);
        let check = Check { snapshot: self.store().snapshot(), query, tenant, range, expected };
        check.count();
        check.pages(random, Order::NewestFirst);
        check.pages(random, Order::OldestFirst);
        check.aggregates(random);
        let everything = Query::parse("kind:*").expect("parses");
        let all = naive::matching(&self.applied, &everything, tenant, Range::ALL, &[], &gone);
        let matching = naive::matching(&self.applied, query, tenant, Range::ALL, &[], &gone);
        if !all.is_empty() {
            let this = &random.pick(&all).row;
            check.context(random, this, None, &all);
            check.context(random, this, Some(query), &matching);
        }
    }
}

struct Check<'a> {
    snapshot: Snapshot,
    query: &'a Query,
    tenant: u32,
    range: Range,
    /// Oldest first.
    expected: Vec<Matching>,
}

impl Check<'_> {
    /// The value of an answer that must be complete.
    fn whole<T>(&self, what: &str, answer: orszem_logs::Result<Answer<T>>) -> T {
        let answer = answer.expect(what);
        assert_eq!((answer.partial, answer.stats.damaged), (None, vec![]), "{what}: {}", self.query.source);
        assert_eq!(answer.stats.matched, self.expected.len() as u64, "matched of {what}: {}", self.query.source);
        answer.value
    }

    fn told(&self) -> String {
        format!("query `{}`, tenant {}, {:?}", self.query.source, self.tenant, self.range)
    }

    fn count(&self) {
        let answer = self.snapshot.count(self.query, self.tenant, self.range, &Budget::default()).expect("counts");
        assert_eq!((answer.value, answer.partial), (self.expected.len() as u64, None), "count, {}", self.told());
        self.snapshot.explain(self.query, self.tenant, self.range, &Budget::default()).expect("explains");
    }

    /// Pages through all rows.
    fn pages(&self, random: &mut Random, order: Order) {
        let limit = 1 + random.below(self.expected.len() / 4 + 20);
        let mut rows: Vec<Row> = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let page = Page { range: self.range, order, limit, after, stream: None };
            let SearchResult { rows: found, next, stats, partial } =
                self.snapshot.search(self.query, self.tenant, &page, &Budget::default()).expect("searches");
            assert_eq!((partial, stats.matched), (None, found.len() as u64), "{}", self.told());
            assert!(found.len() <= limit, "{} rows of {limit}, {}", found.len(), self.told());
            assert_eq!(next.is_some(), found.len() == limit, "{}", self.told());
            rows.extend(found);
            after = next;
            if after.is_none() || rows.len() > self.expected.len() {
                break;
            }
        }
        let expected: Vec<&Row> = match order {
            Order::OldestFirst => self.expected.iter().map(|matching| &matching.row).collect(),
            Order::NewestFirst => self.expected.iter().rev().map(|matching| &matching.row).collect(),
        };
        let cursors = |rows: &[&Row]| rows.iter().map(|row| row.cursor()).collect::<Vec<_>>();
        let found: Vec<&Row> = rows.iter().collect();
        assert_eq!(cursors(&found), cursors(&expected), "{order:?} by {limit}, {}", self.told());
        for (found, expected) in found.into_iter().zip(expected) {
            assert_eq!(found, expected, "{}", self.told());
        }
    }

    /// The first few rows in either order.
    fn head(&self, limit: usize) {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let page = Page { range: self.range, order, limit, after: None, stream: None };
            let found = self.snapshot.search(self.query, self.tenant, &page, &Budget::default()).expect("searches");
            let rows = self.expected.iter().map(|matching| &matching.row);
            let expected: Vec<&Row> = match order {
                Order::NewestFirst => rows.rev().take(limit).collect(),
                Order::OldestFirst => rows.take(limit).collect(),
            };
            assert_eq!(found.rows.iter().collect::<Vec<_>>(), expected, "{order:?}, {}", self.told());
        }
    }

    fn aggregates(&self, random: &mut Random) {
        let Self { snapshot, query, tenant, range, expected } = self;
        let (tenant, range, budget) = (*tenant, *range, Budget::default());
        let step = *random.pick(&[1, 1_000_000_000, 7_000_000_000, 3_600_000_000_000, 86_400_000_000_000]);
        let buckets = self.whole("histogram", snapshot.histogram(query, tenant, range, step, &budget));
        assert_eq!(buckets, naive::histogram(expected, step), "histogram by {step}, {}", self.told());
        for at in [random.below(FIELDS.len()), random.below(FIELDS.len()), 1] {
            let limit = 1 + random.below(9);
            let top = self.whole("top", snapshot.top(query, tenant, range, FIELDS[at], limit, &budget));
            assert_eq!(top, naive::top(expected, at, limit), "top {limit} of {}, {}", FIELDS[at], self.told());
            let numbers =
                self.whole("numbers", snapshot.numbers(query, tenant, range, FIELDS[at], &[0.0, 0.5, 1.0], &budget));
            match naive::numbers(expected, at) {
                Some(expected) => assert_eq!(numbers, expected, "numbers of {}, {}", FIELDS[at], self.told()),
                None => assert_eq!(numbers.count, 0, "numbers of {}, {}", FIELDS[at], self.told()),
            }
        }
        let mut fields = naive::fields(expected);
        let found = self.whole("fields", snapshot.fields(query, tenant, range, 1_000, &budget));
        let by_name =
            |fields: &mut Vec<orszem_logs::FieldSummary>| fields.sort_by_key(|field| (field.name.clone(), field.label));
        assert!(found.is_sorted_by_key(|field| (std::cmp::Reverse(field.count), field.name.clone())), "{found:?}");
        let mut found = found;
        by_name(&mut fields);
        by_name(&mut found);
        assert_eq!(found, fields, "fields, {}", self.told());
        let patterns = snapshot.patterns(query, tenant, range, usize::MAX, &budget).expect("patterns").value;
        let counted: u64 = patterns.iter().map(|pattern| pattern.count).sum();
        assert!(counted <= expected.len() as u64, "{counted} records with a pattern, {}", self.told());
    }

    fn context(&self, random: &mut Random, this: &Row, filter: Option<&Query>, shown: &[Matching]) {
        let around = (random.below(6), random.below(6));
        let (found, place) = self
            .snapshot
            .context(this.cursor(), self.tenant, around, filter, &Budget::default())
            .expect("context")
            .expect("the record is there");
        let (rows, at) = naive::context(shown, this, around);
        assert_eq!(
            (found.rows, place, found.partial),
            (rows, at, None),
            "context {around:?} of {:?}, {}",
            this.cursor(),
            self.told()
        );
        let nowhere = Cursor { seq: this.seq ^ 0xfff00, ..this.cursor() };
        if !shown.iter().any(|matching| matching.row.cursor() == nowhere) && filter.is_none() {
            let missing =
                self.snapshot.context(nowhere, self.tenant, around, filter, &Budget::default()).expect("context");
            assert!(missing.is_none(), "a context of {nowhere:?}");
        }
    }
}

/// Runs a random case and answers how many queries were asked.
fn run(seed: u64, rounds: usize, rows_max: usize, queries_per_round: usize) -> usize {
    let start = Random(seed);
    let mut world = World::new(&mut start.fork(0));
    let mut asked = 0;
    for round in 1..=rounds as u64 {
        let mut random = start.fork(round);
        let (batches, rows) = (1 + random.below(3), random.below(rows_max));
        world.apply(&mut random, batches, rows, rows_max > 500);
        for _ in 0..random.below(4) {
            world.step(&mut random);
        }
        asked += (0..queries_per_round).filter(|_| world.check(&mut random)).count();
    }
    asked
}

fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: 48, ..config } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_store_answers_what_a_scan_answers(seed: u64, rounds in 1..10usize, rows_max in 1..60usize) {
        run(seed, rounds, rows_max, 6);
    }
}

#[test]
fn a_large_store_answers_what_a_scan_answers() {
    let asked = run(2026, 8, 700, 3);
    assert!(asked >= 15, "only {asked} of the queries parsed");
}

/// Lines of one skeleton fill blocks and pages of the memtable; rows that come newest last displace one another.
#[test]
fn many_like_lines_are_found_in_memtable_and_blocks() {
    let mut random = Random(7);
    let mut world = World::new(&mut random);
    let base = Record { timestamp: Timestamp(1_795_000_000_000_000_000), ..records::record(&mut random, false) };
    for batch in 0..25 {
        let lines = (0..900).map(|n| {
            let timestamp = Timestamp(base.timestamp.0 + (batch * 900 + n) / 2 * 1_000_000);
            Record { timestamp, ..Record::line(timestamp, base.stream.clone(), format!("tick {n} of batch-{batch}")) }
        });
        let lines: Vec<Record> = lines.collect();
        world.put(lines);
    }
    for flushed in [false, true] {
        for source in ["tick", "batch-3 -1*", "899", "/7 of/"] {
            let query = Query::parse(source).expect("parses");
            let tenant = base.stream.tenant;
            let range = Range { from: base.timestamp.0 + 1_000_000, to: base.timestamp.0 + 10_000_000_000 };
            let expected = naive::matching(&world.applied, &query, tenant, range, &FIELDS, &|_| false);
            assert!(expected.len() > 10, "{source}: {}", expected.len());
            let check = Check { snapshot: world.store().snapshot(), query: &query, tenant, range, expected };
            check.count();
            check.aggregates(&mut random);
            check.pages(&mut random, Order::NewestFirst);
            check.pages(&mut random, Order::OldestFirst);
            check.head(10);
        }
        if !flushed {
            world.store().flush().expect("flushes");
        }
    }
}
