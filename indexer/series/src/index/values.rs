//! The values of labels while an index is written: each text once, with the series that have it.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::postings::PostingsBuilder;

/// Names' values, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Values {
    texts: Vec<u8>,
    values: Vec<Value>,
    numbers: HashTable<u32>,
}

#[derive(Debug)]
struct Value {
    name: u32,
    start: usize,
    length: u32,
    postings: PostingsBuilder,
}

impl Values {
    /// The number of the value, new or not.
    pub(super) fn intern(&mut self, name: u32, text: &[u8]) -> u32 {
        let Self { texts, values, numbers } = self;
        let hash = hash(name, text);
        let is_it = |&number: &u32| {
            let value = &values[number as usize];
            value.name == name && &texts[value.start..value.start + value.length as usize] == text
        };
        if let Some(&number) = numbers.find(hash, is_it) {
            return number;
        }
        let number = values.len() as u32;
        let start = texts.len();
        texts.extend_from_slice(text);
        values.push(Value { name, start, length: text.len() as u32, postings: PostingsBuilder::default() });
        numbers.insert_unique(hash, number, |&number| {
            let value = &values[number as usize];
            self::hash(value.name, &texts[value.start..value.start + value.length as usize])
        });
        number
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn text(&self, number: u32) -> &[u8] {
        let value = &self.values[number as usize];
        &self.texts[value.start..value.start + value.length as usize]
    }

    pub(super) fn name(&self, number: u32) -> u32 {
        self.values[number as usize].name
    }

    /// Says that the series has the value.
    pub(super) fn post(&mut self, number: u32, ordinal: u32) {
        self.values[number as usize].postings.push(ordinal);
    }

    pub(super) fn take_postings(&mut self, number: u32) -> PostingsBuilder {
        std::mem::take(&mut self.values[number as usize].postings)
    }
}

fn hash(name: u32, text: &[u8]) -> u64 {
    xxh3_64_with_seed(text, u64::from(name))
}
