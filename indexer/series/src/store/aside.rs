//! What is kept beside samples: metadata of metrics, and the newest exemplars.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use orszem_durable::Format;
use orszem_model::varint;
use roaring::RoaringBitmap;

use crate::batch::{Batch, Exemplar, Metadata, decode, encode};
use crate::error::{Error, Result};
use crate::files::{unsealed, write_atomically};

const FORMAT: Format = Format { magic: *b"ORSZSERA", version: 1 };
/// The largest texts of metadata that are kept, in bytes.
const METADATA_BYTES_MAX: usize = 4 << 10;

/// Metadata and exemplars.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    metadata: BTreeMap<(u32, String), Metadata>,
    /// Metrics of each tenant in `metadata`.
    metrics: BTreeMap<u32, usize>,
    exemplars: BTreeMap<u32, VecDeque<Arc<Exemplar>>>,
    /// The same, to know one that comes again.
    known: HashSet<Known>,
    /// The series of the exemplars, in the order of their coming.
    order: VecDeque<u32>,
    /// Changed since it was saved.
    pub(crate) is_dirty: bool,
    /// Metadata that was not kept.
    pub(crate) dropped: u64,
}

/// An exemplar of a series.
#[derive(Debug)]
struct Known(u32, Arc<Exemplar>);

impl Known {
    fn parts(&self) -> impl Eq + Hash + '_ {
        let Exemplar { labels, time, value } = &*self.1;
        (self.0, labels, time, value.to_bits())
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl Aside {
    /// Takes in what a batch has beside samples.
    pub(crate) fn add(&mut self, batch: &Batch, exemplars_max: usize, metadata_max: usize) {
        for (metric, metadata) in &batch.metadata {
            self.add_metadata(batch.tenant, metric, metadata, metadata_max);
        }
        for (series, exemplar) in &batch.exemplars {
            self.add_exemplar(*series, exemplar.clone(), exemplars_max);
        }
    }

    fn add_metadata(&mut self, tenant: u32, metric: &str, metadata: &Metadata, metrics_max: usize) {
        let key = (tenant, metric.to_owned());
        if let Some(known) = self.metadata.get_mut(&key) {
            if known != metadata {
                known.clone_from(metadata);
                self.is_dirty = true;
            }
            return;
        }
        let bytes = metric.len() + metadata.kind.len() + metadata.unit.len() + metadata.help.len();
        let metrics = self.metrics.entry(tenant).or_default();
        if *metrics >= metrics_max || bytes > METADATA_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        *metrics += 1;
        self.metadata.insert(key, metadata.clone());
        self.is_dirty = true;
    }

    /// Adds an exemplar unless it is among those of its series already.
    fn add_exemplar(&mut self, series: u32, exemplar: Exemplar, exemplars_max: usize) {
        if exemplars_max == 0 {
            return;
        }
        let exemplar = Arc::new(exemplar);
        if !self.known.insert(Known(series, Arc::clone(&exemplar))) {
            return;
        }
        self.exemplars.entry(series).or_default().push_back(exemplar);
        self.order.push_back(series);
        self.is_dirty = true;
        while self.order.len() > exemplars_max {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(exemplars) = self.exemplars.get_mut(&oldest) {
                if let Some(exemplar) = exemplars.pop_front() {
                    self.known.remove(&Known(oldest, exemplar));
                }
                if exemplars.is_empty() {
                    self.exemplars.remove(&oldest);
                }
            }
        }
    }

    /// The exemplars of a series in `[start, end]`, by time.
    pub(crate) fn exemplars(&self, series: u32, start: i64, end: i64) -> Vec<Exemplar> {
        let all = self.exemplars.get(&series).into_iter().flatten();
        let within = all.filter(|exemplar| (start..=end).contains(&exemplar.time));
        let mut found: Vec<Exemplar> = within.map(|exemplar| Exemplar::clone(exemplar)).collect();
        found.sort_by_key(|exemplar| exemplar.time);
        found
    }

    /// The series that have exemplars.
    pub(crate) fn exemplar_series(&self) -> RoaringBitmap {
        self.exemplars.keys().copied().collect()
    }

    pub(crate) fn exemplar_count(&self) -> usize {
        self.order.len()
    }

    /// Deletes the exemplars in `[start, end]` of these series.
    pub(crate) fn delete(&mut self, series: &RoaringBitmap, start: i64, end: i64) {
        // The exemplars of a series stand in the same order among themselves as its number in `order`.
        let mut left: HashMap<u32, VecDeque<bool>> = HashMap::new();
        for number in series {
            let Some(exemplars) = self.exemplars.get_mut(&number) else { continue };
            let stays: VecDeque<bool> =
                exemplars.iter().map(|exemplar| !(start..=end).contains(&exemplar.time)).collect();
            if stays.iter().all(|stays| *stays) {
                continue;
            }
            exemplars.retain(|exemplar| {
                let stays = !(start..=end).contains(&exemplar.time);
                if !stays {
                    self.known.remove(&Known(number, Arc::clone(exemplar)));
                }
                stays
            });
            if exemplars.is_empty() {
                self.exemplars.remove(&number);
            }
            left.insert(number, stays);
        }
        if !left.is_empty() {
            self.order.retain(|number| left.get_mut(number).and_then(VecDeque::pop_front).unwrap_or(true));
            self.is_dirty = true;
        }
    }

    /// Metadata of a tenant by metric, of one metric or all, at most `limit`.
    pub(crate) fn metadata(&self, tenant: u32, metric: Option<&str>, limit: usize) -> Vec<(String, Metadata)> {
        if let Some(metric) = metric {
            let found = self.metadata.get(&(tenant, metric.to_owned()));
            return found.map(|found| (metric.to_owned(), found.clone())).into_iter().take(limit).collect();
        }
        let of_tenant = self.metadata.range((tenant, String::new())..).take_while(|entry| entry.0.0 == tenant);
        of_tenant.take(limit).map(|((_, metric), metadata)| (metric.clone(), metadata.clone())).collect()
    }

    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let mut out = Vec::new();
        varint::put(&mut out, self.metadata.len() as u64);
        for ((tenant, metric), metadata) in &self.metadata {
            varint::put(&mut out, u64::from(*tenant));
            encode::put_metadata(metric, metadata, &mut out);
        }
        // In the order of their coming, so that the oldest go first again.
        let mut next: BTreeMap<u32, usize> = BTreeMap::new();
        varint::put(&mut out, self.order.len() as u64);
        for series in &self.order {
            let at = next.entry(*series).or_default();
            if let Some(exemplar) = self.exemplars.get(series).and_then(|exemplars| exemplars.get(*at)) {
                encode::put_exemplar(*series, exemplar, &mut out);
            }
            *at += 1;
        }
        write_atomically(path, &FORMAT.seal(&out))
    }

    pub(crate) fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::read(path))?;
        let damaged = || Error::Damaged { path: path.to_owned(), section: "content" };
        let mut body = unsealed(path, "content", FORMAT, &bytes)?;
        Self::decode(&mut body).ok_or_else(damaged)
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let mut aside = Self::default();
        let metadata = decode::take_list(input, |input| {
            let tenant = u32::try_from(varint::take(input)?).ok()?;
            Some((tenant, decode::take_metadata(input)?))
        })?;
        for (tenant, (metric, metadata)) in metadata {
            aside.add_metadata(tenant, &metric, &metadata, usize::MAX);
        }
        for (series, exemplar) in decode::take_list(input, decode::take_exemplar)? {
            aside.add_exemplar(series, exemplar, usize::MAX);
        }
        aside.is_dirty = false;
        Some(aside)
    }
}

#[cfg(test)]
mod tests {
    use orszem_model::Labels;

    use super::*;

    fn exemplar(number: i64, value: f64) -> Exemplar {
        Exemplar { labels: Labels::from([("trace_id", "a")]), time: number, value }
    }

    #[test]
    fn an_exemplar_is_known_while_it_is_kept() {
        let mut aside = Aside::default();
        for (series, time, value) in [(1, 1, 0.5), (1, 1, f64::NAN), (1, 1, 0.5), (2, 1, 0.5), (1, 1, f64::NAN)] {
            aside.add_exemplar(series, exemplar(time, value), 3);
        }
        assert_eq!((aside.exemplar_count(), aside.exemplars(1, 0, 9).len(), aside.exemplars(2, 0, 9).len()), (3, 2, 1));
        // The oldest of series 1 goes, and is taken for new then.
        aside.add_exemplar(2, exemplar(2, 0.5), 3);
        aside.add_exemplar(1, exemplar(1, 0.5), 3);
        assert_eq!(
            (aside.exemplar_count(), aside.exemplars(1, 0, 9), aside.known.len()),
            (3, vec![exemplar(1, 0.5)], 3)
        );
        aside.delete(&RoaringBitmap::from_iter([2u32]), 1, 1);
        aside.add_exemplar(2, exemplar(1, 0.5), 3);
        assert_eq!(aside.exemplars(2, 0, 9), [exemplar(1, 0.5), exemplar(2, 0.5)]);
    }

    /// Compared with each other they would take minutes.
    #[test]
    fn very_many_exemplars_of_one_series_are_each_looked_up() {
        let mut aside = Aside::default();
        for _ in 0..2 {
            (0..100_000).for_each(|time| aside.add_exemplar(1, exemplar(time, 1.0), 100_000));
        }
        assert_eq!((aside.exemplar_count(), aside.known.len()), (100_000, 100_000));
        assert_eq!(aside.exemplars(1, 0, 1), [exemplar(0, 1.0), exemplar(1, 1.0)]);
    }
}
