//! Merges blocks of 8 hours into one, then those of a day, then those of a week; writes blocks anew of which much was
//! deleted.

use std::sync::Arc;

use crate::block::{Block, remove_block};
use crate::compact::{MergeInput, MergeOptions, merge};
use crate::error::Result;

use super::settle::{CUT_WINDOW_MS, MERGE_WINDOWS_MS, Settle, damaged_block, floor};
use super::{Rewriting, SeriesStore};

/// A merge that only adds late samples to a large block is put off until they are this part of it, or so many blocks.
const LATE_PART: u64 = 10;
const LATE_BLOCKS: usize = 6;

/// Blocks to be merged into windows of this size.
struct Plan {
    blocks: Vec<Arc<Block>>,
    window_ms: i64,
}

impl SeriesStore {
    /// Does one merge that is due and answers whether there was one.
    pub(super) fn compact(&self, rewriting: &mut Rewriting, settle: Settle, now: i64) -> Result<bool> {
        let blocks = Arc::clone(&self.inner.state().blocks);
        let sound: Vec<Arc<Block>> =
            blocks.iter().filter(|block| !rewriting.unsound.contains(&block.meta().number)).cloned().collect();
        let newest = self.newest(now).unwrap_or(now);
        let Some(plan) = plan(&sound, settle, newest.saturating_sub(self.inner.options.cut_after_ms)) else {
            return Ok(false);
        };
        match self.carry_out(&plan) {
            Ok(()) => Ok(true),
            Err(error) => {
                let Some(number) = damaged_block(&error, &plan.blocks) else { return Err(error) };
                tracing::error!(%error, "a damaged block is served as far as it can be, and not merged any more");
                rewriting.unsound.push(number);
                Ok(true)
            }
        }
    }

    fn carry_out(&self, plan: &Plan) -> Result<()> {
        let inner = &*self.inner;
        let options = MergeOptions {
            blocks: &inner.paths.blocks(),
            window_ms: plan.window_ms,
            numbers: &inner.next_number,
            level: plan.blocks.iter().map(|block| block.meta().level + 1).max().unwrap_or(0),
            keep_from: &|_| i64::MIN,
        };
        let inputs = plan.blocks.iter().map(|block| MergeInput::Block(block)).collect();
        let metas = merge(inputs, &options, &|| self.is_interrupted())?;
        let new = self.open_new(&metas)?;
        self.swap_blocks(&plan.blocks, new)
    }

    /// Puts `new` in the place of `old`, and removes these.
    pub(super) fn swap_blocks(&self, old: &[Arc<Block>], new: Vec<Arc<Block>>) -> Result<()> {
        {
            let mut state = self.inner.state_mut();
            let blocks = Arc::make_mut(&mut state.blocks);
            blocks.retain(|block| !old.iter().any(|old| Arc::ptr_eq(old, block)));
            blocks.extend(new);
            blocks.sort_by_key(|block| block.meta().number);
        }
        // Those left by a failure are found to be merged, or expired, again at the next start.
        old.iter().try_for_each(|block| remove_block(block.path()))
    }
}

/// What to merge next: the oldest window that is over and has blocks enough.
fn plan(blocks: &[Arc<Block>], settle: Settle, over_at: i64) -> Option<Plan> {
    for window_ms in MERGE_WINDOWS_MS {
        let mut windows: std::collections::BTreeMap<i64, Vec<Arc<Block>>> = std::collections::BTreeMap::new();
        for block in blocks {
            let meta = block.meta();
            let start = floor(meta.min_time, window_ms);
            if floor(meta.max_time, window_ms) == start {
                windows.entry(start).or_default().push(Arc::clone(block));
            }
        }
        let is_over = |start: i64| settle == Settle::All || start.saturating_add(window_ms) <= over_at;
        let due = windows.into_iter().find(|(start, blocks)| is_over(*start) && pays(blocks, settle));
        if let Some((_, blocks)) = due {
            return Some(Plan { blocks, window_ms });
        }
    }
    let deleted = blocks.iter().find(|block| block.has_tombstones())?;
    Some(Plan { blocks: vec![Arc::clone(deleted)], window_ms: window_of(deleted) })
}

fn pays(blocks: &[Arc<Block>], settle: Settle) -> bool {
    if blocks.len() < 2 {
        return false;
    }
    let total: u64 = blocks.iter().map(|block| block.meta().bytes).sum();
    let largest = blocks.iter().map(|block| block.meta().bytes).max().unwrap_or(0);
    settle == Settle::All || blocks.len() >= LATE_BLOCKS || (total - largest) * LATE_PART >= largest
}

/// The smallest window that a block is in.
fn window_of(block: &Block) -> i64 {
    let meta = block.meta();
    let [hours, day, week] = MERGE_WINDOWS_MS;
    let fits = |window: &&i64| floor(meta.min_time, **window) == floor(meta.max_time, **window);
    [CUT_WINDOW_MS, hours, day].iter().find(fits).copied().unwrap_or(week)
}
