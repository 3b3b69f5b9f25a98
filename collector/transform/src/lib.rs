//! What is done to a record between parsing and the disk queue: relabel, drop, keep, sample, throttle, redact.
//!
//! Pure: no IO, no clock, no async; whoever needs the time passes it in. [`Relabel`] works on labels, of
//! targets and series too; [`StreamRelabel`] on those of a stream, and is meant to be cached per distinct label set; [`Transform`] works on every record, in the order
//! drop → keep → sample → throttle → redact. All of it is configured by a [`TransformConfig`] and compiled once.

mod condition;
mod config;
mod draft;
mod redact;
mod relabel;
mod sample;
mod throttle;
mod transform;
mod wrong;

pub use config::{CustomRedaction, Preset, RedactConfig, Rule, SampleBy, SampleRule, ThrottleRule, TransformConfig};
pub use draft::Draft;
pub use relabel::{LabelBuilder, NameValidation, Relabel, RelabelAction, RelabelConfig, StreamRelabel};
pub use throttle::{Summary, SummaryKey};
pub use transform::{Reason, RuleCount, Stage, Transform, Verdict};
pub use wrong::Wrong;
