use std::path::Path;
use std::sync::mpsc::Receiver;

use orszem_model::{Observation, Seen};

use super::*;
use crate::source::poller::Item;
use crate::source::poller::testing::{next, next_notice, next_seen, script, until, ways};

fn config(directory: &Path, crm_mon: &str, cibadmin: &str) -> PacemakerConfig {
    PacemakerConfig {
        reporter: "n1".to_owned(),
        crm_mon: script(directory, "crm_mon", crm_mon),
        cibadmin: script(directory, "cibadmin", cibadmin),
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(60),
        is_required: true,
    }
}

/// The status of two nodes in the form of 2.1, where a resource runs on `node`.
fn status(node: &str) -> String {
    format!(
        r#"<pacemaker-result api-version="2.25" request="crm_mon"><summary><stack type="corosync"/>
        <current_dc present="true" name="n1" version="2.1.5" with_quorum="true"/>
        <last_change time="Sun Nov 22 01:41:27 2026" user="" client="crmd" origin="n1"/>
        <cluster_options stonith-enabled="true" maintenance-mode="false"/></summary>
        <nodes><node name="n1" id="1" online="true" standby="false" maintenance="false" pending="false" unclean="false"
        shutdown="false" expected_up="true" is_dc="true" resources_running="1" type="member"/></nodes>
        <resources><resource id="vip" resource_agent="ocf:heartbeat:IPaddr2" role="Started" active="true"
        orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1">
        <node name="{node}" id="1" cached="true"/></resource></resources>
        <status code="0" message="OK"/></pacemaker-result>"#
    )
}

const CIB: &str = r#"<cib admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config>
    <cluster_property_set id="o"><nvpair id="n" name="cluster-name" value="prod"/></cluster_property_set>
    </crm_config><nodes><node id="1" uname="n1"/></nodes><resources/><constraints/></configuration></cib>"#;

fn cat(text: &str) -> String {
    format!("cat <<'END'\n{text}\nEND")
}

/// Where the resource is said to run next, and whether that is initial.
fn placement(items: &Receiver<Item>) -> (String, bool) {
    loop {
        let Seen { observation, is_initial, .. } = next_seen(items);
        if let Observation::Placement(placement) = observation {
            return (placement.nodes.first().map(|(node, _)| node.clone()).unwrap_or_default(), is_initial);
        }
    }
}

#[test]
fn a_move_is_told_and_the_configuration_is_asked_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let asked = directory.path().join("asked");
    let cibadmin = format!("echo x >> {}\n{}", asked.display(), cat(CIB));
    let config = config(directory.path(), &cat(&status("n1")), &cibadmin);
    let (ways, items) = ways();
    let poller = start(config, &ways).expect("starts");
    assert_eq!(placement(&items), ("n1".to_owned(), true));
    assert_eq!(ways.latest.cluster(), "prod");
    let edges: Vec<String> = ways.latest.edges().iter().map(|edge| edge.to.clone()).collect();
    assert_eq!(edges, ["cluster/prod"]);
    script(directory.path(), "crm_mon", &cat(&status("n2")));
    assert_eq!(placement(&items), ("n2".to_owned(), false));
    assert_eq!(std::fs::read_to_string(&asked).expect("was asked"), "x\n");
    script(directory.path(), "crm_mon", &cat(&status("n1").replace("01:41:27", "01:42:00")));
    assert_eq!(placement(&items), ("n1".to_owned(), false));
    assert_eq!(std::fs::read_to_string(&asked).expect("was asked"), "x\nx\n");
    let measured = ways.latest.measured();
    assert!(measured.iter().any(|(part, it)| *part == Part::Pacemaker && it.is_well && !it.samples.is_empty()));
    drop(poller);
}

#[test]
fn it_is_asked_at_once_when_something_happens() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = PacemakerConfig {
        interval: Duration::from_secs(3_600),
        ..config(directory.path(), &cat(&status("n1")), &cat(CIB))
    };
    let (ways, items) = ways();
    let poller = start(config, &ways).expect("starts");
    assert_eq!(placement(&items), ("n1".to_owned(), true));
    script(directory.path(), "crm_mon", &cat(&status("n2")));
    poller.hurry();
    assert_eq!(placement(&items), ("n2".to_owned(), false));
}

#[test]
fn an_old_crm_mon_is_asked_in_its_own_form() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = status("n1")
        .replace("<pacemaker-result api-version=\"2.25\" request=\"crm_mon\">", "<crm_mon version=\"1.1.24\">");
    let old = old.replace("<status code=\"0\" message=\"OK\"/></pacemaker-result>", "</crm_mon>");
    let text = format!("case \"$*\" in *--as-xml*) {};; *) echo 'usage: crm_mon' >&2; exit 64;; esac", cat_in(&old));
    let (ways, items) = ways();
    let _poller = start(config(directory.path(), &text, &cat(CIB)), &ways).expect("starts");
    assert_eq!(placement(&items), ("n1".to_owned(), true));
}

/// As [`cat`], within a line.
fn cat_in(text: &str) -> String {
    format!("printf '%s' '{text}'")
}

#[test]
fn silence_is_told_once_and_the_end_of_it_is_a_change() {
    let directory = tempfile::tempdir().expect("a directory");
    let away = r#"<pacemaker-result api-version="2.25" request="crm_mon"><status code="102" message="Not connected"><errors><error>crm_mon: Connection to cluster failed: Connection refused</error></errors></status></pacemaker-result>"#;
    let away = format!("{}\nexit 102", cat(away));
    let (ways, items) = ways();
    let _poller = start(config(directory.path(), &away, &cat(CIB)), &ways).expect("starts");
    let told = next_notice(&items);
    assert!(told.starts_with("pacemaker does not answer: ") && told.contains("Connection refused"), "{told}");
    let polls = || ways.counters.values().cluster_polls_failed;
    until("it asks again", || polls() > 3);
    let measured = ways.latest.measured();
    assert!(measured.iter().all(|(_, it)| !it.is_well && it.samples.is_empty()));
    script(directory.path(), "crm_mon", &cat(&status("n1")));
    assert_eq!(placement(&items), ("n1".to_owned(), true), "nothing was told in between");
}

#[test]
fn garbage_and_a_hang_are_counted_and_do_no_harm() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path(), "head -c 100000 /dev/urandom", "exit 1");
    config.timeout = Duration::from_secs(1);
    let (ways, items) = ways();
    let _poller = start(config, &ways).expect("starts");
    assert!(next_notice(&items).starts_with("pacemaker does not answer: the answer of crm_mon can't be used"));
    script(directory.path(), "crm_mon", "echo '<pacemaker-result>'; sleep 1000");
    until("it is ended", || ways.counters.values().cluster_polls_killed > 0);
    script(directory.path(), "crm_mon", &cat(&status("n1")));
    assert_eq!(placement(&items), ("n1".to_owned(), true), "also without a configuration");
}

#[test]
fn what_is_not_installed_is_told_only_where_it_is_required() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ways, items) = ways();
    let missing = |is_required| PacemakerConfig {
        crm_mon: "/nonexistent/crm_mon".to_owned(),
        is_required,
        ..config(directory.path(), "", "")
    };
    let auto = start(missing(false), &ways).expect("starts");
    until("it has asked", || ways.counters.values().cluster_polls == 1);
    let required = start(missing(true), &ways).expect("starts");
    assert!(matches!(next(&items), Item::Notice(notice) if notice.text.contains("is not installed")));
    drop((auto, required));
    assert_eq!(ways.counters.values().cluster_polls_failed, 0);
}
