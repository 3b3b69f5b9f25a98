//! The latest samples of a series, as far back as a function looks.

use std::collections::VecDeque;

use super::value::{Over, Window};

/// Samples that are kept of a series. Where a range has more, those that are closer together than its 240th part count
/// as one: the greatest for `max_over_time`, the least for `min_over_time`, else the last.
pub const WINDOW_SAMPLES_MAX: usize = 240;

/// Samples in their order, those of counters with what they lost at resets added.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples {
    kept: VecDeque<(i64, f64)>,
    /// What resets took away so far.
    lost: f64,
    /// As it came.
    last: f64,
}

impl Samples {
    /// Takes a sample that is later than all before it.
    pub(super) fn push(&mut self, window: &Window, at: i64, value: f64) {
        let mut kept = value;
        if matches!(window.over, Over::Rate | Over::Increase) {
            if !self.kept.is_empty() && value < self.last {
                self.lost += self.last;
            }
            self.last = value;
            kept += self.lost;
        }
        let behind = at - window.range_ms;
        while self.kept.front().is_some_and(|(at, _)| *at <= behind) {
            self.kept.pop_front();
        }
        let part = window.range_ms / WINDOW_SAMPLES_MAX as i64;
        let is_full = self.kept.len() >= WINDOW_SAMPLES_MAX;
        // The second last is where the part that the last stands for began.
        let begun = self.kept.len().checked_sub(2).and_then(|place| self.kept.get(place)).map(|sample| sample.0);
        match self.kept.back_mut().filter(|_| is_full || begun.is_some_and(|begun| at - begun < part)) {
            Some((last_at, last)) => {
                *last = match window.over {
                    Over::Max => last.max(kept),
                    Over::Min => last.min(kept),
                    Over::Sum => *last + kept,
                    _ => kept,
                };
                *last_at = at;
            }
            None => self.kept.push_back((at, kept)),
        }
    }

    /// The function's value at a time that is not before the last sample; `None` where there are too few.
    pub(super) fn value(&self, window: &Window, at: i64) -> Option<f64> {
        let behind = at - window.range_ms;
        let from = self.kept.iter().position(|(at, _)| *at > behind)?;
        let seen = || self.kept.iter().skip(from).copied();
        let count = self.kept.len() - from;
        let (first, last) = (self.kept.get(from)?, self.kept.back()?);
        let pair = (count > 1).then_some((first, last));
        match window.over {
            Over::Increase | Over::Delta => pair.map(|(first, last)| last.1 - first.1),
            Over::Rate => pair.map(|(first, last)| (last.1 - first.1) / seconds(last.0 - first.0)),
            Over::Deriv => pair.map(|_| line(seen(), at).0),
            Over::Predict(ahead) => pair.map(|_| {
                let (slope, now) = line(seen(), at);
                now + slope * ahead
            }),
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            Over::Avg => Some(seen().map(|(_, value)| value).sum::<f64>() / count as f64),
            Over::Min => seen().map(|(_, value)| value).reduce(f64::min),
            Over::Max => seen().map(|(_, value)| value).reduce(f64::max),
            Over::Sum => Some(seen().map(|(_, value)| value).sum()),
            Over::Changes => {
                let pairs = seen().zip(seen().skip(1));
                #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
                let changes = pairs.filter(|(one, next)| one.1.to_bits() != next.1.to_bits()).count() as f64;
                Some(changes)
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "ranges are far below 2^53 milliseconds")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1e3
}

/// Slope a second and value at `at` of the line of least squares.
fn line(samples: impl Iterator<Item = (i64, f64)>, at: i64) -> (f64, f64) {
    let (mut count, mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (time, y) in samples {
        let x = seconds(time - at);
        count += 1.0;
        sum_x += x;
        sum_y += y;
        sum_xy += x * y;
        sum_xx += x * x;
    }
    let spread = sum_xx - sum_x * sum_x / count;
    let slope = if spread == 0.0 { 0.0 } else { (sum_xy - sum_x * sum_y / count) / spread };
    (slope, (sum_y - slope * sum_x) / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(over: Over, values: &[f64]) -> Option<f64> {
        let window = Window { over, range_ms: 60_000 };
        let mut samples = Samples::default();
        let mut at = 0;
        for value in values {
            at += 15_000;
            samples.push(&window, at, *value);
        }
        samples.value(&window, at)
    }

    #[test]
    fn functions_look_at_the_samples_of_their_range() {
        // The first is 75 s old: outside.
        let values = [100.0, 10.0, 20.0, 25.0, 40.0];
        assert_eq!(of(Over::Increase, &values), Some(30.0));
        assert_eq!(of(Over::Rate, &values), Some(30.0 / 45.0));
        assert_eq!(of(Over::Delta, &[9.0, 5.0, 3.0]), Some(-6.0));
        assert_eq!(of(Over::Avg, &values), Some(23.75));
        assert_eq!(of(Over::Min, &values), Some(10.0));
        assert_eq!(of(Over::Max, &values), Some(40.0));
        assert_eq!(of(Over::Sum, &values), Some(95.0));
        assert_eq!(of(Over::Changes, &[1.0, 1.0, 2.0, 2.0]), Some(1.0));
        assert_eq!(of(Over::Deriv, &[15.0, 30.0, 45.0]), Some(1.0));
        assert_eq!(of(Over::Predict(60.0), &[15.0, 30.0, 45.0]), Some(105.0));
        assert_eq!(of(Over::Rate, &[1.0]), None);
    }

    #[test]
    fn a_counter_that_begins_anew_has_counted_on() {
        assert_eq!(of(Over::Increase, &[100.0, 110.0, 5.0, 7.0]), Some(17.0));
        assert_eq!(of(Over::Delta, &[100.0, 110.0, 5.0, 7.0]), Some(-93.0));
    }

    #[test]
    fn many_samples_are_thinned_and_the_greatest_stays() {
        let window = Window { over: Over::Max, range_ms: 240_000 };
        let mut samples = Samples::default();
        for at in 0..240_000 {
            samples.push(&window, at, if at == 1_234 { 9.0 } else { 1.0 });
        }
        assert!(samples.kept.len() <= WINDOW_SAMPLES_MAX, "{}", samples.kept.len());
        assert_eq!(samples.value(&window, 239_999), Some(9.0));
        assert_eq!(samples.value(&window, 300_000), Some(1.0));
    }
}
