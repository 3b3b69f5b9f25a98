//! Which of many alike records is kept.

use xxhash_rust::xxh3::xxh3_64;

use crate::condition::Matcher;
use crate::{Draft, SampleBy, SampleRule, Wrong};

/// The largest `keep_one_in`.
const KEEP_ONE_IN_MAX: u64 = 1_000_000;

/// A sampling rule and where it stands.
#[derive(Debug)]
pub(crate) struct Sampler {
    matcher: Matcher,
    keep_one_in: u64,
    by: SampleBy,
    seen: u64,
}

impl Sampler {
    pub(crate) fn new(rule: &SampleRule, key: &str, wrongs: &mut Vec<Wrong>) -> Self {
        if !(1..=KEEP_ONE_IN_MAX).contains(&rule.keep_one_in) {
            let value = rule.keep_one_in.to_string();
            wrongs.push(Wrong::new(format!("{key}.keep_one_in"), value, "is out of range", "write 1 to 1000000"));
        }
        let matcher = rule.conditions().compile(key, wrongs);
        Self { matcher, keep_one_in: rule.keep_one_in.max(1), by: rule.by, seen: 0 }
    }

    pub(crate) fn matches(&self, draft: &Draft<'_>) -> bool {
        self.matcher.matches(draft)
    }

    /// For how many records this one stands; `None` if it is left out.
    pub(crate) fn rate(&mut self, draft: &Draft<'_>) -> Option<u64> {
        let place = match (self.by, draft.trace_id) {
            (SampleBy::Trace, Some(trace)) => xxh3_64(&trace),
            (SampleBy::Trace, None) | (SampleBy::Count, _) => {
                let place = self.seen;
                self.seen = self.seen.wrapping_add(1) % self.keep_one_in;
                place
            }
        };
        place.is_multiple_of(self.keep_one_in).then_some(self.keep_one_in)
    }
}
