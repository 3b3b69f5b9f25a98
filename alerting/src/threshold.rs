//! Thresholds with hysteresis: the state machine of one series, cheap enough to run for every sample as it comes in.

use std::time::Duration;

use orszem_model::{Timestamp, coded, coded_enum};

use crate::alert::{Level, State};
use crate::limits::SAMPLE_GAP_MAX;
use crate::rule::{NoData, NoDataPolicy};

/// No time.
const NEVER: i64 = i64::MIN;
const GAP_MAX: i64 = SAMPLE_GAP_MAX.as_nanos() as i64;

/// How a value is compared with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    NotEqual,
}

impl Comparison {
    /// As it is written: `>`, `>=`, `<`, `<=`, `==`, `!=`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// The one that is written so.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        [Self::Above, Self::AtLeast, Self::Below, Self::AtMost, Self::Equal, Self::NotEqual]
            .into_iter()
            .find(|comparison| comparison.symbol() == symbol)
    }

    /// Whether `value` is on the alarming side of `bound`; a NaN never is.
    #[inline]
    #[expect(clippy::float_cmp, reason = "whoever writes == means it")]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Equal => value == bound,
            Self::NotEqual => value != bound && !value.is_nan(),
        }
    }
}

/// When a level is entered and left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    pub op: Comparison,
    /// Entered when `value op enter` held without a break for `hold`.
    pub enter: f64,
    pub hold: Duration,
    /// Left when `value op clear` did not hold for `clear_hold`.
    pub clear: f64,
    pub clear_hold: Duration,
}

impl Band {
    /// A bound without hysteresis or delay.
    pub fn at(op: Comparison, enter: f64) -> Self {
        Self { op, enter, hold: Duration::ZERO, clear: enter, clear_hold: Duration::ZERO }
    }

    /// A condition that is met or not, as the values 1 and 0.
    pub fn met(hold: Duration, clear_hold: Duration) -> Self {
        Self { hold, clear_hold, ..Self::at(Comparison::AtLeast, 1.0) }
    }

    /// Whether the bound that ends the level is on its calm side.
    pub(crate) fn is_ordered(&self) -> bool {
        match self.op {
            Comparison::Above | Comparison::AtLeast => self.clear <= self.enter,
            Comparison::Below | Comparison::AtMost => self.clear >= self.enter,
            Comparison::Equal | Comparison::NotEqual => self.clear.to_bits() == self.enter.to_bits(),
        }
    }
}

/// The levels of a rule. Whoever is at *critical* is at *warning*, too, so that it falls to warning unless that is over
/// as well.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bands {
    pub warning: Option<Band>,
    pub critical: Option<Band>,
}

impl Bands {
    /// One level alone.
    pub fn one(level: Level, band: Band) -> Self {
        match level {
            Level::Warning => Self { warning: Some(band), critical: None },
            Level::Critical => Self { warning: None, critical: Some(band) },
        }
    }

    /// Nanoseconds of the longest of its delays.
    fn longest_wait(&self) -> i64 {
        let bands = [&self.warning, &self.critical].into_iter().flatten();
        bands.map(|band| nanos(band.hold.max(band.clear_hold))).max().unwrap_or(0)
    }

    pub(crate) fn of(&self, level: Level) -> Option<&Band> {
        match level {
            Level::Warning => self.warning.as_ref(),
            Level::Critical => self.critical.as_ref(),
        }
    }
}

/// What one series has come to: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// The time of the last sample.
    last: i64,
    /// For each level since when it is being entered, or left if it is held.
    since: [i64; 2],
    /// Whether each level is held.
    held: [bool; 2],
    /// The level at which its silence is an alert: 0 none, 1 warning, 2 critical.
    silent: u8,
}

impl Default for Series {
    fn default() -> Self {
        Self { last: NEVER, since: [NEVER; 2], held: [false; 2], silent: 0 }
    }
}

impl Series {
    /// Where it stands.
    #[inline]
    pub fn state(&self) -> State {
        if self.silent != 0 {
            return State::NoData(if self.silent == 1 { Level::Warning } else { Level::Critical });
        }
        for level in [Level::Critical, Level::Warning] {
            if self.held[level as usize] {
                let is_leaving = self.since[level as usize] != NEVER;
                return if is_leaving { State::Recovering(level) } else { State::Firing(level) };
            }
        }
        for level in [Level::Critical, Level::Warning] {
            if self.since[level as usize] != NEVER {
                return State::Pending(level);
            }
        }
        State::Ok
    }

    /// When the last sample was.
    pub fn last(&self) -> Option<Timestamp> {
        (self.last != NEVER).then_some(Timestamp(self.last))
    }

    /// Since when the state that is not yet is being waited for: the start of *pending* or of *recovering*.
    pub fn waits_since(&self) -> Option<Timestamp> {
        let level = match self.state() {
            State::Pending(level) | State::Recovering(level) => level,
            State::Ok | State::Firing(_) | State::NoData(_) => return None,
        };
        Some(Timestamp(self.since[level as usize]))
    }

    /// Whether nothing but the time of the last sample is different.
    pub(crate) fn is_same_but_for_time(&self, other: &Self) -> bool {
        (self.since, self.held, self.silent) == (other.since, other.held, other.silent)
    }

    /// Takes a sample in; the new state if it is another one. One that is not later than the last, or NaN, says nothing.
    #[inline]
    pub fn sample(&mut self, bands: &Bands, at: Timestamp, value: f64) -> Option<State> {
        if at.0 <= self.last || value.is_nan() {
            return None;
        }
        // Nothing is known of what was in between, so no condition held without a break.
        let gap = at.0.saturating_sub(self.last);
        let is_gap = self.last != NEVER && gap > GAP_MAX && gap > bands.longest_wait() / 2;
        let is_quiet = self.held == [false; 2] && self.since == [NEVER; 2] && self.silent == 0;
        self.last = at.0;
        if is_quiet && !enters(bands.warning.as_ref(), value) && !enters(bands.critical.as_ref(), value) {
            return None;
        }
        let before = self.state();
        self.silent = 0;
        if is_gap {
            self.since = [NEVER; 2];
        }
        for level in Level::ALL {
            if let Some(band) = bands.of(level) {
                self.move_level(level, band, at.0, value);
            } else {
                self.drop_level(level);
            }
        }
        if self.held[1] && bands.warning.is_some() && !self.held[0] {
            self.held[0] = true;
            self.since[0] = NEVER;
            if let Some(band) = &bands.warning {
                self.start_leaving(band, at.0, value);
            }
        }
        let after = self.state();
        (after != before).then_some(after)
    }

    fn move_level(&mut self, level: Level, band: &Band, at: i64, value: f64) {
        let place = level as usize;
        let is_held = self.held[place];
        let (is_met, hold) = if is_held {
            (!band.op.holds(value, band.clear), band.clear_hold)
        } else {
            (band.op.holds(value, band.enter), band.hold)
        };
        if !is_met {
            self.since[place] = NEVER;
            return;
        }
        if self.since[place] == NEVER {
            self.since[place] = at;
        }
        if at.saturating_sub(self.since[place]) >= nanos(hold) {
            self.held[place] = !is_held;
            self.since[place] = NEVER;
        }
    }

    /// A warning that is held because critical is may be on its way out at once.
    fn start_leaving(&mut self, warning: &Band, at: i64, value: f64) {
        if !warning.op.holds(value, warning.clear) {
            self.since[0] = at;
        }
    }

    /// What a rule no longer has is not held.
    fn drop_level(&mut self, level: Level) {
        self.held[level as usize] = false;
        self.since[level as usize] = NEVER;
    }

    /// Says that it is `now`, and what a rule makes of silence; the new state if it is another one. Silence counts from
    /// the last sample, at the earliest from `heard_from`.
    pub fn silence(&mut self, no_data: &NoData, heard_from: Timestamp, now: Timestamp) -> Option<State> {
        if self.last == NEVER || self.silent != 0 {
            return None;
        }
        let from = self.last.max(heard_from.0);
        if now.0.saturating_sub(from) < nanos(no_data.after) {
            return None;
        }
        let before = self.state();
        match no_data.policy {
            NoDataPolicy::Keep => {
                // What was waited for did not go on.
                self.since = [NEVER; 2];
            }
            NoDataPolicy::Ok => {
                self.since = [NEVER; 2];
                self.held = [false; 2];
            }
            NoDataPolicy::Alert(level) => self.silent = if level == Level::Warning { 1 } else { 2 },
        }
        let after = self.state();
        (after != before).then_some(after)
    }

    /// Notes that it is there.
    pub(crate) fn hear(&mut self, at: Timestamp) {
        self.last = self.last.max(at.0);
    }

    /// Ends whatever it holds.
    pub(crate) fn clear(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }
}

#[inline]
fn enters(band: Option<&Band>, value: f64) -> bool {
    band.is_some_and(|band| band.op.holds(value, band.enter))
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// All series of one threshold rule, for whoever evaluates samples where they come in. A change goes to
/// [`crate::Input::Level`]; everything else costs some nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    bands: Bands,
    no_data: Option<NoData>,
    series: Vec<Series>,
}

impl Thresholds {
    /// No series yet.
    pub fn new(bands: Bands, no_data: Option<NoData>) -> Self {
        Self { bands, no_data, series: Vec::new() }
    }

    /// Another series; its slot. Whoever calls bounds their number.
    pub fn add(&mut self) -> usize {
        self.series.push(Series::default());
        self.series.len() - 1
    }

    /// Puts a slot back to the beginning, for another series.
    pub fn reuse(&mut self, slot: usize) {
        if let Some(series) = self.series.get_mut(slot) {
            *series = Series::default();
        }
    }

    /// Takes a sample of the series in `slot`; the new state if it is another one.
    #[inline]
    pub fn sample(&mut self, slot: usize, at: Timestamp, value: f64) -> Option<State> {
        self.series.get_mut(slot)?.sample(&self.bands, at, value)
    }

    /// The slots that fell silent by `now`, with their new states. To be called every few seconds.
    pub fn silence(&mut self, heard_from: Timestamp, now: Timestamp) -> Vec<(usize, State)> {
        let Some(no_data) = self.no_data else { return Vec::new() };
        let series = self.series.iter_mut().enumerate();
        series.filter_map(|(slot, series)| Some((slot, series.silence(&no_data, heard_from, now)?))).collect()
    }

    /// What the series in `slot` has come to.
    pub fn series(&self, slot: usize) -> Option<&Series> {
        self.series.get(slot)
    }

    /// Puts a series back to what was saved of it.
    pub fn restore(&mut self, slot: usize, saved: Series) {
        if let Some(series) = self.series.get_mut(slot) {
            *series = saved;
        }
    }

    /// Changes the levels and keeps what the series have come to.
    pub fn set_levels(&mut self, bands: Bands, no_data: Option<NoData>) {
        (self.bands, self.no_data) = (bands, no_data);
    }
}

coded_enum!(Comparison { 0 = Above, 1 = AtLeast, 2 = Below, 3 = AtMost, 4 = Equal, 5 = NotEqual });
coded! { Parts { last, warning_since, critical_since, warning, critical, silent } }

/// [`Series`] field by field.
struct Parts {
    last: i64,
    warning_since: i64,
    critical_since: i64,
    warning: bool,
    critical: bool,
    silent: u8,
}

impl orszem_model::code::Code for Series {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { last, since: [warning_since, critical_since], held: [warning, critical], silent } = *self;
        Parts { last, warning_since, critical_since, warning, critical, silent }.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let Parts { last, warning_since, critical_since, warning, critical, silent } = Parts::take(input)?;
        Some(Self { last, since: [warning_since, critical_since], held: [warning, critical], silent })
    }
}

#[cfg(test)]
mod tests;
