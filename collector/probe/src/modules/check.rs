//! What is wrong with a module, all at once.

use std::path::Path;

use orszem_transform::Wrong;
use orszem_yaml::{Problem, What};

use super::{Kind, Module, RawModule};

/// Keys of blackbox_exporter that are not taken here, and what they are.
const NOT_TAKEN: [(&str, &str); 9] = [
    ("proxy_url", "proxies are not spoken to"),
    ("no_proxy", "proxies are not spoken to"),
    ("proxy_from_environment", "proxies are not spoken to"),
    ("proxy_connect_header", "proxies are not spoken to"),
    ("skip_resolve_phase_with_proxy", "proxies are not spoken to"),
    ("oauth2", "OAuth 2.0 is not spoken"),
    ("fail_if_body_json_matches_cel", "CEL is not evaluated; `conditions` of a probe look into JSON"),
    ("fail_if_body_json_not_matches_cel", "CEL is not evaluated; `conditions` of a probe look into JSON"),
    ("grpc", "gRPC is not spoken"),
];

/// A problem of the file's form.
pub(super) fn of_yaml(problem: &Problem) -> Wrong {
    let (wrong, remedy) = match &problem.what {
        What::UnknownKey { key, known } => match NOT_TAKEN.iter().find(|(name, _)| name == key) {
            Some((_, told)) => (format!("is not supported: {told}"), "remove it".to_owned()),
            None => ("is no such key".to_owned(), format!("known are {}", known.join(", "))),
        },
        What::MissingKey(missing) => (format!("lacks {missing}"), format!("add {missing}")),
        What::NotA(expected) => ("is of the wrong kind".to_owned(), format!("write {expected}")),
        What::Other(told) => (told.clone(), "write it as blackbox_exporter documents it".to_owned()),
    };
    Wrong::new(problem.key(), &problem.value, wrong, remedy)
}

/// The module, if nothing is wrong with it; relative paths begin at `directory`.
pub(super) fn module(name: &str, raw: RawModule, directory: &Path) -> Result<Module, Vec<Wrong>> {
    let key = format!("modules.{name}");
    let RawModule { prober, timeout, mut http, tcp, icmp, dns, mut sql } = raw;
    let mut wrong = http.validate(&format!("{key}.http"));
    wrong.extend(tcp.validate(&format!("{key}.tcp")));
    wrong.extend(icmp.validate(&format!("{key}.icmp")));
    wrong.extend(dns.validate(&format!("{key}.dns"), prober == "dns"));
    wrong.extend(sql.validate(&format!("{key}.sql")));
    http.set_directory(directory);
    sql.set_directory(directory);
    let (mut tcp, mut dns) = (tcp, dns);
    super::tcp::set_directory(&mut tcp.tls_config, directory);
    super::tcp::set_directory(&mut dns.tls_config, directory);
    let kind = match prober.as_str() {
        "http" => Kind::Http(http),
        "tcp" => Kind::Tcp(tcp),
        "icmp" => Kind::Icmp(icmp),
        "dns" => Kind::Dns(dns),
        "sql" => Kind::Sql(sql),
        other => {
            let remedy = "write http, tcp, icmp, dns or sql";
            wrong.push(Wrong::new(format!("{key}.prober"), other, "is no prober that is known", remedy));
            return Err(wrong);
        }
    };
    let timeout = if timeout.is_zero() { None } else { Some(timeout.duration()) };
    if wrong.is_empty() { Ok(Module { name: name.to_owned(), timeout, kind }) } else { Err(wrong) }
}
