//! How long to wait before sending again.

use std::time::{Duration, SystemTime};

/// The first pause; each one after it is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause while a server is full, or fails.
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// The longest pause while nobody answers: to ask costs next to nothing, and what has waited is sent soon.
pub(super) const LONGEST_UNREACHABLE: Duration = Duration::from_secs(5);
/// The longest pause while somebody has to put something right first.
pub(super) const LONGEST_MISCONFIGURED: Duration = Duration::from_secs(60);
/// The longest pause that a server may ask for.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// Pauses that grow until something succeeds.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause, at most `longest`: between half and the whole of twice the one before.
    pub(super) fn next(&mut self, longest: Duration) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(20)).min(longest);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(0.5 + 0.5 * chance())
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// `span` more or less up to a fifth.
pub(super) fn jittered(span: Duration) -> Duration {
    span.mul_f64(0.8 + 0.4 * chance())
}

/// A random number from 0 to 1. Without a source of randomness senders only keep step.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

/// What the header `Retry-After` asks for, seconds or a date (RFC 9110 §10.2.3), at most 60 s.
pub(super) fn asked(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_ascii();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or(Duration::ZERO),
    };
    Some(pause.min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_again() {
        let mut backoff = Backoff::default();
        for at in 0..40 {
            let whole = Duration::from_millis(100 << at.min(20)).min(LONGEST);
            let pause = backoff.next(LONGEST);
            assert!((whole / 2..=whole).contains(&pause), "{at}: {pause:?}");
        }
        backoff.reset();
        assert!(backoff.next(LONGEST) <= FIRST);
    }

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 20);
        let seconds = |value| asked(value, now).map(|pause| pause.as_secs());
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds("3600"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(20));
        assert_eq!(seconds("Sun, 06 Nov 1994 07:49:37 GMT"), Some(0));
        assert_eq!((seconds("soon"), seconds("-1")), (None, None));
    }
}
