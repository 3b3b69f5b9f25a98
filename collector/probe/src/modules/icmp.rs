//! `icmp` of a module.

use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

use super::tcp::validate_source;
use crate::resolve::{Choice, IpProtocol};

/// The longest payload that fits a packet of IPv4.
const PAYLOAD_MAX: u32 = 65_507;

/// How an echo is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IcmpProbe {
    pub preferred_ip_protocol: IpProtocol,
    pub ip_protocol_fallback: bool,
    pub source_ip_address: String,
    /// 28 if 0.
    pub payload_size: u32,
    /// Takes a raw socket, and is of IPv4 alone.
    pub dont_fragment: bool,
    /// Hops; the system's if 0.
    pub ttl: u32,
}

impl Default for IcmpProbe {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: IpProtocol::default(),
            ip_protocol_fallback: true,
            source_ip_address: String::new(),
            payload_size: 0,
            dont_fragment: false,
            ttl: 0,
        }
    }
}

impl IcmpProbe {
    pub(crate) fn choice(&self) -> Choice {
        Choice { preferred: self.preferred_ip_protocol, falls_back: self.ip_protocol_fallback }
    }

    pub(super) fn validate(&self, key: &str) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = validate_source(key, &self.source_ip_address).into_iter().collect();
        if self.payload_size > PAYLOAD_MAX {
            let remedy = "write at most 65507";
            wrong.push(Wrong::new(format!("{key}.payload_size"), self.payload_size, "is too large", remedy));
        }
        if self.ttl > 255 {
            wrong.push(Wrong::new(format!("{key}.ttl"), self.ttl, "is too large", "write 0 to 255"));
        }
        wrong
    }
}
