//! The same modules and targets, probed by blackbox_exporter and by us: the same metrics.

#[path = "blackbox/daemons.rs"]
mod daemons;
#[path = "blackbox/page.rs"]
mod page;
#[path = "blackbox/peers.rs"]
mod peers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
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

/// Both probers, and certificates in files.
struct Bench {
    directory: tempfile::TempDir,
    certificates: Certificates,
    modules: Modules,
    exporter: Exporter,
    prober: Prober,
}

impl Bench {
    /// `None` where there is no blackbox_exporter.
    async fn new() -> Option<Self> {
        if !Path::new(peers::PROGRAM).is_file() {
            assert!(std::env::var_os("CI").is_none(), "{} is missing", peers::PROGRAM);
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let certificates = Certificates::new(directory.path());
        let file = directory.path().join("blackbox.yml");
        let text = peers::MODULES.replace("CA_FILE", &directory.path().join("ca.pem").display().to_string());
        std::fs::write(&file, &text).expect("writes");
        let modules = Modules::load(std::slice::from_ref(&file)).expect("modules");
        let (exporter, prober) = (Exporter::start(&file).await, Prober::default());
        Some(Self { directory, certificates, modules, exporter, prober })
    }

    async fn check(&self, cases: &[(&str, String)]) {
        check(&self.exporter, &self.modules, &self.prober, cases).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn same_metrics_of_real_servers() {
    let Some(bench) = Bench::new().await else { return };
    let folder = bench.directory.path();
    let mut cases: Vec<(&str, String)> = Vec::new();
    let nginx = daemons::nginx(folder).await;
    if let Some(nginx) = &nginx {
        let (plain, tls) = (nginx.plain, nginx.tls.port());
        cases.push(("http_2xx", format!("http://{plain}/")));
        cases.push(("http_gzip_asked", format!("http://{plain}/")));
        cases.push(("http_2xx", format!("http://{plain}/busy")));
        cases.push(("http_busy", format!("http://{plain}/busy")));
        cases.push(("http_ca", format!("http://{plain}/away")));
        cases.push(("http_ca", format!("https://localhost:{tls}/")));
        cases.push(("http_h1", format!("https://localhost:{tls}/")));
        cases.push(("http_tls", format!("https://localhost:{tls}/")));
        cases.push(("http_2xx", format!("https://localhost:{tls}/")));
        cases.push(("http_2xx", format!("http://localhost:{tls}/")));
        cases.push(("tcp_tls", format!("localhost:{tls}")));
    }
    let apache = daemons::apache(folder).await;
    if let Some(apache) = &apache {
        let (plain, tls) = (apache.plain, apache.tls.port());
        cases.push(("http_2xx", format!("http://{plain}/")));
        cases.push(("http_404_html", format!("http://{plain}/missing")));
        cases.push(("http_2xx", format!("http://{plain}/denied")));
        cases.push(("http_post", format!("http://{plain}/")));
        cases.push(("http_ca", format!("https://localhost:{tls}/")));
        cases.push(("tcp_tls", format!("localhost:{tls}")));
        cases.push(("tcp_tls_any", format!("127.0.0.1:{tls}")));
    }
    let postfix = daemons::postfix(folder).await;
    if let Some(postfix) = &postfix {
        for module in ["tcp", "smtp", "smtp_wrong", "smtp_starttls"] {
            cases.push((module, postfix.plain.to_string()));
        }
    }
    let postgresql = daemons::postgresql(folder).await;
    if let Some(postgresql) = &postgresql {
        cases.push(("tcp", postgresql.plain.to_string()));
        cases.push(("tcp_tls", postgresql.plain.to_string()));
        log_in(&bench.prober, postgresql.plain).await;
    }
    bench.check(&cases).await;
}

/// What blackbox_exporter does not do: asks the database.
async fn log_in(prober: &Prober, address: SocketAddr) {
    let text = "modules:\n  login: {prober: sql}\n  \
                few: {prober: sql, sql: {query: 'select count(*) as n from pg_database', conditions: ['[BODY][0].n < 9']}}\n  \
                slow: {prober: sql, sql: {query: 'select pg_sleep(30)'}}\n";
    let modules = Modules::parse(text, Path::new(".")).expect("modules");
    // It listens before it takes logins.
    let starting = async {
        let login = modules.get("login").expect("a module");
        let target = format!("postgresql://postgres@{address}/postgres");
        while !prober.probe(login, &target, &Extras::default(), Duration::from_secs(20)).await.is_success() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), starting).await.expect("PostgreSQL starts");
    for (module, database, within, expected) in [
        ("login", "postgres", 20, ""),
        ("few", "postgres", 20, ""),
        ("login", "none", 20, "no login to the database: "),
        ("slow", "postgres", 1, "no end within 1s"),
    ] {
        let found = modules.get(module).expect("a module");
        let target = format!("postgresql://postgres@{address}/{database}");
        let outcome = prober.probe(found, &target, &Extras::default(), Duration::from_secs(within)).await;
        let told = outcome.reason();
        let is_expected = if expected.is_empty() { told.is_empty() } else { told.starts_with(expected) };
        assert!(is_expected, "{module} {database}: {told}");
        let rows = outcome.report.page.value("probe_sql_rows");
        assert_eq!(rows, Some(f64::from(u8::from(expected.is_empty()))), "{module} {database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn same_metrics_as_blackbox_exporter() {
    let Some(bench) = Bench::new().await else { return };
    let Bench { directory, certificates, .. } = &bench;
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
    let mail = peers::mail(certificates).await;
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
        bench.check(&cases).await;
        return;
    }
    bench.check(&cases).await;
}

async fn check(exporter: &Exporter, modules: &Modules, prober: &Prober, cases: &[(&str, String)]) {
    let mut wrong = Vec::new();
    for (module, target) in cases {
        wrong.extend(compare(exporter, modules, prober, module, target).await);
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
