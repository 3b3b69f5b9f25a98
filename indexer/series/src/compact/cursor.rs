//! The series of one input, one after the other.

use orszem_model::{Columns, Labels};

use super::{MergeInput, SeriesIter};
use crate::block::{Block, BlockReader};
use crate::error::Result;
use crate::index::LabelsReader;

/// An input and where it stands.
pub(super) struct Cursor<'a> {
    place: Place<'a>,
    /// Of the next series; `None` at the end.
    labels: Option<Labels>,
}

enum Place<'a> {
    Block { block: &'a Block, reader: BlockReader<'a>, labels: Box<LabelsReader<'a>>, ordinal: u32 },
    Series { series: SeriesIter<'a>, columns: Columns },
}

impl<'a> Cursor<'a> {
    /// Stands at the first series.
    pub(super) fn new(input: MergeInput<'a>) -> Result<Self> {
        let place = match input {
            MergeInput::Block(block) => Place::Block {
                block,
                reader: block.reader(),
                labels: Box::new(block.index().labels_reader()),
                ordinal: 0,
            },
            MergeInput::Series(series) => Place::Series { series, columns: Columns::default() },
        };
        let mut cursor = Self { place, labels: None };
        cursor.load()?;
        Ok(cursor)
    }

    /// Of the series it stands at.
    pub(super) fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// Moves the samples of the series into `out`, which is empty, and goes on to the next.
    pub(super) fn take(&mut self, out: &mut Columns) -> Result<()> {
        match &mut self.place {
            Place::Block { reader, ordinal, .. } => {
                reader.read(*ordinal, i64::MIN, i64::MAX, out)?;
                *ordinal += 1;
            }
            Place::Series { columns, .. } => std::mem::swap(columns, out),
        }
        self.load()
    }

    fn load(&mut self) -> Result<()> {
        self.labels = match &mut self.place {
            Place::Block { block, labels, ordinal, .. } if *ordinal < block.index().series() => {
                Some(labels.labels(*ordinal)?)
            }
            Place::Block { .. } => None,
            Place::Series { series, columns } => match series.next().transpose()? {
                Some((labels, samples)) => {
                    *columns = samples;
                    Some(labels)
                }
                None => None,
            },
        };
        Ok(())
    }
}
