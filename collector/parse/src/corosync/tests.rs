//! Lines and what is recognised in them.

use super::parse;
use crate::testing::{check, check_refined};

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "Nov 22 10:00:00 [1234] node1 corosync notice  [TOTEM ] A new membership (2.11) was formed. Members joined: 3 left: 1",
            r#"1795341600.000000000~ info10(notice) host=node1 service=corosync pid=1234 corosync.subsystem="TOTEM" corosync.ring="2.11" corosync.joined="3" corosync.left="1" | A new membership (2.11) was formed. Members joined: 3 left: 1"#,
        ),
        (
            "Nov 22 10:00:00.123 [1234] node1 corosync warning [MAIN  ] Totem is unable to form a cluster",
            r#"1795341600.123000000~ warn13(warning) host=node1 service=corosync pid=1234 corosync.subsystem="MAIN" | Totem is unable to form a cluster"#,
        ),
        (
            "Nov 22 10:00:00 notice  [QUORUM] Members[2]: 2 3",
            r#"1795341600.000000000~ info10(notice) service=corosync corosync.subsystem="QUORUM" corosync.members="2 3" | Members[2]: 2 3"#,
        ),
        (
            "Nov 22 10:00:00 corosync [TOTEM ] A processor failed, forming new configuration.",
            r#"1795341600.000000000~ warn13 service=corosync corosync.subsystem="TOTEM" | A processor failed, forming new configuration."#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "Nov 22 10:00:00 node1 corosync[58]:   [TOTEM ] x",
        "Nov 22 10:00:00 [1234] node1 corosync notice  [totem ] x",
        "Nov 32 10:00:00 [1234] node1 corosync notice  [TOTEM ] x",
    ] {
        check(parse, record, "-");
    }
}

#[test]
fn messages_behind_a_header_are_read() {
    for (message, expected) in [
        (
            "  [KNET  ] link: host: 2 link: 0 is down",
            r#"warn13 corosync.subsystem="KNET" corosync.peer=2 corosync.link=0"#,
        ),
        ("  [KNET  ] host: host: 2 has no active links", r#"error17 corosync.subsystem="KNET" corosync.peer=2"#),
        ("  [TOTEM ] Token has not been received in 1612 ms ", r#"warn13 corosync.subsystem="TOTEM""#),
        (
            "  [QUORUM] This node is within the non-primary component and will NOT provide any services.",
            r#"error17 corosync.subsystem="QUORUM""#,
        ),
        ("Starting up", "unset0"),
    ] {
        check_refined("corosync", message, expected);
    }
}
