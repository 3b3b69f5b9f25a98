//! The body of an answer: counted, or kept where somebody looks into it.

use std::io::{self, Read};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::error::Failure;
use crate::modules::Compression;

/// A longer body that is kept fails the probe.
pub(super) const KEPT_BYTES_MAX: u64 = 16 << 20;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    /// Decompressed.
    pub(super) bytes: u64,
    /// Empty if it is not kept.
    pub(super) kept: Bytes,
}

/// Reads all of it. `bytes_max` is of the decompressed body; 0 for no limit but that of what is kept.
pub(super) async fn read(
    mut body: Incoming,
    compression: Compression,
    bytes_max: u64,
    is_kept: bool,
) -> Result<ReadBody, (u64, Failure)> {
    let is_plain = matches!(compression, Compression::None | Compression::Identity);
    let limit = if bytes_max > 0 { bytes_max } else { u64::MAX };
    let gathers = is_kept || !is_plain;
    let (mut bytes, mut kept) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| (bytes, Failure::Body(Box::new(error))))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len() as u64;
        if is_plain && bytes > limit {
            return Err((limit, Failure::BodySize(limit)));
        }
        if gathers {
            if kept.len() as u64 + data.len() as u64 > KEPT_BYTES_MAX {
                return Err((bytes, Failure::BodySize(KEPT_BYTES_MAX)));
            }
            kept.extend_from_slice(&data);
        }
    }
    if is_plain {
        return Ok(ReadBody { bytes, kept: kept.into() });
    }
    let most = limit.min(KEPT_BYTES_MAX);
    let plain = decompress(&kept, compression, most.saturating_add(1))
        .map_err(|error| (0, Failure::Compression(compression.as_str(), error)))?;
    if plain.len() as u64 > most {
        return Err((most, Failure::BodySize(most)));
    }
    Ok(ReadBody { bytes: plain.len() as u64, kept: plain.into() })
}

/// At most `most` bytes.
fn decompress(bytes: &[u8], compression: Compression, most: u64) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    match compression {
        Compression::Gzip => flate2::read::MultiGzDecoder::new(bytes).take(most).read_to_end(&mut plain)?,
        Compression::Deflate => flate2::read::DeflateDecoder::new(bytes).take(most).read_to_end(&mut plain)?,
        Compression::Br => brotli_decompressor::Decompressor::new(bytes, 4096).take(most).read_to_end(&mut plain)?,
        Compression::None | Compression::Identity => bytes.take(most).read_to_end(&mut plain)?,
    };
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn bodies_are_decompressed_up_to_their_limit() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"hello").expect("writes");
        let gzip = gzip.finish().expect("ends");
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(b"hello").expect("writes");
        let deflate = deflate.finish().expect("ends");
        // An uncompressed block of brotli.
        let brotli = [0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        for (bytes, compression) in [
            (gzip.as_slice(), Compression::Gzip),
            (deflate.as_slice(), Compression::Deflate),
            (brotli.as_slice(), Compression::Br),
        ] {
            assert_eq!(decompress(bytes, compression, 100).expect("decompresses"), b"hello", "{compression:?}");
            assert_eq!(decompress(bytes, compression, 3).expect("decompresses"), b"hel", "{compression:?}");
            assert!(decompress(b"hello there", compression, 100).is_err(), "{compression:?}");
        }
    }
}
