//! The channels: what turns an intent into a mail, a push, a request or a run of a program, and says how it went.
//!
//! No state but idle connections: what is to be sent, how often it was tried and what came of it is kept by whoever
//! calls. Every attempt has a deadline, and the time is passed in. Secrets are read from files when they are needed, and
//! are in no error and no `Debug`.

mod alertmanager;
mod config;
mod curve;
mod email;
mod exec;
mod gone;
mod heartbeat;
mod http;
mod notice;
mod ntfy;
mod outcome;
mod senders;
mod template;
#[cfg(test)]
mod testing;
mod texts;
mod view;
mod webhook;
mod webpush;

pub use alertmanager::{Alertmanager, AlertmanagerConfig, ForwardedAlert};
pub use config::{
    COLLECTOR_ADDRESSES_MAX, CollectorAddress, CollectorsConfig, ConfigError, EmailConfig, EmailTls, ExecConfig,
    NotifyConfig, NtfyConfig, WebPushConfig, WebhookConfig,
};
pub use email::{AddressError, is_address};
pub use gone::Gone;
pub use heartbeat::{BeatMethod, Heartbeat, HeartbeatConfig};
pub use notice::{Action, ActionKind, Curve, Links, Notice};
pub use outcome::Outcome;
pub use senders::{ChannelError, Senders, Warnings};
pub use template::TemplateError;
pub use texts::Language;
pub use webpush::{Subscription, SubscriptionError, VapidError, VapidKey};
