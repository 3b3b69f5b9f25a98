//! Where targets come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::client::with_client;
use super::duration::PromDuration;

/// Targets that are written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaticConfig {
    /// `host:port`.
    pub targets: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

/// Targets in files that other programs write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileSdConfig {
    /// Paths that end in `.json`, `.yml` or `.yaml`; the last part may have wildcards.
    pub files: Vec<PathBuf>,
    /// `5m` if absent. Changes are looked for every 5 s, or as often as this.
    pub refresh_interval: Option<PromDuration>,
}

/// Targets in the DNS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsSdConfig {
    pub names: Vec<String>,
    #[serde(rename = "type")]
    pub kind: DnsType,
    /// For all but SRV records, which have their own.
    pub port: Option<u16>,
    /// `30s` if absent.
    pub refresh_interval: Option<PromDuration>,
}

/// Which records are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsType {
    #[default]
    Srv,
    A,
    Aaaa,
    Mx,
    Ns,
}

with_client! {
    /// Targets that a server lists.
    pub struct HttpSdConfig {
        pub url: String,
        /// `60s` if absent.
        pub refresh_interval: Option<PromDuration>,
    }
}

impl HttpSdConfig {
    pub(super) fn for_files(&mut self, change: &mut dyn FnMut(&mut PathBuf)) {
        self.for_client_files(change);
    }
}
