//! Labels while they are being made.

use orszem_model::Labels;

/// Labels sorted by name, each name once and none with an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelBuilder {
    /// The value of `name`, empty if it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).ok().and_then(|at| self.pairs.get(at)).map_or("", |pair| pair.1.as_str())
    }

    /// Sets `name`; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) {
        match (self.find(name), value.is_empty()) {
            (Ok(at), true) => {
                self.pairs.remove(at);
            }
            (Ok(at), false) => {
                if let Some(pair) = self.pairs.get_mut(at) {
                    value.clone_into(&mut pair.1);
                }
            }
            (Err(_), true) => {}
            (Err(at), false) => self.pairs.insert(at, (name.to_owned(), value.to_owned())),
        }
    }

    /// Removes the labels whose name `keeps` says no to.
    pub fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        self.pairs.retain(|pair| keeps(&pair.0));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Names and values, by name.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// The labels as they are now.
    pub fn labels(&self) -> Labels {
        Labels::from_sorted(self.iter())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|pair| pair.0.as_str().cmp(name))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for LabelBuilder {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels.set(name, value);
        }
        labels
    }
}
