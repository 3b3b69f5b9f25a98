//! Writes a label index, a series at a time.

use std::path::Path;

use hashbrown::HashMap;
use orszem_model::{Labels, varint};

use super::postings::PostingsBuilder;
use super::series::Rows;
use super::values::Values;
use super::{BLOCK_SERIES, GROUP_VALUES, KIND};
use crate::error::{Error, Result};
use crate::files::PagedWriter;
use crate::hash::labels_hash;

const ZSTD_LEVEL: i32 = 3;

/// A label index being written. Memory: about 16 bytes and 4 for each label of each series, and 80 and its text for
/// each distinct value, until [`IndexWriter::finish`].
#[derive(Debug)]
pub struct IndexWriter {
    out: PagedWriter,
    names: Vec<Name>,
    name_numbers: HashMap<String, u32>,
    values: Values,
    shapes: Vec<Vec<u32>>,
    shape_numbers: HashMap<Vec<u32>, u32>,
    /// Of each series: its shape, and the numbers of its values, all in one.
    series_shapes: Vec<u32>,
    series_values: Vec<u32>,
    hashes: Vec<u8>,
    last: Option<Labels>,
    shape: Vec<u32>,
    before: Vec<(u32, u32)>,
}

#[derive(Debug)]
struct Name {
    text: String,
    present: PostingsBuilder,
}

impl IndexWriter {
    /// # Errors
    /// When the file is there already or can't be created.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            out: PagedWriter::create(path, KIND)?,
            names: Vec::new(),
            name_numbers: HashMap::new(),
            values: Values::default(),
            shapes: Vec::new(),
            shape_numbers: HashMap::new(),
            series_shapes: Vec::new(),
            series_values: Vec::new(),
            hashes: Vec::new(),
            last: None,
            shape: Vec::new(),
            before: Vec::new(),
        })
    }

    /// Adds a series behind the ones before, and answers its ordinal.
    ///
    /// # Errors
    /// When the series are not in the order of their labels, or too many.
    pub fn add(&mut self, labels: &Labels) -> Result<u32> {
        if self.last.as_ref().is_some_and(|last| last >= labels) {
            return Err(Error::Order { what: "series" });
        }
        let max = u64::from(u32::MAX);
        let too_many = |what| Error::TooMany { what, max };
        let ordinal = u32::try_from(self.series_shapes.len()).ok().filter(|&ordinal| ordinal < u32::MAX);
        let ordinal = ordinal.ok_or_else(|| too_many("series"))?;
        if self.values.len() + labels.len() > u32::MAX as usize {
            return Err(too_many("label values"));
        }
        self.shape.clear();
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = self.before.get(at).copied();
            let name_number = match before {
                Some((number, _)) if self.names[number as usize].text == name => number,
                _ => self.name(name),
            };
            let number = match before {
                Some((_, number))
                    if self.values.name(number) == name_number && self.values.text(number) == value.as_bytes() =>
                {
                    number
                }
                _ => self.values.intern(name_number, value.as_bytes()),
            };
            match self.before.get_mut(at) {
                Some(before) => *before = (name_number, number),
                None => self.before.push((name_number, number)),
            }
            self.values.post(number, ordinal);
            self.names[name_number as usize].present.push(ordinal);
            self.shape.push(name_number);
            self.series_values.push(number);
        }
        let shape = self.shape_number();
        self.series_shapes.push(shape);
        self.hashes.extend_from_slice(&labels_hash(labels).to_le_bytes());
        self.last = Some(labels.clone());
        Ok(ordinal)
    }

    fn name(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.name_numbers.get(text) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(Name { text: text.to_owned(), present: PostingsBuilder::default() });
        self.name_numbers.insert(text.to_owned(), number);
        number
    }

    fn shape_number(&mut self) -> u32 {
        if let Some(&number) = self.shape_numbers.get(&self.shape) {
            return number;
        }
        let number = self.shapes.len() as u32;
        self.shapes.push(self.shape.clone());
        self.shape_numbers.insert(self.shape.clone(), number);
        number
    }

    /// Writes the index and syncs the file. The directory is the caller's to sync. Answers the length of the file.
    ///
    /// # Errors
    /// When the file can't be written or synced.
    pub fn finish(mut self) -> Result<u64> {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self.names[a as usize].text.cmp(&self.names[b as usize].text));
        let mut of_name: Vec<Vec<u32>> = vec![Vec::new(); self.names.len()];
        for number in 0..self.values.len() as u32 {
            of_name[self.values.name(number) as usize].push(number);
        }
        let mut ranks = vec![0u32; self.values.len()];
        let mut table = Vec::new();
        varint::put(&mut table, order.len() as u64);
        for &name in &order {
            let mut numbers = std::mem::take(&mut of_name[name as usize]);
            numbers.sort_unstable_by(|&a, &b| self.values.text(a).cmp(self.values.text(b)));
            for (rank, &number) in numbers.iter().enumerate() {
                ranks[number as usize] = rank as u32;
            }
            self.write_name(name, &numbers, &mut table)?;
        }
        let mut name_ranks = vec![0u32; order.len()];
        for (rank, &name) in order.iter().enumerate() {
            name_ranks[name as usize] = rank as u32;
        }
        varint::put(&mut table, self.shapes.len() as u64);
        for shape in &mut self.shapes {
            varint::put(&mut table, shape.len() as u64);
            for name in shape {
                *name = name_ranks[*name as usize];
                varint::put(&mut table, u64::from(*name));
            }
        }
        let blocks = self.write_series(&ranks)?;
        let hashes = self.out.offset();
        self.out.write(&self.hashes)?;
        let names = self.out.offset();
        self.out.write(&table)?;
        self.out.finish(&[self.series_shapes.len() as u64, blocks, hashes, names, table.len() as u64])
    }

    /// Writes the values of a name, in their order, and its entry in the table of names.
    fn write_name(&mut self, name: u32, numbers: &[u32], table: &mut Vec<u8>) -> Result<()> {
        let path = self.out.path().to_owned();
        let built = |source| Error::BuildIndex { path: path.clone(), source };
        let mut fst = fst::MapBuilder::memory();
        for (rank, &number) in numbers.iter().enumerate() {
            fst.insert(self.values.text(number), rank as u64).map_err(built)?;
        }
        let fst = fst.into_inner().map_err(built)?;
        let fst_offset = self.out.offset();
        self.out.write(&fst)?;
        let mut groups = Vec::new();
        let (mut entry, mut bytes) = (Vec::new(), Vec::new());
        for (rank, &number) in numbers.iter().enumerate() {
            if rank.is_multiple_of(GROUP_VALUES) {
                groups.extend_from_slice(&self.out.offset().to_le_bytes());
            }
            bytes.clear();
            let packed = |source| Error::CompressLabels { path: path.clone(), source };
            self.values.take_postings(number).finish(&mut bytes).map_err(packed)?;
            entry.clear();
            varint::put_bytes(&mut entry, &bytes);
            self.out.write(&entry)?;
        }
        let groups_offset = self.out.offset();
        self.out.write(&groups)?;
        let name = &mut self.names[name as usize];
        let present = std::mem::take(&mut name.present);
        let count = present.count();
        bytes.clear();
        present.finish(&mut bytes).map_err(|source| Error::CompressLabels { path: path.clone(), source })?;
        let present_offset = self.out.offset();
        self.out.write(&bytes)?;
        varint::put_bytes(table, name.text.as_bytes());
        for number in [numbers.len() as u64, u64::from(count), fst_offset, fst.len() as u64, groups_offset] {
            varint::put(table, number);
        }
        varint::put(table, present_offset);
        varint::put(table, bytes.len() as u64);
        Ok(())
    }

    /// Writes the series, and answers where the offsets of their blocks are.
    fn write_series(&mut self, ranks: &[u32]) -> Result<u64> {
        let path = self.out.path().to_owned();
        let packed = |source| Error::CompressLabels { path: path.clone(), source };
        let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(packed)?;
        let (mut rows, mut plain, mut before) = (Rows::default(), Vec::new(), vec![0u32; self.names.len()]);
        let mut offsets = Vec::new();
        let mut at = 0;
        for block in self.series_shapes.chunks(BLOCK_SERIES) {
            rows.clear();
            for &shape in block {
                let end = at + self.shapes[shape as usize].len();
                rows.push(shape, self.series_values[at..end].iter().map(|&number| ranks[number as usize]));
                at = end;
            }
            plain.clear();
            rows.encode(&self.shapes, &mut before, &mut plain);
            offsets.extend_from_slice(&self.out.offset().to_le_bytes());
            let mut entry = Vec::new();
            varint::put(&mut entry, plain.len() as u64);
            entry.extend_from_slice(&compressor.compress(&plain).map_err(packed)?);
            self.out.write(&entry)?;
        }
        let blocks = self.out.offset();
        offsets.extend_from_slice(&blocks.to_le_bytes());
        self.out.write(&offsets)?;
        Ok(blocks)
    }
}
