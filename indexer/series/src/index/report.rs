//! Which names and values there are, and how many series have them.

use std::collections::BTreeSet;

use fst::{IntoStreamer, Streamer};
use roaring::RoaringBitmap;

use super::reader::{Index, Name};
use crate::error::Result;

/// A label name, and how much there is of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameCount {
    pub name: String,
    /// Distinct values.
    pub values: u64,
    /// Series that have the name.
    pub series: u64,
}

impl Index {
    /// The names, sorted; only those of the series `among`, if given.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn label_names(&self, among: Option<&RoaringBitmap>) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for name in &self.names {
            let is_among = match among {
                Some(among) => !self.present(name)?.is_disjoint(among),
                None => true,
            };
            if is_among {
                names.push(name.text.clone());
            }
        }
        Ok(names)
    }

    /// The first `limit` values of a name, sorted; only those of the series `among`, if given.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn label_values(&self, name: &str, among: Option<&RoaringBitmap>, limit: usize) -> Result<Vec<String>> {
        let Some(name) = self.name(name) else { return Ok(Vec::new()) };
        let Some(among) = among else {
            let fst = self.fst(name)?;
            let mut stream = fst.stream();
            let mut values = Vec::new();
            while let Some((value, _)) = stream.next() {
                if values.len() == limit {
                    break;
                }
                values.push(String::from_utf8(value.to_vec()).map_err(|_| self.file.damaged("values"))?);
            }
            return Ok(values);
        };
        let ranks = self.ranks_among(name, among, limit)?;
        ranks.into_iter().take(limit).map(|rank| self.value(name, rank)).collect()
    }

    /// The ranks, ascending, of the values that any of the series has; the first `limit` at least.
    fn ranks_among(&self, name: &Name, among: &RoaringBitmap, limit: usize) -> Result<Vec<u32>> {
        // Reading a series takes about as long as comparing one with the postings of a value.
        if among.len() <= u64::from(name.values) {
            let mut reader = self.labels_reader();
            let mut ranks = BTreeSet::new();
            for ordinal in among {
                ranks.extend(reader.rank(ordinal, name)?);
            }
            return Ok(ranks.into_iter().collect());
        }
        let mut ranks = Vec::new();
        self.visit_postings(name, &mut |rank, postings| {
            if ranks.len() == limit {
                return Ok(false);
            }
            let bitmap = postings.bitmap().ok_or_else(|| self.file.damaged("postings"))?;
            if !bitmap.is_disjoint(among) {
                ranks.push(rank);
            }
            Ok(true)
        })?;
        Ok(ranks)
    }

    /// All names, sorted, with their counts.
    pub fn name_counts(&self) -> Vec<NameCount> {
        let count =
            |name: &Name| NameCount { name: name.text.clone(), values: u64::from(name.values), series: name.series };
        self.names.iter().map(count).collect()
    }

    /// Calls `visit` with each value of a name, sorted, and the number of series that have it.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn value_counts(&self, name: &str, visit: &mut dyn FnMut(&str, u64)) -> Result<()> {
        let Some(name) = self.name(name) else { return Ok(()) };
        let fst = self.fst(name)?;
        let mut values = (&fst).into_stream();
        self.visit_postings(name, &mut |_, postings| {
            let damaged = || self.file.damaged("values");
            let (value, _) = values.next().ok_or_else(damaged)?;
            visit(std::str::from_utf8(value).map_err(|_| damaged())?, u64::from(postings.count));
            Ok(true)
        })
    }
}
