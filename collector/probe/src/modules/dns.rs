//! `dns` of a module.

use orszem_scrape::config::TlsConfig;
use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

use super::tcp::validate_source;
use crate::message::{RCODES, class_code, type_code};
use crate::pattern::Pattern;
use crate::resolve::{Choice, IpProtocol};

/// What a name server is asked, and what it has to answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsProbe {
    pub preferred_ip_protocol: IpProtocol,
    pub ip_protocol_fallback: bool,
    pub source_ip_address: String,
    pub transport_protocol: Transport,
    pub dns_over_tls: bool,
    pub tls_config: TlsConfig,
    pub query_name: String,
    /// `IN` if empty.
    pub query_class: String,
    /// `ANY` if empty.
    pub query_type: String,
    pub recursion_desired: bool,
    /// `NOERROR` if empty.
    pub valid_rcodes: Vec<String>,
    pub validate_answer_rrs: RecordsCheck,
    pub validate_authority_rrs: RecordsCheck,
    pub validate_additional_rrs: RecordsCheck,
}

/// What a message goes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
}

/// What records, printed as zone files have them, must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordsCheck {
    pub fail_if_matches_regexp: Vec<Pattern>,
    pub fail_if_all_match_regexp: Vec<Pattern>,
    pub fail_if_not_matches_regexp: Vec<Pattern>,
    pub fail_if_none_matches_regexp: Vec<Pattern>,
}

impl Default for DnsProbe {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: IpProtocol::default(),
            ip_protocol_fallback: true,
            source_ip_address: String::new(),
            transport_protocol: Transport::Udp,
            dns_over_tls: false,
            tls_config: TlsConfig::default(),
            query_name: String::new(),
            query_class: String::new(),
            query_type: String::new(),
            recursion_desired: true,
            valid_rcodes: Vec::new(),
            validate_answer_rrs: RecordsCheck::default(),
            validate_authority_rrs: RecordsCheck::default(),
            validate_additional_rrs: RecordsCheck::default(),
        }
    }
}

impl DnsProbe {
    pub(crate) fn choice(&self) -> Choice {
        Choice { preferred: self.preferred_ip_protocol, falls_back: self.ip_protocol_fallback }
    }

    /// The codes of type and class; those of `ANY` and `IN` if they are not told.
    pub(crate) fn codes(&self) -> Option<(u16, u16)> {
        let kind = if self.query_type.is_empty() { "ANY" } else { &self.query_type };
        let class = if self.query_class.is_empty() { "IN" } else { &self.query_class };
        Some((type_code(kind)?, class_code(class)?))
    }

    pub(super) fn validate(&self, key: &str, is_used: bool) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = validate_source(key, &self.source_ip_address).into_iter().collect();
        let mut tell = |name: &str, value: &str, what: &str, remedy: &str| {
            wrong.push(Wrong::new(format!("{key}.{name}"), value, what, remedy));
        };
        if is_used && self.query_name.is_empty() {
            tell("query_name", "", "is missing", "write the name to ask for");
        }
        if !self.query_type.is_empty() && type_code(&self.query_type).is_none() {
            tell("query_type", &self.query_type, "is no type that is known", "write one such as A, SOA or TYPE65");
        }
        if !self.query_class.is_empty() && class_code(&self.query_class).is_none() {
            tell("query_class", &self.query_class, "is no class that is known", "write IN, CH, HS or ANY");
        }
        for rcode in self.valid_rcodes.iter().filter(|rcode| !RCODES.contains(&rcode.as_str())) {
            tell("valid_rcodes", rcode, "is no response code", "write one such as NOERROR or NXDOMAIN");
        }
        if self.dns_over_tls && self.transport_protocol == Transport::Udp {
            tell("dns_over_tls", "true", "needs TCP", "write transport_protocol: tcp");
        }
        wrong
    }
}
