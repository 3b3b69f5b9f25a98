//! Cuts a remote write 2.0 request in two by its series; both halves keep all symbols, so references stay right.
//!
//! Source: `io/prometheus/write/v2/types.proto`: requests hold symbols (4) and series (5), these samples (2),
//! histograms (3) and exemplars (4).

use super::super::protobuf::{Field, Wire, fields};

const SERIES: u64 = 5;

/// Samples, histograms and exemplars of a request; `None` if it does not decode.
pub(in crate::output) fn count(request: &[u8]) -> Option<u64> {
    let mut count = 0;
    for field in fields(request) {
        let Field { number: SERIES, value: Wire::Bytes(series), .. } = field? else { continue };
        for inner in fields(series) {
            count += u64::from((2..=4).contains(&inner?.number));
        }
    }
    Some(count)
}

/// The first half of the series and the rest; `None` if there are fewer than two, or the request does not decode.
pub(in crate::output) fn halves(request: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let series = fields(request).try_fold(0_usize, |sum, field| Some(sum + usize::from(field?.number == SERIES)))?;
    if series < 2 {
        return None;
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut at = 0;
    for field in fields(request) {
        let Field { number, whole, .. } = field?;
        if number == SERIES {
            let half = if at < series.div_ceil(2) { &mut first } else { &mut second };
            half.extend_from_slice(whole);
            at += 1;
        } else {
            first.extend_from_slice(whole);
            second.extend_from_slice(whole);
        }
    }
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symbols `s` and `t`, and series with this many samples each.
    fn request(series: &[usize]) -> Vec<u8> {
        let mut out = b"\x22\x01s\x22\x01t".to_vec();
        for samples in series {
            // References 0 and 1, then empty samples.
            let message = [b"\x0a\x02\x00\x01".to_vec(), b"\x12\x00".repeat(*samples)].concat();
            out.push(0x2a);
            out.push(message.len() as u8);
            out.extend(message);
        }
        out
    }

    #[test]
    fn halves_share_the_symbols_and_part_the_series() {
        let whole = request(&[2, 1, 4]);
        assert_eq!(count(&whole), Some(7));
        assert_eq!(halves(&whole), Some((request(&[2, 1]), request(&[4]))));
        assert_eq!(halves(&request(&[9])), None);
        assert_eq!((halves(&whole[..whole.len() - 1]), count(&whole[..whole.len() - 1])), (None, None));
    }
}
