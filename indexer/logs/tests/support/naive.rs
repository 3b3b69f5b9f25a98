//! The plain comparison of a row with a query.

use orszem_logs::Row;
use orszem_model::wire::{Batch, encode_records};
use orszem_search::{Query, oracle};

/// Whether the row matches.
pub(crate) fn matches(query: &Query, row: &Row) -> bool {
    let payload = encode_records(row.record.timestamp, std::slice::from_ref(&row.record));
    let batch = Batch::decode(&payload).expect("a batch");
    let raw = batch.records().next().expect("a record");
    oracle::matches(query, &raw.view(&batch.streams[0], row.seq))
}
