//! What is wrong with the values of a job.

use std::path::Path;

use http::{HeaderName, HeaderValue};
use orszem_transform::{NameValidation, Wrong};

use super::client::{ClientConfig, TlsConfig};
use super::job::NameEscaping;
use super::{DnsType, GlobalConfig, PromDuration, ScrapeConfig};
use crate::fetch::Url;

/// Headers that requests have anyway.
const RESERVED_HEADERS: [&str; 9] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-prometheus-scrape-timeout-seconds",
];

/// Collects problems below a key.
struct Check<'w> {
    key: &'w str,
    wrongs: &'w mut Vec<Wrong>,
}

impl Check<'_> {
    fn wrong(&mut self, within: &str, value: impl std::fmt::Display, wrong: &str, remedy: &str) {
        self.wrongs.push(Wrong::new(format!("{}.{within}", self.key), value, wrong, remedy));
    }
}

/// What is wrong with `global`, which stands at `key`.
pub(crate) fn global(global: &GlobalConfig, key: &str, wrongs: &mut Vec<Wrong>) {
    let mut check = Check { key, wrongs };
    let names = global.metric_name_validation_scheme.unwrap_or_default();
    for (name, value) in global.external_labels.iter().filter(|(name, _)| !names.is_label_name(name)) {
        check.wrong(&format!("external_labels.{name}"), value, "is the value of no label name", "rename the label");
    }
    if let (Some(timeout), Some(interval)) = (global.scrape_timeout, global.scrape_interval)
        && timeout > interval
    {
        check.wrong("scrape_timeout", timeout, "is longer than the interval", "write at most scrape_interval");
    }
}

/// What is wrong with a job, which stands at `key` and has the values of `global` already.
pub(crate) fn job(job: &ScrapeConfig, key: &str, wrongs: &mut Vec<Wrong>) {
    let mut check = Check { key, wrongs };
    if job.job_name.is_empty() {
        check.wrong("job_name", "", "is missing", "name the job");
    }
    match (job.scrape_timeout, job.scrape_interval) {
        (Some(timeout), Some(interval)) if timeout > interval => {
            check.wrong("scrape_timeout", timeout, "is longer than the interval", "write at most scrape_interval");
        }
        _ => {}
    }
    protocols(job, &mut check);
    unsupported(job, &mut check);
    client(&job.client(), "", &mut check);
    discovery(job, &mut check);
}

fn protocols(job: &ScrapeConfig, check: &mut Check<'_>) {
    if let Some(protocols) = &job.scrape_protocols {
        if protocols.is_empty() {
            check.wrong("scrape_protocols", "[]", "names no protocol", "name one, or remove the key");
        }
        for (at, protocol) in protocols.iter().enumerate() {
            if protocols.iter().take(at).any(|earlier| earlier == protocol) {
                let name = orszem_exposition::ScrapeProtocol::from(*protocol).name();
                check.wrong(&format!("scrape_protocols[{at}]"), name, "is there already", "remove it");
            }
        }
    }
    let schemes = (job.metric_name_validation_scheme, job.metric_name_escaping_scheme);
    if schemes == (Some(NameValidation::Legacy), Some(NameEscaping::AllowUtf8)) {
        let remedy = "write underscores, dots or values, or validate by utf8";
        check.wrong("metric_name_escaping_scheme", "allow-utf-8", "contradicts the legacy validation", remedy);
    }
}

fn unsupported(job: &ScrapeConfig, check: &mut Check<'_>) {
    if job.convert_classic_histograms_to_nhcb == Some(true) {
        check.wrong("convert_classic_histograms_to_nhcb", "true", "is not supported", "remove it");
    }
    if job.native_histogram_bucket_limit != 0 {
        let limit = job.native_histogram_bucket_limit;
        check.wrong("native_histogram_bucket_limit", limit, "is not supported", "remove it");
    }
    if job.native_histogram_min_bucket_factor != 0.0 {
        let factor = job.native_histogram_min_bucket_factor;
        check.wrong("native_histogram_min_bucket_factor", factor, "is not supported", "remove it");
    }
}

fn client(client: &ClientConfig, within: &str, check: &mut Check<'_>) {
    let key = |name: &str| format!("{within}{name}");
    let ways = [
        ("basic_auth", client.basic_auth.is_some()),
        ("authorization", client.authorization.is_some()),
        ("bearer_token", client.bearer_token.is_some()),
        ("bearer_token_file", client.bearer_token_file.is_some()),
    ];
    for (name, _) in ways.iter().filter(|(_, is_there)| *is_there).skip(1) {
        check.wrong(&key(name), "", "is a second way to authenticate", "keep one of them");
    }
    if let Some(basic) = &client.basic_auth {
        if basic.password.is_some() && basic.password_file.is_some() {
            check.wrong(&key("basic_auth.password_file"), "", "is there beside password", "keep one of them");
        }
        if !basic.username.is_empty() && basic.username_file.is_some() {
            check.wrong(&key("basic_auth.username_file"), "", "is there beside username", "keep one of them");
        }
    }
    if let Some(authorization) = &client.authorization {
        if authorization.credentials.is_some() && authorization.credentials_file.is_some() {
            check.wrong(&key("authorization.credentials_file"), "", "is there beside credentials", "keep one of them");
        }
        let kind = authorization.kind.as_deref().unwrap_or("Bearer");
        if kind.trim().eq_ignore_ascii_case("basic") {
            check.wrong(&key("authorization.type"), kind, "can't be this", "use basic_auth");
        } else if kind.is_empty() || kind.contains(char::is_whitespace) {
            check.wrong(&key("authorization.type"), kind, "is no scheme", "write Bearer, or remove it");
        }
    }
    for (name, header) in &client.http_headers {
        if name.parse::<HeaderName>().is_err() {
            check.wrong(&key("http_headers"), name, "is no header's name", "mend it");
        } else if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            check.wrong(&key("http_headers"), name, "is set already", "remove it");
        }
        if header.values.iter().any(|value| HeaderValue::from_str(value).is_err()) {
            check.wrong(&key(&format!("http_headers.{name}.values")), "", "can't be sent", "write printable ASCII");
        }
    }
    tls(&client.tls_config, within, check);
}

fn tls(tls: &TlsConfig, within: &str, check: &mut Check<'_>) {
    let key = |name: &str| format!("{within}tls_config.{name}");
    for (name, both) in [
        ("ca_file", tls.ca.is_some() && tls.ca_file.is_some()),
        ("cert_file", tls.cert.is_some() && tls.cert_file.is_some()),
        ("key_file", tls.key.is_some() && tls.key_file.is_some()),
    ] {
        if both {
            check.wrong(&key(name), "", "is given twice", "keep the text or the file");
        }
    }
    let has_certificate = tls.cert.is_some() || tls.cert_file.is_some();
    let has_key = tls.key.is_some() || tls.key_file.is_some();
    if has_certificate != has_key {
        let (missing, other) = if has_key { ("cert_file", "the key") } else { ("key_file", "the certificate") };
        check.wrong(&key(missing), "", "is missing", &format!("add it, or remove {other}"));
    }
    if let (Some(min), Some(max)) = (tls.min_version, tls.max_version)
        && min > max
    {
        check.wrong(&key("max_version"), "TLS12", "is older than min_version", "write TLS13");
    }
}

fn discovery(job: &ScrapeConfig, check: &mut Check<'_>) {
    let refresh = |interval: Option<PromDuration>, key: String, check: &mut Check<'_>| {
        if interval.is_some_and(PromDuration::is_zero) {
            check.wrong(&key, "0s", "is too short", "write 1s or more");
        }
    };
    for (at, group) in job.static_configs.iter().enumerate().filter(|_| job.relabel_configs.is_empty()) {
        for (to, target) in group.targets.iter().enumerate().filter(|(_, target)| target.contains('/')) {
            let key = format!("static_configs[{at}].targets[{to}]");
            check.wrong(&key, target, "is no address", "write host:port; scheme and metrics_path are keys of the job");
        }
    }
    for (at, files) in job.file_sd_configs.iter().enumerate() {
        if files.files.is_empty() {
            check.wrong(&format!("file_sd_configs[{at}].files"), "[]", "names no file", "name one");
        }
        for (to, file) in files.files.iter().enumerate().filter(|(_, file)| !is_targets_file(file)) {
            let remedy = "end it with .json, .yml or .yaml, with wildcards in the last part only";
            check.wrong(&format!("file_sd_configs[{at}].files[{to}]"), file.display(), "can't be used", remedy);
        }
        refresh(files.refresh_interval, format!("file_sd_configs[{at}].refresh_interval"), check);
    }
    for (at, dns) in job.dns_sd_configs.iter().enumerate() {
        if dns.names.is_empty() {
            check.wrong(&format!("dns_sd_configs[{at}].names"), "[]", "names nothing to ask for", "name one");
        }
        if dns.port.is_none() && dns.kind != DnsType::Srv {
            check.wrong(&format!("dns_sd_configs[{at}].port"), "", "is missing", "add it: only SRV records have ports");
        }
        refresh(dns.refresh_interval, format!("dns_sd_configs[{at}].refresh_interval"), check);
    }
    for (at, http) in job.http_sd_configs.iter().enumerate() {
        if let Err(error) = Url::parse(&http.url) {
            check.wrong(&format!("http_sd_configs[{at}].url"), &http.url, &error.to_string(), "write http://host/path");
        }
        client(&http.client(), &format!("http_sd_configs[{at}]."), check);
        refresh(http.refresh_interval, format!("http_sd_configs[{at}].refresh_interval"), check);
    }
}

fn is_targets_file(path: &Path) -> bool {
    let is_known = |ending: &str| ["json", "yml", "yaml"].iter().any(|known| ending.eq_ignore_ascii_case(known));
    let above = path.parent().and_then(Path::to_str).unwrap_or_default();
    path.extension().and_then(|ending| ending.to_str()).is_some_and(is_known) && !above.contains('*')
}
