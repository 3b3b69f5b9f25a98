//! How long the rest of a resync takes, from how fast what is out of sync becomes less.

use orszem_model::Timestamp;

/// Samples that are closer say more of the tool than of the speed.
const STEP_MIN_S: f64 = 1.0;
/// After this time a sample counts for a third.
const DECAY_S: f64 = 30.0;
/// A resync without any progress for so long is stalled.
const STALLED_S: f64 = 60.0;

/// The slope of the bytes that are out of sync while a resync runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slope {
    /// The most that was out of sync; only if the start was seen.
    total: Option<u64>,
    last: Option<(Timestamp, u64)>,
    progressed: Option<Timestamp>,
    bytes_per_s: Option<f64>,
}

impl Slope {
    /// A resync that begins, or that was running when looking began.
    pub(crate) fn start(at: Timestamp, left: Option<u64>, is_begin: bool) -> Self {
        Self {
            total: left.filter(|_| is_begin),
            last: left.map(|left| (at, left)),
            progressed: Some(at),
            bytes_per_s: None,
        }
    }

    pub(crate) fn sample(&mut self, at: Timestamp, left: u64) {
        self.total = self.total.map(|total| total.max(left));
        let Some((before, more)) = self.last else {
            self.last = Some((at, left));
            return;
        };
        if left < more || at < before {
            self.progressed = Some(at);
        }
        if at < before {
            self.last = Some((at, left));
            return;
        }
        let step = seconds(before, at);
        if step < STEP_MIN_S {
            return;
        }
        // Exact far beyond what a disk holds.
        let speed = (more as f64 - left as f64) / step;
        let weight = 1.0 - (-step / DECAY_S).exp();
        self.bytes_per_s = Some(self.bytes_per_s.map_or(speed, |old| old + weight * (speed - old)));
        self.last = Some((at, left));
    }

    /// Whether nothing became less for a minute.
    pub(crate) fn is_stalled(&self, now: Timestamp) -> bool {
        self.progressed.is_some_and(|progressed| seconds(progressed, now) >= STALLED_S)
    }

    pub(crate) fn bytes_per_s(&self) -> Option<f64> {
        self.bytes_per_s.filter(|speed| *speed > 0.0)
    }

    /// Seconds for the rest.
    pub(crate) fn eta_s(&self) -> Option<u64> {
        let (_, left) = self.last?;
        let rest = left as f64 / self.bytes_per_s()?;
        (rest < 1e15).then(|| rest.ceil() as u64)
    }

    /// Hundredths of a percent, if the start was seen.
    pub(crate) fn done(&self, left: u64) -> Option<u32> {
        let total = self.total.filter(|total| *total > 0)?;
        let done = u128::from(total.saturating_sub(left)) * 10_000 / u128::from(total);
        u32::try_from(done).ok()
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_steady_resync_has_its_rest() {
        let mut slope = Slope::start(Timestamp(0), Some(1000), true);
        assert_eq!((slope.eta_s(), slope.done(1000)), (None, Some(0)));
        for t in 1..=5 {
            slope.sample(Timestamp(t * S), 1000 - 100 * t.unsigned_abs());
        }
        assert_eq!((slope.eta_s(), slope.bytes_per_s(), slope.done(500)), (Some(5), Some(100.0), Some(5000)));
        // Within a second nothing is concluded.
        slope.sample(Timestamp(5 * S + 1), 400);
        assert_eq!(slope.bytes_per_s(), Some(100.0));
    }

    #[test]
    fn a_change_of_speed_is_followed_slowly() {
        let mut slope = Slope::start(Timestamp(0), Some(100_000), true);
        slope.sample(Timestamp(10 * S), 90_000);
        slope.sample(Timestamp(20 * S), 90_000);
        let speed = slope.bytes_per_s().unwrap();
        assert!((700.0..730.0).contains(&speed), "{speed}");
    }

    #[test]
    fn one_that_stands_or_grows_has_none() {
        let mut slope = Slope::start(Timestamp(0), Some(1000), false);
        slope.sample(Timestamp(10 * S), 2000);
        assert_eq!((slope.eta_s(), slope.done(1000)), (None, None));
        assert!(!slope.is_stalled(Timestamp(59 * S)));
        assert!(slope.is_stalled(Timestamp(60 * S)));
        slope.sample(Timestamp(61 * S), 1500);
        assert!(!slope.is_stalled(Timestamp(62 * S)));
    }

    #[test]
    fn a_clock_that_steps_back_does_no_harm() {
        let mut slope = Slope::start(Timestamp(100 * S), Some(1000), true);
        slope.sample(Timestamp(i64::MIN), 900);
        slope.sample(Timestamp(i64::MAX), 0);
        assert_eq!(slope.eta_s(), Some(0));
    }
}
