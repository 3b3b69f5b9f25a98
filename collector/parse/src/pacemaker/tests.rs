//! Lines and what is recognised in them.

use super::parse;
use crate::testing::{check, check_refined};

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "Nov 22 10:00:00.123 node1 pacemaker-controld  [1234] (log_executor_event)  notice: Result of monitor operation for vip on node1: ok | rc=0 call=12",
            r#"1795341600.123000000~ info10(notice) host=node1 service=pacemaker-controld pid=1234 function="log_executor_event" pacemaker.operation="monitor" resource="vip" node="node1" pacemaker.result="ok" {resource/vip} | Result of monitor operation for vip on node1: ok | rc=0 call=12"#,
        ),
        (
            "Nov 22 10:00:00 2026 node1 pacemaker-fenced    [12] (fence@fenced.c:10) \terror: Operation 'reboot' [4245] targeting node2 using fence_node2 returned 1",
            r#"1795341600.000000000? error17(error) host=node1 service=pacemaker-fenced pid=12 function="fence" pacemaker.fencing="reboot" node="node2" pacemaker.device="fence_node2" pacemaker.result="1" | Operation 'reboot' [4245] targeting node2 using fence_node2 returned 1"#,
        ),
        (
            "Nov 22 2026 10:00:00 node1 pacemakerd          [12] (main) \tinfo: Starting up",
            r#"1795341600.000000000? info9(info) host=node1 service=pacemakerd pid=12 function="main" | Starting up"#,
        ),
        (
            "Nov 22 10:00:00 [1234] node1       crmd:   notice: do_state_transition:\tState transition S_IDLE -> S_POLICY_ENGINE",
            r#"1795341600.000000000~ info10(notice) host=node1 service=crmd pid=1234 function="do_state_transition" pacemaker.from="S_IDLE" pacemaker.to="S_POLICY_ENGINE" | State transition S_IDLE -> S_POLICY_ENGINE"#,
        ),
        (
            "Nov 22 10:00:00 [1234] node1        cib:     info: cib_process_ping:\tReporting our current digest",
            r#"1795341600.000000000~ info9(info) host=node1 service=cib pid=1234 function="cib_process_ping" | Reporting our current digest"#,
        ),
        (
            "Nov 22 10:00:00.123 node1 pacemaker-schedulerd[87] (x)  warning: Quorum lost",
            r#"1795341600.123000000~ warn13(warning) host=node1 service=pacemaker-schedulerd pid=87 function="x" | Quorum lost"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "Nov 22 10:00:00 [1234] node1 corosync notice  [TOTEM ] x",
        "Nov 22 10:00:00.123 node1 sshd  [1234] (x) notice: y",
        "Nov 22 10:00:00.123 node1 pacemaker-controld  [1234] (x) loud: y",
    ] {
        check(parse, record, "-");
    }
}

#[test]
fn messages_behind_a_header_are_read() {
    for (service, message, expected) in [
        (
            "pacemaker-controld",
            " notice: Result of monitor operation for web on node1: not running ",
            r#"warn13 pacemaker.operation="monitor" resource="web" node="node1" pacemaker.result="not running" {resource/web}"#,
        ),
        (
            "pacemaker-controld",
            " notice: Result of probe operation for web on node1: not running ",
            r#"info10(notice) pacemaker.operation="probe" resource="web" node="node1" pacemaker.result="not running" {resource/web}"#,
        ),
        (
            "pacemaker-controld",
            " notice: Requesting local execution of start operation for drbd_r0:1 on node1 ",
            r#"info10(notice) pacemaker.operation="start" resource="drbd_r0" node="node1" {resource/drbd_r0}"#,
        ),
        (
            "pacemaker-controld",
            " notice: Initiating monitor operation drbd_r0:1_monitor_3000 locally on node1 ",
            r#"info10(notice) pacemaker.operation="monitor" resource="drbd_r0" node="node1" {resource/drbd_r0}"#,
        ),
        (
            "pacemaker-controld",
            " notice: Initiating notify operation drbd_r0_pre_notify_promote_0 on node2",
            r#"info10(notice) pacemaker.operation="notify" resource="drbd_r0" node="node2" {resource/drbd_r0}"#,
        ),
        (
            "pacemaker-controld",
            " notice: Transition 5 action 12 (web_monitor_3000 on node1): expected 'ok' but got 'not running'",
            r#"warn13 pacemaker.transition=5 resource="web" node="node1" {resource/web}"#,
        ),
        (
            "pacemaker-controld",
            " notice: Transition 5 (Complete=3, Pending=0): Complete",
            "info10(notice) pacemaker.transition=5",
        ),
        (
            "pacemaker-attrd",
            " notice: Setting fail-count-web#monitor_3000[node1]: (unset) -> 1",
            r#"warn13 pacemaker.attribute="fail-count-web#monitor_3000" node="node1" resource="web" pacemaker.from="(unset)" pacemaker.to="1" {resource/web}"#,
        ),
        (
            "pacemaker-attrd",
            " notice: Setting master-drbd_r0[node1]: 5 -> (unset)",
            r#"info10(notice) pacemaker.attribute="master-drbd_r0" node="node1" pacemaker.from="5" pacemaker.to="(unset)""#,
        ),
        (
            "pacemaker-schedulerd",
            " warning: Unexpected result (error: could not bind) was recorded for start of web on node1 at Nov 22 01:38:05 2026",
            r#"warn13(warning) pacemaker.operation="start" resource="web" node="node1" pacemaker.result="error" pacemaker.reason="could not bind" {resource/web}"#,
        ),
        (
            "pacemaker-schedulerd",
            " notice: Actions: Move       vip             (                     node1 -> node3 )",
            r#"info10(notice) pacemaker.action="Move" resource="vip" pacemaker.from="node1" pacemaker.to="node3" {resource/vip}"#,
        ),
        (
            "pacemaker-schedulerd",
            " notice: Actions: Fence (reboot) node1 'peer is no longer part of the cluster'",
            r#"warn13 pacemaker.action="Fence" node="node1""#,
        ),
        (
            "pacemaker-schedulerd",
            " warning: web_stop_0 on node1 is unrunnable (node is offline)",
            r#"warn13(warning) resource="web" node="node1" {resource/web}"#,
        ),
        ("pacemaker-schedulerd", " warning: Scheduling node node1 for fencing", r#"warn13(warning) node="node1""#),
        (
            "pacemaker-fenced",
            " notice: Operation 'reboot' targeting node1 by node3 for pacemaker-controld.86@node2: OK (complete)",
            r#"info10(notice) pacemaker.fencing="reboot" node="node1" pacemaker.result="OK (complete)""#,
        ),
        (
            "pacemaker-fenced",
            " error: Operation 'reboot' targeting node1 by unknown node for pacemaker-controld.86@node2: No such device",
            r#"error17(error) pacemaker.fencing="reboot" node="node1" pacemaker.result="No such device""#,
        ),
        ("pacemaker-controld", " notice: Requesting fencing (reboot) of node node1", r#"warn13 node="node1""#),
        (
            "pacemaker-controld",
            " notice: Node node1 state is now lost ",
            r#"warn13 node="node1" pacemaker.state="lost""#,
        ),
        ("pacemaker-controld", " warning: Quorum lost ", "warn13(warning)"),
        ("pacemaker-controld", "nothing of note", "unset0"),
        (
            "pacemaker-controld",
            " notice: Result of start operation for web on node1: error (could not bind port 80: in use)",
            r#"warn13 pacemaker.operation="start" resource="web" node="node1" pacemaker.result="error" pacemaker.reason="could not bind port 80: in use" {resource/web}"#,
        ),
        (
            "pacemaker-controld",
            " notice: Peer node1 was terminated (reboot) by node2 on behalf of pacemaker-controld.86@node2: OK",
            r#"warn13 pacemaker.fencing="reboot" node="node1""#,
        ),
        (
            "pacemaker-controld",
            " notice: Peer node1 was not terminated (reboot) by node2 on behalf of pacemaker-controld.86@node2: Error",
            r#"error17 pacemaker.fencing="reboot" node="node1""#,
        ),
    ] {
        check_refined(service, message, expected);
    }
}
