//! Which groups of a segment have a static word.

use std::collections::HashMap;

use crate::segment::group::Group;
use crate::tokens::{Space, TermHasher, for_each_token};

/// The static words of all templates, by hash, with the groups that have them, and the words themselves.
#[derive(Debug, Default)]
pub(crate) struct StaticWords {
    groups: HashMap<u64, Vec<u32>>,
}

impl StaticWords {
    /// Collects them from the templates.
    pub(crate) fn of(groups: &[Group]) -> Self {
        let mut hasher = TermHasher::default();
        let mut words: HashMap<u64, Vec<u32>> = HashMap::new();
        for (index, group) in groups.iter().enumerate() {
            for piece in &group.key.pieces {
                for_each_token(piece, |token| {
                    let found = words.entry(hasher.hash(Space::Body, &piece[token.start..token.end])).or_default();
                    if found.last() != Some(&(index as u32)) {
                        found.push(index as u32);
                    }
                });
            }
        }
        Self { groups: words }
    }

    /// The groups whose template has the word with this hash, ascending.
    pub(crate) fn groups_with(&self, hash: u64) -> &[u32] {
        self.groups.get(&hash).map_or(&[], Vec::as_slice)
    }
}
