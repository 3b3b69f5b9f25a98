//! Reads label indexes.

use std::path::Path;

use fst::raw::Fst;
use hashbrown::HashMap;
use orszem_model::{Labels, varint};
use roaring::RoaringBitmap;

use super::postings::{Postings, or_damaged};
use super::series::{BLOCK_BYTES_MAX, Rows};
use super::{BLOCK_SERIES, BLOCKS, GROUP_VALUES, HASHES, KIND, NAMES, NAMES_BYTES, NUMBERS, SERIES};
use crate::error::Result;
use crate::files::PagedFile;
use crate::hash::labels_hash;
use crate::head::TENANT_LABEL;
use crate::subsets::Subsets;

/// A reader of labels forgets its values beyond so many.
const VALUES_MAX: usize = 1 << 16;

/// A label index, open. Opening reads the table of names.
#[derive(Debug)]
pub struct Index {
    pub(super) file: PagedFile,
    /// By text.
    pub(super) names: Vec<Name>,
    /// Names, by their place in `names`, in the order of text.
    shapes: Vec<Vec<u32>>,
    series: u32,
}

/// A label name and where its parts are.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) values: u32,
    pub(super) series: u64,
    fst: (u64, usize),
    groups: u64,
    present: (u64, usize),
}

impl Index {
    /// # Errors
    /// When the file can't be read, or is no whole label index of this version.
    pub fn open(path: &Path) -> Result<Self> {
        let file = PagedFile::open(path, KIND, NUMBERS)?;
        let damaged = || file.damaged("names");
        let length = usize::try_from(file.numbers()[NAMES_BYTES]).map_err(|_| damaged())?;
        let mut table = file.bytes("names", file.numbers()[NAMES], length)?;
        let names: Vec<Name> = take_list(&mut table, take_name).ok_or_else(damaged)?;
        let take_number =
            |input: &mut &[u8]| u32::try_from(varint::take(input)?).ok().filter(|&name| (name as usize) < names.len());
        let shapes = take_list(&mut table, |input| take_list(input, take_number)).ok_or_else(damaged)?;
        let series = u32::try_from(file.numbers()[SERIES]).map_err(|_| damaged())?;
        Ok(Self { file, names, shapes, series })
    }

    /// How many series there are; their ordinals are below.
    pub fn series(&self) -> u32 {
        self.series
    }

    /// The labels of a series. Of many series, an [`Index::labels_reader`] is faster.
    ///
    /// # Errors
    /// When the bytes read are damaged, or there is no such series.
    pub fn labels(&self, ordinal: u32) -> Result<Labels> {
        self.labels_reader().labels(ordinal)
    }

    /// A reader of many labels; one for each thread.
    pub fn labels_reader(&self) -> LabelsReader<'_> {
        LabelsReader {
            index: self,
            block: None,
            rows: Rows::default(),
            before: Vec::new(),
            values: HashMap::new(),
            sets: Subsets::default(),
        }
    }

    /// The places of those of `names` that there are, but that of the tenant's.
    pub(crate) fn name_places(&self, names: &[String]) -> Vec<u32> {
        let place = |name: &String| self.names.binary_search_by(|known| known.text.as_str().cmp(name)).ok();
        let of_series = names.iter().filter(|name| *name != TENANT_LABEL);
        of_series.filter_map(place).map(|place| place as u32).collect()
    }

    /// The hash of a series' labels, see [`labels_hash`].
    ///
    /// # Errors
    /// When the bytes read are damaged, or there is no such series.
    pub fn hash(&self, ordinal: u32) -> Result<u64> {
        let damaged = || self.file.damaged("hashes");
        if ordinal >= self.series {
            return Err(damaged());
        }
        self.u64_at("hashes", self.file.numbers()[HASHES], u64::from(ordinal))
    }

    /// The series with exactly these labels.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn find(&self, labels: &Labels) -> Result<Option<u32>> {
        let hash = labels_hash(labels);
        let mut among: Option<RoaringBitmap> = None;
        let mut postings = Vec::with_capacity(labels.len());
        for (name, value) in labels {
            let Some(name) = self.name(name) else { return Ok(None) };
            let Some(rank) = self.rank(name, value)? else { return Ok(None) };
            postings.push(self.postings(name, rank)?);
        }
        postings.sort_unstable_by_key(|postings| postings.count);
        for postings in postings {
            // Few enough to compare hashes.
            if among.as_ref().is_some_and(|among| among.len() <= 64) {
                break;
            }
            let bitmap = or_damaged(&self.file, postings.bitmap())?;
            among = Some(among.map_or_else(|| bitmap.clone(), |among| among & &bitmap));
        }
        let among = among.unwrap_or_else(|| self.all());
        for ordinal in among {
            if self.hash(ordinal)? == hash && self.labels(ordinal)? == *labels {
                return Ok(Some(ordinal));
            }
        }
        Ok(None)
    }

    pub(super) fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.series);
        all
    }

    pub(super) fn name(&self, text: &str) -> Option<&Name> {
        self.names.binary_search_by(|name| name.text.as_str().cmp(text)).ok().and_then(|at| self.names.get(at))
    }

    pub(super) fn fst(&self, name: &Name) -> Result<Fst<&[u8]>> {
        Fst::new(self.file.bytes("values", name.fst.0, name.fst.1)?).map_err(|_| self.file.damaged("values"))
    }

    pub(super) fn rank(&self, name: &Name, value: &str) -> Result<Option<u32>> {
        let rank = self.fst(name)?.get(value).map(|rank| rank.value() as u32);
        Ok(rank)
    }

    pub(super) fn value(&self, name: &Name, rank: u32) -> Result<String> {
        let mut bytes = Vec::new();
        let is_there = self.fst(name)?.get_key_into(u64::from(rank), &mut bytes);
        is_there.then(|| String::from_utf8(bytes).ok()).flatten().ok_or_else(|| self.file.damaged("values"))
    }

    /// The postings of all series with the name.
    pub(super) fn present(&self, name: &Name) -> Result<RoaringBitmap> {
        let bytes = self.file.bytes("postings", name.present.0, name.present.1)?;
        or_damaged(&self.file, Postings::new(bytes).and_then(|postings| postings.bitmap()))
    }

    /// The postings of a value.
    pub(super) fn postings(&self, name: &Name, rank: u32) -> Result<Postings<'_>> {
        let mut entries = self.group(name, rank / GROUP_VALUES as u32)?;
        let damaged = || self.file.damaged("postings");
        for _ in 0..rank % GROUP_VALUES as u32 {
            varint::take_bytes(&mut entries).ok_or_else(damaged)?;
        }
        varint::take_bytes(&mut entries).and_then(Postings::new).ok_or_else(damaged)
    }

    /// Calls `visit` with the rank and the postings of each value, in order, until it answers false.
    pub(super) fn visit_postings(
        &self,
        name: &Name,
        visit: &mut dyn FnMut(u32, Postings<'_>) -> Result<bool>,
    ) -> Result<()> {
        for group in 0..name.values.div_ceil(GROUP_VALUES as u32) {
            let mut entries = self.group(name, group)?;
            let first = group * GROUP_VALUES as u32;
            for rank in first..name.values.min(first + GROUP_VALUES as u32) {
                let postings = varint::take_bytes(&mut entries).and_then(Postings::new);
                if !visit(rank, or_damaged(&self.file, postings)?)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The postings from the first of a group on, to the end of the name's.
    fn group(&self, name: &Name, group: u32) -> Result<&[u8]> {
        let damaged = || self.file.damaged("postings");
        let groups = name.values.div_ceil(GROUP_VALUES as u32);
        if group >= groups {
            return Err(damaged());
        }
        let start = self.u64_at("postings", name.groups, u64::from(group))?;
        let end =
            if group + 1 < groups { self.u64_at("postings", name.groups, u64::from(group) + 1)? } else { name.groups };
        let length = end.checked_sub(start).and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?;
        self.file.bytes("postings", start, length)
    }

    fn u64_at(&self, section: &'static str, start: u64, at: u64) -> Result<u64> {
        let damaged = || self.file.damaged(section);
        let offset = at.checked_mul(8).and_then(|at| at.checked_add(start)).ok_or_else(damaged)?;
        let bytes = self.file.bytes(section, offset, 8)?;
        bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or_else(damaged)
    }
}

/// Reads the labels of series, those of neighbours together.
pub struct LabelsReader<'a> {
    index: &'a Index,
    /// The block in `rows`.
    block: Option<u32>,
    rows: Rows,
    before: Vec<u32>,
    /// By place of the name and rank.
    values: HashMap<(u32, u32), String>,
    /// Of [`Self::labels_among`].
    sets: Subsets<(u32, u32)>,
}

impl LabelsReader<'_> {
    /// As [`Index::labels`]; fastest in ascending order.
    ///
    /// # Errors
    /// When the bytes read are damaged, or there is no such series.
    pub fn labels(&mut self, ordinal: u32) -> Result<Labels> {
        self.load(ordinal)?;
        let index = self.index;
        let damaged = || index.file.damaged("series");
        if self.values.len() > VALUES_MAX {
            self.values.clear();
        }
        let (shape, ranks) = self.rows.get(ordinal as usize % BLOCK_SERIES).ok_or_else(damaged)?;
        let names = index.shapes.get(shape as usize).ok_or_else(damaged)?;
        for (&name, &rank) in names.iter().zip(ranks) {
            if !self.values.contains_key(&(name, rank)) {
                self.values.insert((name, rank), index.value(&index.names[name as usize], rank)?);
            }
        }
        let pair = |(name, rank): (&u32, &u32)| {
            let value = self.values.get(&(*name, *rank)).map_or("", String::as_str);
            (index.names[*name as usize].text.as_str(), value)
        };
        Ok(Labels::from_sorted(names.iter().zip(ranks).map(pair)))
    }

    /// Those labels of a series whose names have one of `places` in the index.
    ///
    /// # Errors
    /// As [`Self::labels`].
    pub(crate) fn labels_among(&mut self, ordinal: u32, places: &[u32]) -> Result<Labels> {
        self.load(ordinal)?;
        let index = self.index;
        let damaged = || index.file.damaged("series");
        let (shape, ranks) = self.rows.get(ordinal as usize % BLOCK_SERIES).ok_or_else(damaged)?;
        let names = index.shapes.get(shape as usize).ok_or_else(damaged)?;
        let pairs = names.iter().copied().zip(ranks.iter().copied());
        self.sets.get(pairs.filter(|(name, _)| places.contains(name)), |pairs| {
            let name = |name: u32| &index.names[name as usize];
            let values: Vec<String> =
                pairs.iter().map(|&(at, rank)| index.value(name(at), rank)).collect::<Result<_>>()?;
            let texts = pairs.iter().zip(&values).map(|(&(at, _), value)| (name(at).text.as_str(), value.as_str()));
            Ok(Labels::from_sorted(texts))
        })
    }

    /// The rank of the name's value, if the series has the name.
    pub(super) fn rank(&mut self, ordinal: u32, name: &Name) -> Result<Option<u32>> {
        self.load(ordinal)?;
        let index = self.index;
        let damaged = || index.file.damaged("series");
        let (shape, ranks) = self.rows.get(ordinal as usize % BLOCK_SERIES).ok_or_else(damaged)?;
        let names = index.shapes.get(shape as usize).ok_or_else(damaged)?;
        let at = names.iter().position(|&at| std::ptr::eq(&raw const index.names[at as usize], name));
        Ok(at.and_then(|at| ranks.get(at).copied()))
    }

    fn load(&mut self, ordinal: u32) -> Result<()> {
        let block = ordinal / BLOCK_SERIES as u32;
        if self.block == Some(block) {
            return Ok(());
        }
        let index = self.index;
        let damaged = || index.file.damaged("series");
        if ordinal >= index.series {
            return Err(damaged());
        }
        self.block = None;
        let offsets = index.file.numbers()[BLOCKS];
        let start = index.u64_at("series", offsets, u64::from(block))?;
        let end = index.u64_at("series", offsets, u64::from(block) + 1)?;
        let length = end.checked_sub(start).and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?;
        let mut bytes = index.file.bytes("series", start, length)?;
        let plain = varint::take(&mut bytes).and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?;
        if plain > BLOCK_BYTES_MAX {
            return Err(damaged());
        }
        let plain = zstd::bulk::decompress(bytes, plain).map_err(|_| damaged())?;
        let count = (index.series - block * BLOCK_SERIES as u32).min(BLOCK_SERIES as u32) as usize;
        let decoded = self.rows.decode(&plain, count, &index.shapes, &mut self.before, index.names.len());
        decoded.ok_or_else(damaged)?;
        self.block = Some(block);
        Ok(())
    }
}

fn take_name(input: &mut &[u8]) -> Option<Name> {
    let text = std::str::from_utf8(varint::take_bytes(input)?).ok()?.to_owned();
    let values = u32::try_from(varint::take(input)?).ok()?;
    let series = varint::take(input)?;
    let fst = (varint::take(input)?, usize::try_from(varint::take(input)?).ok()?);
    let groups = varint::take(input)?;
    let present = (varint::take(input)?, usize::try_from(varint::take(input)?).ok()?);
    Some(Name { text, values, series, fst, groups, present })
}

fn take_list<T>(input: &mut &[u8], mut take: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = varint::take(input)?;
    let mut list = Vec::with_capacity(count.min(1_024) as usize);
    for _ in 0..count {
        list.push(take(input)?);
    }
    Some(list)
}
