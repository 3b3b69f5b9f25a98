//! Columns: the values of one series, one for each step, some of them absent.

use orszem_model::{STALE, is_stale};

/// Stands where a series has no value. The stale marker: no computed value has its bits, for arithmetic makes other NaNs
/// of it.
pub const ABSENT: f64 = STALE;

/// Whether there is no value.
#[inline]
pub fn is_absent(value: f64) -> bool {
    is_stale(value)
}

/// Whether no step has a value.
pub fn is_empty(column: &[f64]) -> bool {
    column.iter().all(|&value| is_absent(value))
}

/// How many steps have a value.
pub fn present(column: &[f64]) -> usize {
    column.iter().filter(|&&value| !is_absent(value)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_never_makes_an_absent_value_and_nan_is_a_value() {
        let zero = std::hint::black_box(0.0);
        for value in [f64::NAN, zero / zero, f64::INFINITY, -f64::NAN, ABSENT + zero, ABSENT * zero] {
            assert!(!is_absent(value), "{:x}", value.to_bits());
        }
        assert!(is_absent(ABSENT) && is_empty(&[ABSENT, ABSENT]) && !is_empty(&[ABSENT, f64::NAN]));
        assert_eq!(present(&[1.0, ABSENT, f64::NAN]), 2);
    }
}
