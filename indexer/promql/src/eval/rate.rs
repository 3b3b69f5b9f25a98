//! `rate`, `increase`, `delta`, `irate` and `idelta` of numbers.

use super::engine::Scratch;
use super::row::Row;
use super::window::{Ranges, Window};
use crate::functions::Function;

/// What is asked of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Falls are resets.
    pub(super) is_counter: bool,
    /// By the second.
    pub(super) is_rate: bool,
}

impl Kind {
    /// `None` when the function is none of them.
    pub(super) fn of(function: Function) -> Option<Self> {
        match function {
            Function::Rate => Some(Self { is_counter: true, is_rate: true }),
            Function::Increase => Some(Self { is_counter: true, is_rate: false }),
            Function::Delta => Some(Self { is_counter: false, is_rate: false }),
            _ => None,
        }
    }
}

/// Where the samples of a window stand in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) first: i64,
    pub(super) last: i64,
    /// At least 2.
    pub(super) samples: usize,
}

impl Extent {
    /// By what a change between the samples is multiplied to be that of the whole window. `first_share` is the first
    /// value by the change, for counters: it says where the counter was zero.
    #[inline]
    pub(super) fn factor(self, range_ms: i64, is_rate: bool, first_share: Option<f64>) -> f64 {
        let mut to_start = (self.first - self.start) as f64 / 1000.0;
        let mut to_end = (self.end - self.last) as f64 / 1000.0;
        let sampled = (self.last - self.first) as f64 / 1000.0;
        let between = sampled / (self.samples - 1) as f64;
        let threshold = between * 1.1;
        if to_start >= threshold {
            to_start = between / 2.0;
        }
        if let Some(share) = first_share {
            let to_zero = sampled * share;
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        if to_end >= threshold {
            to_end = between / 2.0;
        }
        let mut factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
        if is_rate {
            factor /= range_ms as f64 / 1000.0;
        }
        factor
    }
}

impl Ranges {
    /// All windows, resets being looked for once.
    pub(super) fn rates(
        &self,
        kind: Kind,
        times: &[i64],
        values: &[f64],
        row: &mut Row,
        scratch: &mut Scratch,
    ) -> bool {
        let mut resets: Vec<usize> = Vec::new();
        if kind.is_counter {
            resets.extend((1..values.len()).filter(|&at| values[at] < values[at - 1]));
        }
        let mut next = 0;
        let mut found = false;
        self.slide(times, &mut scratch.samples, |step, from, to| {
            if to - from < 2 {
                return;
            }
            while next < resets.len() && resets[next] <= from {
                next += 1;
            }
            let mut change = values[to - 1] - values[from];
            for &reset in resets[next..].iter().take_while(|&&reset| reset < to) {
                change += values[reset - 1];
            }
            let window = self.window(&times[from..to], &values[from..to], step);
            row.floats[step] = self.extrapolated(kind, window, change);
            found = true;
        });
        found
    }

    /// `None` of less than two samples.
    pub(super) fn rate(&self, kind: Kind, window: Window<'_>) -> Option<f64> {
        let [first, .., last] = window.values else { return None };
        let mut change = last - first;
        if kind.is_counter {
            for pair in window.values.windows(2) {
                if pair[1] < pair[0] {
                    change += pair[0];
                }
            }
        }
        Some(self.extrapolated(kind, window, change))
    }

    #[inline]
    fn extrapolated(&self, kind: Kind, window: Window<'_>, change: f64) -> f64 {
        let (first, last) = (window.times[0], window.times[window.times.len() - 1]);
        let extent = Extent { start: window.start, end: window.end, first, last, samples: window.times.len() };
        let value = window.values[0];
        let share = (kind.is_counter && change > 0.0 && value >= 0.0).then(|| value / change);
        change * extent.factor(self.range, kind.is_rate, share)
    }
}

/// `irate` and `idelta`: of the last two samples.
pub(super) fn last_two(window: Window<'_>, is_rate: bool) -> Option<f64> {
    let ([.., before, last], [.., time_before, time]) = (window.values, window.times) else { return None };
    let change = if is_rate && last < before { *last } else { last - before };
    Some(if is_rate { change / ((time - time_before) as f64 / 1000.0) } else { change })
}
