//! The samples of a status and a configuration, by name.

use super::*;
use crate::metrics::Kind;
use crate::pacemaker::cib::tests::CIB;
use crate::pacemaker::status::tests::{NEW, OLD};

/// The samples of one family.
fn of(family: &str, samples: &[Sample]) -> Vec<String> {
    let prefix = format!("ha_cluster_pacemaker_{family}");
    let is_of = |sample: &&Sample| sample.family.name == prefix || sample.family.name == family;
    samples.iter().filter(is_of).map(|sample| sample.text().replace(&prefix, "")).collect()
}

fn read() -> Vec<Sample> {
    let configuration = Configuration::read(CIB).expect("reads");
    samples(&Status::read(NEW, 0).expect("reads"), Some(&configuration))
}

#[test]
fn nodes_and_the_cluster_have_the_exporter_s_names() {
    let samples = read();
    let of_n2: Vec<String> =
        of("nodes", &samples).into_iter().filter(|line| line.contains("n2") && line.ends_with(" 1")).collect();
    assert_eq!(
        of_n2,
        ["online", "standby", "expected_up", "dc"]
            .map(|status| format!("{{node=\"n2\",type=\"member\",status={status:?}}} 1"))
    );
    assert_eq!(of("nodes", &samples).len(), 18);
    assert_eq!(of("stonith_enabled", &samples), [" 1"]);
    assert_eq!(of("maintenance_mode_enabled", &samples), [" 0"]);
    assert_eq!(of("config_last_change", &samples), [" 1795311679"]);
    assert_eq!(of("node_attributes", &samples), ["{node=\"n2\",name=\"ping\",value=\"100\"} 1"]);
    let kinds: Vec<_> = samples.iter().filter(|s| s.family.kind == Kind::Counter).map(|s| s.family.name).collect();
    assert_eq!(kinds, ["ha_cluster_pacemaker_config_last_change"]);
}

#[test]
fn resources_and_their_history() {
    let samples = read();
    let active: Vec<String> =
        of("resources", &samples).into_iter().filter(|line| line.contains("status=\"active\"")).collect();
    assert_eq!(
        active,
        [
            "{resource=\"x\",role=\"stopped\",managed=\"false\",status=\"active\",agent=\"systemd:x\",group=\"in\",clone=\"ms\"} 0",
            "{node=\"n1\",resource=\"vip\",role=\"started\",managed=\"true\",status=\"active\",agent=\"ocf:heartbeat:IPaddr2\",group=\"svc\"} 1",
            "{node=\"n2\",resource=\"r0\",role=\"promoted\",managed=\"true\",status=\"active\",agent=\"ocf:linbit:drbd\",clone=\"ms\"} 1",
            "{node=\"n2\",resource=\"web-podman-0\",role=\"started\",managed=\"true\",status=\"active\",agent=\"ocf:heartbeat:podman\"} 1",
        ]
    );
    // Ours does not count what an unclean node is said to run.
    assert_eq!(
        of("orszem_pacemaker_resource_running", &samples),
        [
            "orszem_pacemaker_resource_running{resource=\"r0\",role=\"promoted\"} 1",
            "orszem_pacemaker_resource_running{resource=\"web-podman-0\",role=\"started\"} 1",
        ]
    );
    assert_eq!(of("fail_count", &samples), ["{node=\"n2\",resource=\"r0\"} inf"]);
    assert_eq!(of("migration_threshold", &samples), ["{node=\"n2\",resource=\"r0\"} 1000000"]);
    assert_eq!(
        of("orszem_pacemaker_operation_duration_seconds", &samples),
        [
            "orszem_pacemaker_operation_duration_seconds{node=\"n2\",resource=\"r0\",task=\"monitor\",interval_seconds=\"4\"} 0.037"
        ]
    );
}

#[test]
fn the_words_of_an_older_version_stay() {
    let samples = samples(&Status::read(OLD, 0).expect("reads"), None);
    let active: Vec<String> =
        of("resources", &samples).into_iter().filter(|line| line.contains("status=\"active\"")).collect();
    assert_eq!(
        active,
        [
            "{node=\"h1\",resource=\"db\",role=\"master\",managed=\"false\",status=\"active\",agent=\"ocf::suse:SAPHana\"} 1"
        ]
    );
    assert_eq!(of("location_constraints", &samples), [""; 0]);
}

#[test]
fn what_is_counted() {
    let samples = read();
    assert_eq!(
        of("location_constraints", &samples),
        [
            "{constraint=\"cli-ban-svc-on-n1\",node=\"n1\",resource=\"svc\",role=\"started\"} -inf",
            "{constraint=\"rule\",resource=\"web\"} 0",
        ]
    );
    let ours: Vec<String> = ["failed_operations", "fencings", "bans", "ticket_granted", "quorate"]
        .iter()
        .flat_map(|name| of(&format!("orszem_pacemaker_{name}"), &samples))
        .collect();
    assert_eq!(
        ours,
        [
            "orszem_pacemaker_failed_operations{node=\"n1\"} 0",
            "orszem_pacemaker_failed_operations{node=\"n2\"} 1",
            "orszem_pacemaker_fencings{target=\"n1\",action=\"reboot\",status=\"pending\"} 1",
            "orszem_pacemaker_fencings{target=\"n1\",action=\"reboot\",status=\"failed\"} 1",
            "orszem_pacemaker_bans 1",
            "orszem_pacemaker_ticket_granted{ticket=\"t\"} 1",
            "orszem_pacemaker_quorate 1",
        ]
    );
}
