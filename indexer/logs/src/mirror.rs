//! A plain copy of the catalogue's content, written after each change, from which a damaged catalogue is made anew.
//!
//! Text: `crc32c of the rest` as eight hex digits, then `flushed N`, then a line of tab-separated fields for each live
//! segment. Replaced atomically; what survives a crash is the state before or after the last change.

use std::fs;
use std::io;
use std::path::Path;

use crate::catalog::SegmentRow;

/// What a catalogue holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) flushed: u64,
    pub(crate) segments: Vec<SegmentRow>,
}

/// The checksum of the content, which the catalogue keeps beside it: SQLite has none of its own.
pub(crate) fn checksum(content: &Content) -> u32 {
    crc32c::crc32c(text_of(content).as_bytes())
}

fn text_of(content: &Content) -> String {
    let mut text = format!("flushed {}\n", content.flushed);
    for row in &content.segments {
        let SegmentRow { id, class, day, generation, file, rows, raw_bytes, disk_bytes, min_ts, max_ts, sealed } = row;
        text.push_str(&format!(
            "{id}\t{class}\t{day}\t{generation}\t{file}\t{rows}\t{raw_bytes}\t{disk_bytes}\t{min_ts}\t{max_ts}\t{}\n",
            u8::from(*sealed)
        ));
    }
    text
}

/// Replaces the copy at `path`.
pub(crate) fn write(path: &Path, content: &Content) -> io::Result<()> {
    let text = text_of(content);
    let sealed = format!("{:08x}\n{text}", crc32c::crc32c(text.as_bytes()));
    orszem_durable::replace(path, sealed.as_bytes())
}

/// Reads the copy; `None` when there is none or it is damaged.
pub(crate) fn read(path: &Path) -> io::Result<Option<Content>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(text: &str) -> Option<Content> {
    let (crc, text) = text.split_once('\n')?;
    if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(text.as_bytes()) {
        return None;
    }
    let mut lines = text.lines();
    let flushed = lines.next()?.strip_prefix("flushed ")?.parse().ok()?;
    let segments = lines.map(parse_row).collect::<Option<_>>()?;
    Some(Content { flushed, segments })
}

fn parse_row(line: &str) -> Option<SegmentRow> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [id, class, day, generation, file, rows, raw_bytes, disk_bytes, min_ts, max_ts, sealed] = fields[..] else {
        return None;
    };
    Some(SegmentRow {
        id: id.parse().ok()?,
        class: class.to_owned(),
        day: day.parse().ok()?,
        generation: generation.parse().ok()?,
        file: file.to_owned(),
        rows: rows.parse().ok()?,
        raw_bytes: raw_bytes.parse().ok()?,
        disk_bytes: disk_bytes.parse().ok()?,
        min_ts: min_ts.parse().ok()?,
        max_ts: max_ts.parse().ok()?,
        sealed: sealed == "1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_reads_back_and_a_damaged_one_does_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("mirror");
        assert_eq!(read(&path).expect("reads"), None);
        let row = SegmentRow {
            id: 3,
            class: "audit".into(),
            day: -1,
            generation: 2,
            file: "audit/19691231.2/3.seg".into(),
            rows: 1,
            raw_bytes: 2,
            disk_bytes: 3,
            min_ts: -4,
            max_ts: 5,
            sealed: true,
        };
        let content = Content { flushed: 9, segments: vec![row] };
        write(&path, &content).expect("writes");
        assert_eq!(read(&path).expect("reads"), Some(content));
        let text = fs::read_to_string(&path).expect("text").replace("flushed 9", "flushed 8");
        fs::write(&path, text).expect("writes");
        assert_eq!(read(&path).expect("reads"), None);
    }
}
