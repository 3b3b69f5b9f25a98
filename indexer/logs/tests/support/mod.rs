//! What the tests of damage, of the store's life and of frozen formats share.

use orszem_logs::{Budget, LogStore, Order, Page, Range, Row, SearchResult};
use orszem_model::wire::encode_records;
use orszem_model::{Labels, Record, Stream, Timestamp};
use orszem_search::Query;

/// 2026-11-20T00:00:00Z.
pub(crate) const BASE: i64 = 20_777 * 86_400_000_000_000;

pub(crate) fn stream(host: &str) -> Stream {
    Stream { tenant: 1, class: "default".to_owned(), labels: Labels::from([("host", host)]) }
}

/// A line of the stream, `offset_ms` after [`BASE`].
pub(crate) fn line(host: &str, offset_ms: i64, body: impl Into<Vec<u8>>) -> Record {
    Record::line(Timestamp(BASE + offset_ms * 1_000_000), stream(host), body)
}

/// Applies the records as the batch at `position`; the next begins at `position + 1`.
pub(crate) fn apply(store: &LogStore, position: u64, records: &[Record]) -> orszem_logs::Result<()> {
    store.apply(vec![(position, encode_records(Timestamp(BASE + 1), records))], position + 1).map(drop)
}

/// The rows that [`apply`] makes of the records.
pub(crate) fn rows_of(position: u64, records: &[Record]) -> Vec<Row> {
    let row = |(index, record): (usize, &Record)| {
        let record = Record { observed: Some(record.observed.unwrap_or(Timestamp(BASE + 1))), ..record.clone() };
        Row { record, seq: position << 20 | index as u64 }
    };
    let mut rows: Vec<Row> = records.iter().enumerate().map(row).collect();
    rows.sort_by_key(Row::cursor);
    rows
}

/// The query's answer over all times and kinds, oldest first.
pub(crate) fn search(store: &LogStore, source: &str, tenant: u32) -> SearchResult {
    let query = Query::parse(source).expect("parses");
    let page = Page { range: Range::ALL, order: Order::OldestFirst, limit: 100_000, after: None, stream: None };
    store.snapshot().search(&query, tenant, &page, &Budget::default()).expect("searches")
}
