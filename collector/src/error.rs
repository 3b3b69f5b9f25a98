//! What can go wrong in the collector.

use std::io;
use std::path::PathBuf;

/// A failure that stops the collector, or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    #[error("collector configuration is not usable")]
    Config(#[from] ConfigError),
    #[error("can't create the collector's state directory {}", path.display())]
    CreateStateDir {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't read the checkpoint {}", path.display())]
    ReadCheckpoint {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't write the checkpoint {}", path.display())]
    WriteCheckpoint {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("a reading step of the collector panicked")]
    Step(#[source] tokio::task::JoinError),
    #[error("the receiver of batches is gone")]
    OutputClosed,
}

/// An option whose value can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("collector.include must name at least one pattern")]
    NoInclude,
    #[error("collector.include: {pattern:?} is not an absolute path pattern")]
    RelativeInclude { pattern: String },
    #[error("collector.depth_max is {value}; use 1 to 16")]
    DepthMax { value: usize },
    #[error("collector.first_read_bytes_max is {value}; use at least 1048576")]
    FirstReadBytesMax { value: u64 },
    #[error("collector.state_dir is empty; name a directory")]
    NoStateDir,
}
