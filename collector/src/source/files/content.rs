//! What a file holds, plain or compressed, by offset.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::position::HEAD_BYTES;

/// How a file's bytes are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// By the file's name.
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// An open file.
pub(super) enum Content {
    Plain(File),
    Compressed(Box<Decoder>),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Compressed(_) => "Compressed",
        })
    }
}

/// What is unpacked is kept as far as it may be asked for again.
pub(super) struct Decoder {
    file: File,
    compression: Compression,
    /// `None` while nothing is read: unpacking takes memory.
    stream: Option<Box<dyn Read + Send>>,
    /// The offset of `window`'s first byte.
    begin: u64,
    window: Vec<u8>,
}

impl Content {
    pub(super) fn new(file: File, compression: Compression) -> io::Result<Self> {
        match compression {
            Compression::None => Ok(Self::Plain(file)),
            Compression::Gzip | Compression::Zstd => Ok(Self::Compressed(Box::new(Decoder {
                file,
                compression,
                stream: None,
                begin: 0,
                window: Vec::new(),
            }))),
        }
    }

    /// The open file itself.
    pub(super) fn file(&self) -> &File {
        match self {
            Self::Plain(file) => file,
            Self::Compressed(decoder) => &decoder.file,
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, Self::Compressed(_))
    }

    /// Fills `buffer` from `offset` on, less only at the end. Compressed content is read again from its beginning if
    /// `offset` lies before what was asked for last.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => {
                let mut filled = 0;
                while filled < buffer.len() {
                    match file.read_at(&mut buffer[filled..], offset + filled as u64) {
                        Ok(0) => break,
                        Ok(count) => filled += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(filled)
            }
            Self::Compressed(decoder) => decoder.read_at(offset, buffer),
        }
    }

    /// Gives back the memory that unpacking takes, as nothing is read for a while.
    pub(super) fn rest(&mut self) {
        match self {
            Self::Plain(_) => {}
            Self::Compressed(decoder) => decoder.rest(),
        }
    }

    /// The first bytes, at most [`HEAD_BYTES`].
    pub(super) fn head(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; HEAD_BYTES];
        let len = self.read_at(0, &mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }
}

impl Decoder {
    /// Gives memory back; the next read unpacks from the beginning.
    fn rest(&mut self) {
        self.stream = None;
        self.begin = 0;
        self.window = Vec::new();
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let stream = match &mut self.stream {
            Some(stream) if offset >= self.begin => stream,
            stream => {
                self.begin = 0;
                self.window.clear();
                stream.insert(unpacked(self.file.try_clone()?, self.compression)?)
            }
        };
        let mut chunk = [0; 16 << 10];
        loop {
            let keep_from = usize::try_from(offset - self.begin).unwrap_or(usize::MAX).min(self.window.len());
            self.window.drain(..keep_from);
            self.begin += keep_from as u64;
            if self.begin == offset && self.window.len() >= buffer.len() {
                break;
            }
            let count = match stream.read(&mut chunk) {
                Ok(count) => count,
                Err(error) => {
                    // It may be complete at the next try.
                    self.rest();
                    return Err(error);
                }
            };
            if count == 0 {
                break;
            }
            self.window.extend_from_slice(&chunk[..count]);
        }
        if self.begin != offset {
            return Ok(0);
        }
        let len = buffer.len().min(self.window.len());
        buffer[..len].copy_from_slice(&self.window[..len]);
        Ok(len)
    }
}

fn unpacked(file: File, compression: Compression) -> io::Result<Box<dyn Read + Send>> {
    use std::io::{Seek, SeekFrom};
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let file = BufReader::with_capacity(32 << 10, file);
    Ok(match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(file)?),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn text() -> Vec<u8> {
        (0..60_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect()
    }

    fn check(compression: Compression, packed: &[u8]) {
        let path = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(path.path(), packed).expect("writes");
        let mut content = Content::new(File::open(path.path()).expect("opens"), compression).expect("reads");
        let text = text();
        assert_eq!(content.head().expect("reads"), &text[..HEAD_BYTES], "{compression:?}");
        for (offset, len) in [(0, 10), (100_000, 5_000), (99_990, 20), (7, 9), (text.len() - 3, 3)] {
            let mut buffer = vec![0; len + 4];
            let count = content.read_at(offset as u64, &mut buffer).expect("reads");
            let expected = &text[offset..(offset + len + 4).min(text.len())];
            assert_eq!(&buffer[..count], expected, "{compression:?} at {offset}");
        }
        assert_eq!(content.read_at(text.len() as u64 + 5, &mut [0; 4]).expect("reads"), 0);
    }

    #[test]
    fn every_form_gives_the_same_bytes_at_the_same_offsets() {
        check(Compression::None, &text());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text()).expect("packs");
        check(Compression::Gzip, &gzip.finish().expect("packs"));
        check(Compression::Zstd, &zstd::encode_all(text().as_slice(), 1).expect("packs"));
    }
}
