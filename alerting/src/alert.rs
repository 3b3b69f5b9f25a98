//! Alerts: what identifies one, the states it goes through, and what is known of it.

use std::fmt;

use orszem_model::{Labels, Timestamp, coded, coded_enum};

use crate::flap::Flap;
use crate::threshold::Series;

/// The rule of alerts that others send, as Alertmanager's API takes them.
pub const EXTERNAL_RULE: &str = "external";
/// The rule of alerts about rules that can't be evaluated; the label `rule` says which.
pub const ERROR_RULE: &str = "rule-error";
/// Severities of alerts of others that are [`Level::Critical`]; all others are warnings.
const CRITICAL_SEVERITIES: [&str; 8] = ["critical", "crit", "page", "error", "fatal", "emergency", "disaster", "high"];

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Warning,
    Critical,
}

impl Level {
    /// Both, the lower first; the place of each is its code.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// `warning` or `critical`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The level of this name, as [`Level::name`] gives it; `None` where none is called so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// What a label `severity` of others means.
    pub fn of_severity(severity: &str) -> Self {
        let is_critical = CRITICAL_SEVERITIES.iter().any(|name| severity.eq_ignore_ascii_case(name));
        if is_critical { Self::Critical } else { Self::Warning }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What identifies an alert: its rule and its own labels. A level is not part of it: warning and critical are states of
/// one alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertKey {
    pub rule: String,
    pub labels: Labels,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    #[default]
    Ok,
    /// The condition holds, not yet for long enough.
    Pending(Level),
    Firing(Level),
    /// It fires, and the condition that ends it holds, not yet for long enough.
    Recovering(Level),
    /// Nothing was heard, and the rule says that this is an alert.
    NoData(Level),
}

impl State {
    /// The level at which it fires; `None` when it does not.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Ok | Self::Pending(_) => None,
            Self::Firing(level) | Self::Recovering(level) | Self::NoData(level) => Some(level),
        }
    }

    /// Whether it fires.
    pub fn is_active(self) -> bool {
        self.level().is_some()
    }

    /// `ok`, `pending`, `firing`, `recovering`, `nodata`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending(_) => "pending",
            Self::Firing(_) => "firing",
            Self::Recovering(_) => "recovering",
            Self::NoData(_) => "nodata",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Pending(level) | Self::Firing(level) | Self::Recovering(level) | Self::NoData(level) => {
                write!(f, "{} {level}", self.name())
            }
        }
    }
}

/// What an evaluator found.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value for the rule's levels; one that is NaN counts as none.
    Value(f64),
    Match,
    NoMatch,
    /// The evaluator knows that there is nothing.
    NoData,
    /// The rule could not be evaluated, and why. No alert changes by it.
    Error(String),
}

/// What an evaluator found for one alert at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub rule: String,
    pub labels: Labels,
    pub outcome: Outcome,
    /// The time that it is about, not the time at which it came in.
    pub at: Timestamp,
    /// For people, with all templates filled in; empty: those of the rule as they stand.
    pub annotations: Labels,
}

/// A change of an alert's state. Transitions are only added, never changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Counts from 1 without gaps.
    pub seq: u64,
    pub key: AlertKey,
    pub from: State,
    pub to: State,
    /// In event time.
    pub at: Timestamp,
    /// When it came in.
    pub seen_at: Timestamp,
    pub value: f64,
    pub reason: String,
}

/// What is known of an alert that is not quiet.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub key: AlertKey,
    pub state: State,
    /// Since when it is in its state, in event time.
    pub since: Timestamp,
    /// When it began to fire last; stays when it ended.
    pub fired_at: Option<Timestamp>,
    /// When it ended; `None` while it fires, and before it ever did.
    pub ended_at: Option<Timestamp>,
    /// The last value that came with a transition.
    pub value: f64,
    pub annotations: Labels,
    pub(crate) series: Series,
    pub(crate) flap: Flap,
    /// It fired by what is history; whether it still does is not known yet.
    pub is_unconfirmed: bool,
    /// The incident that it is a member of.
    pub incident: Option<u64>,
    /// For alerts of others: until when they fire unless they are sent again.
    pub expires_at: Option<Timestamp>,
    /// Where it can be looked at, as its sender says.
    pub generator: String,
    /// When it is looked at next for silence, its end or its flapping.
    pub(crate) due: Option<Timestamp>,
}

impl Alert {
    pub(crate) fn new(key: AlertKey, at: Timestamp) -> Self {
        Self {
            key,
            state: State::Ok,
            since: at,
            fired_at: None,
            ended_at: None,
            value: f64::NAN,
            annotations: Labels::default(),
            series: Series::default(),
            flap: Flap::default(),
            is_unconfirmed: false,
            incident: None,
            expires_at: None,
            generator: String::new(),
            due: None,
        }
    }

    /// Whether it changes too often; then it counts as firing for its incident until it is steady.
    pub fn is_flapping(&self) -> bool {
        self.flap.is_flapping()
    }

    /// Whether its incident is to be open because of it.
    pub fn holds_open(&self) -> bool {
        self.state.is_active() || self.is_flapping()
    }
}

coded_enum!(Level { 0 = Warning, 1 = Critical });
coded_enum!(State { 0 = Ok, 1 = Pending(level), 2 = Firing(level), 3 = Recovering(level), 4 = NoData(level) });
coded! {
    AlertKey { rule, labels }
    Alert {
        key, state, since, fired_at, ended_at, value, annotations, series, flap, is_unconfirmed, incident, expires_at,
        generator, due,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_one_name() {
        assert_eq!(Level::ALL.map(|level| Level::named(level.name())), Level::ALL.map(Some));
        assert_eq!(["", "Critical", "page"].map(Level::named), [None; 3]);
    }

    #[test]
    fn severities_of_others_are_levels() {
        let of = ["critical", "PAGE", "warning", "info", ""].map(Level::of_severity);
        assert_eq!(of, [Level::Critical, Level::Critical, Level::Warning, Level::Warning, Level::Warning]);
    }

    #[test]
    fn only_what_fires_has_a_level() {
        let states = [
            State::Ok,
            State::Pending(Level::Critical),
            State::Firing(Level::Warning),
            State::Recovering(Level::Critical),
            State::NoData(Level::Warning),
        ];
        let levels = [None, None, Some(Level::Warning), Some(Level::Critical), Some(Level::Warning)];
        assert_eq!(states.map(State::level), levels);
        assert_eq!(
            states.map(|state| state.to_string()),
            ["ok", "pending critical", "firing warning", "recovering critical", "nodata warning"]
        );
    }
}
