//! A real Prometheus scrapes `/probe` of the server and of blackbox_exporter, with the usual relabelling and the same
//! modules: both give the same series and values.
//!
//! Left out is what no two probes share (how long they took), and what Debian's blackbox_exporter is too old to tell.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::prometheus::{Blackbox, Prometheus};
use super::remote::instant;
use crate::program::{Server, orszem, wait_until};
use crate::tools;
use crate::torture::client::request;

const MODULES: &str = "modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  http_404: {prober: http, http: {valid_status_codes: [404], fail_if_body_not_matches_regexp: ['nothing at this path']}}
  tcp_connect: {prober: tcp, timeout: 5s}
";
const TARGETS: usize = 6;
const VARYING: &str = "probe_(duration|dns_lookup_time|http_duration)_seconds";

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    i64::try_from(now).expect("before the far future")
}

fn server(folder: &Path) -> Server {
    let (config, modules) = (folder.join("orszem.toml"), folder.join("probes.yml"));
    fs::write(&config, "[collector]\nprobe_modules = [\"probes.yml\"]\n").expect("writes");
    fs::write(modules, MODULES).expect("writes");
    Server::start(&folder.join("data"), &["--config", config.to_str().expect("a plain path")])
}

/// A job for each module, that asks `address`.
fn jobs(prober: &str, address: SocketAddr, targets: &[(&str, Vec<String>)]) -> String {
    let mut text = String::new();
    for (module, targets) in targets {
        text.push_str(&format!(
            "- job_name: {prober}_{module}\n  metrics_path: /probe\n  params: {{module: [{module}]}}\n  \
             static_configs: [{{targets: {targets:?}, labels: {{prober: {prober}}}}}]\n  relabel_configs:\n  \
             - {{source_labels: [__address__], target_label: __param_target}}\n  \
             - {{source_labels: [__param_target], target_label: instance}}\n  \
             - {{target_label: job, replacement: {module}}}\n  \
             - {{target_label: __address__, replacement: '{address}'}}\n"
        ));
    }
    text
}

/// The series of a prober, without the label that tells it, and their values.
fn probed(address: SocketAddr, prober: &str) -> BTreeMap<String, String> {
    let query = format!("{{__name__=~\"probe_.*\", __name__!~\"{VARYING}\", prober=\"{prober}\"}}");
    let (result, _) = instant(address, &query, now_ms());
    let of = |series: &serde_json::Value| {
        let mut labels = series["metric"].as_object().expect("labels").clone();
        labels.remove("prober");
        (serde_json::Value::from(labels).to_string(), series["value"][1].to_string())
    };
    result.as_array().expect("a vector").iter().map(of).collect()
}

#[test]
fn prometheus_scrapes_probes_as_it_does_with_blackbox_exporter() {
    let (Some(program), Some(exporter)) =
        (tools::program("prometheus"), tools::program("prometheus-blackbox-exporter"))
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let server = server(folder.path());
    let blackbox = Blackbox::start(&exporter, &folder.path().join("probes.yml"));
    let url = server.url();
    let targets = [
        ("http_2xx", vec![format!("{url}/-/healthy"), format!("{url}/none/here"), "http://127.0.0.1:1/".to_owned()]),
        ("http_404", vec![format!("{url}/none/here")]),
        ("tcp_connect", vec![server.address.to_string(), "127.0.0.1:1".to_owned()]),
    ];
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{}{}",
        jobs("ours", server.address, &targets),
        jobs("theirs", blackbox.address, &targets)
    );
    let prometheus = Prometheus::start(&program, folder.path(), &config);
    wait_until("Prometheus is ready", || {
        request(prometheus.address, "GET /-/ready", "", "").is_ok_and(|answer| answer.status == 200)
    });
    let count = |query: &str| {
        let (result, _) = instant(prometheus.address, query, now_ms());
        result[0]["value"][1].as_str().and_then(|count| count.parse::<usize>().ok()).unwrap_or(0)
    };
    wait_until("all is probed by both", || {
        count("count(probe_success)") == 2 * TARGETS && count("count(up == 1)") == 2 * TARGETS
    });
    let (ours, theirs) = (probed(prometheus.address, "ours"), probed(prometheus.address, "theirs"));
    assert_eq!(ours, theirs, "{}", prometheus.log());
    assert!(theirs.len() > 40, "{theirs:?}");
    let ups = |prober: &str| count(&format!("count(probe_success{{prober=\"{prober}\"}} == 1)"));
    assert_eq!((ups("ours"), ups("theirs")), (3, 3));
    let sent = count("count(probe_http_status_code{prober=\"ours\"} == 404)");
    assert_eq!(sent, 2);
}

#[test]
fn a_small_bench_of_probes_is_in_time() {
    let mut bench = orszem(&["bench", "probes", "--targets", "40", "--interval", "1", "--seconds", "4", "--alone"]);
    let output = bench.output().expect("runs");
    let (report, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(report.starts_with("orszem: 40 targets every 1 s, half HTTP, half TCP: "), "{report}{errors}");
    assert!(report.contains(" 0 failed\n"), "{report}{errors}");
}

#[test]
fn what_is_asked_wrongly_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = server(folder.path());
    for (query, status, expected) in [
        ("module=none&target=a:1", 400, "Unknown module \"none\""),
        ("module=tcp_connect", 400, "Target parameter is missing"),
    ] {
        let (code, body) = server.get(&format!("/probe?{query}"), "");
        assert_eq!((code, body.trim_end()), (status, expected));
    }
    let target = server.address;
    let (code, page) = server.get(&format!("/probe?module=tcp_connect&target={target}&debug=true"), "");
    assert!(code == 200 && page.starts_with("Logs for the probe:\n"), "{code} {page}");
    assert!(page.contains("\nprobe_success 1\n") && page.contains("Module configuration:\nprober: tcp\n"), "{page}");
    // Other modules hold from the next reload on.
    fs::write(folder.path().join("probes.yml"), "modules: {other: {prober: tcp}}\n").expect("writes");
    server.signal("HUP");
    wait_until("the new modules hold", || {
        let (code, page) = server.get(&format!("/probe?module=other&target={target}"), "");
        code == 200 && page.contains("\nprobe_success 1\n")
    });
    assert_eq!(server.get(&format!("/probe?module=tcp_connect&target={target}"), "").0, 400);
}
