//! Lines and the events that they are.

use proptest::prelude::*;

use super::*;

fn read(line: &str) -> Result<Option<Event>, EventError> {
    parse(line.as_bytes())
}

fn pair(key: &str, value: &str) -> Pair {
    Pair { key: key.into(), value: value.into(), was: None }
}

#[test]
fn a_value_ends_where_the_next_word_begins() {
    let line = "2026-03-01T10:00:00.000250+00:00 change path name:data peer-node-id:2 conn-name:beta \
                local:ipv6:[fd00::1]:7788 peer:ipv4:192.0.2.2:7788 established:yes\n";
    let event = Event {
        at: Some("2026-03-01T10:00:00.00025Z".parse().unwrap()),
        verb: Verb::Change,
        object: Object::Path,
        keys: vec![
            pair("name", "data"),
            pair("peer-node-id", "2"),
            pair("conn-name", "beta"),
            pair("local", "ipv6:[fd00::1]:7788"),
            pair("peer", "ipv4:192.0.2.2:7788"),
            pair("established", "yes"),
        ],
    };
    assert_eq!(read(line), Ok(Some(event)));
}

#[test]
fn with_diff_a_value_was_another() {
    let event = read("change device name:a->b volume:0 minor:0 disk:UpToDate->Failed size:8").unwrap().unwrap();
    let disk = Pair { key: "disk".into(), value: "Failed".into(), was: Some("UpToDate".into()) };
    let expected = [pair("name", "a->b"), pair("volume", "0"), pair("minor", "0"), disk, pair("size", "8")];
    assert_eq!(event.keys, expected);
}

#[test]
fn what_is_not_known_is_kept() {
    let event = Event {
        at: None,
        verb: Verb::Other("resize".into()),
        object: Object::Other("bitmap_slot".into()),
        keys: vec![pair("name", "r0"), pair("new-key", "1")],
    };
    assert_eq!(read("resize bitmap_slot name:r0 new-key:1"), Ok(Some(event)));
    assert_eq!(read("  \r\n"), Ok(None));
    let end = Event { at: None, verb: Verb::Exists, object: Object::End, keys: Vec::new() };
    assert_eq!(read("exists -\r\n"), Ok(Some(end)));
}

#[test]
fn what_was_lost_is_told() {
    let event = read("2026-03-01T10:00:00.000250+00:00 - skipped 12").unwrap().unwrap();
    assert_eq!((event.verb, event.object, event.keys), (Verb::Skipped, Object::End, Vec::new()));
}

#[test]
fn what_is_garbled_is_an_error() {
    let no_value = |text: &str| EventError::NoValue { text: text.into() };
    for (line, expected) in [
        ("change", EventError::NoObject),
        ("2026-03-01T10:00:00+00:00 exists", EventError::NoObject),
        ("2026-03-01T10:0 exists -", EventError::Time { text: "2026-03-01T10:0".into() }),
        ("change resource", no_value("")),
        ("change resource name:r0 rol", no_value("rol")),
        ("change resource name:r0 role:", no_value("role:")),
        ("change resource name:r0 role:Primary->", no_value("role:Primary->")),
        ("ch\u{1b}[1mange resource name:r0", EventError::Word { word: "ch\u{1b}[1mange".into() }),
        ("change resource :r0", EventError::Word { word: String::new() }),
    ] {
        assert_eq!(read(line), Err(expected), "{line}");
    }
    assert_eq!(parse(b"change resource name:\xff"), Err(EventError::NotText));
    let long = format!("change resource name:{}", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(read(&long), Err(EventError::TooLong { bytes: long.len() }));
    let long = format!("change resource name:{}", "x".repeat(5000));
    assert_eq!(read(&long), Err(EventError::ValueTooLong { key: "name".into(), bytes: 5000 }));
}

proptest! {
    #[test]
    fn any_bytes_are_read(line in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(parse(&line));
    }

    #[test]
    fn any_cut_of_a_line_is_read(cut in 0_usize..200) {
        let line = "2026-03-01T10:00:00.000250+00:00 change peer-device name:data peer-node-id:2 conn-name:beta \
                    volume:0 replication:Off->SyncSource done:12.50 out-of-sync:65496 eta:nan";
        let cut = cut.min(line.len());
        if let Ok(Some(event)) = parse(&line.as_bytes()[..cut]) {
            prop_assert_eq!(event.verb, Verb::Change);
        }
    }
}
