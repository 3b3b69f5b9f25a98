//! Groups of an aggregation.

use orszem_model::{Labels, METRIC_NAME};

/// Which labels make a group: `by (…)` or `without (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Sorted, each once.
    labels: Vec<String>,
    is_without: bool,
}

impl Grouping {
    pub fn new(labels: &[String], is_without: bool) -> Self {
        let mut labels = labels.to_vec();
        if is_without {
            labels.push(METRIC_NAME.to_owned());
        }
        labels.sort();
        labels.dedup();
        Self { labels, is_without }
    }

    /// Whether there is but one group, with no labels.
    pub fn is_single(&self) -> bool {
        !self.is_without && self.labels.is_empty()
    }

    /// The names that the labels of a group may have, sorted; `None` when those are all but some.
    pub fn names(&self) -> Option<&[String]> {
        (!self.is_without).then_some(self.labels.as_slice())
    }

    fn keeps(&self, name: &str) -> bool {
        self.labels.iter().any(|label| label == name) != self.is_without
    }

    /// Replaces the content of `key` with bytes that are equal for series of one group.
    pub fn key(&self, labels: &Labels, key: &mut Vec<u8>) {
        key.clear();
        if self.is_single() {
            return;
        }
        put_pairs(labels.iter().filter(|(name, value)| !value.is_empty() && self.keeps(name)), key);
    }

    /// The labels of the group that a series with `labels` belongs to.
    pub fn labels(&self, labels: &Labels) -> Labels {
        Labels::from_sorted(labels.iter().filter(|(name, value)| !value.is_empty() && self.keeps(name)))
    }
}

/// Appends bytes to `key` that are equal for equal pairs only.
pub fn put_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>, key: &mut Vec<u8>) {
    for text in pairs.flat_map(|(name, value)| [name, value]) {
        key.extend_from_slice(&(text.len() as u32).to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn series_share_a_group_when_the_labels_of_the_group_are_equal() {
        let of = |pairs: &[(&str, &str)]| Labels::new(pairs.to_vec());
        let (a, b) =
            (of(&[("__name__", "m"), ("a", "1"), ("b", "x")]), of(&[("__name__", "n"), ("a", "1"), ("b", "y")]));
        let check = |grouping: &Grouping, expected: (&[(&str, &str)], bool)| {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            grouping.key(&a, &mut left);
            grouping.key(&b, &mut right);
            assert_eq!((grouping.labels(&a), left == right), (of(expected.0), expected.1), "{grouping:?}");
        };
        check(&Grouping::new(&names(&["a"]), false), (&[("a", "1")], true));
        check(&Grouping::new(&names(&["b", "a", "b"]), false), (&[("a", "1"), ("b", "x")], false));
        check(&Grouping::new(&names(&["c"]), false), (&[], true));
        check(&Grouping::new(&[], false), (&[], true));
        check(&Grouping::new(&names(&["b"]), true), (&[("a", "1")], true));
        check(&Grouping::new(&[], true), (&[("a", "1"), ("b", "x")], false));
        assert_eq!(Grouping::new(&names(&["b", "a", "b"]), false).names(), Some(names(&["a", "b"]).as_slice()));
        assert_eq!(Grouping::new(&names(&["b"]), true).names(), None);
    }
}
