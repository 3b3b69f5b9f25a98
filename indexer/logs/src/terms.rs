//! The static text of a segment's templates: which groups have a word, or a literal anywhere.

use std::collections::HashMap;

use orszem_search::TextPattern;

use crate::segment::group::Group;
use crate::tokens::{Space, TermHasher, for_each_token};

/// Stands between pieces: no UTF-8, so that no literal goes across.
const BETWEEN: u8 = 0xff;

/// The static pieces of all templates, back to back, and their words.
#[derive(Debug, Default)]
pub(crate) struct StaticText {
    text: Vec<u8>,
    /// Where each group's pieces start in `text`, and the end.
    starts: Vec<u32>,
    words: HashMap<u64, Vec<u32>>,
}

impl StaticText {
    /// Collects them from the templates.
    pub(crate) fn of(groups: &[Group]) -> Self {
        let mut hasher = TermHasher::default();
        let mut all = Self::default();
        for (index, group) in groups.iter().enumerate() {
            all.starts.push(all.text.len() as u32);
            for piece in &group.key.pieces {
                all.text.extend_from_slice(piece);
                all.text.push(BETWEEN);
                for_each_token(piece, |token| {
                    let found = all.words.entry(hasher.hash(Space::Body, &piece[token.start..token.end])).or_default();
                    if found.last() != Some(&(index as u32)) {
                        found.push(index as u32);
                    }
                });
            }
        }
        all.starts.push(all.text.len() as u32);
        all
    }

    /// The groups whose template has all of the words with these hashes, ascending; of no word at all, none.
    pub(crate) fn groups_with_all(&self, words: &[u64]) -> Vec<u32> {
        let groups_with = |hash: &u64| self.words.get(hash).map_or(&[][..], Vec::as_slice);
        let Some((first, rest)) = words.split_first() else { return Vec::new() };
        let mut groups = groups_with(first).to_vec();
        for word in rest {
            let others = groups_with(word);
            groups.retain(|group| others.binary_search(group).is_ok());
        }
        groups
    }

    /// Whether the literal occurs in a static piece of the group.
    pub(crate) fn has(&self, group: u32, literal: &TextPattern) -> bool {
        let at = group as usize;
        literal.is_match(&self.text[self.starts[at] as usize..self.starts[at + 1] as usize])
    }

    /// The groups with the literal in one of their static pieces, ascending.
    pub(crate) fn groups_with_literal(&self, literal: &TextPattern) -> Vec<u32> {
        let mut groups: Vec<u32> = Vec::new();
        literal.for_each_occurrence(&self.text, |at| {
            let group = self.starts.partition_point(|start| *start as usize <= at) as u32 - 1;
            if groups.last() != Some(&group) {
                groups.push(group);
            }
        });
        groups
    }
}
