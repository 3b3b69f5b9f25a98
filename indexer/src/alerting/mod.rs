//! Alerting as a part of the server: one owner of the engine, its durable store, the senders, and Prometheus' rules.
//!
//! An input is acknowledged when what follows from it is written: transitions, timelines, intents and the rows of the
//! engine are one transaction, shared by all inputs that came together.

mod config;
mod curve;
mod devices;
mod grant;
mod handle;
mod health;
mod history;
mod matchers;
mod metrics;
mod outbox;
mod own;
mod owner;
mod prometheus;
mod replay;
mod service;
mod silent;
mod store;
#[cfg(test)]
mod tests;

pub use config::{
    AddressConfig, AlertingConfig, ContactConfig, FlapSection, InhibitionConfig, IntervalConfig, PolicyConfig,
    RouteConfig, SilenceConfig, StepConfig, TimeConfig, Wrong, rules_of,
};
pub use curve::Curve;
pub use devices::{DEVICES_MAX, Device, NewDevice};
pub use grant::{Act, Grant, GrantError};
pub use handle::{AlertingHandle, INPUTS_MAX};
pub use health::Health;
pub use history::{
    Attempt, AttemptOutcome, DeliveryRecord, DeliveryState, IncidentRecord, MemberRecord, TimelineEvent,
};
pub use matchers::{MatcherError, parse_matcher, parse_matchers};
pub use outbox::{Deliver, Sending, Sent};
pub use own::{OwnParts, OwnRulesReloader, OwnRulesService, own_rules_of};
pub use prometheus::{GroupView, RuleAlertView, RuleHealth, RuleKindView, RuleSources, RuleView};
pub use replay::{
    Change, Episode, Failing, ReplayAsk, ReplayError, ReplayPatience, Replayed, Replayer, RuleSummary, WrongRules,
    episodes, replay, summaries,
};
pub use service::{AlertingService, Parts};
pub use silent::{COLLECTOR_SILENT, SilentCollectors};
pub(crate) use store::copy;
#[cfg(test)]
use store::{Store, directory};
