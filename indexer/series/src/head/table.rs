//! The series of the head: their labels, and the numbers by which they are known.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use orszem_model::{Labels, METRIC_NAME};
use roaring::RoaringBitmap;

use super::TENANT_LABEL;
use super::pairs::Pairs;
use crate::error::Result;
use crate::hash::labels_hash;
use crate::subsets::Subsets;

const PAGE_BITS: u32 = 8;
/// Series in a page. A page whose series are all gone is freed.
const PAGE: usize = 1 << PAGE_BITS;

/// A series.
#[derive(Debug)]
pub(crate) struct Entry {
    /// [`labels_hash`].
    pub(crate) hash: u64,
    /// In the order of names.
    pairs: Box<[u32]>,
    /// The journal, or the log of series, has its definition.
    pub(crate) is_known: bool,
    /// It has nothing in the head and goes unless somebody asks for it.
    is_leaving: bool,
}

type Page = Box<[Option<Entry>]>;

/// All series of the head.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) pairs: Pairs,
    pages: Vec<Option<Page>>,
    by_labels: HashTable<u32>,
    /// The series there are.
    all: RoaringBitmap,
    /// The number of the next new series.
    next: u32,
    /// Series of each tenant.
    tenants: BTreeMap<u32, u64>,
}

impl Table {
    pub(crate) fn get(&self, series: u32) -> Option<&Entry> {
        self.pages.get((series >> PAGE_BITS) as usize)?.as_ref()?.get(series as usize & (PAGE - 1))?.as_ref()
    }

    fn get_mut(&mut self, series: u32) -> Option<&mut Entry> {
        self.pages.get_mut((series >> PAGE_BITS) as usize)?.as_mut()?.get_mut(series as usize & (PAGE - 1))?.as_mut()
    }

    /// The number behind that of the last series.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Numbers below `next` are not given out any more.
    pub(crate) fn skip_to(&mut self, next: u32) {
        self.next = self.next.max(next);
    }

    pub(crate) fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    pub(crate) fn len(&self) -> u64 {
        self.by_labels.len() as u64
    }

    pub(crate) fn tenant_series(&self, tenant: u32) -> u64 {
        self.tenants.get(&tenant).copied().unwrap_or(0)
    }

    /// Tenants that have series, tenant 0 included.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = u32> + '_ {
        self.tenants.keys().copied()
    }

    /// Whether every series is of tenant 0.
    pub(crate) fn is_of_one_tenant(&self) -> bool {
        self.tenants.keys().all(|&tenant| tenant == 0)
    }

    /// The series with these labels, by [`labels_hash`].
    pub(crate) fn find(&self, hash: u64, labels: &Labels) -> Option<u32> {
        self.by_labels.find(hash, |&series| self.has_labels(series, hash, labels)).copied()
    }

    fn has_labels(&self, series: u32, hash: u64, labels: &Labels) -> bool {
        let Some(entry) = self.get(series).filter(|entry| entry.hash == hash) else { return false };
        entry.pairs.len() == labels.len()
            && entry.pairs.iter().zip(labels.iter()).all(|(&pair, (name, value))| {
                let pair = self.pairs.at(pair);
                *pair.value == *value && *self.pairs.name_at(pair.name).text == *name
            })
    }

    /// The series with these labels is asked for: it does not leave.
    pub(crate) fn keep(&mut self, series: u32) {
        if let Some(entry) = self.get_mut(series) {
            entry.is_leaving = false;
        }
    }

    /// Adds a series; there must be none with these labels. `None` when the numbers are used up.
    pub(crate) fn add(&mut self, hash: u64, labels: &Labels, is_known: bool) -> Option<u32> {
        let series = self.next;
        let pairs: Box<[u32]> = labels.iter().map(|(name, value)| self.pairs.intern(name, value)).collect();
        self.put(series, hash, pairs, tenant_of(labels), is_known)?;
        Some(series)
    }

    /// Adds a series whose number is given, as journal and log of series have it. Does nothing when it is there.
    /// Answers whether the number belongs to these labels now.
    pub(crate) fn define(&mut self, series: u32, labels: &Labels) -> bool {
        let hash = labels_hash(labels);
        if self.get(series).is_some() {
            let is_same = self.has_labels(series, hash, labels);
            if let Some(entry) = self.get_mut(series).filter(|_| is_same) {
                entry.is_known = true;
                entry.is_leaving = false;
            }
            return is_same;
        }
        // The series left the head and came back; the log still has its former number, which has no samples any more.
        if let Some(former) = self.find(hash, labels) {
            if former > series {
                return false;
            }
            self.remove(&RoaringBitmap::from_iter([former]));
        }
        let pairs: Box<[u32]> = labels.iter().map(|(name, value)| self.pairs.intern(name, value)).collect();
        self.put(series, hash, pairs, tenant_of(labels), true).is_some()
    }

    fn put(&mut self, series: u32, hash: u64, pairs: Box<[u32]>, tenant: u32, is_known: bool) -> Option<()> {
        let next = series.checked_add(1)?;
        self.pairs.add_series(&pairs, series);
        let page = (series >> PAGE_BITS) as usize;
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| (0..PAGE).map(|_| None).collect());
        page[series as usize & (PAGE - 1)] = Some(Entry { hash, pairs, is_known, is_leaving: false });
        let pages = &self.pages;
        let rehash = |&series: &u32| {
            let page = pages[(series >> PAGE_BITS) as usize].as_ref();
            page.and_then(|page| page[series as usize & (PAGE - 1)].as_ref()).map_or(0, |entry| entry.hash)
        };
        self.by_labels.insert_unique(hash, series, rehash);
        self.all.insert(series);
        self.next = self.next.max(next);
        *self.tenants.entry(tenant).or_default() += 1;
        Some(())
    }

    /// The labels of a series, with that of the tenant.
    pub(crate) fn labels(&self, series: u32) -> Option<Labels> {
        let entry = self.get(series)?;
        Some(Labels::from_sorted(entry.pairs.iter().map(|&pair| self.text_of(pair))))
    }

    /// The labels of a series without that of the tenant.
    pub(crate) fn public_labels(&self, series: u32) -> Option<Labels> {
        let entry = self.get(series)?;
        let texts = entry.pairs.iter().map(|&pair| self.text_of(pair));
        Some(Labels::from_sorted(texts.filter(|(name, _)| *name != TENANT_LABEL)))
    }

    /// Those labels of a series whose names have one of `numbers`, but that of the tenant.
    pub(crate) fn labels_among(&self, series: u32, numbers: &[u32], sets: &mut Subsets<u32>) -> Option<Result<Labels>> {
        let entry = self.get(series)?;
        let wanted = entry.pairs.iter().copied().filter(|&pair| numbers.contains(&self.pairs.at(pair).name));
        Some(sets.get(wanted, |pairs| Ok(Labels::from_sorted(pairs.iter().map(|&pair| self.text_of(pair))))))
    }

    /// The numbers of those of `names` that there are, but that of the tenant's.
    pub(crate) fn name_numbers(&self, names: &[String]) -> Vec<u32> {
        names.iter().filter(|name| *name != TENANT_LABEL).filter_map(|name| self.pairs.name(name)).collect()
    }

    pub(crate) fn text_of(&self, pair: u32) -> (&str, &str) {
        let pair = self.pairs.at(pair);
        (&self.pairs.name_at(pair.name).text, &pair.value)
    }

    /// The pairs of a series.
    pub(crate) fn pairs_of(&self, series: u32) -> &[u32] {
        self.get(series).map_or(&[], |entry| &entry.pairs)
    }

    /// Series in the order of their labels.
    pub(crate) fn sorted(&self, series: &RoaringBitmap) -> Vec<u32> {
        let ranks = self.pairs.ranks();
        let rank = |pair: &u32| ranks[*pair as usize];
        let mut keyed: Vec<(&[u32], u32)> = series.iter().map(|series| (self.pairs_of(series), series)).collect();
        keyed.sort_unstable_by(|a, b| a.0.iter().map(rank).cmp(b.0.iter().map(rank)));
        keyed.into_iter().map(|(_, series)| series).collect()
    }

    /// Notes that journal or log have the definition.
    pub(crate) fn set_known(&mut self, series: u32) {
        if let Some(entry) = self.get_mut(series) {
            entry.is_known = true;
        }
    }

    /// Marks series as leaving; answers those that are there.
    pub(crate) fn mark_leaving(&mut self, idle: &RoaringBitmap) -> RoaringBitmap {
        let mut leaving = RoaringBitmap::new();
        for series in idle {
            if let Some(entry) = self.get_mut(series) {
                entry.is_leaving = true;
                leaving.insert(series);
            }
        }
        leaving
    }

    /// Drops those of `marked` that are still leaving and not in `kept`; answers which.
    pub(crate) fn drop_leaving(&mut self, marked: &RoaringBitmap, kept: &dyn Fn(u32) -> bool) -> RoaringBitmap {
        let is_leaving = |series: &u32| self.get(*series).is_some_and(|entry| entry.is_leaving) && !kept(*series);
        let gone: RoaringBitmap = marked.iter().filter(is_leaving).collect();
        self.remove(&gone);
        gone
    }

    fn remove(&mut self, gone: &RoaringBitmap) {
        let mut touched = Vec::new();
        for series in gone {
            touched.extend_from_slice(self.pairs_of(series));
            let tenant = self.labels(series).map_or(0, |labels| tenant_of(&labels));
            let page = &mut self.pages[(series >> PAGE_BITS) as usize];
            let Some(entry) = page.as_mut().and_then(|page| page[series as usize & (PAGE - 1)].take()) else {
                continue;
            };
            if page.as_ref().is_some_and(|page| page.iter().all(Option::is_none)) {
                *page = None;
            }
            if let Ok(found) = self.by_labels.find_entry(entry.hash, |&other| other == series) {
                found.remove();
            }
            if let Some(count) = self.tenants.get_mut(&tenant) {
                *count -= 1;
            }
        }
        self.tenants.retain(|_, count| *count > 0);
        touched.sort_unstable();
        touched.dedup();
        self.pairs.remove_series(gone, &touched);
        self.all -= gone;
    }

    /// Series of `tenant` with the metric name.
    pub(crate) fn metric_series(&self, tenant: u32, metric: &str) -> u64 {
        let Some(name) = self.pairs.name(METRIC_NAME) else { return 0 };
        let Some(pair) = self.pairs.pair(name, metric) else { return 0 };
        let series = &self.pairs.at(pair).series;
        if self.is_of_one_tenant() { series.len() } else { series.shared_with(&self.tenant_set(tenant)) }
    }

    /// The series of a tenant.
    pub(crate) fn tenant_set(&self, tenant: u32) -> RoaringBitmap {
        let Some(name) = self.pairs.name(TENANT_LABEL) else {
            return if tenant == 0 { self.all.clone() } else { RoaringBitmap::new() };
        };
        if tenant == 0 {
            return &self.all - &self.pairs.name_at(name).series;
        }
        let pair = self.pairs.pair(name, &tenant.to_string());
        pair.map(|pair| self.pairs.at(pair).series.to_set()).unwrap_or_default()
    }
}

/// The tenant that the hidden label names.
pub(crate) fn tenant_of(labels: &Labels) -> u32 {
    // It sorts first.
    match labels.iter().next() {
        Some((TENANT_LABEL, tenant)) => tenant.parse().unwrap_or(0),
        _ => 0,
    }
}
