//! How many streams a tenant has, so that no sender can make it millions.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use orszem_model::Timestamp;

use super::limits::Limits;

/// The most tenants that are told apart; the streams of further ones all overflow.
const TENANTS_MAX: usize = 4096;

/// Knows each tenant's streams of late by their hash: 8 bytes a stream, at most `tenant_streams_max` of them.
///
/// A stream counts until it has been without records for one to two times `streams_idle_s`.
#[derive(Debug)]
pub struct StreamLimiter {
    streams_max: usize,
    idle_ns: i64,
    tenants: Mutex<HashMap<u32, Window>>,
}

#[derive(Debug)]
struct Window {
    began: Timestamp,
    current: HashSet<u64>,
    previous: HashSet<u64>,
}

impl StreamLimiter {
    /// A limiter that knows no stream yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            streams_max: limits.tenant_streams_max,
            idle_ns: i64::try_from(u128::from(limits.streams_idle_s) * 1_000_000_000).unwrap_or(i64::MAX),
            tenants: Mutex::new(HashMap::new()),
        }
    }

    /// Whether the stream with this hash is known or still has room at `now`.
    pub fn admit(&self, tenant: u32, stream: u64, now: Timestamp) -> bool {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= TENANTS_MAX && !tenants.contains_key(&tenant) {
            return false;
        }
        let window = tenants.entry(tenant).or_insert_with(|| Window {
            began: now,
            current: HashSet::new(),
            previous: HashSet::new(),
        });
        if now.0.saturating_sub(window.began.0) >= self.idle_ns {
            window.previous = std::mem::take(&mut window.current);
            window.began = now;
        }
        if window.current.contains(&stream) {
            return true;
        }
        let was_known = window.previous.remove(&stream);
        if !was_known && window.current.len() + window.previous.len() >= self.streams_max {
            return false;
        }
        window.current.insert(stream)
    }

    /// The number of streams that count for `tenant`.
    pub fn len(&self, tenant: u32) -> usize {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.get(&tenant).map_or(0, |window| window.current.len() + window.previous.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_a_million_and_idle_streams_make_room() {
        let limits = Limits { tenant_streams_max: 100, streams_idle_s: 10, ..Limits::default() };
        let limiter = StreamLimiter::new(&limits);
        let at = |seconds: i64| Timestamp(seconds * 1_000_000_000);
        let admitted = (0..1_000_000).filter(|stream| limiter.admit(7, *stream, at(0))).count();
        assert_eq!((admitted, limiter.len(7)), (100, 100));
        assert!(limiter.admit(8, 5_000, at(0)), "another tenant has its own");
        assert!(limiter.admit(7, 99, at(11)), "still known after one window");
        assert!(!limiter.admit(7, 5_000, at(12)));
        assert!(limiter.admit(7, 5_000, at(22)), "the idle ones are forgotten");
        assert_eq!(limiter.len(7), 2);
    }
}
