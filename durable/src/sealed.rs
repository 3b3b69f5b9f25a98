//! The form of small files that are replaced as a whole: `{magic, version u32, body, crc32c u32}`, little-endian; the
//! checksum is of everything before it.

/// What the front of such a file says.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub magic: [u8; 8],
    pub version: u32,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Too short for magic, version and checksum.
    Cut,
    Checksum,
    /// It is a file of another kind.
    Magic,
    /// It was written in this version, which is another one.
    Version(u32),
}

impl Format {
    /// `body` between front and checksum.
    pub fn seal(self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(body.len() + 16);
        out.extend_from_slice(&self.magic);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// The body of what [`Self::seal`] made.
    pub fn unseal(self, bytes: &[u8]) -> Result<&[u8], Flaw> {
        let (content, checksum) = bytes.split_last_chunk::<4>().ok_or(Flaw::Cut)?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return Err(Flaw::Checksum);
        }
        let (magic, rest) = content.split_first_chunk::<8>().ok_or(Flaw::Cut)?;
        let (version, body) = rest.split_first_chunk::<4>().ok_or(Flaw::Cut)?;
        if *magic != self.magic {
            return Err(Flaw::Magic);
        }
        match u32::from_le_bytes(*version) {
            version if version == self.version => Ok(body),
            version => Err(Flaw::Version(version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { magic: *b"ORSZTEST", version: 3 };

    #[test]
    fn a_body_comes_back_and_every_flaw_is_told() {
        let good = FORMAT.seal(b"body");
        assert_eq!(good.get(..16), Some(b"ORSZTEST\x03\0\0\0body".as_slice()));
        assert_eq!(FORMAT.unseal(&good), Ok(b"body".as_slice()));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FORMAT.unseal(&bad), Err(Flaw::Checksum), "bit {bit}");
        }
        assert_eq!(FORMAT.unseal(b"abc"), Err(Flaw::Cut));
        let other = Format { magic: *b"ORSZELSE", ..FORMAT };
        assert_eq!(FORMAT.unseal(&other.seal(b"body")), Err(Flaw::Magic));
        assert_eq!(FORMAT.unseal(&Format { version: 4, ..FORMAT }.seal(b"")), Err(Flaw::Version(4)));
    }
}
