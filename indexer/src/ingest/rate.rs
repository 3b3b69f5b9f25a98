//! Bytes a second, per source or per tenant.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use orszem_model::Timestamp;

/// The most keys that have a bucket of their own; beyond them keys share one.
const KEYS_MAX: usize = 10_000;
/// How much a key may save up, in seconds of its rate.
const BURST_S: i64 = 2;
const NANOS: i128 = 1_000_000_000;
/// How long the look for full buckets to forget is not repeated.
const SWEEP_NS: i64 = 1_000_000_000;

/// Token buckets by key. A request passes while its bucket is not empty and may overdraw it, so a body larger than
/// the burst is slowed, not refused for ever.
#[derive(Debug)]
pub struct RateLimiter {
    bytes_per_s: u64,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    by_key: HashMap<String, Bucket>,
    swept: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Bytes left; negative after an overdraft.
    level: i64,
    filled: Timestamp,
}

impl RateLimiter {
    /// `bytes_per_s` = 0 limits nothing.
    pub fn new(bytes_per_s: u64) -> Self {
        Self { bytes_per_s, buckets: Mutex::new(Buckets::default()) }
    }

    /// Takes `bytes` from the bucket of `key`; otherwise the seconds after which to try again, at least 1.
    pub fn take(&self, key: &str, bytes: usize, now: Timestamp) -> Result<(), u64> {
        if self.bytes_per_s == 0 {
            return Ok(());
        }
        let rate = i64::try_from(self.bytes_per_s).unwrap_or(i64::MAX / BURST_S).min(i64::MAX / BURST_S);
        let full = rate * BURST_S;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets { by_key: buckets, swept } = &mut *buckets;
        let is_due = swept.is_none_or(|swept| now.0.saturating_sub(swept.0) >= SWEEP_NS);
        if buckets.len() >= KEYS_MAX && is_due && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| bucket.at(now, rate, full).level < full);
            *swept = Some(now);
        }
        let key = if buckets.len() >= KEYS_MAX && !buckets.contains_key(key) { "" } else { key };
        let bucket = match buckets.get_mut(key) {
            Some(bucket) => bucket,
            None => buckets.entry(key.to_owned()).or_insert(Bucket { level: full, filled: now }),
        };
        *bucket = bucket.at(now, rate, full);
        if bucket.level <= 0 {
            let wait = (bucket.level.unsigned_abs() / self.bytes_per_s).saturating_add(1);
            return Err(wait);
        }
        bucket.level = bucket.level.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        Ok(())
    }
}

impl Bucket {
    fn at(self, now: Timestamp, rate: i64, full: i64) -> Self {
        let elapsed = i128::from(now.0.saturating_sub(self.filled.0).max(0));
        let gained = elapsed * i128::from(rate) / NANOS;
        if gained == 0 {
            return self;
        }
        let level = (i128::from(self.level) + gained).min(i128::from(full));
        Self { level: i64::try_from(level).unwrap_or(full), filled: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp(millis * 1_000_000)
    }

    #[test]
    fn a_key_is_slowed_to_its_rate_and_others_are_not() {
        let limiter = RateLimiter::new(100);
        assert_eq!(limiter.take("a", 150, at(0)), Ok(()));
        assert_eq!(limiter.take("a", 150, at(0)), Ok(()), "50 are left, the rest is owed");
        assert_eq!(limiter.take("a", 1, at(0)), Err(2));
        assert_eq!(limiter.take("b", 1, at(0)), Ok(()));
        assert_eq!(limiter.take("a", 1, at(900)), Err(1));
        assert_eq!(limiter.take("a", 1, at(1100)), Ok(()));
        assert_eq!(RateLimiter::new(0).take("a", usize::MAX, at(0)), Ok(()));
    }

    #[test]
    fn a_million_keys_do_not_grow_it() {
        let limiter = RateLimiter::new(100);
        let passed = (0..1_000_000).filter(|key| limiter.take(&key.to_string(), 1, at(0)).is_ok()).count();
        assert_eq!(passed, KEYS_MAX + 200, "those without a bucket of their own share one");
        assert_eq!(limiter.buckets.lock().expect("lock").by_key.len(), KEYS_MAX + 1);
        assert_eq!(limiter.take("late", 1, at(10_000)), Ok(()));
        assert_eq!(limiter.buckets.lock().expect("lock").by_key.len(), 1, "full buckets were forgotten");
    }
}
