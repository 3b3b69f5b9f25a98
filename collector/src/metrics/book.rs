//! What families of metrics are, and which metric names the server was told of it.
//!
//! Metadata goes with a sample of each name when it is new, and again from time to time: a batch that told it may have
//! been dropped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_scrape::{Metadata, MetricType};

/// When metadata is told again.
const TELL_AGAIN: Duration = Duration::from_secs(600);
/// Families that are known; further ones have no metadata.
const FAMILIES_MAX: usize = 50_000;
/// Names that are known to be told; beyond, all are told again.
const NAMES_MAX: usize = 200_000;
/// What the names of a family's series may end in.
const SUFFIXES: [&str; 9] = ["", "_total", "_created", "_bucket", "_sum", "_count", "_gsum", "_gcount", "_info"];

/// The metadata of all targets; the last one told counts.
#[derive(Debug, Default)]
pub(super) struct Book {
    families: HashMap<Arc<str>, Metadata>,
    /// By metric name.
    told: HashMap<Box<str>, Instant>,
}

impl Book {
    /// Takes over what a target says.
    pub(super) fn learn(&mut self, metadata: &Metadata) {
        let is_known = self.families.get(&metadata.family) == Some(metadata);
        let is_empty = metadata.kind == MetricType::Unknown && metadata.help.is_empty() && metadata.unit.is_empty();
        let has_room = self.families.len() < FAMILIES_MAX || self.families.contains_key(&metadata.family);
        if is_known || is_empty || !has_room {
            return;
        }
        for suffix in SUFFIXES {
            self.told.remove(format!("{}{suffix}", metadata.family).as_str());
        }
        self.families.insert(Arc::clone(&metadata.family), metadata.clone());
    }

    /// What is to be told with a sample of this name.
    pub(super) fn tell(&mut self, name: &str, tick: Instant) -> Option<&Metadata> {
        match self.told.get_mut(name) {
            Some(at) if tick.saturating_duration_since(*at) < TELL_AGAIN => return None,
            Some(at) => *at = tick,
            None => {
                if self.told.len() >= NAMES_MAX {
                    self.told.clear();
                }
                self.told.insert(name.into(), tick);
            }
        }
        let family = SUFFIXES.iter().find_map(|suffix| {
            let family = name.strip_suffix(suffix)?;
            let known = self.families.get(family)?;
            (suffix.is_empty() || may_end(known.kind, suffix)).then_some(family)
        })?;
        self.families.get(family)
    }
}

/// Whether series of this type may be called as their family with `suffix`.
fn may_end(kind: MetricType, suffix: &str) -> bool {
    let suffixes: &[&str] = match kind {
        MetricType::Counter => &["_total", "_created"],
        MetricType::Histogram => &["_bucket", "_sum", "_count", "_created"],
        MetricType::GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
        MetricType::Summary => &["_sum", "_count", "_created"],
        MetricType::Info => &["_info"],
        MetricType::Unknown | MetricType::Gauge | MetricType::StateSet => &[],
    };
    suffixes.contains(&suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(family: &str, kind: MetricType, help: &str) -> Metadata {
        Metadata { family: family.into(), kind, help: help.into(), unit: "".into() }
    }

    #[test]
    fn metadata_is_told_when_new_when_changed_and_again() {
        let (start, mut book) = (Instant::now(), Book::default());
        let told = |book: &mut Book, name: &str, at: Duration| {
            book.tell(name, start + at).map(|metadata| metadata.help.to_string())
        };
        let now = Duration::ZERO;
        assert_eq!(told(&mut book, "a_total", now), None, "nothing is known");
        book.learn(&metadata("a", MetricType::Counter, "A"));
        assert_eq!(told(&mut book, "a_total", now).as_deref(), Some("A"));
        assert_eq!(told(&mut book, "a_total", now), None, "it was told");
        assert_eq!(told(&mut book, "a_total", TELL_AGAIN).as_deref(), Some("A"));
        book.learn(&metadata("a", MetricType::Counter, "B"));
        assert_eq!(told(&mut book, "a_total", TELL_AGAIN).as_deref(), Some("B"));
        assert_eq!(told(&mut book, "a_created", TELL_AGAIN).as_deref(), Some("B"));
        assert_eq!(told(&mut book, "a_sum", now), None, "no part of a counter");
    }

    #[test]
    fn a_family_of_the_whole_name_comes_first() {
        let mut book = Book::default();
        book.learn(&metadata("h", MetricType::Histogram, "parts"));
        book.learn(&metadata("h_count", MetricType::Gauge, "whole"));
        book.learn(&metadata("nothing", MetricType::Unknown, ""));
        let tick = Instant::now();
        let mut told = |name| book.tell(name, tick).map(|metadata| metadata.help.to_string());
        assert_eq!(["h_count", "h_bucket"].map(&mut told), [Some("whole".to_owned()), Some("parts".to_owned())]);
        assert_eq!((told("nothing"), told("h_total")), (None, None));
    }
}
