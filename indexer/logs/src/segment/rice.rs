//! Golomb–Rice codes of integer differences: what the time and rank columns of a block are kept in.
//!
//! A column is `u8 k · signed first value · bit stream`, each difference zigzagged, its quotient by 2^k in unary
//! (least significant bit first) and the remainder in k bits. A quotient of [`QUOTIENT_MAX`] escapes to 64 plain bits.

use orszem_model::varint::{put_signed, take_exact, take_signed};

const QUOTIENT_MAX: u64 = 24;

struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u128,
    bits: u32,
}

impl BitWriter<'_> {
    fn put(&mut self, value: u64, bits: u32) {
        self.pending |= u128::from(value) << self.bits;
        self.bits += bits;
        while self.bits >= 8 {
            self.out.push(self.pending as u8);
            self.pending >>= 8;
            self.bits -= 8;
        }
    }

    fn finish(self) {
        if self.bits > 0 {
            self.out.push(self.pending as u8);
        }
    }
}

struct BitReader<'a> {
    input: &'a [u8],
    at: usize,
    pending: u128,
    bits: u32,
}

impl BitReader<'_> {
    #[inline]
    fn refill(&mut self) {
        if self.bits > 64 {
            return;
        }
        if let Some(word) = self.input.get(self.at..self.at + 8).and_then(|b| b.try_into().ok()) {
            self.pending |= u128::from(u64::from_le_bytes(word)) << self.bits;
            self.bits += 64;
            self.at += 8;
        } else {
            while self.bits <= 120 {
                let Some(&byte) = self.input.get(self.at) else { return };
                self.pending |= u128::from(byte) << self.bits;
                self.bits += 8;
                self.at += 1;
            }
        }
    }

    #[inline]
    fn take(&mut self, bits: u32) -> Option<u64> {
        if bits == 0 {
            return Some(0);
        }
        if self.bits < bits {
            self.refill();
            if self.bits < bits {
                return None;
            }
        }
        let value = (self.pending as u64) & (u64::MAX >> (64 - bits));
        self.pending >>= bits;
        self.bits -= bits;
        Some(value)
    }

    #[inline]
    fn take_unary(&mut self) -> Option<u64> {
        if self.bits <= QUOTIENT_MAX as u32 {
            self.refill();
        }
        let ones = u64::from((self.pending as u32).trailing_ones()).min(QUOTIENT_MAX);
        let used = if ones == QUOTIENT_MAX { ones } else { ones + 1 } as u32;
        if self.bits < used {
            return None;
        }
        self.pending >>= used;
        self.bits -= used;
        Some(ones)
    }
}

/// Appends `values` as one column.
pub(crate) fn encode(values: &[i64], out: &mut Vec<u8>) {
    let differences = || values.windows(2).map(|pair| zigzag(pair[1].wrapping_sub(pair[0])));
    let count = values.len().saturating_sub(1).max(1) as u128;
    let mean = differences().map(u128::from).sum::<u128>() / count;
    let k = (128 - mean.leading_zeros()).saturating_sub(1).min(62);
    out.push(k as u8);
    put_signed(out, values.first().copied().unwrap_or(0));
    let mut writer = BitWriter { out, pending: 0, bits: 0 };
    for difference in differences() {
        let quotient = difference >> k;
        if quotient >= QUOTIENT_MAX {
            writer.put((1 << QUOTIENT_MAX) - 1, QUOTIENT_MAX as u32);
            writer.put(difference, 64);
        } else {
            writer.put((1 << quotient) - 1, quotient as u32 + 1);
            writer.put(difference & ((1 << k) - 1), k);
        }
    }
    writer.finish();
}

/// Replaces the content of `out` with the `count` values of a column; `None` when it is cut short.
pub(crate) fn decode(mut input: &[u8], count: usize, out: &mut Vec<i64>) -> Option<()> {
    out.clear();
    if count == 0 {
        return Some(());
    }
    let k = u32::from(take_exact(&mut input, 1)?[0]);
    if k > 62 {
        return None;
    }
    let mut value = take_signed(&mut input)?;
    out.reserve(count);
    out.push(value);
    let mut reader = BitReader { input, at: 0, pending: 0, bits: 0 };
    for _ in 1..count {
        let quotient = reader.take_unary()?;
        let raw = if quotient == QUOTIENT_MAX { reader.take(64)? } else { (quotient << k) | reader.take(k)? };
        value = value.wrapping_add(unzigzag(raw));
        out.push(value);
    }
    Some(())
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(raw: u64) -> i64 {
    ((raw >> 1) as i64) ^ -((raw & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[i64]) -> Option<Vec<i64>> {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let mut back = Vec::new();
        decode(&bytes, values.len(), &mut back).map(|()| back)
    }

    #[test]
    fn edges() {
        for values in [vec![], vec![0], vec![i64::MIN, i64::MAX, i64::MIN], vec![7; 100], vec![0, 1 << 40, 1, 1 << 41]]
        {
            assert_eq!(round_trip(&values), Some(values));
        }
        let mut out = Vec::new();
        encode(&[1, 1000, 5], &mut out);
        assert_eq!(decode(&out[..2], 3, &mut Vec::new()), None);
    }

    proptest! {
        #[test]
        fn any_values(values in proptest::collection::vec(any::<i64>(), 0..200)) {
            prop_assert_eq!(round_trip(&values), Some(values));
        }

        #[test]
        fn times(start: i32, steps in proptest::collection::vec(0i64..10_000_000_000, 0..300)) {
            let values: Vec<i64> = steps.iter().scan(i64::from(start), |at, step| { *at += step; Some(*at) }).collect();
            prop_assert_eq!(round_trip(&values), Some(values));
        }
    }
}
