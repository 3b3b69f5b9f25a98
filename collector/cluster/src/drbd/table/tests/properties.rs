//! Whatever the events are, the table tells what there is, no more and no less.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Who an observation is about.
fn identity(observation: &Observation) -> Option<(String, bool)> {
    Some(match observation {
        Observation::DrbdResource(it) => (it.resource.clone(), it.is_gone),
        Observation::DrbdDevice(it) => (format!("{}/{}", it.resource, it.volume), it.is_gone),
        Observation::DrbdConnection(it) => (format!("{}-{}", it.resource, it.peer), it.is_gone),
        Observation::DrbdPeerDevice(it) => (format!("{}/{}-{}", it.resource, it.volume, it.peer), it.is_gone),
        _ => return None,
    })
}

/// Without what is not told at once.
fn state(mut observation: Observation) -> Observation {
    if let Observation::DrbdPeerDevice(it) = &mut observation {
        (it.done, it.eta_s, it.out_of_sync_bytes) = (None, None, None);
    }
    observation
}

fn any_line() -> impl Strategy<Value = String> {
    let verb = prop::sample::select(vec!["exists", "create", "change", "change", "change", "destroy"]);
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let peer = prop::sample::select(vec!["x", "y"]);
    let state = prop::sample::select(vec![
        "resource role:Primary",
        "resource role:Secondary suspended:quorum",
        "device volume:0 disk:UpToDate",
        "device volume:1 minor:1 disk:Failed quorum:no",
        "connection conn-name:P connection:Connected role:Primary",
        "connection conn-name:P connection:StandAlone",
        "peer-device conn-name:P volume:0 replication:SyncSource out-of-sync:9",
        "peer-device conn-name:P volume:0 replication:SyncSource out-of-sync:4 done:50.0 eta:3",
        "peer-device conn-name:P volume:0 replication:Established peer-disk:UpToDate out-of-sync:0",
        "path conn-name:P local:l peer:r established:yes",
    ]);
    prop_oneof![
        20 => (verb, name.clone(), peer, state).prop_map(|(verb, name, peer, state)| {
            let (object, keys) = state.split_once(' ').unwrap();
            format!("{verb} {object} name:{name} {}", keys.replace("name:P", &format!("name:{peer}")))
        }),
        1 => Just("exists -".to_owned()),
        1 => Just("flush".to_owned()),
        1 => (name.clone(), name).prop_map(|(old, new)| format!("rename resource name:{old} new_name:{new}")),
    ]
}

proptest! {
    #[test]
    fn what_was_told_is_what_there_is(lines in prop::collection::vec(any_line(), 0..120)) {
        let mut table = Table::new("alpha");
        let mut view = BTreeMap::new();
        for (t, line) in (0_i64..).zip(&lines) {
            if line == "flush" {
                table.flush();
                continue;
            }
            let event = parse(line.as_bytes()).unwrap().unwrap();
            for seen in table.apply(&event, Timestamp(t * S)).unwrap() {
                let (who, is_gone) = identity(&seen.observation).unwrap();
                if is_gone {
                    prop_assert!(view.remove(&who).is_some(), "{} was not there", who);
                } else {
                    view.insert(who, state(seen.observation));
                }
            }
        }
        let now = Timestamp(0);
        let slope = Slope::default();
        let there: BTreeMap<_, _> = table
            .rows()
            .filter_map(|(key, row)| observe::observation(key, row, &slope, now))
            .map(|observation| (identity(&observation).unwrap().0, state(observation)))
            .collect();
        prop_assert_eq!(view, there);
    }

    #[test]
    fn garbage_and_truncation_never_stop_it(
        lines in prop::collection::vec((any_line(), 0_usize..200, any::<u8>()), 0..60),
        limit in 0_usize..6,
    ) {
        let mut table = Table::with_limit("alpha", limit);
        for (t, (line, at, byte)) in (0_i64..).zip(&lines) {
            let mut bytes = line.clone().into_bytes();
            match bytes.get_mut(*at) {
                Some(hit) => *hit = *byte,
                None => bytes.truncate(at / 8),
            }
            if let Ok(Some(event)) = parse(&bytes) {
                drop(table.apply(&event, Timestamp(t * S)));
            }
            prop_assert!(table.rows().count() <= limit);
        }
        table.flush();
        table.apply(&parse(b"exists -").unwrap().unwrap(), Timestamp(0)).unwrap();
        prop_assert_eq!(table.rows().count(), 0);
    }
}
