//! Which segments are to be merged or sealed together next.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::store::{LiveSegment, Options};

/// The segments of one partition and size class, once there are enough of them.
pub(crate) fn due_merge(live: &[Arc<LiveSegment>], options: &Options) -> Option<Vec<Arc<LiveSegment>>> {
    let mut classes: BTreeMap<(&str, i64, u32), Vec<&Arc<LiveSegment>>> = BTreeMap::new();
    let fan_in = options.merge_segments.max(2) as u64;
    for segment in live.iter().filter(|live| !live.row.sealed && live.row.raw_bytes < options.merge_bytes_max / fan_in)
    {
        let size = segment.row.raw_bytes.max(1).ilog(fan_in);
        classes.entry((&segment.row.class, segment.row.day, size)).or_default().push(segment);
    }
    let due = classes.into_values().find(|segments| segments.len() >= options.merge_segments.max(2))?;
    Some(due.into_iter().take(options.merge_segments.max(2)).cloned().collect())
}

/// The body bytes of a sealed segment. Larger ones compress hardly better, and smaller ones let a query for the newest
/// records pass over most of the day.
const SEALED_BYTES: u64 = 256 << 20;

/// The unsealed segments of one partition that is over, as many as make one sealed segment.
pub(crate) fn due_seal(live: &[Arc<LiveSegment>], ended_by: i64) -> Option<Vec<Arc<LiveSegment>>> {
    let first = live.iter().find(|live| !live.row.sealed && live.row.day < ended_by)?;
    let mut bytes = 0;
    let members = live
        .iter()
        .filter(|live| !live.row.sealed && live.row.class == first.row.class && live.row.day == first.row.day);
    let fitting = members.take_while(|live| {
        bytes += live.row.raw_bytes;
        bytes <= SEALED_BYTES || bytes == live.row.raw_bytes
    });
    Some(fitting.cloned().collect())
}
