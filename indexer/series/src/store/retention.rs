//! What has become too old or too much goes.

use std::sync::Arc;

use orszem_model::Matcher;
use roaring::RoaringBitmap;

use crate::block::Block;
use crate::error::{Error, Result};
use crate::index::Index;

use super::select::tenant_matchers;
use super::settle::damaged_block;
use super::{Rewriting, SeriesStore, lock};

/// How long samples are kept. By default for ever.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// For samples that no rule speaks of, in milliseconds; `None` keeps them.
    pub age_ms: Option<i64>,
    /// For all blocks together, in bytes; the oldest go first. Files of the head are not counted.
    pub bytes: Option<u64>,
    /// The first that matches a series counts.
    pub rules: Vec<RetentionRule>,
}

/// How long the samples of some series are kept.
#[derive(Clone, Debug)]
pub struct RetentionRule {
    /// `None` for those of every tenant.
    pub tenant: Option<u32>,
    pub matchers: Vec<Matcher>,
    /// In milliseconds; `None` keeps them for ever.
    pub age_ms: Option<i64>,
    /// For their values in all blocks together; the oldest go first, as many as a block has of them. `None` for no
    /// limit.
    pub bytes: Option<u64>,
}

/// What a rule speaks of in a block.
#[derive(Debug)]
pub(super) struct Ruled {
    series: RoaringBitmap,
    bytes: u64,
    /// They are marked as deleted.
    is_gone: bool,
}

/// What retention removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Blocks that were removed for their age, and for the bytes of all.
    pub expired_blocks: u64,
    pub evicted_blocks: u64,
    /// Series of blocks whose samples were marked as deleted.
    pub expired_series: u64,
}

impl SeriesStore {
    /// Removes what is too old at `now` (milliseconds) or too much. Samples go with their block: when its last one is
    /// too old. Before, rules mark the series they speak of as deleted, and the next [`Self::settle`] gives the room
    /// back.
    ///
    /// # Errors
    /// When a block can't be removed or its deletions not be written.
    pub fn retain(&self, now: i64, retention: &Retention) -> Result<Retained> {
        let mut rewriting = lock(&self.inner.rewriting);
        let mut retained = Retained::default();
        let blocks = Arc::clone(&self.inner.state().blocks);
        rewriting.expired.retain(|number, _| blocks.iter().any(|block| block.meta().number == *number));
        for block in
            blocks.iter().filter(|block| !rewriting.unsound.contains(&block.meta().number)).cloned().collect::<Vec<_>>()
        {
            match self.expire(&mut rewriting, &block, now, retention, &mut retained) {
                Ok(()) => {}
                Err(error) if damaged_block(&error, &blocks).is_some() => self.leave_out(error)?,
                Err(error) => return Err(error),
            }
        }
        for (at, rule) in retention.rules.iter().enumerate() {
            if let Some(limit) = rule.bytes {
                self.trim(&mut rewriting, &retention.rules, (at, limit), &mut retained)?;
            }
        }
        if let Some(limit) = retention.bytes {
            retained.evicted_blocks = self.evict(limit)?;
        }
        Ok(retained)
    }

    fn expire(
        &self,
        rewriting: &mut Rewriting,
        block: &Arc<Block>,
        now: i64,
        retention: &Retention,
        retained: &mut Retained,
    ) -> Result<(), Error> {
        let age = now.saturating_sub(block.meta().max_time);
        let is_expired = |limit: Option<i64>| limit.is_some_and(|limit| age > limit);
        let ages = retention.rules.iter().map(|rule| rule.age_ms).chain([retention.age_ms]);
        let due = ages.filter(|limit| is_expired(*limit)).count();
        if due == 0 || rewriting.expired.get(&block.meta().number) == Some(&due) {
            return Ok(());
        }
        let index = block.index();
        let mut left: RoaringBitmap = (0..index.series()).collect();
        let (mut expired, mut kept) = (RoaringBitmap::new(), false);
        for rule in &retention.rules {
            let series = take(index, rule, &mut left)?;
            if is_expired(rule.age_ms) { expired |= series } else { kept |= !series.is_empty() }
        }
        if is_expired(retention.age_ms) {
            expired |= left
        } else {
            kept |= !left.is_empty()
        }
        if !kept {
            self.swap_blocks(&[Arc::clone(block)], Vec::new())?;
            retained.expired_blocks += 1;
            return Ok(());
        }
        if !expired.is_empty() {
            block.delete(&expired, i64::MIN, i64::MAX)?;
            retained.expired_series += expired.len();
        }
        rewriting.expired.insert(block.meta().number, due);
        Ok(())
    }

    /// Marks the oldest series of a rule as deleted, block by block, until the rest is within `limit`.
    fn trim(
        &self,
        rewriting: &mut Rewriting,
        rules: &[RetentionRule],
        (at, limit): (usize, u64),
        retained: &mut Retained,
    ) -> Result<()> {
        let blocks = Arc::clone(&self.inner.state().blocks);
        rewriting.ruled.retain(|(number, _), _| blocks.iter().any(|block| block.meta().number == *number));
        let mut newest_first: Vec<Arc<Block>> = blocks.iter().cloned().collect();
        newest_first.sort_by_key(|block| std::cmp::Reverse(block.meta().max_time));
        let mut total = 0;
        for block in newest_first {
            let number = block.meta().number;
            if rewriting.unsound.contains(&number) {
                continue;
            }
            let mut ruled = match rewriting.ruled.remove(&(number, at)) {
                Some(known) => known,
                None => match ruled(&block, rules, at) {
                    Ok(found) => found,
                    Err(error) if damaged_block(&error, &blocks).is_some() => {
                        self.leave_out(error)?;
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            if !ruled.is_gone {
                total += ruled.bytes;
                if total > limit && !ruled.series.is_empty() {
                    block.delete(&ruled.series, i64::MIN, i64::MAX)?;
                    retained.expired_series += ruled.series.len();
                    ruled.is_gone = true;
                }
            }
            rewriting.ruled.insert((number, at), ruled);
        }
        Ok(())
    }

    /// Removes the oldest blocks until the rest is within `limit`.
    fn evict(&self, limit: u64) -> Result<u64> {
        let blocks = Arc::clone(&self.inner.state().blocks);
        let mut by_age: Vec<Arc<Block>> = blocks.iter().cloned().collect();
        by_age.sort_by_key(|block| block.meta().max_time);
        let mut total: u64 = by_age.iter().map(|block| block.meta().bytes).sum();
        let mut evicted = 0;
        for block in by_age {
            if total <= limit {
                break;
            }
            total -= block.meta().bytes;
            self.swap_blocks(&[block], Vec::new())?;
            evicted += 1;
        }
        Ok(evicted)
    }
}

/// The series of a block that `rule` speaks of among those that are `left`, which then lack them.
fn take(index: &Index, rule: &RetentionRule, left: &mut RoaringBitmap) -> Result<RoaringBitmap> {
    let matchers = match rule.tenant {
        Some(tenant) => tenant_matchers(tenant, &rule.matchers),
        None => rule.matchers.clone(),
    };
    let series = index.select(&matchers)? & &*left;
    *left -= &series;
    Ok(series)
}

/// What the rule at `at` speaks of in a block: none of the rules before it does.
fn ruled(block: &Block, rules: &[RetentionRule], at: usize) -> Result<Ruled> {
    let mut left: RoaringBitmap = (0..block.index().series()).collect();
    let mut series = RoaringBitmap::new();
    for rule in rules.iter().take(at + 1) {
        series = take(block.index(), rule, &mut left)?;
    }
    Ok(Ruled { bytes: block.series_bytes(&series)?, series, is_gone: false })
}
