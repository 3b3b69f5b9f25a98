//! `dns_sd_configs`: targets in the DNS.

use std::collections::BTreeMap;

use super::{Group, Pairs, Teller, pause};
use crate::config::{DnsSdConfig, DnsType, PromDuration};
use crate::dns::{Answer, RecordType, Resolver};
use crate::error::chain;

const REFRESH: PromDuration = PromDuration::secs(30);

/// Asks again and again; a name for which nobody answers keeps its targets.
pub(super) async fn ask(config: DnsSdConfig, mut teller: Teller) {
    let refresh = config.refresh_interval.unwrap_or(REFRESH).duration();
    let kind = match config.kind {
        DnsType::Srv => RecordType::Srv,
        DnsType::A => RecordType::A,
        DnsType::Aaaa => RecordType::Aaaa,
        DnsType::Mx => RecordType::Mx,
        DnsType::Ns => RecordType::Ns,
    };
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    loop {
        let resolver = Resolver::new(&teller.shared.resolvers).await;
        let (mut has_found, mut has_failed) = (false, false);
        for name in &config.names {
            match resolver.lookup(name, kind).await {
                Ok(answers) => {
                    let targets = answers.iter().map(|answer| target(name, answer, config.port)).collect();
                    groups.insert(name, Group { targets, labels: Vec::new() });
                    has_found = true;
                }
                Err(error) => {
                    has_failed = true;
                    teller.failed(name, &chain(&error));
                }
            }
        }
        if !has_failed {
            teller.succeeded();
        }
        if has_found {
            teller.found(groups.values().cloned().collect()).await;
        }
        pause(refresh).await;
    }
}

fn target(name: &str, answer: &Answer, port: Option<u16>) -> Pairs {
    let host = |name: &String| name.trim_end_matches('.').to_owned();
    let port = port.unwrap_or(0);
    let mut srv = (String::new(), String::new());
    let (mut mx, mut ns) = (String::new(), String::new());
    let address = match answer {
        Answer::Srv { target, port } => {
            srv = (target.clone(), port.to_string());
            format!("{}:{port}", host(target))
        }
        Answer::Address(address) if address.is_ipv6() => format!("[{address}]:{port}"),
        Answer::Address(address) => format!("{address}:{port}"),
        Answer::Mx(target) => {
            mx.clone_from(target);
            format!("{}:{port}", host(target))
        }
        Answer::Ns(target) => {
            ns.clone_from(target);
            format!("{}:{port}", host(target))
        }
    };
    let pairs = [
        ("__address__", address),
        ("__meta_dns_name", name.to_owned()),
        ("__meta_dns_srv_record_target", srv.0),
        ("__meta_dns_srv_record_port", srv.1),
        ("__meta_dns_mx_record_target", mx),
        ("__meta_dns_ns_record_target", ns),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
