//! Environments as Pacemaker makes them, and damaged ones.

use orszem_model::observation::FencingState;
use proptest::prelude::*;

use super::*;

const RESOURCE: &[(&str, &str)] = &[
    ("CRM_alert_version", "2.1.5"),
    ("CRM_alert_kind", "resource"),
    ("CRM_alert_node", "n1"),
    ("CRM_alert_node_sequence", "17"),
    ("CRM_alert_timestamp_epoch", "1795311572"),
    ("CRM_alert_timestamp_usec", "064297"),
    ("CRM_alert_rsc", "db:1"),
    ("CRM_alert_task", "monitor"),
    ("CRM_alert_interval", "3000"),
    ("CRM_alert_rc", "7"),
    ("CRM_alert_target_rc", "0"),
    ("CRM_alert_status", "0"),
    ("CRM_alert_exec_time", "12"),
    ("CRM_alert_desc", "not running"),
    ("site", "lab"),
];

const FENCING: &[(&str, &str)] = &[
    ("CRM_notify_node", "n1"),
    ("CRM_notify_rsc", "db"),
    ("CRM_notify_task", "st_notify_fence"),
    ("CRM_notify_desc", "Operation reboot of n1 by n3 for pacemaker-controld.86@n2: OK (ref=8d43f43c-1)"),
    ("CRM_notify_rc", "0"),
    ("CRM_notify_target_rc", "0"),
    ("CRM_notify_status", "0"),
];

/// The environment with some variables set otherwise; an empty value stands for one that is not set.
fn changed(base: &[(&str, &str)], changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let mut all: BTreeMap<String, String> = base.iter().map(owned).collect();
    all.extend(changes.iter().map(owned));
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn failed_monitor() -> Operation {
    Operation {
        node: "n1".into(),
        resource: "db".into(),
        task: "monitor".into(),
        interval_ms: 3_000,
        rc: 7,
        expected_rc: 0,
        status: 0,
        duration_ms: Some(12),
        result: "not running".into(),
        reason: String::new(),
    }
}

fn fenced() -> Fencing {
    Fencing {
        reference: "8d43f43c-1".into(),
        target: "n1".into(),
        action: "reboot".into(),
        delegate: "n3".into(),
        client: "pacemaker-controld.86".into(),
        origin: "n2".into(),
        state: FencingState::Done,
        reason: String::new(),
    }
}

fn observed(environment: Vec<(String, String)>) -> Option<Observation> {
    read(environment).expect("an event or none").map(|event| event.observation)
}

#[test]
fn an_operation_with_its_time_order_and_key() {
    let event = read(changed(RESOURCE, &[("CRM_alert_recipient", "x")])).expect("reads").expect("an event");
    let key = event.key();
    assert_eq!(
        event,
        Event {
            observation: Observation::Operation(failed_monitor()),
            origin: Origin::Alert,
            at: Some(Timestamp(1_795_311_572_064_297_000)),
            sequence: Some(17),
            recipient: "x".into(),
            version: "2.1.5".into(),
        }
    );
    let expected =
        Key::Operation { node: "n1".into(), resource: "db".into(), task: "monitor".into(), status: 0, rc: 7 };
    assert_eq!(key.map(|key| key.to_string()), Some("operation/n1/db/monitor/0/7".to_owned()));
    assert_eq!(event.key(), Some(expected));
    let seen = event.seen("n9", Timestamp(5));
    assert_eq!((seen.at, seen.reporter.as_str()), (Timestamp(1_795_311_572_064_297_000), "n9"));
}

#[test]
fn an_alert_is_told_by_its_own_variables_though_it_has_both() {
    let notify = [
        ("CRM_notify_node", "n8"),
        ("CRM_notify_rsc", "other"),
        ("CRM_notify_task", "stop"),
        ("CRM_notify_rc", "0"),
        ("CRM_notify_status", "0"),
    ];
    assert_eq!(observed(changed(RESOURCE, &notify)), Some(Observation::Operation(failed_monitor())));
    let own = read(notify).expect("reads").expect("an event");
    assert_eq!(
        own.observation,
        Observation::Operation(Operation {
            node: "n8".into(),
            resource: "other".into(),
            task: "stop".into(),
            ..Operation::default()
        })
    );
    assert_eq!((own.at, own.sequence, own.origin), (None, None, Origin::Notify));
    assert_eq!(own.seen("n8", Timestamp(5)).at, Timestamp(5));
}

#[test]
fn what_has_only_begun_is_no_event_and_what_is_cancelled_no_failure() {
    for pending in [[("CRM_alert_status", "-1")], [("CRM_alert_rc", "193")]] {
        assert_eq!(observed(changed(RESOURCE, &pending)), None);
    }
    let Some(Observation::Operation(operation)) = observed(changed(RESOURCE, &[("CRM_alert_status", "1")])) else {
        panic!("an operation");
    };
    assert!(!operation.has_failed() && !operation.has_succeeded());
    assert!(failed_monitor().has_failed());
    let promoted = Operation { rc: 8, expected_rc: 8, ..failed_monitor() };
    assert!(promoted.has_succeeded() && !promoted.has_failed());
}

#[test]
fn fencing_in_the_words_of_all_versions() {
    let failed = |reason: &str| Fencing { state: FencingState::Failed, reason: reason.into(), ..fenced() };
    let who = "Operation reboot of n1 by n3 for pacemaker-controld.86@n2";
    for (desc, rc, expected) in [
        (format!("{who}: OK (ref=8d43f43c-1)"), "0", fenced()),
        (format!("{who}: OK (ref=8d43f43c-1)"), "", fenced()),
        (format!("{who}: No data available (ref=8d43f43c-1)"), "-61", failed("No data available")),
        (
            format!("{who}: Error (Fence agent did not complete (sic)) (ref=8d43f43c-1)"),
            "1",
            failed("Fence agent did not complete (sic)"),
        ),
        (format!("{who}: Timed out (ref=8d43f43c-1)"), "", failed("Timed out")),
        (
            "Operation reboot of n1 by <no-one> for stonith-api.5@n2: No such device (ref=8d43f43c-1)".into(),
            "-19",
            Fencing { delegate: String::new(), client: "stonith-api.5".into(), ..failed("No such device") },
        ),
        (
            "Operation off of no node by the cluster for a client@a node: OK (ref=(none))".into(),
            "0",
            Fencing {
                reference: String::new(),
                action: "off".into(),
                delegate: String::new(),
                client: String::new(),
                origin: String::new(),
                ..fenced()
            },
        ),
        (
            "Operation st_notify_fence requested by n2 for peer n1: OK (ref=8d43f43c-1)".into(),
            "0",
            Fencing { action: String::new(), delegate: String::new(), client: String::new(), ..fenced() },
        ),
    ] {
        let environment = changed(FENCING, &[("CRM_notify_desc", &desc), ("CRM_notify_rc", rc)]);
        assert_eq!(observed(environment), Some(Observation::Fencing(expected)), "{desc}");
    }
    for (name, value) in
        [("CRM_notify_desc", "A fencing device (apc) was added"), ("CRM_notify_task", "st_notify_history")]
    {
        assert_eq!(observed(changed(FENCING, &[(name, value)])), None, "{value}");
    }
}

#[test]
fn a_fencing_whose_sentence_is_cut_short_is_one_of_its_node() {
    let nothing = || Fencing {
        reference: String::new(),
        action: String::new(),
        delegate: String::new(),
        client: String::new(),
        origin: String::new(),
        ..fenced()
    };
    for (desc, rc, expected) in [
        ("Operation reboot of n1 by n", "0", Fencing { action: "reboot".into(), ..nothing() }),
        ("Operation reb", "-61", Fencing { state: FencingState::Failed, ..nothing() }),
        ("Operation reb", "", Fencing { state: FencingState::Pending, ..nothing() }),
    ] {
        let environment = changed(FENCING, &[("CRM_notify_desc", desc), ("CRM_notify_rc", rc)]);
        assert_eq!(observed(environment), Some(Observation::Fencing(expected)), "{desc}");
    }
}

#[test]
fn the_same_fencing_has_one_key() {
    let key = |changes: &[(&str, &str)]| read(changed(FENCING, changes)).expect("reads").expect("an event").key();
    assert_eq!(key(&[]), key(&[("CRM_notify_node", "n7"), ("CRM_notify_rsc", "stale")]));
    assert_eq!(key(&[]), Some(Key::Fencing { reference: "8d43f43c-1".into() }));
    let other = "Operation reboot of n1 by n3 for pacemaker-controld.86@n2: OK (ref=8d43f43c-2)";
    assert_ne!(key(&[]), key(&[("CRM_notify_desc", other)]));
    assert_eq!(key(&[("CRM_notify_desc", "Operation on of n1 by n2 for c@n3: OK")]), None);
}

#[test]
fn nodes_and_attributes() {
    let node = [("CRM_alert_kind", "node"), ("CRM_alert_version", "3.0.0"), ("CRM_alert_node", "n2")];
    for (desc, is_member) in [("member", true), ("lost", false)] {
        let expected = Observation::Member(Member { node: "n2".into(), is_member });
        assert_eq!(observed(changed(&node, &[("CRM_alert_desc", desc)])), Some(expected));
    }
    let attribute = [
        ("CRM_alert_kind", "attribute"),
        ("CRM_alert_version", "3.0.0"),
        ("CRM_alert_node", "n2"),
        ("CRM_alert_attribute_name", "fail-count-db#monitor_3000"),
    ];
    for (value, expected) in [("INFINITY", Some("INFINITY".to_owned())), ("", None)] {
        let expected =
            NodeAttribute { node: "n2".into(), attribute: "fail-count-db#monitor_3000".into(), value: expected };
        assert_eq!(
            observed(changed(&attribute, &[("CRM_alert_attribute_value", value)])),
            Some(Observation::NodeAttribute(expected))
        );
    }
}

#[test]
fn a_time_is_taken_only_if_it_is_whole() {
    for (text, expected) in [
        ("2026-11-22T01:39:32.364297+0000", Some(1_795_311_572_364_297_000)),
        ("2026-11-22T02:39:32.364297+01:00", Some(1_795_311_572_364_297_000)),
        ("2026-11-22 01:39:32", None),
        ("01:39:32.364297", None),
        ("Nov 22 01:39:32", None),
        ("now", None),
    ] {
        let changes =
            [("CRM_alert_timestamp", text), ("CRM_alert_timestamp_epoch", ""), ("CRM_alert_timestamp_usec", "")];
        let event = read(changed(RESOURCE, &changes)).expect("reads").expect("an event");
        assert_eq!(event.at, expected.map(Timestamp), "{text}");
    }
    let whole = [("CRM_alert_timestamp_epoch", "9223372036854775807")];
    assert_eq!(read(changed(RESOURCE, &whole)).expect("reads").expect("an event").at, None);
}

#[test]
fn what_is_missing_is_named() {
    let missing = |variable: &str| Err(AlertError::Missing { variable: variable.to_owned() });
    let none: [(&str, &str); 0] = [];
    assert_eq!(read(none), Err(AlertError::NoEvent));
    assert_eq!(read([("PATH", "/bin")]), Err(AlertError::NoEvent));
    assert_eq!(read([("CRM_alert_recipient", "x")]), missing("CRM_alert_kind"));
    assert_eq!(read([("CRM_alert_version", "2.0.0")]), missing("CRM_alert_kind"));
    assert_eq!(read([("CRM_notify_node", "n1")]), missing("CRM_notify_task"));
    for variable in ["CRM_alert_node", "CRM_alert_rsc", "CRM_alert_task", "CRM_alert_rc", "CRM_alert_status"] {
        assert_eq!(read(changed(RESOURCE, &[(variable, "")])), missing(variable));
    }
    for variable in ["CRM_notify_node", "CRM_notify_desc"] {
        assert_eq!(read(changed(FENCING, &[(variable, "")])), missing(variable));
    }
    // What an older version does not set.
    for variable in ["CRM_alert_interval", "CRM_alert_target_rc", "CRM_alert_exec_time", "CRM_alert_desc"] {
        assert!(observed(changed(RESOURCE, &[(variable, "")])).is_some(), "{variable}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (variable, value) in [
        ("CRM_alert_kind", "weather"),
        ("CRM_alert_rc", "seven"),
        ("CRM_alert_status", "99999999999"),
        ("CRM_alert_interval", "-1"),
    ] {
        let expected = Err(AlertError::Unknown { variable: variable.to_owned(), value: value.to_owned() });
        assert_eq!(read(changed(RESOURCE, &[(variable, value)])), expected);
    }
}

proptest! {
    #[test]
    fn no_value_panics(at in 0..RESOURCE.len(), name in 0..FENCING.len(), value in "\\PC*|(Operation|of|by|for|:|@|\\(ref=|\\)| ){0,20}") {
        // An event, none or an error: all of them are answers.
        let told = read(changed(RESOURCE, &[(RESOURCE[at].0, &value)]));
        prop_assert!(told.is_ok() || told.is_err());
        if let Ok(Some(event)) = read(changed(FENCING, &[(FENCING[name].0, &value)])) {
            prop_assert_eq!(event.origin, Origin::Notify);
        }
    }

    #[test]
    fn no_cut_of_an_environment_panics(count in 0..=RESOURCE.len()) {
        let cut: Vec<(&str, &str)> = RESOURCE.iter().take(count).copied().collect();
        prop_assert_eq!(read(cut).is_ok(), count > 11, "status is the last one that is needed");
    }
}
