//! `[collector.queue]`, and what a label may be.

use orszem_model::ByteSize;
use serde::{Deserialize, Serialize};

use crate::Wrong;

/// The disk queue between reading and sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// The most disk it takes; at least 64 MiB.
    pub bytes_max: ByteSize,
    /// What happens then.
    pub full: WhenFull,
}

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Reading pauses; files and the journal keep what was not read.
    #[default]
    Block,
    /// The oldest batches are dropped, counted and reported.
    DropOldest,
    /// What is read is dropped, counted and reported.
    DropNewest,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { bytes_max: ByteSize::gib(4), full: WhenFull::Block }
    }
}

impl QueueConfig {
    pub(super) fn validate(&self) -> Option<Wrong> {
        let is_small = self.bytes_max < ByteSize::mib(64);
        is_small.then(|| Wrong::new("queue.bytes_max", self.bytes_max, "is too small", "write at least \"64MiB\""))
    }
}

/// Names as Prometheus has them, since every label may be used in its queries.
pub(super) fn validate_label(key: &str, name: &str, value: &str) -> Option<Wrong> {
    let begins_well = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let is_name = begins_well && name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name {
        let remedy = "use letters, digits and `_`, not beginning with a digit";
        return Some(Wrong::new(format!("{key}.{name}"), format!("{value:?}"), "has no label's name", remedy));
    }
    let is_value = !value.is_empty() && value.len() <= 1024;
    (!is_value).then(|| {
        Wrong::new(format!("{key}.{name}"), format!("{value:?}"), "is empty or too long", "write 1 to 1024 bytes")
    })
}
