//! Trace and span ids in hexadecimal.

/// The bytes of exactly `2 × N` hexadecimal digits that are not all zero.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for digit in pair {
            *byte = *byte << 4 | char::from(*digit).to_digit(16)? as u8;
        }
    }
    (out != [0; N]).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_exact_length() {
        assert_eq!(hex("0aFF"), Some([0x0a, 0xff]));
        for bad in ["", "0aF", "0aFF0", "0aFg", "0000", "+aFF"] {
            assert_eq!(hex::<2>(bad), None, "{bad}");
        }
    }
}
