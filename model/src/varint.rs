//! LEB128 variable-length integers and length-prefixed bytes, as Protocol Buffers encode them.

/// Appends `value` in 1 to 10 bytes.
#[inline]
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed `value`, small magnitudes first (zigzag).
#[inline]
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends `bytes` behind their length.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads an integer from the front of `input` and moves `input` past it; `None` when it is cut short or too long.
#[inline]
pub fn take(input: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        *input = rest;
        return Some(u64::from(first));
    }
    let mut value = u64::from(first & 0x7f);
    let mut shift = 7;
    for (index, &byte) in rest.iter().enumerate() {
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            *input = rest.get(index + 1..)?;
            return Some(value);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
    None
}

/// Reads what [`put_signed`] wrote.
#[inline]
pub fn take_signed(input: &mut &[u8]) -> Option<i64> {
    let raw = take(input)?;
    Some(((raw >> 1) as i64) ^ -((raw & 1) as i64))
}

/// Reads what [`put_bytes`] wrote, borrowed from `input`.
#[inline]
pub fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take(input)?).ok()?;
    take_exact(input, length)
}

/// Takes exactly `length` bytes from the front of `input`.
#[inline]
pub fn take_exact<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = input.split_at_checked(length)?;
    *input = tail;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_the_edges() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(take(&mut out.as_slice()), Some(value));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            assert_eq!(take_signed(&mut out.as_slice()), Some(value));
        }
    }

    #[test]
    fn refuses_what_is_cut_or_too_long() {
        assert_eq!(take(&mut [0x80u8].as_slice()), None);
        assert_eq!(take(&mut [0xffu8; 11].as_slice()), None);
        assert_eq!(take_bytes(&mut [5u8, 1, 2].as_slice()), None);
    }
}
