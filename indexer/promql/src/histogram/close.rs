//! Numbers that differ by rounding alone (Prometheus, `util/almost`).

use orszem_model::is_stale;

/// Whether the difference is below `tolerance` of the sum. NaN is close to NaN, the stale marker to itself alone.
pub fn is_close(a: f64, b: f64, tolerance: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

#[cfg(test)]
mod tests {
    use orszem_model::STALE;

    use super::*;

    #[test]
    fn closeness_is_relative() {
        for (a, b, is) in [
            (1e30, 1e30 + 1e17, true),
            (1e30, 1.1e30, false),
            (0.0, 1e-300, false),
            (f64::INFINITY, f64::INFINITY, true),
            (f64::INFINITY, 1.0, false),
            (f64::NAN, f64::NAN, true),
            (f64::NAN, STALE, false),
            (STALE, STALE, true),
        ] {
            assert_eq!(is_close(a, b, 1e-12), is, "{a} {b}");
        }
    }
}
