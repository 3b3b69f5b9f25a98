//! What the hosts, the cluster, DRBD, the database and the probe measure, under the names of the usual exporters.

use std::collections::BTreeMap;

use orszem_model::Timestamp;

use crate::hosts::{ALL, APP, GROUP, Node, PROBED, WITNESS};
use crate::item::{Item, Sample};
use crate::plan::Plan;
use crate::random::Random;
use crate::script::VOLUME_BYTES;
use crate::traffic::busy;

/// How often everything is measured.
pub(crate) const EVERY_S: i64 = 15;
const CORES: usize = 4;
const MEMORY_BYTES: f64 = 34_359_738_368.0;

type Labels = Vec<(&'static str, String)>;

/// Counters, which only grow until their host is started again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    counters: BTreeMap<(&'static str, &'static str, String), f64>,
}

/// One moment of measuring.
pub(crate) struct Measuring<'a> {
    pub(crate) at: Timestamp,
    pub(crate) plan: &'a Plan,
    pub(crate) active: Node,
    pub(crate) booted: [Timestamp; 2],
    pub(crate) random: Random,
    pub(crate) out: &'a mut Vec<Item>,
}

impl Gauges {
    pub(crate) fn measure(&mut self, mut now: Measuring<'_>) {
        for (host, _) in ALL {
            let is_up = !now.plan.is_down(host, now.at);
            now.gauge("up", &[("job", "node"), ("instance", &format!("{host}:9100"))], f64::from(u8::from(is_up)));
            if is_up {
                self.host(&mut now, host);
            } else {
                self.counters.retain(|(of, ..), _| *of != host);
            }
        }
        cluster(&mut now);
        drbd(&mut now);
        database(&mut now);
        probe(&mut now);
    }

    fn host(&mut self, now: &mut Measuring<'_>, host: &'static str) {
        let is_active = now.active.name() == host && !now.plan.is_out(now.at);
        let latency = now.plan.latency(host, now.at);
        let stress = (latency - 0.002).max(0.0);
        let base = match host {
            APP => 0.42,
            WITNESS => 0.03,
            _ if is_active => 0.35,
            _ => 0.08,
        };
        let load = base * busy(now.at) * now.random.between(0.85, 1.15);
        let waiting = (stress * 0.6).min(0.5) + 0.01 * busy(now.at);
        let span = EVERY_S as f64;
        for core in 0..CORES {
            let shares = [
                ("user", 0.7 * load),
                ("system", 0.3 * load),
                ("iowait", waiting),
                ("idle", (1.0 - load - waiting).max(0.0)),
            ];
            for (mode, share) in shares {
                let labels = [("cpu", core.to_string()), ("mode", mode.to_owned())];
                self.counter(now, host, "node_cpu_seconds_total", &labels, share * span);
            }
        }
        now.of_host(host, "node_load1", &[], load * CORES as f64 + stress * 20.0);
        now.of_host(host, "node_memory_MemTotal_bytes", &[], MEMORY_BYTES);
        let used = if is_active { 0.71 } else { 0.3 } + 0.02 * busy(now.at);
        now.of_host(host, "node_memory_MemAvailable_bytes", &[], (MEMORY_BYTES * (1.0 - used)).round());
        let booted = Node::BOTH.iter().find(|node| node.name() == host).map(|node| now.booted[*node as usize]);
        let booted = booted.map_or(1_780_000_000.0, |at| (at.0 / 1_000_000_000) as f64);
        now.of_host(host, "node_boot_time_seconds", &[], booted);
        self.disk(now, host, is_active, latency);
        for (resource, share) in [("cpu", 0.05 * load), ("memory", 0.001), ("io", waiting)] {
            let name = match resource {
                "cpu" => "node_pressure_cpu_waiting_seconds_total",
                "memory" => "node_pressure_memory_waiting_seconds_total",
                _ => "node_pressure_io_waiting_seconds_total",
            };
            self.counter(now, host, name, &[], share * span);
        }
        let device = [("device", "ens192".to_owned())];
        let resync = now.plan.resync.filter(|resync| resync.span.has(now.at) && host != APP && host != WITNESS);
        let copied = resync.map_or(0.0, |resync| {
            resync.bytes as f64 / ((resync.span.until.0 - resync.span.from.0) as f64 / 1e9) * span
        });
        let bytes = 900_000.0 * busy(now.at) * span * if is_active || host == APP { 4.0 } else { 1.0 };
        let is_target = resync.is_some_and(|resync| resync.to.name() == host);
        let (received, sent) = if is_target { (copied, 0.0) } else { (0.0, copied) };
        self.counter(now, host, "node_network_receive_bytes_total", &device, (bytes + received).round());
        self.counter(now, host, "node_network_transmit_bytes_total", &device, (bytes * 1.3 + sent).round());
    }

    fn disk(&mut self, now: &mut Measuring<'_>, host: &'static str, is_active: bool, latency: f64) {
        let device = [("device", "sda".to_owned())];
        let is_backup = now.plan.backup.is_some_and(|(node, span)| node.name() == host && span.has(now.at));
        let span = EVERY_S as f64;
        let wanted = if is_backup {
            900.0
        } else if is_active {
            140.0
        } else {
            25.0
        } * busy(now.at)
            * span;
        // A slow disk does fewer.
        let done = wanted.min(8.0 / latency * span).round();
        let jitter = now.random.between(0.9, 1.1);
        self.counter(now, host, "node_disk_reads_completed_total", &device, (done * 0.6).round());
        self.counter(now, host, "node_disk_writes_completed_total", &device, (done * 0.4).round());
        self.counter(now, host, "node_disk_read_time_seconds_total", &device, done * 0.6 * latency * jitter);
        self.counter(now, host, "node_disk_write_time_seconds_total", &device, done * 0.4 * latency * jitter);
        self.counter(now, host, "node_disk_read_bytes_total", &device, (done * 0.6).round() * 16_384.0);
        self.counter(now, host, "node_disk_written_bytes_total", &device, (done * 0.4).round() * 8_192.0);
        self.counter(now, host, "node_disk_io_time_seconds_total", &device, (done * latency / 8.0).min(span));
    }

    fn counter(
        &mut self,
        now: &mut Measuring<'_>,
        host: &'static str,
        name: &'static str,
        labels: &[(&'static str, String)],
        more: f64,
    ) {
        let words: Vec<&str> = labels.iter().map(|(_, value)| value.as_str()).collect();
        let value = self.counters.entry((host, name, words.join(" "))).or_default();
        *value += more;
        let value = *value;
        let labels: Vec<(&'static str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        now.of_host(host, name, &labels, value);
    }
}

impl Measuring<'_> {
    fn gauge(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let labels: Labels = labels.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        self.out.push(Item::Sample(Sample { at: self.at, name, labels, value }));
    }

    fn of_host(&mut self, host: &str, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let instance = format!("{host}:9100");
        let mut all = vec![("job", "node"), ("instance", instance.as_str()), ("host", host)];
        all.extend_from_slice(labels);
        self.gauge(name, &all, value);
    }

    /// Whether a node is a member, and whether it is in standby.
    fn standing(&self, node: Node) -> (bool, bool) {
        let is_member = !self.plan.is_down(node.name(), self.at);
        (is_member, self.plan.standby.is_some_and(|(of, span)| of == node && span.has(self.at)))
    }
}

fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn cluster(now: &mut Measuring<'_>) {
    let job = [("job", "ha_cluster"), ("instance", "wit1:9664"), ("host", WITNESS)];
    let with = |more: &[(&'static str, &'static str)]| [&job[..], more].concat();
    for node in Node::BOTH {
        let (is_member, is_standby) = now.standing(node);
        for (status, is) in [("online", is_member), ("standby", is_standby)] {
            let labels = with(&[("node", node.name()), ("type", "member"), ("status", status)]);
            now.gauge("ha_cluster_pacemaker_nodes", &labels, truth(is));
        }
    }
    let is_out = now.plan.is_out(now.at);
    for resource in GROUP {
        let labels =
            with(&[("resource", resource), ("node", now.active.name()), ("role", "started"), ("group", "svc-erp")]);
        let is_active = !is_out || resource == "vip_erp" && now.standing(now.active).0;
        now.gauge("ha_cluster_pacemaker_resources", &labels, truth(is_active));
    }
    now.gauge("ha_cluster_corosync_quorate", &job, 1.0);
    let votes = Node::BOTH.iter().filter(|node| now.standing(**node).0).count() + 1;
    now.gauge("ha_cluster_corosync_quorum_votes", &with(&[("type", "total_votes")]), votes as f64);
}

fn drbd(now: &mut Measuring<'_>) {
    for node in Node::BOTH {
        let (is_member, is_standby) = now.standing(node);
        if !is_member || is_standby {
            continue;
        }
        let instance = format!("{}:9942", node.name());
        let job = [("job", "drbd"), ("instance", instance.as_str()), ("host", node.name()), ("name", "r0")];
        let of_peer = [("peer_node_id", if node == Node::Db1 { "2" } else { "1" }), ("conn_name", node.other().name())];
        let role = if now.active == node { "Primary" } else { "Secondary" };
        now.gauge("drbd_resource_role", &[&job[..], &[("drbd_resource_role", role)]].concat(), 1.0);
        let is_diskless = now.plan.diskless.is_some_and(|(of, span)| of == node && span.has(now.at));
        now.gauge("drbd_device_unintentionaldiskless", &[&job[..], &[("volume", "0")]].concat(), truth(is_diskless));
        now.gauge("drbd_device_size_bytes", &[&job[..], &[("volume", "0")]].concat(), VOLUME_BYTES as f64);
        let (is_peer_member, is_peer_standby) = now.standing(node.other());
        let state = if is_peer_member && !is_peer_standby { "Connected" } else { "Connecting" };
        let labels = [&job[..], &of_peer, &[("drbd_connection_state", state)]].concat();
        now.gauge("drbd_connection_state", &labels, 1.0);
        let rest = now.plan.out_of_sync(now.at).map_or(0, |(_, bytes)| bytes);
        let labels = [&job[..], &of_peer, &[("volume", "0")]].concat();
        now.gauge("drbd_peerdevice_outofsync_bytes", &labels, rest as f64);
    }
}

fn database(now: &mut Measuring<'_>) {
    let is_up = !now.plan.is_out(now.at);
    let job = [("job", "oracle"), ("instance", "erp:1521"), ("host", now.active.name()), ("database", "ERP")];
    now.gauge("oracledb_up", &job, truth(is_up));
    if is_up {
        let sessions = (140.0 * busy(now.at) + now.random.between(0.0, 12.0)).round();
        now.gauge("oracledb_sessions_value", &[&job[..], &[("status", "ACTIVE"), ("type", "USER")]].concat(), sessions);
    }
}

fn probe(now: &mut Measuring<'_>) {
    let is_ok = !now.plan.is_out(now.at);
    let job = [("job", "probe"), ("instance", PROBED), ("host", WITNESS)];
    now.gauge("probe_success", &job, truth(is_ok));
    let took = if is_ok { now.random.between(0.018, 0.058) } else { 1.9 };
    now.gauge("probe_duration_seconds", &job, took);
}
