//! What a query will cost and why.

use orszem_search::Query;

use super::plan::{Plan, Tri};
use super::visit::{pieces, visible_streams};
use super::{Budget, Range, Watch};
use crate::error::Result;
use crate::store::Snapshot;

/// How a query is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Records of the memtable that are compared one by one.
    pub memtable_records: u64,
    pub memtable_bytes: u64,
    pub segments: u64,
    /// Segments that time or index rule out.
    pub segments_skipped: u64,
    /// Skeletons that the query accepts whole, rejects whole, and those whose records are compared one by one.
    pub groups_accepted: u64,
    pub groups_rejected: u64,
    pub groups_verified: u64,
    /// Records accepted by their skeleton alone.
    pub records_decided: u64,
    /// Records that have to be put together and compared.
    pub records_to_verify: u64,
    /// Blocks that hold them, and their bytes compressed.
    pub blocks_to_read: u64,
    pub bytes_to_read: u64,
}

impl Snapshot {
    /// Plans the query over everything in range and says what it would do; reads no block.
    pub fn explain(&self, query: &Query, tenant: u32, range: Range, budget: &Budget) -> Result<Explanation> {
        let mut explanation = Explanation::default();
        let mut watch = Watch::new(budget);
        for view in &self.views {
            explanation.memtable_records += view.rows;
            explanation.memtable_bytes += view.bytes as u64;
        }
        for live in self.segments.iter() {
            let segment = &live.segment;
            explanation.segments += 1;
            if !range.meets(segment.min_ts, segment.max_ts) {
                explanation.segments_skipped += 1;
                continue;
            }
            let Some(plan) = watch.survive(Plan::new(query, segment))? else { continue };
            explanation.segments_skipped += u64::from(plan.is_empty());
            for tri in &plan.by_group {
                *match tri {
                    Tri::Always => &mut explanation.groups_accepted,
                    Tri::Never => &mut explanation.groups_rejected,
                    Tri::Maybe => &mut explanation.groups_verified,
                } += 1;
            }
            let mut read = std::collections::BTreeSet::new();
            let visible = visible_streams(segment, tenant, None);
            pieces(&plan, &visible, range, &mut watch, |piece, _| {
                let rows = u64::from(piece.rows.end - piece.rows.start);
                if piece.verify {
                    explanation.records_to_verify += rows;
                    read.insert(piece.block);
                } else {
                    explanation.records_decided += rows;
                }
                Ok(true)
            })?;
            explanation.blocks_to_read += read.len() as u64;
            explanation.bytes_to_read +=
                read.iter().map(|block| segment.blocks[*block].compressed_bytes()).sum::<u64>();
        }
        Ok(explanation)
    }
}
