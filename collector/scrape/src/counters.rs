//! What the scraper counts.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct ScrapeCounts {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn values(&self) -> ScrapeCounts {
                ScrapeCounts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Scrapes that were begun.
    scrapes,
    /// Scrapes after which `up` is 0.
    failed_scrapes,
    /// Samples and histograms that were handed on, stale markers and reports included.
    samples,
    /// Samples left out because one of the same series and time came before them in the body.
    duplicates,
    /// Samples left out because their time is more than 10 minutes ahead.
    out_of_bounds,
    /// Scrapes that failed because of `sample_limit`.
    sample_limits,
    /// Scrapes that failed because of one of the limits of labels.
    label_limits,
    /// Yields that were lost because nobody took them.
    lost_yields,
    /// Discovered labels that make no target.
    invalid_targets,
    /// Looks of a discovery that failed; what it found before stays.
    failed_discoveries,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
