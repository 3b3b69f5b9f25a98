//! PNG (RFC 2083) of at most 256 colours.

use std::io::Write;

use flate2::Compression;
use flate2::Crc;
use flate2::write::ZlibEncoder;

/// A picture of `width` by `height` pixels, each the number of a colour.
pub(super) fn encode(width: usize, height: usize, palette: &[[u8; 3]], pixels: &[u8]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::with_capacity(13);
    for size in [width, height] {
        header.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    }
    // Eight bits a pixel, numbers of colours, and the one way to compress, filter and order there is.
    header.extend_from_slice(&[8, 3, 0, 0, 0]);
    chunk(&mut out, b"IHDR", &header);
    chunk(&mut out, b"PLTE", palette.as_flattened());
    let mut rows = Vec::with_capacity(pixels.len() + height);
    for row in pixels.chunks(width.max(1)) {
        rows.push(0);
        rows.extend_from_slice(row);
    }
    chunk(&mut out, b"IDAT", &deflate(&rows));
    chunk(&mut out, b"IEND", &[]);
    out
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all that is written")
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    out.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(name);
    out.extend_from_slice(content);
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(content);
    out.extend_from_slice(&crc.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_the_sum_of_the_standard() {
        let picture = encode(2, 1, &[[0, 0, 0], [255, 255, 255]], &[0, 1]);
        // IEND is the same in every PNG.
        assert!(picture.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
        assert_eq!(picture.get(16..29), Some([0, 0, 0, 2, 0, 0, 0, 1, 8, 3, 0, 0, 0].as_slice()));
    }
}
