//! Keeps reading within its share of a processor and of memory.

use std::time::{Duration, Instant};

/// Over what the share is measured.
const WINDOW: Duration = Duration::from_millis(200);
/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest pause at once.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// What reading may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caps {
    /// Percent of one processor; 0 for no limit.
    pub(crate) cpu_percent: u32,
    /// Resident anonymous memory.
    pub(crate) memory_bytes: u64,
}

/// Says when to pause.
#[derive(Debug)]
pub(crate) struct Throttle {
    caps: Caps,
    window: Option<(Instant, Duration)>,
    looked: Option<Instant>,
    is_over_memory: bool,
}

/// What the process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    pub(crate) memory_bytes: u64,
}

impl Throttle {
    pub(crate) fn new(caps: Caps) -> Self {
        Self { caps, window: None, looked: None, is_over_memory: false }
    }

    /// Whether memory is above its cap.
    pub(crate) fn is_over_memory(&self) -> bool {
        self.is_over_memory
    }

    /// How long to pause before reading on; `used` is asked for only where it is needed.
    pub(crate) fn pause(&mut self, tick: Instant, mut used: impl FnMut() -> Used) -> Duration {
        let Caps { cpu_percent, memory_bytes } = self.caps;
        if self.looked.is_none_or(|at| tick.saturating_duration_since(at) >= LOOK_EVERY) {
            self.looked = Some(tick);
            self.is_over_memory = used().memory_bytes > memory_bytes;
        }
        if self.is_over_memory {
            return PAUSE_MAX;
        }
        if cpu_percent == 0 {
            return Duration::ZERO;
        }
        let Some((since, before)) = self.window else {
            self.window = Some((tick, used().cpu));
            return Duration::ZERO;
        };
        let elapsed = tick.saturating_duration_since(since);
        let spent = used().cpu.saturating_sub(before);
        let allowed = spent * 100 / cpu_percent;
        if elapsed >= WINDOW && allowed <= elapsed {
            self.window = Some((tick, before + spent));
        }
        allowed.saturating_sub(elapsed).min(PAUSE_MAX)
    }
}

/// What this process has used, from `/proc/self`; zero where that can't be read.
pub(crate) fn used() -> Used {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = anonymous.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = schedstat.split(' ').next().and_then(|first| first.parse().ok());
    Used { cpu: Duration::from_nanos(nanos.unwrap_or(0)), memory_bytes: kib.unwrap_or(0) << 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_pauses_until_its_share_allows_it() {
        let mut throttle = Throttle::new(Caps { cpu_percent: 25, memory_bytes: 100 });
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let used = |ms: u64| move || Used { cpu: Duration::from_millis(ms), memory_bytes: 1 };
        assert_eq!(throttle.pause(at(0), used(0)), Duration::ZERO);
        assert_eq!(throttle.pause(at(100), used(50)), Duration::from_millis(100));
        assert_eq!(throttle.pause(at(200), used(50)), Duration::ZERO);
        assert_eq!(throttle.pause(at(300), used(80)), Duration::from_millis(20));
    }

    #[test]
    fn too_much_memory_pauses_it_too_and_no_share_means_no_limit() {
        let mut throttle = Throttle::new(Caps { cpu_percent: 0, memory_bytes: 100 });
        let start = Instant::now();
        let used = |memory_bytes| move || Used { cpu: Duration::from_secs(9), memory_bytes };
        assert_eq!(throttle.pause(start, used(100)), Duration::ZERO);
        assert_eq!(throttle.pause(start + LOOK_EVERY, used(101)), PAUSE_MAX);
        assert!(throttle.is_over_memory());
        assert_eq!(throttle.pause(start + LOOK_EVERY * 2, used(99)), Duration::ZERO);
    }
}
