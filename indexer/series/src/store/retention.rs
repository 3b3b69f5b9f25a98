//! What has become too old or too much goes.

use std::sync::Arc;

use orszem_model::Matcher;
use roaring::RoaringBitmap;

use crate::block::Block;
use crate::error::{Error, Result};

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
            let matchers = match rule.tenant {
                Some(tenant) => tenant_matchers(tenant, &rule.matchers),
                None => rule.matchers.clone(),
            };
            let series = index.select(&matchers)? & &left;
            left -= &series;
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
