//! Which elements of two vectors belong together.

use std::collections::HashMap;

use orszem_model::{Labels, METRIC_NAME};

use crate::grouping::put_pairs;

/// The labels by which elements are matched: `on (…)` or `ignoring (…)`.
#[derive(Clone, Copy, Debug)]
pub struct MatchLabels<'a> {
    pub labels: &'a [String],
    pub is_on: bool,
}

impl MatchLabels<'_> {
    fn matches(&self, name: &str) -> bool {
        let is_named = self.labels.iter().any(|label| label == name);
        if self.is_on { is_named } else { !is_named && name != METRIC_NAME }
    }

    /// The labels that say which elements match: of equal ones.
    pub fn of(&self, labels: &Labels) -> Labels {
        Labels::from_sorted(labels.iter().filter(|(name, value)| !value.is_empty() && self.matches(name)))
    }
}

/// A number for each match group, the same on both sides.
#[derive(Debug, Default)]
pub struct Ordinals {
    known: HashMap<Vec<u8>, usize>,
    key: Vec<u8>,
}

impl Ordinals {
    /// The number of the group of an element; numbers start at 0 and have no gaps.
    pub fn of(&mut self, by: MatchLabels<'_>, labels: &Labels) -> usize {
        self.key.clear();
        put_pairs(labels.iter().filter(|(name, value)| !value.is_empty() && by.matches(name)), &mut self.key);
        if let Some(&known) = self.known.get(&self.key) {
            return known;
        }
        let next = self.known.len();
        self.known.insert(self.key.clone(), next);
        next
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_one_group_get_one_number_on_both_sides() {
        let series = [
            Labels::from([("__name__", "m"), ("a", "1"), ("b", "x")]),
            Labels::from([("__name__", "n"), ("a", "1"), ("b", "y")]),
            Labels::from([("a", "2"), ("b", "x"), ("c", "")]),
            Labels::from([("a", "1"), ("b", "x")]),
        ];
        let check = |labels: &[&str], is_on, expected: [usize; 4]| {
            let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
            let by = MatchLabels { labels: &labels, is_on };
            let mut ordinals = Ordinals::default();
            assert_eq!(series.each_ref().map(|series| ordinals.of(by, series)), expected, "{labels:?} {is_on}");
        };
        check(&[], false, [0, 1, 2, 0]);
        check(&["b"], false, [0, 0, 1, 0]);
        check(&["b"], true, [0, 1, 0, 0]);
        check(&[], true, [0; 4]);
        check(&["__name__"], true, [0, 1, 2, 2]);
        let labels = ["b".to_owned()];
        let by = MatchLabels { labels: &labels, is_on: false };
        assert_eq!(by.of(&series[0]), Labels::from([("a", "1")]));
    }
}
