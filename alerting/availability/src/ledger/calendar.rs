//! When certificates end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A certificate that a target shows. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    pub at: i64,
    pub subject: String,
    /// What is wrong with it now.
    pub problem: Option<String>,
}

/// The certificates of all targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar(BTreeMap<String, Expiry>);

impl Calendar {
    /// Enters what a target shows now; it replaces what it showed before.
    pub fn enter(&mut self, target: &str, expiry: Expiry) {
        self.0.insert(target.to_owned(), expiry);
    }

    /// Forgets a target.
    pub fn remove(&mut self, target: &str) {
        self.0.remove(target);
    }

    /// Those that end before `until`, the earliest first.
    pub fn due(&self, until: i64) -> Vec<(&str, &Expiry)> {
        let mut due: Vec<_> = self
            .0
            .iter()
            .filter(|(_, expiry)| expiry.at < until)
            .map(|(target, expiry)| (target.as_str(), expiry))
            .collect();
        due.sort_by_key(|(target, expiry)| (expiry.at, *target));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first() {
        let mut calendar = Calendar::default();
        let expiry = |at| Expiry { at, subject: "CN=x".to_owned(), problem: None };
        for (target, at) in [("a", 30), ("b", 10), ("c", 20), ("b", 15)] {
            calendar.enter(target, expiry(at));
        }
        let due: Vec<_> = calendar.due(30).into_iter().map(|(target, expiry)| (target, expiry.at)).collect();
        assert_eq!(due, [("b", 15), ("c", 20)]);
        calendar.remove("b");
        assert_eq!(calendar.due(i64::MAX).len(), 2);
    }
}
