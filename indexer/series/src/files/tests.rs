//! Paged files say what is wrong with them.

use std::path::Path;

use super::{FileKind, PAGE_BYTES, PagedFile, PagedWriter};
use crate::error::{Error, Result};

const KIND: FileKind = FileKind { name: "test", magic: *b"ORSZTEST", version: 3 };

fn write(path: &Path) {
    let mut writer = PagedWriter::create(path, KIND).expect("created");
    for at in 0..PAGE_BYTES as u32 {
        writer.write(&at.to_le_bytes()).expect("written");
    }
    let length = writer.finish(&[5, 6]).expect("finished");
    assert_eq!(std::fs::metadata(path).expect("there").len(), length);
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let file = PagedFile::open(path, KIND, 2)?;
    assert_eq!(file.numbers(), [5, 6]);
    file.bytes("far", 16 + 4 * 50_000, 4).map(<[u8]>::to_vec)
}

#[test]
fn bytes_are_read_back_and_only_those_of_the_content() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    write(&path);
    assert_eq!(read(&path).expect("read"), 50_000u32.to_le_bytes());
    let file = PagedFile::open(&path, KIND, 2).expect("open");
    let end = 16 + 4 * PAGE_BYTES as u64;
    assert_eq!(file.bytes("end", end - 4, 4).expect("the last"), (PAGE_BYTES as u32 - 1).to_le_bytes());
    for (offset, length) in [(end - 3, 4), (u64::MAX, 1), (0, usize::MAX)] {
        assert!(matches!(file.bytes("end", offset, length), Err(Error::Damaged { section: "end", .. })));
    }
    let other = FileKind { version: 2, ..KIND };
    // The file is whole: another build wrote it.
    assert!(matches!(PagedFile::open(&path, other, 2), Err(Error::Version { version: 3, known: 2, .. })));
    let other = FileKind { magic: *b"ORSZNONE", ..KIND };
    assert!(matches!(PagedFile::open(&path, other, 2), Err(Error::Foreign { kind: "test", .. })));
    assert!(matches!(PagedFile::open(&path, KIND, 3), Err(Error::Damaged { section: "footer", .. })));
}

#[test]
fn a_damaged_page_is_noticed_when_it_is_read_and_a_cut_file_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    write(&path);
    let whole = std::fs::read(&path).expect("bytes");
    let with = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(&path, bytes).expect("written");
        read(&path)
    };
    assert!(matches!(with(8), Err(Error::Damaged { section: "header", .. })), "its version is not what was written");
    assert!(matches!(with(16 + 4 * 50_000), Err(Error::Damaged { section: "far", .. })));
    assert_eq!(with(70).expect("another page"), 50_000u32.to_le_bytes());
    assert!(matches!(with(whole.len() - 50), Err(Error::Damaged { section: "page table", .. })));
    assert!(matches!(with(whole.len() - 20), Err(Error::Damaged { section: "footer", .. })));
    for length in [0, 10, 40, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).expect("cut");
        assert!(matches!(read(&path), Err(Error::Foreign { .. })), "{length}");
    }
}
