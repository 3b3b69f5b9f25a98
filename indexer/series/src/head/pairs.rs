//! The labels of the head: each name and each (name, value) pair is kept once, with the series that have it.

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::postings::Postings;

/// A name, with its values.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) text: Box<str>,
    /// The pairs with this name.
    pub(crate) pairs: Vec<u32>,
    /// The series that have the label.
    pub(crate) series: RoaringBitmap,
}

/// A (name, value) pair.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) name: u32,
    pub(crate) value: Box<str>,
    pub(crate) series: Postings,
}

/// All names and pairs.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    names: Vec<Name>,
    name_table: HashTable<u32>,
    pairs: Vec<Pair>,
    pair_table: HashTable<u32>,
    /// Places in `pairs` that are free.
    free: Vec<u32>,
    /// Of all values.
    text_bytes: usize,
}

fn hash_name(text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), 0)
}

fn hash_pair(name: u32, value: &str) -> u64 {
    xxh3_64_with_seed(value.as_bytes(), u64::from(name) + 1)
}

impl Pairs {
    pub(crate) fn name(&self, text: &str) -> Option<u32> {
        self.name_table.find(hash_name(text), |&at| &*self.names[at as usize].text == text).copied()
    }

    pub(crate) fn pair(&self, name: u32, value: &str) -> Option<u32> {
        let is_it = |&at: &u32| {
            let pair = &self.pairs[at as usize];
            pair.name == name && &*pair.value == value
        };
        self.pair_table.find(hash_pair(name, value), is_it).copied()
    }

    pub(crate) fn at(&self, pair: u32) -> &Pair {
        &self.pairs[pair as usize]
    }

    pub(crate) fn name_at(&self, name: u32) -> &Name {
        &self.names[name as usize]
    }

    /// All names, in no order.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The pair's number; it is made when there is none.
    pub(crate) fn intern(&mut self, name: &str, value: &str) -> u32 {
        let name = self.intern_name(name);
        self.intern_value(name, value)
    }

    fn intern_name(&mut self, text: &str) -> u32 {
        if let Some(name) = self.name(text) {
            return name;
        }
        let at = self.names.len() as u32;
        self.names.push(Name { text: text.into(), pairs: Vec::new(), series: RoaringBitmap::new() });
        let names = &self.names;
        self.name_table.insert_unique(hash_name(text), at, |&at| hash_name(&names[at as usize].text));
        at
    }

    fn intern_value(&mut self, name: u32, value: &str) -> u32 {
        if let Some(pair) = self.pair(name, value) {
            return pair;
        }
        let pair = Pair { name, value: value.into(), series: Postings::None };
        self.text_bytes += value.len();
        let at = match self.free.pop() {
            Some(at) => {
                self.pairs[at as usize] = pair;
                at
            }
            None => {
                self.pairs.push(pair);
                self.pairs.len() as u32 - 1
            }
        };
        let pairs = &self.pairs;
        let rehash = |&at: &u32| hash_pair(pairs[at as usize].name, &pairs[at as usize].value);
        self.pair_table.insert_unique(hash_pair(name, value), at, rehash);
        self.names[name as usize].pairs.push(at);
        at
    }

    /// Notes that `series` has these pairs.
    pub(crate) fn add_series(&mut self, pairs: &[u32], series: u32) {
        for &at in pairs {
            let pair = &mut self.pairs[at as usize];
            pair.series.insert(series);
            self.names[pair.name as usize].series.insert(series);
        }
    }

    /// Forgets series, and the pairs among `touched` that none has any more.
    pub(crate) fn remove_series(&mut self, gone: &RoaringBitmap, touched: &[u32]) {
        let mut names = RoaringBitmap::new();
        for &at in touched {
            let pair = &mut self.pairs[at as usize];
            names.insert(pair.name);
            pair.series.remove(gone);
            if !pair.series.is_empty() {
                continue;
            }
            let hash = hash_pair(pair.name, &pair.value);
            self.text_bytes -= pair.value.len();
            pair.value = Box::default();
            if let Ok(entry) = self.pair_table.find_entry(hash, |&other| other == at) {
                entry.remove();
            }
            self.free.push(at);
        }
        for name in names {
            let name = &mut self.names[name as usize];
            name.series -= gone;
            let pairs = &self.pairs;
            name.pairs.retain(|&at| !pairs[at as usize].series.is_empty());
        }
    }

    /// For each pair its place in the order of names and values.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.pairs.len() as u32).collect();
        let key = |at: u32| {
            let pair = &self.pairs[at as usize];
            (&*self.names[pair.name as usize].text, &*pair.value)
        };
        order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)));
        let mut ranks = vec![0; order.len()];
        for (rank, &at) in order.iter().enumerate() {
            ranks[at as usize] = rank as u32;
        }
        ranks
    }

    /// Live pairs.
    pub(crate) fn len(&self) -> usize {
        self.pairs.len() - self.free.len()
    }

    /// Bytes of all values.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}
