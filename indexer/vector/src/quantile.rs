//! Quantiles of values.

use std::cmp::Ordering;

/// Ascending, NaN first.
#[inline]
pub fn ascending(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}

/// The `q`-quantile of `sorted` (see [`ascending`]), interpolated linearly: NaN of no values or for a `q` of NaN, an
/// infinity when `q` is outside of 0 to 1.
pub fn of_sorted(q: f64, sorted: &[f64]) -> f64 {
    if sorted.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = sorted.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor().max(0.0) as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    sorted[lower] * (1.0 - weight) + sorted[upper] * weight
}

/// The `q`-quantile of `values`, which it sorts.
pub fn of(q: f64, values: &mut [f64]) -> f64 {
    values.sort_unstable_by(|a, b| ascending(*a, *b));
    of_sorted(q, values)
}

#[cfg(test)]
mod tests {
    #[test]
    fn quantiles_are_interpolated_and_bad_ones_are_infinite() {
        let of = |q: f64| super::of(q, &mut [3.0, 1.0, 2.0, 4.0]);
        assert_eq!([0.0, 0.5, 0.75, 1.0, -1.0, 2.0].map(of), [1.0, 2.5, 3.25, 4.0, f64::NEG_INFINITY, f64::INFINITY]);
        assert!(of(f64::NAN).is_nan() && super::of(0.5, &mut []).is_nan());
        assert_eq!(super::of(1.0, &mut [1.0, f64::NAN]), 1.0);
        assert!(super::of(0.0, &mut [1.0, f64::NAN]).is_nan());
    }
}
