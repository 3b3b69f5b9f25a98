//! The corpus: its lines in batches, and what its description lists.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use orszem_model::time::parse_timestamp;
use orszem_model::{Span, Timestamp};
use serde::Deserialize;

/// What `FILE.meta.json` says.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Meta {
    /// Words and how often each occurs.
    pub(super) needles: BTreeMap<String, u64>,
    pub(super) trace_ids: Vec<String>,
    /// The moment of its first record, RFC 3339.
    pub(super) start: String,
    /// How long it goes on.
    pub(super) hours: u64,
}

impl Meta {
    /// Reads the description beside `corpus`.
    pub(super) fn of(corpus: &Path) -> anyhow::Result<Self> {
        let mut name = corpus.as_os_str().to_owned();
        name.push(".meta.json");
        let path = PathBuf::from(name);
        let text = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} describes no corpus", path.display()))
    }

    /// Begin and end as the API takes them, in nanoseconds since 1970.
    pub(super) fn range(&self) -> anyhow::Result<[String; 2]> {
        let start = parse_timestamp(&self.start, Timestamp(0)).context("the corpus begins at no time")?;
        let end = start.after(Span::hours(self.hours).duration());
        Ok([start, end].map(|moment| moment.0.to_string()))
    }

    /// The needles that occur `count` times.
    pub(super) fn needles_of(&self, count: u64) -> impl Iterator<Item = &str> {
        self.needles.iter().filter(move |(_, n)| **n == count).map(|(word, _)| word.as_str())
    }
}

/// Hands the file on in whole lines, about `batch_bytes` at a time, until `take` says no. Answers the bytes handed on.
pub(super) fn batches(path: &Path, batch_bytes: usize, take: impl Fn(Bytes) -> bool) -> anyhow::Result<u64> {
    let failed = || format!("can't read {}", path.display());
    let mut file = File::open(path).with_context(failed)?;
    let mut rest = Vec::new();
    let mut handed = 0;
    loop {
        let mut batch = std::mem::take(&mut rest);
        let wanted = batch_bytes.saturating_sub(batch.len()) as u64;
        let read = (&mut file).take(wanted.max(1)).read_to_end(&mut batch).with_context(failed)?;
        if read > 0 {
            let Some(end) = batch.iter().rposition(|byte| *byte == b'\n') else {
                if batch.len() >= batch_bytes {
                    bail!("{} has a line of more than {batch_bytes} bytes", path.display());
                }
                rest = batch;
                continue;
            };
            rest = batch.split_off(end + 1);
        }
        if batch.is_empty() {
            return Ok(handed);
        }
        handed += batch.len() as u64;
        if !take(Bytes::from(batch)) || read == 0 {
            return Ok(handed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn batches_end_at_lines_and_hold_everything() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "aa\nbbb\ncccc\nd").expect("writes");
        let seen = RefCell::new(Vec::new());
        let bytes = batches(file.path(), 8, |batch| {
            seen.borrow_mut().push(String::from_utf8(batch.to_vec()).expect("text"));
            true
        });
        assert_eq!(bytes.expect("reads"), 13);
        assert_eq!(*seen.borrow(), ["aa\nbbb\n", "cccc\n", "d"]);
        assert!(batches(file.path(), 2, |_| true).is_err(), "no line fits");
    }
}
