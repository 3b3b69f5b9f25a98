//! What the kernel logged of real DRBD 8.4 and 9: a folder with `drbd84` and `drbd9`, named by
//! `ORSZEM_CLUSTER_CAPTURES`. Without it nothing is tested here.

use std::fs;
use std::path::Path;

use orszem_model::Timestamp;
use orszem_parse::{Moment, Parsed, Value, Zone, parse};

/// A line's subject as its words say: resource, volume, minor, peer.
type Subject<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>);

fn subject(text: &str) -> Option<Subject<'_>> {
    let words: Vec<_> = text.split(' ').collect();
    Some(match words.as_slice() {
        ["block", device] => (None, None, device.strip_prefix("drbd"), None),
        ["drbd", name] if !name.contains('/') => (Some(name), None, None, None),
        ["drbd", name, peer] if !name.contains('/') => (Some(name), None, None, Some(peer)),
        ["drbd", name, device, rest @ ..] => {
            let (name, volume) = name.split_once('/')?;
            (Some(name), Some(volume), device.strip_prefix("drbd"), rest.first().copied())
        }
        ["drbd", name] => (name.strip_prefix("/unregistered/"), None, None, None),
        _ => return None,
    })
}

fn value(parsed: &Parsed<'_>, key: &str) -> Option<String> {
    parsed.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| match value {
        Value::Text(text) => text.clone().into_owned(),
        Value::Integer(number) => number.to_string(),
        other => panic!("{key}: {other:?}"),
    })
}

#[test]
fn every_state_change_tells_whose_it_is() {
    let Some(captures) = std::env::var_os("ORSZEM_CLUSTER_CAPTURES") else { return };
    let zone = Zone::utc();
    let moment = Moment { now: Timestamp(0), zone: &zone };
    for (version, logs) in [("drbd84", 2), ("drbd9", 3)] {
        let (mut lines, mut changes, mut transactions) = (0, 0, 0);
        for log in 1..=logs {
            let path = Path::new(&captures).join(version).join(format!("kmsg.{log}"));
            let text = String::from_utf8_lossy(&fs::read(path).expect("is as captured")).into_owned();
            for line in text.lines() {
                let Some((_, message)) = line.split_once("] ") else { continue };
                let Some((who, told)) = message.split_once(": ").filter(|(who, _)| who.contains("drbd")) else {
                    continue;
                };
                let Some(expected) = subject(who) else { continue };
                let parsed = parse(line.as_bytes(), &moment);
                let keys = ["drbd.resource", "drbd.volume", "drbd.minor", "drbd.peer"];
                let [resource, volume, minor, peer] = keys.map(|key| value(&parsed, key));
                assert_eq!(
                    (resource.as_deref(), volume.as_deref(), minor.as_deref(), peer.as_deref()),
                    expected,
                    "{line}"
                );
                lines += 1;
                for change in told.split(" )").filter(|part| part.contains("( ")) {
                    let (_, states) = change.split_once("( ").expect("is as captured");
                    let (from, to) = states.split_once(" -> ").unwrap_or_else(|| panic!("{line}"));
                    let has = |end: &str, state: &str| {
                        parsed
                            .attributes
                            .iter()
                            .any(|(key, value)| key.ends_with(end) && *value == Value::Text(state.into()))
                    };
                    assert!(has(".from", from) && has(".to", to), "{line}");
                    changes += 1;
                }
                if let Some((_, number)) = told.split_once("tate change ")
                    && number.starts_with(|c: char| c.is_ascii_digit())
                {
                    let digits = number.split(|c: char| !c.is_ascii_digit()).next();
                    assert_eq!(value(&parsed, "drbd.transaction").as_deref(), digits, "{line}");
                    transactions += 1;
                }
            }
        }
        eprintln!("{version}: {lines} lines, {changes} changes, {transactions} of transactions");
        assert!(changes > 50);
    }
}
