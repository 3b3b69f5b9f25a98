//! Frozen samples: what version 1 wrote is read for ever, and what is written now reads the same.
//!
//! `tests/formats/logs-v1/store` is a whole store, `rows.txt` its records and `counts.txt` how many of them some queries
//! find. The sample was written by [`write_store`]; bytes may differ when it is written again (zstd), content may not.
//! `ORSZEM_FREEZE=1` writes it anew, which is for a new version of the format and its new directory alone.

#[path = "support/files.rs"]
mod files;
#[path = "support/naive.rs"]
mod naive;
#[path = "support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use files::copy_directory;
use naive::matches;
use orszem_logs::{LogStore, Options, Row};
use orszem_model::{Attribute, AttributeValue, Kind, Labels, Record, Severity, Stream, Timestamp};
use orszem_search::Query;
use support::{BASE, apply, line, rows_of, search};

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/logs-v1")
}

fn options() -> Options {
    Options { memtable_bytes: 1 << 20, merge_segments: 2, merge_bytes_max: 1 << 30 }
}

fn open(root: &Path) -> LogStore {
    let (store, quarantined) = LogStore::open(root, options()).expect("opens");
    assert_eq!(quarantined, []);
    store
}

const QUERIES: [&str; 24] = [
    "kind:*",
    "request",
    "REQUEST AND took",
    "12ms",
    "1*ms",
    "7919",
    "blk_*",
    "*eceive*",
    "őr*",
    "\u{212a}elvin",
    "/code=\\d+/",
    "lonely OR once",
    "*x",
    "randomxxxx*",
    "trace_id:07*",
    "span_id:a001020304050607",
    "entity:SVC/a",
    "status:>=500",
    "-status:*",
    "host:db1",
    "wide69:*",
    "level:>=warn",
    "kind:span float:<0",
    "\"nothing of the kind\"",
];

fn every_type() -> Vec<Attribute> {
    let values = [
        ("string", AttributeValue::String("Őr \"7\"".to_owned())),
        ("integer", AttributeValue::Integer("12345678901234567890".to_owned())),
        ("float", AttributeValue::Float("-1.5e3".to_owned())),
        ("bool", AttributeValue::Bool(true)),
        ("null", AttributeValue::Null),
        ("json", AttributeValue::Json("[1,{\"a\":null}]".to_owned())),
        ("bytes", AttributeValue::Bytes(vec![0, 255, 10])),
    ];
    values.into_iter().map(|(key, value)| Attribute { key: key.to_owned(), value }).collect()
}

/// Lines of templates, lines that are kept whole, and records that are.
fn batch(number: i64, at_ms: i64) -> Vec<Record> {
    let at = |n: i64| at_ms + n * 250;
    let mut records: Vec<Record> =
        (0..40).map(|n| line("db1", at(n), format!("request {n} took 1{}ms\r", n % 4))).collect();
    records.extend((0..12).map(|n| Record {
        severity: Severity::ERROR,
        severity_text: Some("ERR".to_owned()),
        attributes: vec![
            Attribute { key: "status".to_owned(), value: AttributeValue::Integer((498 + n % 4).to_string()) },
            Attribute { key: "path".to_owned(), value: AttributeValue::String(format!("/api/{n}")) },
        ],
        trace_id: Some([n as u8; 16]),
        span_id: Some([0xa0, 1, 2, 3, 4, 5, 6, n as u8]),
        observed: Some(Timestamp(BASE + at(n) * 1_000_000 + 77)),
        entities: vec!["svc/a".to_owned(), format!("host:{n}")],
        ..line("web", at(n), format!("blk_-{} received, őr{n}", 7_919 * n))
    }));
    records.extend((0..10).map(|n| {
        let word = ["lonely", "once", "\u{212a}elvin", "日本語", "e\u{301}t\u{e9}"][n as usize % 5];
        line("db1", at(n), format!("{word}{} at random{}", ["", "-"][n as usize % 2], "x".repeat(n as usize * 30)))
    }));
    let odd = [&b""[..], b"\xff\xfe code=12 \xc5", b"nul \0 \x1b[31mred\x1b[0m", b"\r\n\t"];
    records.extend(odd.iter().map(|body| line("web", at(5), *body)));
    let wide = |n: i64| Attribute { key: format!("wide{n}"), value: AttributeValue::Integer(n.to_string()) };
    let entities = vec!["only/one".to_owned()];
    records.push(Record { attributes: every_type(), kind: Kind::Span, entities, ..line("db1", at(6), "every type") });
    records.push(Record {
        attributes: (0..70).map(wide).collect(),
        severity: Severity::FATAL,
        ..line("db1", at(7), "a wide one")
    });
    let other = Stream { tenant: 2, class: "audit".to_owned(), labels: Labels::default() };
    records.extend(
        (0..9)
            .map(|n| Record { stream: other.clone(), ..line("", at(n), format!("tenant two, line {n} of {number}")) }),
    );
    records
}

/// A store with segments of every kind: flushed, merged, sealed, rewritten by a deletion, before 1970.
fn write_store(root: &Path) {
    let store = open(root);
    for (position, records) in batches() {
        apply(&store, position, &records).expect("applies");
        store.flush().expect("flushes");
    }
    while store.merge_due().expect("merges") {}
    while store.seal_due(20_777).expect("seals") {}
    assert_eq!(store.delete(&|record| is_doomed(record.body, record.timestamp)).expect("deletes"), 4);
}

fn batches() -> Vec<(u64, Vec<Record>)> {
    let day_ms = 86_400_000;
    let before_1970 = -BASE / 1_000_000 - 1_000;
    let times = [0, 5_000, day_ms, before_1970, 2 * day_ms + 1];
    (0..).zip(times).map(|(number, at_ms)| (number as u64 * 1_000, batch(number, at_ms))).collect()
}

fn is_doomed(body: &[u8], timestamp: Timestamp) -> bool {
    body == b"request 33 took 11ms\r" && timestamp.0 > BASE
}

fn rows(store: &LogStore) -> Vec<Row> {
    let mut rows = search(store, "kind:*", 1).rows;
    rows.extend(search(store, "kind:*", 2).rows);
    rows
}

/// One line a row, with all that a row has.
fn rows_text(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { record, seq } in rows {
        let Record {
            timestamp,
            observed,
            stream,
            severity,
            severity_text,
            body,
            attributes,
            trace_id,
            span_id,
            kind,
            entities,
        } = record;
        let observed = observed.expect("of every row").0;
        writeln!(
            text,
            "{} seq={seq} observed={observed} tenant={} class={} labels={:?} severity={} {severity_text:?} trace={trace_id:x?} \
             span={span_id:x?} kind={} attributes={attributes:?} entities={entities:?} body={}",
            timestamp.0,
            stream.tenant,
            stream.class,
            stream.labels.iter().collect::<Vec<_>>(),
            severity.number(),
            kind.name(),
            body.escape_ascii(),
        )
        .expect("writes");
    }
    text
}

fn counts_text(store: &LogStore) -> String {
    let count = |source: &&str| format!("{}\t{source}\n", search(store, source, 1).rows.len());
    QUERIES.iter().map(count).collect()
}

fn assert_same_lines(found: &str, expected: &str, what: &str) {
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{what}, line {}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{what}");
}

fn assert_is_the_sample(store: &LogStore, what: &str) {
    let expected = fs::read_to_string(frozen().join("rows.txt")).expect("reads");
    assert_same_lines(&rows_text(&rows(store)), &expected, what);
    let expected = fs::read_to_string(frozen().join("counts.txt")).expect("reads");
    assert_same_lines(&counts_text(store), &expected, what);
}

fn freeze() {
    let directory = tempfile::tempdir().expect("a directory");
    write_store(directory.path());
    fs::remove_file(directory.path().join("lock")).expect("removes");
    let store = frozen().join("store");
    if store.is_dir() {
        fs::remove_dir_all(&store).expect("removes");
    }
    copy_directory(directory.path(), &store);
    let written = open(directory.path());
    fs::write(frozen().join("rows.txt"), rows_text(&rows(&written))).expect("writes");
    fs::write(frozen().join("counts.txt"), counts_text(&written)).expect("writes");
}

#[test]
fn frozen_version_1_loads() {
    if std::env::var_os("ORSZEM_FREEZE").is_some() {
        freeze();
    }
    let directory = tempfile::tempdir().expect("a directory");
    copy_directory(&frozen().join("store"), directory.path());
    let store = open(directory.path());
    assert_eq!((store.flushed(), store.segments().iter().filter(|segment| segment.sealed).count()), (4_001, 4));
    assert_is_the_sample(&store, "the frozen store");
    while store.seal_due(i64::MAX).expect("seals") {}
    assert_is_the_sample(&store, "the frozen store, rewritten");
}

#[test]
fn the_frozen_mirror_makes_the_catalogue_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    copy_directory(&frozen().join("store"), directory.path());
    fs::remove_file(directory.path().join("catalog.sqlite")).expect("removes");
    let (store, told) = LogStore::open(directory.path(), options()).expect("opens");
    assert_eq!((told.len(), store.flushed()), (1, 4_001));
    assert_is_the_sample(&store, "the frozen store without its catalogue");
}

#[test]
fn what_is_written_now_reads_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    write_store(directory.path());
    assert_is_the_sample(&open(directory.path()), "a fresh store");
}

/// The sample holds what was put into it, less what was deleted.
#[test]
fn the_frozen_rows_are_right() {
    let mut rows: Vec<Row> = batches().iter().flat_map(|(position, records)| rows_of(*position, records)).collect();
    rows.retain(|row| !is_doomed(&row.record.body, row.record.timestamp));
    rows.sort_by_key(|row| (row.record.stream.tenant, row.cursor()));
    assert_same_lines(&fs::read_to_string(frozen().join("rows.txt")).expect("reads"), &rows_text(&rows), "rows");
}

/// What the sample says is what a comparison of each record with the query says.
#[test]
fn the_frozen_counts_are_right() {
    let directory = tempfile::tempdir().expect("a directory");
    copy_directory(&frozen().join("store"), directory.path());
    let rows: Vec<Row> =
        rows(&open(directory.path())).into_iter().filter(|row| row.record.stream.tenant == 1).collect();
    let counts: String = QUERIES
        .iter()
        .map(|source| {
            let query = Query::parse(source).expect("parses");
            format!("{}\t{source}\n", rows.iter().filter(|row| matches(&query, row)).count())
        })
        .collect();
    assert_same_lines(&fs::read_to_string(frozen().join("counts.txt")).expect("reads"), &counts, "counts");
}
