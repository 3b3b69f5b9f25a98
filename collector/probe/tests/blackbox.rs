//! The same modules and targets, probed by blackbox_exporter and by us: the same metrics.

#[path = "blackbox/page.rs"]
mod page;
#[path = "blackbox/peers.rs"]
mod peers;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use orszem_probe::{Extras, Modules, Prober};
use page::Page;
use peers::{Certificates, Exporter};

/// What only we tell: our own, and what blackbox_exporter has since a later version than Debian's.
const ONLY_OURS: [&str; 4] = [
    "probe_ssl_certificate_valid",
    "probe_ssl_certificate_problem_info",
    "probe_tls_cipher_info",
    "probe_icmp_socket_info",
];
/// Of a certificate that is refused blackbox_exporter tells nothing.
const OURS_OF_REFUSED: [&str; 3] =
    ["probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_info", "probe_ssl_last_chain_expiry_timestamp_seconds"];
/// Values that two probes never share.
const VARYING: [&str; 6] = [
    "probe_duration_seconds",
    "probe_dns_lookup_time_seconds",
    "probe_http_duration_seconds",
    "probe_dns_duration_seconds",
    "probe_icmp_duration_seconds",
    // The type of record that Debian's version sends names no help of later ones.
    "probe_expect_info",
];

async fn compare(exporter: &Exporter, modules: &Modules, prober: &Prober, module: &str, target: &str) -> Vec<String> {
    let theirs = Page::parse(&exporter.probe(module, target).await);
    let found = modules.get(module).expect("a module");
    let outcome = prober.probe(found, target, &Extras::default(), Duration::from_secs(5)).await;
    let ours = Page::parse(&outcome.report.page.to_text());
    let mut wrong = Vec::new();
    let mut tell = |told: String| wrong.push(format!("{module} {target}: {told} ({})", outcome.reason()));
    let is_refused = outcome.report.facts.certificate_problem.is_some() && !outcome.is_success();
    let is_ours = |name: &str| ONLY_OURS.contains(&name) || (is_refused && OURS_OF_REFUSED.contains(&name));
    for (name, (kind, help)) in &theirs.families {
        match ours.families.get(name) {
            None => tell(format!("{name} is missing")),
            Some((our_kind, _)) if our_kind != kind => tell(format!("{name} is a {our_kind}, not a {kind}")),
            Some((_, our_help)) if our_help != help => tell(format!("{name} helps {our_help:?}, not {help:?}")),
            Some(_) => {}
        }
    }
    for name in ours.families.keys().filter(|name| !theirs.families.contains_key(*name) && !is_ours(name)) {
        tell(format!("{name} is ours alone"));
    }
    let of = |page: &Page| -> BTreeMap<String, String> {
        let kept = page.samples.iter().filter(|(series, _)| {
            let name = series.split('{').next().unwrap_or_default();
            theirs.families.contains_key(name) && !VARYING.contains(&name)
        });
        kept.map(|(series, value)| (series.clone(), value.clone())).collect()
    };
    let (ours, theirs) = (of(&ours), of(&theirs));
    if ours != theirs {
        tell(format!("\n  ours   {ours:?}\n  theirs {theirs:?}"));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn same_metrics_as_blackbox_exporter() {
    if !Path::new(peers::PROGRAM).is_file() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", peers::PROGRAM);
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let certificates = Certificates::new(directory.path());
    let file = directory.path().join("blackbox.yml");
    let text = peers::MODULES.replace("CA_FILE", &directory.path().join("ca.pem").display().to_string());
    std::fs::write(&file, &text).expect("writes");
    let modules = Modules::load(std::slice::from_ref(&file)).expect("modules");
    let (exporter, prober) = (Exporter::start(&file).await, Prober::default());
    let http = peers::http().await;
    let mut cases: Vec<(&str, String)> = Vec::new();
    for path in ["/", "/missing", "/redirect", "/chunked", "/modified", "/gzip", "/loop"] {
        cases.push(("http_2xx", format!("http://{http}{path}")));
    }
    for module in ["http_body", "http_not_body", "http_header", "http_404", "http_stay", "http_gzip", "http_post"] {
        cases.push((module, format!("{http}/")));
    }
    cases.push(("http_gzip", format!("{http}/gzip")));
    cases.push(("http_stay", format!("{http}/redirect")));
    cases.push(("http_tls", format!("{http}/")));
    cases.push(("http_2xx", "http://127.0.0.1:1/".to_owned()));
    cases.push(("http_2xx", "http://[::1]:1/".to_owned()));
    for name in ["good", "expired", "own", "wrong"] {
        let address = certificates.serve(name).await;
        cases.push(("http_ca", format!("https://localhost:{}/", address.port())));
        cases.push(("http_any", format!("https://localhost:{}/", address.port())));
        cases.push(("tcp_tls", format!("localhost:{}", address.port())));
        cases.push(("tcp_tls_any", format!("localhost:{}", address.port())));
    }
    let mail = peers::mail(&certificates).await;
    for module in ["tcp", "smtp", "smtp_wrong", "smtp_starttls"] {
        cases.push((module, mail.to_string()));
    }
    cases.push(("tcp", "127.0.0.1:1".to_owned()));
    cases.push(("tcp", "127.0.0.1".to_owned()));
    cases.push(("icmp", "127.0.0.1".to_owned()));
    cases.push(("icmp_large", "127.0.0.1".to_owned()));
    cases.push(("icmp_whole", "127.0.0.1".to_owned()));
    if let Some(names) = peers::dnsmasq(directory.path()).await {
        for module in ["dns_a", "dns_tcp", "dns_missing", "dns_mx", "dns_wrong", "dns_txt"] {
            cases.push((module, names.address.clone()));
        }
        check(&exporter, &modules, &prober, &cases).await;
        return;
    }
    check(&exporter, &modules, &prober, &cases).await;
}

async fn check(exporter: &Exporter, modules: &Modules, prober: &Prober, cases: &[(&str, String)]) {
    let mut wrong = Vec::new();
    for (module, target) in cases {
        wrong.extend(compare(exporter, modules, prober, module, target).await);
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
