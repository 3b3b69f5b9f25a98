//! `tcp` of a module.

use std::net::IpAddr;
use std::path::Path;

use orszem_scrape::config::TlsConfig;
use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;
use crate::resolve::{Choice, IpProtocol};

/// What is said over a TCP connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TcpProbe {
    pub preferred_ip_protocol: IpProtocol,
    pub ip_protocol_fallback: bool,
    pub source_ip_address: String,
    pub query_response: Vec<QueryResponse>,
    /// Whether TLS begins at once.
    pub tls: bool,
    pub tls_config: TlsConfig,
}

/// One step of a conversation: what is waited for, then what is sent, then TLS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryResponse {
    /// Lines are read until one matches.
    pub expect: Option<Pattern>,
    /// These bytes must come next.
    pub expect_bytes: String,
    /// Labels of `probe_expect_info`; `$1` and `${name}` are what `expect` matched.
    pub labels: Vec<ExpectLabel>,
    /// A line is sent, with the same references.
    pub send: String,
    pub starttls: bool,
}

/// A label of `probe_expect_info`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectLabel {
    pub name: String,
    pub value: String,
}

impl Default for TcpProbe {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: IpProtocol::default(),
            ip_protocol_fallback: true,
            source_ip_address: String::new(),
            query_response: Vec::new(),
            tls: false,
            tls_config: TlsConfig::default(),
        }
    }
}

impl TcpProbe {
    pub(crate) fn choice(&self) -> Choice {
        Choice { preferred: self.preferred_ip_protocol, falls_back: self.ip_protocol_fallback }
    }

    pub(crate) fn needs_tls(&self) -> bool {
        self.tls || self.query_response.iter().any(|step| step.starttls)
    }

    pub(super) fn validate(&self, key: &str) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = validate_source(key, &self.source_ip_address).into_iter().collect();
        for (at, step) in self.query_response.iter().enumerate() {
            let key = format!("{key}.query_response[{at}]");
            for label in step.labels.iter().filter(|label| !is_label(&label.name)) {
                let remedy = "use letters, digits and _";
                wrong.push(Wrong::new(format!("{key}.labels"), &label.name, "is no label name", remedy));
            }
            if !step.labels.is_empty() && step.expect.is_none() {
                wrong.push(Wrong::new(format!("{key}.labels"), "", "have nothing to match", "add expect"));
            }
            if step.expect.is_some() && !step.expect_bytes.is_empty() {
                let remedy = "write one of the two";
                wrong.push(Wrong::new(format!("{key}.expect_bytes"), "", "stands beside expect", remedy));
            }
        }
        wrong
    }
}

fn is_label(name: &str) -> bool {
    let begins_well = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins_well && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The address to probe from; empty for any.
pub(crate) fn source(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

pub(super) fn validate_source(key: &str, text: &str) -> Option<Wrong> {
    let is_wrong = !text.is_empty() && source(text).is_none();
    is_wrong
        .then(|| Wrong::new(format!("{key}.source_ip_address"), text, "is no address", "write one such as 10.0.0.1"))
}

/// Has relative paths begin at `directory`.
pub(super) fn set_directory(tls: &mut TlsConfig, directory: &Path) {
    for path in [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter().flatten() {
        *path = directory.join(&path);
    }
}
