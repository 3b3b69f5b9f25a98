//! Bodies as they were before compression, never more than the limit of them.

use std::borrow::Cow;
use std::io::Read;

use super::error::IngestError;

/// A value of `Content-Encoding` that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Zstd,
    /// Either framing: the stream format or a single block.
    Snappy,
}

impl Encoding {
    /// The encoding that a `Content-Encoding` header names; `None` for one that is not understood.
    pub fn from_header(value: &str) -> Option<Self> {
        let value = value.trim_ascii();
        [
            ("", Self::Identity),
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("zstd", Self::Zstd),
            ("snappy", Self::Snappy),
            ("x-snappy-framed", Self::Snappy),
        ]
        .into_iter()
        .find(|(name, _)| value.eq_ignore_ascii_case(name))
        .map(|(_, encoding)| encoding)
    }
}

/// Undoes `encoding`. More than `limit` bytes are refused as soon as they appear, so a bomb costs at most `limit`.
pub fn decompress(body: &[u8], encoding: Encoding, limit: usize) -> Result<Cow<'_, [u8]>, IngestError> {
    match encoding {
        Encoding::Identity if body.len() > limit => Err(IngestError::body_too_large(limit)),
        Encoding::Identity => Ok(Cow::Borrowed(body)),
        Encoding::Gzip => bounded(flate2::bufread::MultiGzDecoder::new(body), "gzip", body.len(), limit),
        // RFC 9110 means zlib by "deflate"; some senders send the bare stream.
        Encoding::Deflate => match bounded(flate2::bufread::ZlibDecoder::new(body), "deflate", body.len(), limit) {
            Err(error) if error.status == 400 => {
                bounded(flate2::bufread::DeflateDecoder::new(body), "deflate", body.len(), limit)
            }
            decided => decided,
        },
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(body).and_then(|mut decoder| {
                // Bounds the window a frame may claim: 128 MiB, what the command line tool allows.
                decoder.window_log_max(27)?;
                Ok(decoder)
            });
            bounded(decoder.map_err(|error| IngestError::bad_encoding("zstd", error))?, "zstd", body.len(), limit)
        }
        Encoding::Snappy if body.starts_with(b"\xff\x06\x00\x00sNaPpY") => {
            bounded(snap::read::FrameDecoder::new(body), "snappy", body.len(), limit)
        }
        Encoding::Snappy => snappy_block(body, limit),
    }
}

fn bounded(
    decoder: impl Read,
    name: &str,
    compressed_len: usize,
    limit: usize,
) -> Result<Cow<'static, [u8]>, IngestError> {
    let mut out = Vec::with_capacity(compressed_len.saturating_mul(4).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(most).read_to_end(&mut out).map_err(|error| IngestError::bad_encoding(name, error))?;
    if out.len() > limit {
        return Err(IngestError::body_too_large(limit));
    }
    Ok(Cow::Owned(out))
}

fn snappy_block(body: &[u8], limit: usize) -> Result<Cow<'static, [u8]>, IngestError> {
    let refuse = |error| IngestError::bad_encoding("snappy", error);
    let length = snap::raw::decompress_len(body).map_err(refuse)?;
    if length > limit {
        return Err(IngestError::body_too_large(limit));
    }
    // A block cannot grow by more than 64 bytes out of 3, so a length beyond that is a lie not worth its memory.
    if length > body.len().saturating_mul(22) + 64 {
        return Err(IngestError::bad_encoding("snappy", "the stated length does not fit the data"));
    }
    snap::raw::Decoder::new().decompress_vec(body).map(Cow::Owned).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).expect("writes");
        encoder.finish().expect("finishes")
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).expect("writes");
        encoder.finish().expect("finishes")
    }

    fn deflate(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).expect("writes");
        encoder.finish().expect("finishes")
    }

    fn framed(data: &[u8]) -> Vec<u8> {
        let mut encoder = snap::write::FrameEncoder::new(Vec::new());
        encoder.write_all(data).expect("writes");
        encoder.into_inner().expect("finishes")
    }

    #[test]
    fn every_encoding_gives_the_body_back_and_refuses_noise_and_bombs() {
        let data = b"a line of text, ".repeat(4096);
        let zeros = vec![0; 4 << 20];
        let snappy = |data: &[u8]| snap::raw::Encoder::new().compress_vec(data).expect("compresses");
        let zstd = |data: &[u8]| zstd::bulk::compress(data, 3).expect("compresses");
        let cases: [(&str, Vec<u8>, Vec<u8>); 6] = [
            ("gzip", gzip(&data), gzip(&zeros)),
            ("deflate", zlib(&data), zlib(&zeros)),
            ("deflate", deflate(&data), deflate(&zeros)),
            ("zstd", zstd(&data), zstd(&zeros)),
            ("snappy", snappy(&data), snappy(&zeros)),
            ("x-snappy-framed", framed(&data), framed(&zeros)),
        ];
        for (name, body, bomb) in cases {
            let encoding = Encoding::from_header(name).expect(name);
            assert_eq!(decompress(&body, encoding, data.len()).as_deref(), Ok(data.as_slice()), "{name}");
            let code = |result: Result<Cow<'_, [u8]>, IngestError>| result.expect_err(name).code;
            assert_eq!(code(decompress(&body, encoding, data.len() - 1)), "ingest.body_too_large", "{name}");
            assert_eq!(code(decompress(&bomb, encoding, 1 << 20)), "ingest.body_too_large", "{name} bomb");
            assert_eq!(
                code(decompress(&body[..body.len() / 2], encoding, 1 << 20)),
                "ingest.bad_compression",
                "{name} cut"
            );
            assert_eq!(
                code(decompress(b"\x07\x09 noise", encoding, 1 << 20)),
                "ingest.bad_compression",
                "{name} noise"
            );
        }
        assert_eq!(Encoding::from_header("br"), None);
        assert_eq!(Encoding::from_header(" GZIP "), Some(Encoding::Gzip));
        let lie = [0xff, 0xff, 0xff, 0x0f, 0x00];
        assert_eq!(decompress(&lie, Encoding::Snappy, 64 << 20).expect_err("lie").code, "ingest.bad_compression");
    }
}
