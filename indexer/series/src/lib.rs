//! The series store: samples of metrics, kept by label set.

mod batch;
pub mod block;
pub mod chunk;
pub mod chunk_file;
mod columns;
pub mod compact;
mod error;
mod files;
mod hash;
mod head;
pub mod index;
mod store;
mod subsets;

pub use block::{Block, BlockMeta, BlockReader, BlockWriter, open_blocks, remove_block};
pub use columns::{merge_columns, remove_range};
pub use compact::{MergeInput, MergeOptions, merge};
pub use error::{Error, Result};
pub use hash::labels_hash;
pub use index::Index;

pub use batch::{Batch, BatchBuilder, DecodeError, Exemplar, Metadata, Rejected};
pub use head::{SeriesRef, TENANT_LABEL};
pub use store::{
    Applied, CardinalityReport, LabelCount, OpenReport, Options, Retained, Retention, RetentionRule, SelectionReader,
    SeriesExemplars, SeriesSelection, SeriesStore, SetAside, Settle, Sizes, ValueCount,
};
