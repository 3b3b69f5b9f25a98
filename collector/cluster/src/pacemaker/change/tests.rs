//! What is told of one status after another.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::pacemaker::status::tests::{NEW, OLD};

/// 2026-11-22T01:42:40Z
const NOW: i64 = 1_795_311_760;

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000_000)
}

/// One line for each: the seconds from `NOW`, whether it is initial, and what was seen.
fn shown(seen: &[Seen]) -> Vec<String> {
    let line = |seen: &Seen| {
        assert_eq!((seen.reporter.as_str(), seen.origin), ("n2", Origin::Status));
        let mut line = format!("{:+}", (seen.at.0 - at(NOW).0) / 1_000_000_000);
        line.push_str(if seen.is_initial { " initial " } else { " " });
        let written = match &seen.observation {
            Observation::ClusterState(c) => write!(line, "cluster {} {} {}", c.dc, c.has_quorum, c.changed_by),
            Observation::NodeState(n) => {
                write!(line, "node {} {} {} {}", n.node, n.is_online, n.is_unclean, n.is_gone)
            }
            Observation::Placement(p) => {
                write!(line, "place {} {:?} {:?} {} {}", p.resource, p.parent, p.nodes, p.target_role, p.is_gone)
            }
            Observation::FailCount(f) => write!(line, "fails {} {} {}/{}", f.node, f.resource, f.count, f.threshold),
            Observation::NodeAttribute(a) => write!(line, "attribute {} {} {:?}", a.node, a.attribute, a.value),
            Observation::Ban(b) => write!(line, "ban {} {}", b.id, b.is_there),
            Observation::Operation(o) => {
                write!(line, "failed {} {} {} {} {:?}", o.resource, o.task, o.rc, o.result, o.reason)
            }
            Observation::Fencing(f) => write!(line, "fencing {} {:?} {}", f.target, f.state, f.reason),
            other => write!(line, "{}", other.name()),
        };
        written.expect("writes");
        line
    };
    seen.iter().map(line).collect()
}

fn status(text: &str) -> Status {
    Status::read(text, 0).expect("reads")
}

/// The watch after the first status.
fn begun(text: &str) -> Watch {
    let mut watch = Watch::new("n2");
    watch.step(&status(text), at(NOW));
    watch
}

#[test]
fn all_of_the_first_status_is_initial() {
    assert_eq!(
        shown(&Watch::new("n2").step(&status(NEW), at(NOW))),
        [
            "-101 initial failed r0 migrate_to 1 Timed out \"no \\\"way\\\"\"",
            "-3 initial fencing n1 Failed no device",
            "+0 initial fencing n1 Pending ",
            "+0 initial cluster n2 true root via cibadmin on n1",
            "+0 initial node n1 false true false",
            "+0 initial node n2 true false false",
            "+0 initial place r0 \"ms\" [(\"n2\", \"Promoted\")] Unpromoted false",
            "+0 initial place vip \"svc\" []  false",
            "+0 initial place web-podman-0 \"web\" [(\"n2\", \"Started\")]  false",
            "+0 initial place x \"ms\" [] Unpromoted false",
            "+0 initial fails n2 r0 1000000/1000000",
            "+0 initial attribute n2 ping Some(\"100\")",
            "+0 initial ban cli-ban-svc-on-n1 true",
        ]
    );
}

#[test]
fn the_same_again_changes_nothing() {
    let mut watch = begun(NEW);
    assert_eq!(watch.step(&status(NEW), at(NOW + 5)), []);
}

#[test]
fn what_is_other_or_gone_is_told() {
    let mut watch = begun(NEW);
    let mut other = status(NEW);
    other.nodes[0].is_unclean = false;
    other.nodes.remove(1);
    other.resources.remove(0);
    other.resources[0].role = "Demoting".into();
    other.history.clear();
    other.attributes.clear();
    other.bans.clear();
    other.summary.dc = String::new();
    assert_eq!(
        shown(&watch.step(&other, at(NOW + 5))),
        [
            "+5 cluster  true root via cibadmin on n1",
            "+5 node n2 false false true",
            "+5 node n1 false false false",
            "+5 place vip \"\" []  true",
            "+5 place r0 \"ms\" [(\"n2\", \"Demoting\")] Unpromoted false",
            "+5 fails n2 r0 0/1000000",
            "+5 attribute n2 ping None",
            "+5 ban cli-ban-svc-on-n1 false",
        ]
    );
}

#[test]
fn a_status_without_nodes_or_resources_takes_none_away() {
    let mut watch = begun(NEW);
    let mut empty = status(NEW);
    empty.nodes.clear();
    empty.resources.clear();
    assert_eq!(watch.step(&empty, at(NOW + 5)), []);
    assert_eq!(watch.step(&status(NEW), at(NOW + 10)), []);
    // But a cluster without resources has none.
    empty.summary.resources_configured = 0;
    assert_eq!(watch.step(&empty, at(NOW + 15)).len(), 4);
}

#[test]
fn a_fencing_goes_from_pending_to_done_and_is_told_once() {
    let mut watch = begun(NEW);
    let done = NEW.replace(
        "status=\"pending\" extended-status=\"1\"",
        "status=\"success\" delegate=\"n2\" completed=\"2026-11-22 01:42:44Z\"",
    );
    assert_eq!(shown(&watch.step(&status(&done), at(NOW + 5))), ["+4 fencing n1 Done "]);
    let without = status(&done.replace("fence_event", "x"));
    assert_eq!(watch.step(&without, at(NOW + 10)), []);
    assert_eq!(watch.step(&status(&done), at(NOW + 15)), []);
    // The next of the same kind.
    assert_eq!(shown(&watch.step(&status(NEW), at(NOW + 20))), ["+20 fencing n1 Pending "]);
}

#[test]
fn a_fencing_that_fails_and_begins_again_is_told_both_times() {
    let mut watch = begun(NEW);
    let pending =
        "<fence_event action=\"reboot\" target=\"n1\" client=\"pacemaker-controld.84\" origin=\"n2\" status=\"";
    let failed =
        format!("{pending}failed\" completed=\"2026-11-22 01:42:44Z\"/>{pending}pending\" extended-status=\"1\"/>");
    let text = NEW.replace(&format!("{pending}pending\" extended-status=\"1\"/>"), &failed);
    assert_eq!(shown(&watch.step(&status(&text), at(NOW + 5))), ["+4 fencing n1 Failed ", "+5 fencing n1 Pending "]);
    assert_eq!(watch.step(&status(&text), at(NOW + 6)), []);
}

#[test]
fn a_time_to_the_second_is_not_before_the_status_that_lacked_it() {
    let half = |seconds: i64| Timestamp(at(seconds).0 + 500_000_000);
    let mut watch = Watch::new("n2");
    watch.step(&status(OLD), half(NOW));
    let failure = |time: &str| {
        let failure = format!(
            "<failures><failure op_key='db_monitor_3000' node='h1' exitcode='7' exitstatus='not running' status='complete' last-rc-change='{time}'/></failures></crm_mon>"
        );
        status(&OLD.replace("</crm_mon>", &failure))
    };
    let seen = watch.step(&failure("2026-11-22 01:42:40Z"), half(NOW + 1));
    assert_eq!((seen.len(), seen[0].at, seen[0].is_initial), (1, half(NOW), false));
    // What is said to be in the future is now, and what was over before the first status is initial.
    let seen = watch.step(&failure("2026-11-22 02:42:40Z"), half(NOW + 2));
    assert_eq!((seen.len(), seen[0].at, seen[0].is_initial), (1, half(NOW + 2), false));
    let seen = watch.step(&failure("2026-11-22 01:42:30Z"), half(NOW + 3));
    assert_eq!((seen.len(), seen[0].at, seen[0].is_initial), (1, at(NOW - 10), true));
}

#[test]
fn a_failed_run_is_told_though_no_failure_is_listed() {
    let mut watch = begun(NEW);
    let runs = |runs: &str| status(&NEW.replace("</resource_history>", &format!("{runs}</resource_history>")));
    let run = |call: u32, task: &str, rc: u32, interval: u32| {
        format!(
            "<operation_history call='{call}' task='{task}' rc='{rc}' rc_text='t' interval='{interval}ms' last-rc-change='Sun Nov 22 01:42:41 2026'/>"
        )
    };
    let fine: String =
        [run(1, "probe", 7, 0), run(2, "monitor", 8, 3), run(3, "monitor", 7, 0), run(4, "start", 193, 0)].concat();
    assert_eq!(watch.step(&runs(&fine), at(NOW + 5)), []);
    let failed = [run(5, "monitor", 7, 3), run(6, "start", 1, 0)].concat();
    assert_eq!(
        shown(&watch.step(&runs(&failed), at(NOW + 6))),
        ["+1 failed r0 monitor 7 t \"\"", "+1 failed r0 start 1 t \"\""]
    );
}

proptest! {
    #[test]
    fn steps_lead_to_the_same_state_whatever_was_between(cuts in proptest::collection::vec(0_usize..6, 0..8)) {
        // What was told of a state last is what the last status says.
        let mut watch = Watch::new("n2");
        let mut told = std::collections::BTreeMap::new();
        for cut in cuts.iter().copied().chain([6]) {
            let mut some = status(NEW);
            some.resources.truncate(cut.max(1));
            for seen in watch.step(&some, at(NOW)) {
                if let Observation::Placement(placement) = seen.observation {
                    told.insert(placement.resource.clone(), placement);
                }
            }
        }
        let mut fresh = Watch::new("n2");
        for seen in fresh.step(&status(NEW), at(NOW)) {
            if let Observation::Placement(placement) = seen.observation {
                prop_assert_eq!(told.remove(&placement.resource), Some(placement));
            }
        }
        prop_assert_eq!(told.len(), 0);
    }
}
