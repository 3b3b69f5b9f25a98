//! The table of tracked connections, from `/proc/sys/net/netfilter` and `/proc/net/stat/nf_conntrack`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::hex;
use crate::files::garbled;
use crate::pass::Pass;

const ENTRIES: Family<'static> =
    Family::gauge("node_nf_conntrack_entries", "Number of currently allocated flow entries for connection tracking.");
const LIMIT: Family<'static> =
    Family::gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.");

/// Columns of the statistics; they are counters, but node_exporter calls them gauges.
const COLUMNS: [(&str, Family<'static>); 8] = [
    ("found", Family::gauge("node_nf_conntrack_stat_found", "Number of searched entries which were successful.")),
    ("invalid", Family::gauge("node_nf_conntrack_stat_invalid", "Number of packets seen which can not be tracked.")),
    (
        "ignore",
        Family::gauge(
            "node_nf_conntrack_stat_ignore",
            "Number of packets seen which are already connected to a conntrack entry.",
        ),
    ),
    ("insert", Family::gauge("node_nf_conntrack_stat_insert", "Number of entries inserted into the list.")),
    (
        "insert_failed",
        Family::gauge(
            "node_nf_conntrack_stat_insert_failed",
            "Number of entries for which list insertion was attempted but failed.",
        ),
    ),
    ("drop", Family::gauge("node_nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure.")),
    (
        "early_drop",
        Family::gauge(
            "node_nf_conntrack_stat_early_drop",
            "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
        ),
    ),
    (
        "search_restart",
        Family::gauge(
            "node_nf_conntrack_stat_search_restart",
            "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
        ),
    ),
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let entries = pass.page.number(&pass.files.proc("sys/net/netfilter/nf_conntrack_count"))?;
    pass.sink.put(&ENTRIES, &[], entries);
    let limit = pass.page.number(&pass.files.proc("sys/net/netfilter/nf_conntrack_max"))?;
    pass.sink.put(&LIMIT, &[], limit);

    let path = pass.files.proc("net/stat/nf_conntrack");
    let Some(text) = pass.page.read_if_there(&path)? else { return Ok(()) };
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    // A line for each CPU.
    let rows: Vec<Vec<_>> = lines.map(|line| line.split_ascii_whitespace().collect()).collect();
    for (name, family) in &COLUMNS {
        let Some(at) = header.iter().position(|column| column == name) else { continue };
        let sum = rows.iter().map(|row| row.get(at).copied().and_then(hex)).sum::<Option<f64>>();
        pass.sink.put(family, &[], sum.ok_or_else(|| garbled(&path, format!("no number for {name}")))?);
    }
    Ok(())
}
