//! What can be wrong with a configuration, an input or saved state.

use crate::rows::Table;

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("rule `{0}` is there twice")]
    RuleTwice(String),
    #[error("rule `{0}` has no level: give `warning`, `critical` or both")]
    NoLevel(String),
    #[error("rule `{rule}`, {level}: clears at {clear}, which is not on the calm side of {enter}")]
    ClearBeyondEnter { rule: String, level: &'static str, enter: String, clear: String },
    #[error("rule `{rule}`, {level}: `{value}` is not a number to compare with")]
    NotANumber { rule: String, level: &'static str, value: String },
    #[error("contact `{0}` is there twice")]
    ContactTwice(String),
    #[error("contact `{0}` allows no message at all: its limit is 0")]
    NoMessages(String),
    #[error("policy `{0}` is there twice")]
    PolicyTwice(String),
    #[error("policy `{policy}` tells the unknown contact `{contact}`")]
    UnknownContact { policy: String, contact: String },
    #[error("policy `{policy}`: step {step} comes before the one above it")]
    StepsOutOfOrder { policy: String, step: usize },
    #[error("policy `{policy}` repeats {repeat} times, at most {max}")]
    RepeatTooOften { policy: String, repeat: u32, max: u32 },
    #[error("route `{route}` leads to the unknown policy `{policy}`")]
    UnknownPolicy { route: String, policy: String },
    #[error("`{user}` names the unknown time `{time}`")]
    UnknownTime { user: String, time: String },
    #[error("the routes are nested more than {max} deep")]
    RoutesTooDeep { max: usize },
    #[error("time zone `{0}` is unknown; expected an IANA name such as Europe/Budapest")]
    UnknownZone(String),
    #[error("`{pattern}` is not a cron pattern: {reason}")]
    Cron { pattern: String, reason: String },
    #[error("{0:?} is no period of a report; write day, week, month, or a span of at most 400 days such as 12h")]
    ReportPeriod(String),
    #[error("{what} {from}-{until} is not between {min} and {max}")]
    OutOfRange { what: &'static str, from: i64, until: i64, min: i64, max: i64 },
    #[error("a window that recurs by cron needs a length between 1 s and 31 d")]
    CronLength,
    #[error("flap detection starts at {start} % and stops at {stop} %: it must stop below where it starts")]
    FlapBounds { start: u32, stop: u32 },
}

/// Why an input was not taken. Nothing of it has changed the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("rule `{0}` is unknown")]
    UnknownRule(String),
    #[error("incident {0} is unknown, or ended for good")]
    UnknownIncident(u64),
    #[error("incident {0} is over")]
    IncidentEnded(u64),
    #[error("silence `{0}` is unknown")]
    UnknownSilence(String),
    #[error("maintenance `{0}` is unknown")]
    UnknownMaintenance(String),
    #[error("contact `{0}` is unknown")]
    UnknownContact(String),
    #[error("contact `{0}` has no address that takes messages: none is written down, or all that are were given up")]
    NoAddress(String),
    #[error("intent {0} is unknown, or done")]
    UnknownIntent(String),
    #[error("there are {max} {what} already")]
    TooMany { what: &'static str, max: usize },
    #[error("a silence needs a matcher that does not match everything")]
    SilencesEverything,
    #[error("a maintenance window needs an entity or a matcher")]
    MaintainsNothing,
    #[error("it ends before it begins")]
    EndsBeforeItBegins,
    #[error("an incident can't be merged into itself")]
    MergesIntoItself,
    #[error(transparent)]
    Schedule(#[from] ConfigError),
}

/// Why saved rows are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("a row of {table:?} is of version {version}, this program knows {known}")]
    Version { table: Table, version: u8, known: u8 },
    #[error("a row of {table:?} is damaged")]
    Damaged { table: Table },
    #[error("a silence or maintenance window recurs in a way that is not understood")]
    Schedule(#[from] ConfigError),
}
