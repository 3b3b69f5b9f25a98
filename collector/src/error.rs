//! What can go wrong in the collector.

use std::io;
use std::path::PathBuf;

pub(crate) use orszem_model::chain;
use orszem_queue::QueueError;

use crate::Wrong;
use crate::output::StartError;

/// A failure that stops the collector, or keeps it from starting or from being reloaded.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    #[error("the collector's configuration can't be used: {}", told(.0))]
    Config(Vec<Wrong>),
    #[error("can't create the collector's state directory {}", path.display())]
    CreateStateDir {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the collector's queue")]
    Queue(#[from] QueueError),
    #[error("the collector's output")]
    Output(#[from] StartError),
    #[error("can't set up the compression of batches")]
    Compressor(#[source] io::Error),
    #[error("can't follow `{what}`")]
    Source {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("can't start a thread")]
    Thread(#[source] io::Error),
    #[error("a step of the collector panicked")]
    Step(#[source] tokio::task::JoinError),
    #[error("the collector has stopped")]
    Stopped,
}

fn told(wrong: &[Wrong]) -> String {
    let each = wrong.iter().map(|Wrong { key, value, wrong, remedy }| format!("{key} = {value}: {wrong}; {remedy}"));
    each.collect::<Vec<_>>().join("; ")
}
