//! Counts failed logins by address, so that guessing is slow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered; at the limit the oldest is forgotten, as it is nearest to its window's end.
const ADDRESSES_MAX: usize = 4_096;

/// Failed logins of the last minute.
#[derive(Debug)]
pub(super) struct Failures {
    max: u32,
    by_address: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Failures {
    /// At most `max` failures a minute and address.
    pub(super) fn new(max: u32) -> Self {
        Self { max, by_address: Mutex::new(HashMap::new()) }
    }

    /// Whether `address` has to wait.
    pub(super) fn is_limited(&self, address: IpAddr, now: Instant) -> bool {
        let failures = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(&address).is_some_and(|(since, count)| now.duration_since(*since) < WINDOW && *count >= self.max)
    }

    /// Counts a failure.
    pub(super) fn count(&self, address: IpAddr, now: Instant) {
        let mut failures = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX && !failures.contains_key(&address) {
            let oldest = failures.iter().min_by_key(|(_, (since, _))| *since).map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                failures.remove(&oldest);
            }
        }
        let entry = failures.entry(address).or_insert((now, 0));
        if now.duration_since(entry.0) >= WINDOW {
            *entry = (now, 0);
        }
        entry.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_a_minute_and_one_address() {
        let failures = Failures::new(2);
        let [a, b] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().expect(text));
        let start = Instant::now();
        failures.count(a, start);
        assert!(!failures.is_limited(a, start));
        failures.count(a, start);
        assert!(failures.is_limited(a, start + Duration::from_secs(59)));
        assert!(!failures.is_limited(b, start));
        assert!(!failures.is_limited(a, start + WINDOW));
    }

    #[test]
    fn memory_is_bounded() {
        let failures = Failures::new(1);
        let start = Instant::now();
        for n in 0..10_000_u32 {
            failures.count(IpAddr::from(n.to_be_bytes()), start + Duration::from_millis(u64::from(n)));
        }
        assert_eq!(failures.by_address.lock().expect("not poisoned").len(), ADDRESSES_MAX);
    }
}
