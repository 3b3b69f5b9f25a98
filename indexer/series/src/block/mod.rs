//! Blocks: the samples of many series over a range of time, written once.
//!
//! A block is a directory `<min>-<max>-<number>` with `chunks` (see [`chunk_file`](crate::chunk_file); keys are the
//! ordinals of the index), `index` (see [`index`](crate::index)), `meta.json`, and `tombstones` once something of it
//! was deleted. It is written under a name of its own, synced and renamed: there is the whole block or none.

mod directory;
mod meta;
mod reader;
mod tombstones;
mod writer;

pub use directory::{OpenedBlocks, open_blocks, remove_block};
pub use meta::BlockMeta;
pub use reader::{Block, BlockReader};
pub use writer::BlockWriter;
pub(crate) use writer::SealedBlock;

const CHUNKS: &str = "chunks";
const INDEX: &str = "index";
const META: &str = "meta.json";
const TOMBSTONES: &str = "tombstones";
/// How the names of directories begin that are no blocks yet, or no more.
const UNFINISHED: &str = ".new-";
const REMOVED: &str = ".old-";

#[cfg(test)]
mod tests;
