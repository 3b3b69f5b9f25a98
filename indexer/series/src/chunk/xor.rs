//! Floats as differences of bits (Pelkonen et al., "Gorilla", VLDB 2015, §4.1.3): for columns too short for `pco`.

/// Appends `values`.
pub(super) fn encode(values: &[f64], out: &mut Vec<u8>) {
    let mut writer = BitWriter { out, word: 0, free: 64 };
    let mut before = 0u64;
    // No window yet: 64 leading zeros never hold a difference.
    let (mut leading, mut width) = (64u32, 0u32);
    for value in values {
        let bits = value.to_bits();
        let difference = bits ^ std::mem::replace(&mut before, bits);
        if difference == 0 {
            writer.put(0, 1);
            continue;
        }
        let (zeros, tail) = (difference.leading_zeros(), difference.trailing_zeros());
        if leading < 64 && zeros >= leading && tail >= 64 - leading - width {
            writer.put(0b10, 2);
        } else {
            (leading, width) = (zeros, 64 - zeros - tail);
            writer.put(0b11, 2);
            writer.put(u64::from(leading), 6);
            writer.put(u64::from(width - 1), 6);
        }
        writer.put(difference >> (64 - leading - width), width);
    }
    writer.finish();
}

/// Appends the `count` values of a column to `out`.
pub(super) fn decode(input: &[u8], count: usize, out: &mut Vec<f64>) -> Option<()> {
    let mut reader = BitReader { input, at: 0 };
    let (mut bits, mut leading, mut width) = (0u64, 64u32, 0u32);
    for _ in 0..count {
        if reader.take(1)? == 1 {
            if reader.take(1)? == 1 {
                leading = reader.take(6)? as u32;
                width = reader.take(6)? as u32 + 1;
            }
            let shift = 64u32.checked_sub(leading)?.checked_sub(width)?;
            if width == 0 {
                return None;
            }
            bits ^= reader.take(width)? << shift;
        }
        out.push(f64::from_bits(bits));
    }
    Some(())
}

struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    word: u64,
    free: u32,
}

impl BitWriter<'_> {
    /// The low `count` bits of `bits`, 1 to 64; the others are zero.
    fn put(&mut self, bits: u64, count: u32) {
        if count <= self.free {
            self.free -= count;
            self.word |= bits << self.free;
        } else {
            let over = count - self.free;
            self.word |= bits >> over;
            self.out.extend_from_slice(&self.word.to_be_bytes());
            self.free = 64 - over;
            self.word = bits << self.free;
        }
        if self.free == 0 {
            self.out.extend_from_slice(&self.word.to_be_bytes());
            (self.word, self.free) = (0, 64);
        }
    }

    fn finish(self) {
        let bytes = (64 - self.free).div_ceil(8) as usize;
        self.out.extend_from_slice(&self.word.to_be_bytes()[..bytes]);
    }
}

struct BitReader<'a> {
    input: &'a [u8],
    /// In bits.
    at: usize,
}

impl BitReader<'_> {
    /// The next `count` bits, 1 to 64.
    fn take(&mut self, count: u32) -> Option<u64> {
        let end = self.at + count as usize;
        if end > self.input.len() * 8 {
            return None;
        }
        let mut bits = 0u128;
        let (first, last) = (self.at / 8, (end - 1) / 8);
        for &byte in &self.input[first..=last] {
            bits = bits << 8 | u128::from(byte);
        }
        bits >>= (last + 1) * 8 - end;
        self.at = end;
        let mask = u64::MAX >> (64 - count);
        Some(bits as u64 & mask)
    }
}
