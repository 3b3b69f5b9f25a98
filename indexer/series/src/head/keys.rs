//! The cache that spares decoding the labels of a series that was sent before.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use roaring::RoaringBitmap;

const SHARDS: usize = 16;

/// 96 bits of the key, and the series.
type Slot = [u32; 4];

/// Series by the hash of the bytes that a sender names them with. At most so many: a part that is full is emptied.
#[derive(Debug)]
pub(crate) struct Keys {
    shards: Vec<Mutex<HashTable<Slot>>>,
    shard_max: usize,
}

fn split(key: u128) -> (usize, u64, [u32; 3]) {
    let (low, high) = (key as u64, (key >> 64) as u64);
    ((high >> 60) as usize % SHARDS, low, [low as u32, (low >> 32) as u32, high as u32])
}

fn hash(slot: &Slot) -> u64 {
    u64::from(slot[0]) | u64::from(slot[1]) << 32
}

impl Keys {
    pub(crate) fn new(keys_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, shard_max: (keys_max / SHARDS).max(1) }
    }

    fn shard(&self, at: usize) -> MutexGuard<'_, HashTable<Slot>> {
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: u128) -> Option<u32> {
        let (shard, position, check) = split(key);
        self.shard(shard).find(position, |slot| slot[..3] == check).map(|slot| slot[3])
    }

    pub(crate) fn insert(&self, key: u128, series: u32) {
        let (shard, position, check) = split(key);
        let mut shard = self.shard(shard);
        if shard.len() >= self.shard_max {
            shard.clear();
        }
        if let Some(slot) = shard.find_mut(position, |slot| slot[..3] == check) {
            slot[3] = series;
            return;
        }
        shard.insert_unique(position, [check[0], check[1], check[2], series], hash);
    }

    /// Forgets the keys of these series.
    pub(crate) fn remove(&self, gone: &RoaringBitmap) {
        for at in 0..SHARDS {
            let mut shard = self.shard(at);
            shard.retain(|slot| !gone.contains(slot[3]));
            if shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit(hash);
            }
        }
    }
}
