//! Lines through samples: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use orszem_vector::kahan::Sum;

use super::window::Window;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// By the second.
    pub(super) slope: f64,
    pub(super) intercept: f64,
}

/// The line of least squares, with time counted from `origin`; `None` of less than two samples.
pub(super) fn line(window: Window<'_>, origin: i64) -> Option<Line> {
    let [first, _, ..] = window.values else { return None };
    if window.values.iter().skip(1).all(|value| value == first) {
        return Some(if first.is_infinite() {
            Line { slope: f64::NAN, intercept: f64::NAN }
        } else {
            Line { slope: 0.0, intercept: *first }
        });
    }
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [Sum::default(); 4];
    for (&time, &y) in window.times.iter().zip(window.values) {
        let x = time.saturating_sub(origin) as f64 / 1000.0;
        x_sum.add(x);
        y_sum.add(y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    let number = window.values.len() as f64;
    let [x, y, xy, xx] = [x_sum, y_sum, xy_sum, xx_sum].map(Sum::value);
    let slope = (xy - x * y / number) / (xx - x * x / number);
    Some(Line { slope, intercept: y / number - slope * x / number })
}

/// Double exponential smoothing; `None` of less than two samples.
pub(super) fn smoothed(values: &[f64], smoothing: f64, trend_factor: f64) -> Option<f64> {
    let [first, second, ..] = values else { return None };
    let (mut before, mut now, mut trend) = (0.0, *first, second - first);
    for (at, value) in values.iter().enumerate().skip(1) {
        let scaled = smoothing * value;
        if at > 1 {
            trend = trend_factor * (now - before) + (1.0 - trend_factor) * trend;
        }
        let next = scaled + (1.0 - smoothing) * (now + trend);
        (before, now) = (now, next);
    }
    Some(now)
}
