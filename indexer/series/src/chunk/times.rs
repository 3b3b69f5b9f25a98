//! Columns of times, which series scraped together share.

use orszem_model::varint;

use super::{CHUNK_SAMPLES_MAX, Scratch, integers};
use crate::error::Result;

/// What stands in front of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimesHeader {
    /// Samples, 1 to [`CHUNK_SAMPLES_MAX`].
    pub count: usize,
    /// Milliseconds since 1970.
    pub first: i64,
    pub last: i64,
}

/// Appends a column of 1 to [`CHUNK_SAMPLES_MAX`] ascending times.
///
/// # Errors
/// When pco refuses, which it has no reason to.
pub fn encode(times: &[i64], scratch: &mut Vec<i64>, out: &mut Vec<u8>) -> Result<()> {
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Ok(()) };
    varint::put(out, times.len() as u64);
    varint::put_signed(out, first);
    varint::put(out, last.wrapping_sub(first) as u64);
    scratch.clear();
    // The first difference is then that of the second sample: regular times are one run.
    scratch.extend(times.iter().skip(1).map(|time| time.wrapping_sub(first)));
    if times.len() > 1 {
        integers::encode(scratch, out)?;
    }
    Ok(())
}

/// Reads the header and moves `input` past it.
pub fn take_header(input: &mut &[u8]) -> Option<TimesHeader> {
    let count = usize::try_from(varint::take(input)?).ok()?;
    let first = varint::take_signed(input)?;
    let last = first.checked_add_unsigned(varint::take(input)?)?;
    (1..=CHUNK_SAMPLES_MAX).contains(&count).then_some(TimesHeader { count, first, last })
}

/// Replaces what is in `out` by the times of a column. `None` when the bytes are no column of ascending times.
pub fn decode(mut input: &[u8], scratch: &mut Scratch, out: &mut Vec<i64>) -> Option<()> {
    let header = take_header(&mut input)?;
    out.clear();
    if header.count > 1 {
        integers::decode(input, header.count - 1, 0..header.count - 1, &mut scratch.pco, out)?;
        out.iter_mut().for_each(|time| *time = time.wrapping_add(header.first));
    }
    out.insert(0, header.first);
    (out.last() == Some(&header.last) && out.is_sorted_by(|a, b| a < b)).then_some(())
}
