//! What the kernel logged of DRBD, against what its events told.

use std::collections::BTreeMap;
use std::fs;

use orszem_cluster::drbd::word::connection_of_84;
use orszem_model::{Observation, Seen};

use super::{captures, replay};

/// `name( from -> to )` of a kernel line of DRBD, with whom it is about: the peer, or the host itself.
fn kernel_changes(line: &str) -> Vec<(String, String, String)> {
    let Some((_, message)) = line.split_once("] ") else { return Vec::new() };
    let Some((subject, told)) = message.split_once(": ") else { return Vec::new() };
    let words: Vec<_> = subject.split(' ').collect();
    let peer = match words.as_slice() {
        ["block", _] => "peer",
        ["drbd", resource] if !resource.contains('/') => "peer",
        ["drbd", _, device, peer] if device.starts_with("drbd") => peer,
        ["drbd", _, device] if device.starts_with("drbd") => "",
        ["drbd", _, peer] => peer,
        _ => return Vec::new(),
    };
    let mut changes = Vec::new();
    for part in told.split(" )") {
        if let Some((name, change)) = part.split_once("( ")
            && let Some((_, to)) = change.split_once(" -> ")
        {
            changes.push((peer.to_owned(), name.trim().to_owned(), to.to_owned()));
        }
    }
    changes
}

/// One value after the other, of each object.
type Sequences = BTreeMap<String, Vec<String>>;

fn add(sequences: &mut Sequences, who: String, value: &str) {
    let sequence = sequences.entry(who).or_default();
    if sequence.last().map(String::as_str) != Some(value) {
        sequence.push(value.to_owned());
    }
}

/// Every change of a role, a disk or a connection that the kernel logged, in its order.
fn of_kernel(text: &str, is_84: bool) -> Sequences {
    let mut out = Sequences::new();
    for (peer, name, to) in text.lines().flat_map(kernel_changes) {
        match name.as_str() {
            "role" => add(&mut out, "role".into(), &to),
            "disk" => add(&mut out, "disk".into(), &to),
            "peer" => add(&mut out, format!("peer role {peer}"), &to),
            "pdsk" => add(&mut out, format!("peer disk {peer}"), &to),
            "repl" => add(&mut out, format!("replication {peer}"), &to),
            "conn" => {
                let (connection, replication) = if is_84 { connection_of_84(&to) } else { (to.as_str(), "") };
                add(&mut out, format!("connection {peer}"), connection);
                if is_84 {
                    add(&mut out, format!("replication {peer}"), replication);
                }
            }
            _ => {}
        }
    }
    out
}

fn of_events(seen: &[Seen]) -> Sequences {
    let mut out = Sequences::new();
    for seen in seen {
        match &seen.observation {
            Observation::DrbdResource(it) if !it.is_gone => add(&mut out, "role".into(), &it.role),
            Observation::DrbdDevice(it) if !it.is_gone => add(&mut out, "disk".into(), &it.disk),
            Observation::DrbdConnection(it) if !it.is_gone => {
                add(&mut out, format!("connection {}", it.peer), &it.connection);
                add(&mut out, format!("peer role {}", it.peer), &it.peer_role);
            }
            Observation::DrbdPeerDevice(it) if !it.is_gone => {
                add(&mut out, format!("replication {}", it.peer), &it.replication);
                add(&mut out, format!("peer disk {}", it.peer), &it.peer_disk);
            }
            _ => {}
        }
    }
    out
}

#[test]
fn every_change_that_the_kernel_logged_is_told() {
    for (version, pairs) in [
        ("drbd84", &[("events2-full.node1", "kmsg.1"), ("events2-full.node2", "kmsg.2")][..]),
        (
            "drbd9",
            &[
                ("d9-events2-full.a.node1", "kmsg.1"),
                ("d9-events2-full.b.node2", "kmsg.2"),
                ("d9-events2-full.a.node3", "kmsg.3"),
            ][..],
        ),
    ] {
        let Some(folder) = captures(version) else { return };
        let mut count = 0;
        for (events, log) in pairs {
            let (_, seen, _) = replay(events, &fs::read(folder.join(events)).expect("is as captured"));
            let told = of_events(&seen);
            let logged = of_kernel(
                &String::from_utf8_lossy(&fs::read(folder.join(log)).expect("is as captured")),
                version == "drbd84",
            );
            for (who, logged) in &logged {
                let told = told.get(who).map_or(&[][..], Vec::as_slice);
                // What was there when the object was made is told, and was no change.
                let mut rest = told.iter();
                for value in logged {
                    assert!(rest.any(|told| told == value), "{version} {log} {who}: {value}\n{logged:?}\n{told:?}");
                    count += 1;
                }
            }
        }
        eprintln!("{version}: {count} changes of {} logs", pairs.len());
    }
}
