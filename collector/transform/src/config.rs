//! The section that configures what is done to records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::condition::Conditions;
use crate::{RelabelConfig, Transform, Wrong};

/// What is done to records before they reach the disk. By default only redaction of secrets is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformConfig {
    /// Prometheus' `relabel_configs`, applied in order to the labels of each stream. At most 256.
    pub relabel: Vec<RelabelConfig>,
    /// A record that one of these matches is dropped. At most 256.
    pub drop: Vec<Rule>,
    /// If there are any, a record that none of these matches is dropped. At most 256.
    pub keep: Vec<Rule>,
    /// The first of these that matches decides whether the record is kept. At most 256.
    pub sample: Vec<SampleRule>,
    /// The first of these that matches limits the record's rate. At most 256.
    pub throttle: Vec<ThrottleRule>,
    /// What is made unreadable.
    pub redact: RedactConfig,
}

impl TransformConfig {
    /// All problems, in the order of the sections; none if it can be used.
    pub fn validate(&self) -> Vec<Wrong> {
        Transform::new(self).err().unwrap_or_default()
    }
}

/// Gives a rule the conditions that all rules share, flat in one table so that errors keep their line.
macro_rules! rule {
    ($(#[$meta:meta])* $rule:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        ///
        /// All conditions must hold; one that is absent holds.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $rule {
            /// What its counter is called; its place, such as `drop[0]`, if empty. At most 64 bytes, not twice in a list.
            pub name: String,
            $($(#[$field_meta])* pub $field: $type,)*
            /// A regular expression that is found anywhere in the body.
            pub body: Option<String>,
            /// The record's severity is known and below this: `trace`, `debug`, `info`, `warn`, `error`, `fatal`.
            pub severity_below: Option<String>,
            /// The key of an attribute; goes with `matches` or `equals`. Of several with that key, one suffices.
            pub field: Option<String>,
            /// A regular expression that is found anywhere in the attribute's text.
            pub matches: Option<String>,
            /// The attribute's whole text; numbers are compared as they print.
            pub equals: Option<String>,
            /// The service, exactly.
            pub service: Option<String>,
            /// The layer, exactly.
            pub layer: Option<String>,
            /// Labels of the stream and their values, exactly; an empty value stands for an absent label.
            pub labels: BTreeMap<String, String>,
        }

        impl $rule {
            pub(crate) fn conditions(&self) -> Conditions<'_> {
                Conditions {
                    body: self.body.as_deref(),
                    severity_below: self.severity_below.as_deref(),
                    field: self.field.as_deref(),
                    matches: self.matches.as_deref(),
                    equals: self.equals.as_deref(),
                    service: self.service.as_deref(),
                    layer: self.layer.as_deref(),
                    labels: &self.labels,
                }
            }
        }
    };
}

rule! {
    /// Which records are dropped or kept. Needs at least one condition.
    Rule {}
}

rule! {
    /// Of the records that match, one in so many is kept, with the attribute `sample.rate`.
    SampleRule {
        /// 1 to 1,000,000; 1 keeps all and shields them from the rules below.
        keep_one_in: u64,
        /// How the one is chosen.
        by: SampleBy,
    }
}

rule! {
    /// How many of the records that match are let through, for each stream or each value of a field.
    ThrottleRule {
        /// 1 to 1,000,000.
        records_per_s: u32,
        /// How many may come at once, 1 to 10,000,000; as many as `records_per_s` if absent.
        burst: Option<u32>,
        /// Limits each value of this attribute instead of each stream; records without it are let through.
        per_field: Option<String>,
    }
}

/// How a sample is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleBy {
    /// The first and every N-th after it.
    #[default]
    Count,
    /// By the trace's id, so that a trace is kept or dropped whole, on every node alike; records without one are counted.
    Trace,
}

/// What is made unreadable in bodies and text attributes.
///
/// On by default is what opens doors or spends money and proves itself: a password needs its key, a token its
/// structure, a card number its check digit and issuer. `iban`, `email` and `ip` are off: people search logs by
/// them, and `user@host` of a login or an `a.b.c.d` version can't be told from an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedactConfig {
    pub presets: Vec<Preset>,
    /// Own patterns, applied after the presets in this order. At most 64.
    pub custom: Vec<CustomRedaction>,
}

impl Default for RedactConfig {
    fn default() -> Self {
        Self { presets: vec![Preset::Password, Preset::Jwt, Preset::Card], custom: Vec::new() }
    }
}

/// What can be recognised without configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The value behind `password`, `passwd`, `pwd`, `passphrase`, `secret`, `token`, `api_key` and the like with `=`
    /// or `:`, also as JSON; the credentials of an `Authorization` header; the password in `scheme://user:password@`.
    Password,
    /// A signed or encrypted token of RFC 7519 in compact form.
    Jwt,
    /// 13 to 19 digits with an issuer's prefix and a valid check digit (ISO/IEC 7812), in one piece or in groups.
    Card,
    /// An account number of ISO 13616 with valid check digits, in one piece or in fours.
    Iban,
    Email,
    /// IPv4 addresses lose their last octet, IPv6 addresses all but their first 48 bits; loopback stays.
    Ip,
}

impl Preset {
    /// All presets; where two find the same text, the earlier names it.
    pub const ALL: [Self; 6] = [Self::Password, Self::Jwt, Self::Card, Self::Iban, Self::Email, Self::Ip];

    /// Its name in the configuration and in counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Jwt => "jwt",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Ip => "ip",
        }
    }

    /// What stands in place of what was found.
    pub(crate) fn marker(self) -> &'static str {
        match self {
            Self::Password => "[redacted:password]",
            Self::Jwt => "[redacted:jwt]",
            Self::Card => "[redacted:card]",
            Self::Iban => "[redacted:iban]",
            Self::Email => "[redacted:email]",
            Self::Ip => "[redacted:ip]",
        }
    }
}

/// A pattern of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomRedaction {
    /// What its counter is called: 1 to 32 of `a-z 0-9 _ -`, no preset's name, not twice.
    pub name: String,
    /// What to find; it must not match empty text.
    pub regex: String,
    /// What to put there, with `$1` or `${name}` for groups; `[redacted:NAME]` if absent.
    #[serde(default)]
    pub replacement: Option<String>,
}
