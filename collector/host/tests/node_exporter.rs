//! Names, labels, types and help against the real node_exporter on this host.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use orszem_exposition::{Classic, Entry, Format, Parser};
use orszem_host::{COLLECTORS, Host, HostConfig, Text};

const PROGRAM: &str = "/usr/bin/prometheus-node-exporter";

/// What only node_exporter has. The states of threads take a file for each thread, and its zone of time is the
/// user's, who is not the host's.
const ONLY_THEIRS: &[&str] =
    &["promhttp_", "node_exporter_build_info", "node_processes_threads_state", "node_time_zone_offset_seconds"];

/// What only we have: our own, and what node_exporter has since a later version than this one.
const ONLY_OURS: &[&str] =
    &["orszem_host_", "node_swap_", "node_pressure_irq_", "node_disk_filesystem_info", "node_disk_device_mapper_info"];

/// Collectors that node_exporter 1.5 does not know.
const OWN_COLLECTORS: &[&str] = &["cgroup", "swap"];

/// Metrics that do not change between the two passes, so that values and labels are the same.
const STEADY: &[&str] = &[
    "node_boot_time_seconds",
    "node_filesystem_size_bytes",
    "node_memory_MemTotal_bytes",
    "node_network_info",
    "node_network_mtu_bytes",
    "node_network_speed_bytes",
    "node_os_info",
    "node_os_version",
    "node_timex_tick_seconds",
    "node_uname_info",
];

struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
    }
}

#[test]
fn same_metrics_as_node_exporter() {
    if !Path::new(PROGRAM).is_file() {
        assert!(std::env::var_os("CI").is_none(), "{PROGRAM} is missing");
        return;
    }
    let (their_page, our_page) = (their_page(), our_page());
    assert_eq!(steady(&our_page), steady(&their_page));
    let theirs: BTreeSet<_> = described(&their_page).into_iter().filter(|line| !is_in(ONLY_THEIRS, line)).collect();
    let ours: BTreeSet<_> = described(&our_page).into_iter().filter(|line| !is_in(ONLY_OURS, line)).collect();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&theirs).collect();
    assert!(missing.is_empty() && extra.is_empty(), "we lack {missing:#?}\nthey lack {extra:#?}");
    assert!(ours.len() > 100, "{}", ours.len());
}

fn is_in(names: &[&str], line: &str) -> bool {
    names.iter().any(|name| line.starts_with(name))
}

fn our_page() -> String {
    let mut host = Host::new(HostConfig::default()).expect("expressions");
    let mut text = Text::default();
    host.collect(1_767_323_045_500, &mut text);
    text.to_string()
}

fn their_page() -> String {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let shared = COLLECTORS.iter().map(|collector| collector.name()).filter(|name| !OWN_COLLECTORS.contains(name));
    let child = Command::new(PROGRAM)
        .args([&format!("--web.listen-address={address}"), "--collector.disable-defaults"])
        // Newer ones have our defaults.
        .args([format!("--collector.filesystem.mount-points-exclude={}", HostConfig::default().mount_points_exclude)])
        .args(["--web.disable-exporter-metrics", "--collector.textfile.directory="])
        .args(shared.map(|name| format!("--collector.{name}")))
        .stderr(Stdio::piped())
        .spawn();
    let mut exporter = Exporter(child.expect("started"));
    let mut log = BufReader::new(exporter.0.stderr.take().expect("its log")).lines();
    let ready = log.find(|line| line.as_ref().is_ok_and(|line| line.contains(&format!("address={address}"))));
    assert!(ready.is_some(), "node_exporter ended before it listened");
    let mut stream = TcpStream::connect(&address).expect("connected");
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    body.to_owned()
}

/// A line for each set of labels of each metric: `name {labels} type help`.
fn described(page: &str) -> BTreeSet<String> {
    let mut parser = Parser::new(Format::Text, page.as_bytes(), Classic::Unless);
    let (mut kind, mut help) = (String::new(), String::new());
    let mut lines = BTreeSet::new();
    while let Some(entry) = parser.next_entry() {
        match entry.expect("text format") {
            Entry::Type { kind: found, .. } => found.name().clone_into(&mut kind),
            Entry::Help { help: found, .. } => help = found.into_owned(),
            Entry::Sample(sample) => {
                let mut labels: Vec<_> = sample.series.pairs().map(|(name, _)| name.into_owned()).collect();
                labels.sort();
                labels.retain(|name| name != "__name__");
                lines.insert(format!("{} {labels:?} {kind} {help}", sample.series.name()));
            }
            Entry::Unit { .. } | Entry::Histogram(_) => {}
        }
    }
    lines
}

/// Labels and values of what is steady.
fn steady(page: &str) -> BTreeSet<String> {
    let mut parser = Parser::new(Format::Text, page.as_bytes(), Classic::Unless);
    let mut lines = BTreeSet::new();
    while let Some(entry) = parser.next_entry() {
        if let Entry::Sample(sample) = entry.expect("text format")
            && STEADY.contains(&&*sample.series.name())
        {
            lines.insert(format!("{:?} {}", sample.series.labels().expect("labels"), sample.value));
        }
    }
    lines
}
