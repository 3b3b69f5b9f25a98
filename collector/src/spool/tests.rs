use super::*;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn member() -> Vec<(String, String)> {
    environment(&[
        ("CRM_alert_kind", "node"),
        ("CRM_alert_version", "2.1.5"),
        ("CRM_alert_node", "n2"),
        ("CRM_alert_desc", "lost"),
        ("PATH", "/usr/bin"),
    ])
}

#[test]
fn what_is_left_is_read_back_and_others_variables_are_not_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let event = Event::new(Timestamp(1_763_812_345_000_000_001), "", member());
    assert!(!event.environment.contains_key("PATH") && event.environment.len() == 4);
    let path = event.leave(directory.path()).expect("is left");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(name.starts_with("01763812345000000001-") && name.ends_with(".event"), "{name}");
    let metadata = fs::metadata(&path).expect("there");
    assert_eq!(metadata.permissions().mode() & 0o7777, MODE);
    assert_eq!(Event::decode(&fs::read(&path).expect("reads")).expect("is an event"), event);
    let names = fs::read_dir(directory.path()).expect("lists").count();
    assert_eq!(names, 1, "nothing else is left");
}

#[test]
fn the_first_version_is_read() {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/formats/spool-v1.event"));
    let event = Event::decode(&bytes.expect("the sample")).expect("is read");
    let mut expected = Event::new(Timestamp(1_763_812_345_123_456_789), "split-brain", []);
    expected.environment =
        environment(&[("DRBD_RESOURCE", "r0"), ("DRBD_VOLUME", "0"), ("DRBD_PEER", "n\"2")]).into_iter().collect();
    assert_eq!(event, expected);
    assert_eq!(Event::decode(&event.encode().expect("encodes")).expect("is read"), event);
}

#[test]
fn large_environments_fit_and_say_that_they_were_cut() {
    let long = "é\u{1}".repeat(40_000);
    let many = (0..200).map(|number| (format!("DRBD_NODE_ID_{number}"), "\u{1}".repeat(900)));
    let event = Event::new(Timestamp(1), "split-brain", many.chain([("DRBD_RESOURCE".to_owned(), long)]));
    let bytes = event.encode().expect("encodes");
    assert!(event.is_shortened && bytes.len() <= FILE_BYTES_MAX, "{}", bytes.len());
    assert_eq!(Event::decode(&bytes).expect("is read"), event);
    assert!(!Event::new(Timestamp(1), "", member()).is_shortened);
}

#[test]
fn what_is_no_event_is_refused() {
    let of = |bytes: &[u8]| Event::decode(bytes).map_err(|error| error.to_string());
    assert_eq!(of(b"{\"version\":1"), Err("it is no event".to_owned()));
    let newer = b"{\"version\":2,\"received_ns\":1,\"environment\":{}}";
    assert_eq!(of(newer), Err("its version is 2; this program knows 1".to_owned()));
    assert_eq!(of(&[b' '; 70_000]), Err("70000 bytes; at most 65536 are read".to_owned()));
}

#[test]
fn environments_tell_events_others_and_nothing() {
    let check = |helper: &str, pairs: &[(&str, &str)]| Event::new(Timestamp(1), helper, environment(pairs)).check();
    assert_eq!(Event::new(Timestamp(1), "", member()).check(), Ok(true));
    let operation = |status| {
        let base = [("CRM_notify_node", "n1"), ("CRM_notify_rsc", "vip"), ("CRM_notify_task", "start")];
        let more = [("CRM_notify_rc", if status == "0" { "0" } else { "193" }), ("CRM_notify_status", status)];
        check("", &[&base[..], &more[..]].concat())
    };
    assert_eq!((operation("0"), operation("-1")), (Ok(true), Ok(false)));
    let missing = AlertError::Missing { variable: "CRM_alert_desc".to_owned() };
    let cut = [("CRM_alert_kind", "node"), ("CRM_alert_node", "n2")];
    assert_eq!(check("", &cut), Err(EventError::Pacemaker(missing)));
    assert_eq!(check("split-brain", &[("DRBD_RESOURCE", "r0")]), Ok(true));
    assert_eq!(check("split-brain", &[("DRBD_VOLUME", "0")]), Err(EventError::Drbd(HandlerError::NoResource)));
    assert_eq!(check("", &[("DRBD_RESOURCE", "r0")]), Err(EventError::Drbd(HandlerError::NoHelper)));
}

#[test]
fn a_directory_that_is_missing_or_full_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let event = Event::new(Timestamp(1), "", member());
    let missing = directory.path().join("nowhere");
    let told = event.leave(&missing).expect_err("is missing").to_string();
    assert_eq!(told, format!("can't list {}", missing.display()));
    assert!(event.leave_among(directory.path(), 1).is_ok());
    assert!(matches!(event.leave_among(directory.path(), 1), Err(SpoolError::Full { .. })));
    assert!(event.leave_among(directory.path(), 2).is_ok());
}
