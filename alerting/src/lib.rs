//! The heart of alerting: from observations to alerts, incidents and the notifications that somebody is owed.
//!
//! Pure: no IO, no clock, no async. [`Alerting::step`] takes an input and the time and answers with [`Effects`]: what has
//! to be written in one transaction before anything is acknowledged. The state is the fold of the rows written so far,
//! so another process goes on where the last one was killed.
//!
//! Two promises, held by the property tests in `tests/`:
//! * **R**: everyone who was told that an incident is open is told on the same channel that it is over, at least once,
//!   whatever silences come later; a repeat carries the same key.
//! * **N**: no committed intent disappears: it is delivered, refused or expired as its sender says, or superseded by an
//!   intent that is named.
//!
//! Suppression (silences, maintenance, dependencies, inhibition, mute times) stops notification only: never evaluation,
//! never the state of an alert, never the all-clear.

mod alert;
mod calendar;
mod config;
mod contact;
mod engine;
mod error;
mod escalation;
mod flap;
mod graph;
mod group;
mod incident;
mod limits;
mod maintenance;
mod notify;
mod recipient;
mod report;
mod route;
mod rows;
mod rule;
mod silence;
mod standing;
mod suppress;
mod threshold;
mod why;

pub use alert::{Alert, AlertKey, ERROR_RULE, EXTERNAL_RULE, Level, Observation, Outcome, State, Transition};
pub use calendar::{Calendar, Interval, Period, Schedule, When};
pub use config::{Config, DEVICES, EntityLabel, Inhibition, Plan};
pub use contact::{Address, Contact, Rate};
pub use engine::{Alerting, Delivery, Effects, External, Input};
pub use error::{ConfigError, Refusal, RestoreError};
pub use escalation::{Policy, Step};
pub use flap::{Flap, FlapConfig};
pub use graph::Graph;
pub use group::{Group, MessageGroup};
pub use incident::{Ack, Event, Incident, Join, Member, Shown, Snooze, Thread, ToldState};
pub use limits::*;
pub use maintenance::{Maintenance, Origin};
pub use notify::{AlertView, Body, DigestEntry, Intent, IntentKey, Kind, Message};
pub use recipient::Recipient;
pub use report::{DueReport, ReportContent, ReportPeriod, ReportSchedule};
pub use route::{GroupBy, Route, Routed, Timing};
pub use rows::{Row, Table};
pub use rule::{NoData, NoDataPolicy, Rule, RuleKind};
pub use silence::Silence;
pub use standing::{Standing, Standings};
pub use suppress::Suppression;
pub use threshold::{Band, Bands, Comparison, Series, Thresholds};
pub use why::{RouteWhy, Told, Why};
