//! Events, and what the table tells of them.

mod properties;

use orszem_model::observation::{DrbdConnection, DrbdDevice, DrbdPeerDevice, DrbdResource};

use super::super::events2::parse;
use super::super::{proc, status_json};
use super::*;

const S: i64 = 1_000_000_000;

/// Applies lines of second `t`; what is told as text, `*` for what is initial.
fn told(table: &mut Table, t: i64, lines: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in lines.lines() {
        let event = parse(line.as_bytes()).unwrap().unwrap();
        let seen = table.apply(&event, Timestamp(t * S)).unwrap();
        out.extend(seen.iter().map(shown));
    }
    out
}

fn shown(seen: &Seen) -> String {
    assert_eq!((seen.reporter.as_str(), seen.origin), ("alpha", Origin::Drbd));
    let mark = if seen.is_initial { "*" } else { "" };
    let gone = |is_gone| if is_gone { " gone" } else { "" };
    let text = match &seen.observation {
        Observation::DrbdResource(DrbdResource { resource, role, suspended, is_gone }) => {
            format!("{resource} {role} [{}]{}", suspended.join(","), gone(*is_gone))
        }
        Observation::DrbdDevice(it) => {
            let DrbdDevice { resource, volume, minor, backing_device, disk, is_client, has_quorum, is_gone } = it;
            let minor = minor.map(|minor| minor.to_string()).unwrap_or_default();
            let client = if *is_client { " client" } else { "" };
            let quorum = if *has_quorum { "" } else { " no-quorum" };
            format!("{resource}/{volume} {minor} {backing_device} {disk}{client}{quorum}{}", gone(*is_gone))
        }
        Observation::DrbdConnection(DrbdConnection { resource, peer, connection, peer_role, is_gone }) => {
            format!("{resource}-{peer} {connection} {peer_role}{}", gone(*is_gone))
        }
        Observation::DrbdPeerDevice(it) => {
            let DrbdPeerDevice {
                resource,
                peer,
                volume,
                replication,
                peer_disk,
                done,
                eta_s,
                out_of_sync_bytes,
                is_gone,
            } = it;
            let number = |name: &str, number: Option<u64>| number.map(|n| format!(" {name}={n}")).unwrap_or_default();
            let progress = number("done", done.map(u64::from)) + &number("eta", *eta_s);
            let out = number("out", *out_of_sync_bytes);
            format!("{resource}/{volume}-{peer} {replication} {peer_disk}{progress}{out}{}", gone(*is_gone))
        }
        Observation::DrbdHelper(DrbdHelper { resource, peer, volume, helper, exit }) => {
            let volume = volume.map(|volume| format!("/{volume}")).unwrap_or_default();
            let exit = exit.map(|exit| format!(" ={exit}")).unwrap_or_default();
            format!("{resource}{volume}-{peer} {helper}{exit}")
        }
        other => panic!("{other:?}"),
    };
    format!("{mark}{text}")
}

const DUMP: &str = "\
exists resource name:r0 role:Secondary suspended:no
exists connection name:r0 peer-node-id:2 conn-name:beta connection:Connected role:Primary
exists device name:r0 volume:0 minor:5 backing_dev:/dev/sda disk:UpToDate client:no quorum:yes
exists peer-device name:r0 peer-node-id:2 conn-name:beta volume:0 replication:Established peer-disk:UpToDate peer-client:no resync-suspended:no out-of-sync:0
exists path name:r0 peer-node-id:2 conn-name:beta local:a:1 peer:b:1 established:yes
exists -";

fn dumped() -> Table {
    let mut table = Table::new("alpha");
    told(&mut table, 0, DUMP);
    table
}

#[test]
fn the_first_dump_is_initial_and_a_change_is_not() {
    let mut table = Table::new("alpha");
    assert_eq!(
        told(&mut table, 0, DUMP),
        [
            "*r0 Secondary []",
            "*r0-beta Connected Primary",
            "*r0/0 5 /dev/sda UpToDate",
            "*r0/0-beta Established UpToDate out=0"
        ]
    );
    assert!(table.is_complete());
    let changes = "\
change device name:r0 volume:0 minor:5 disk:Failed
change device name:r0 volume:0 minor:5 backing_dev:none disk:Diskless
change device name:r0 volume:0 minor:5 disk:Diskless
change resource name:r0 may_promote:no promotion_score:1
change resource name:r0 suspended:no-data,quorum
change device name:r0 volume:0 minor:5 quorum:no
change connection name:r0 peer-node-id:2 conn-name:beta connection:NetworkFailure role:Unknown";
    assert_eq!(
        told(&mut table, 1, changes),
        [
            "r0/0 5 /dev/sda Failed",
            "r0/0 5  Diskless",
            "r0 Secondary [no-data,quorum]",
            "r0/0 5  Diskless no-quorum",
            "r0-beta NetworkFailure Unknown",
        ]
    );
}

#[test]
fn what_exists_does_not_undo_a_change_that_came_before_it() {
    let mut table = Table::new("alpha");
    let lines = "\
change connection name:r0 peer-node-id:2 conn-name:beta connection:NetworkFailure
exists connection name:r0 peer-node-id:2 conn-name:beta connection:Connected role:Primary
create resource name:r1 role:Secondary suspended:no
exists resource name:r1 role:Secondary suspended:no
exists -";
    assert_eq!(
        told(&mut table, 0, lines),
        ["r0-beta NetworkFailure ", "*r0-beta NetworkFailure Primary", "r1 Secondary []"]
    );
}

#[test]
fn after_a_gap_the_differences_are_told() {
    let mut table = dumped();
    table.flush();
    assert!(!table.is_complete());
    assert_eq!(told(&mut table, 9, DUMP), Vec::<String>::new());
    table.flush();
    let other = "\
exists resource name:r0 role:Primary suspended:no
exists connection name:r0 peer-node-id:3 conn-name:gamma connection:Connecting role:Unknown
exists device name:r0 volume:0 minor:5 backing_dev:/dev/sda disk:UpToDate client:no quorum:yes
exists -";
    assert_eq!(
        told(&mut table, 10, other),
        [
            "r0 Primary []",
            "r0-gamma Connecting Unknown",
            "r0-beta Connected Primary gone",
            "r0/0-beta Established UpToDate out=0 gone",
        ]
    );
    assert_eq!(table.rows().count(), 3);
    // A child that died before its dump ended told nothing whole.
    let mut table = Table::new("alpha");
    told(&mut table, 0, "exists resource name:r0 role:Secondary suspended:no");
    table.flush();
    assert_eq!(told(&mut table, 1, DUMP).first().unwrap(), "*r0-beta Connected Primary");
}

#[test]
fn what_is_destroyed_is_gone_with_all_that_belongs_to_it() {
    let mut table = dumped();
    let gone = told(&mut table, 1, "destroy connection name:r0 peer-node-id:2 conn-name:beta");
    assert_eq!(gone, ["r0-beta Connected Primary gone", "r0/0-beta Established UpToDate out=0 gone"]);
    assert_eq!(told(&mut table, 1, "destroy connection name:r0 conn-name:beta"), Vec::<String>::new());
    let gone = told(&mut table, 1, "destroy resource name:r0");
    assert_eq!(gone, ["r0 Secondary [] gone", "r0/0 5 /dev/sda UpToDate gone"]);
    assert_eq!(table.rows().count(), 0);
    // Made anew it is no more what it was.
    assert_eq!(told(&mut table, 2, "create resource name:r0 role:Secondary suspended:no"), ["r0 Secondary []"]);
}

#[test]
fn a_renamed_resource_takes_all_along() {
    let mut table = dumped();
    assert_eq!(
        told(&mut table, 1, "rename resource name:r0 new_name:data"),
        [
            "r0 Secondary [] gone",
            "r0/0 5 /dev/sda UpToDate gone",
            "r0-beta Connected Primary gone",
            "r0/0-beta Established UpToDate out=0 gone",
            "*data Secondary []",
            "*data/0 5 /dev/sda UpToDate",
            "*data-beta Connected Primary",
            "*data/0-beta Established UpToDate out=0",
        ]
    );
    assert_eq!(table.volume_of(5), Some(("data", 0)));
    assert_eq!(told(&mut table, 1, "rename resource name:r0 new_name:data"), Vec::<String>::new());
    assert_eq!(told(&mut table, 1, "change resource name:data role:Primary"), ["data Primary []"]);
}

#[test]
fn helpers_are_told_and_counted() {
    let mut table = dumped();
    let lines = "\
call helper name:r0 peer-node-id:2 conn-name:beta volume:0 minor:5 helper:split-brain
response helper name:r0 peer-node-id:2 conn-name:beta volume:0 minor:5 helper:split-brain status:1
call helper name:r0 peer-node-id:2 conn-name:beta helper:disconnected";
    assert_eq!(
        told(&mut table, 1, lines),
        ["r0/0-beta split-brain", "r0/0-beta split-brain =1", "r0-beta disconnected"]
    );
    assert_eq!(table.helper_calls().collect::<Vec<_>>(), [("r0", "disconnected", 1), ("r0", "split-brain", 1)]);
    assert_eq!(table.split_brains().collect::<Vec<_>>(), [("r0", 0)]);
    let lines = "change peer-device name:r0 conn-name:beta volume:0 replication:Off peer-disk:DUnknown";
    told(&mut table, 2, lines);
    assert_eq!(table.split_brains().count(), 1);
    // What the two replicate with a third says nothing of it.
    told(
        &mut table,
        2,
        "create peer-device name:r0 conn-name:gamma volume:0 replication:Established peer-disk:UpToDate",
    );
    assert_eq!(table.split_brains().count(), 1);
    told(&mut table, 2, "change peer-device name:r0 conn-name:beta volume:0 replication:WFBitMapS");
    assert_eq!(table.split_brains().count(), 0);
}

#[test]
fn an_event_that_lacks_something_changes_nothing() {
    let mut table = dumped();
    let before: Vec<_> = table.rows().map(|(key, row)| (key.clone(), row.clone())).collect();
    let value = |key, value: &str| TableError::Value { key, value: value.into() };
    for (line, expected) in [
        ("change device name:r0 disk:Failed", TableError::Missing { key: "volume" }),
        ("change device volume:0 disk:Failed", TableError::Missing { key: "name" }),
        ("change peer-device name:r0 volume:0 replication:Off", TableError::Missing { key: "conn-name" }),
        ("change device name:r0 volume:0 minor:x disk:Failed", value("minor", "x")),
        ("change device name:r0 volume:0 quorum:maybe", value("quorum", "maybe")),
        ("call helper name:r0", TableError::Missing { key: "helper" }),
        ("rename resource name:r0", TableError::Missing { key: "new_name" }),
        ("- skipped 4", TableError::Skipped),
        ("explode resource name:r0", TableError::Unknown),
        ("change bitmap name:r0", TableError::Unknown),
        ("destroy helper name:r0 helper:x", TableError::Unknown),
    ] {
        let event = parse(line.as_bytes()).unwrap().unwrap();
        assert_eq!(table.apply(&event, Timestamp(S)), Err(expected), "{line}");
    }
    assert_eq!(table.rows().map(|(key, row)| (key.clone(), row.clone())).collect::<Vec<_>>(), before);
}

#[test]
fn a_counter_that_is_no_number_does_not_hide_the_state_beside_it() {
    let mut table = dumped();
    let line =
        "change peer-device name:r0 conn-name:beta volume:0 replication:SyncTarget done:100.01 sent:-1 out-of-sync:?";
    assert_eq!(told(&mut table, 1, line), ["r0/0-beta SyncTarget UpToDate out=0"]);
}

#[test]
fn a_helper_of_a_peer_without_a_name_has_the_name_of_its_number() {
    let mut table = dumped();
    let event = parse(b"call helper name:r0 peer-node-id:2 helper:disconnected").unwrap().unwrap();
    let seen = table.apply(&event, Timestamp(S)).unwrap();
    assert!(matches!(&seen[0].observation, Observation::DrbdHelper(it) if it.peer == "beta"), "{seen:?}");
    let event = parse(b"call helper name:r0 peer-node-id:7 helper:disconnected").unwrap().unwrap();
    let seen = table.apply(&event, Timestamp(S)).unwrap();
    assert!(matches!(&seen[0].observation, Observation::DrbdHelper(it) if it.peer.is_empty()), "{seen:?}");
}

#[test]
fn beyond_the_limit_it_is_an_error() {
    let mut table = Table::with_limit("alpha", 2);
    told(
        &mut table,
        0,
        "exists resource name:a role:Primary suspended:no\nexists resource name:b role:Primary suspended:no",
    );
    let event = |line: &str| parse(line.as_bytes()).unwrap().unwrap();
    for line in ["exists resource name:c role:Primary suspended:no", "call helper name:c helper:split-brain"] {
        assert_eq!(table.apply(&event(line), Timestamp(0)), Err(TableError::Full { max: 2 }));
    }
    assert_eq!(told(&mut table, 0, "change resource name:a role:Secondary"), ["a Secondary []"]);
    let snapshot = status_json::parse(br#"[{"name":"b","role":"Primary"},{"name":"d","role":"Primary"}]"#).unwrap();
    let applied = table.apply_snapshot(&snapshot, Timestamp(S));
    assert_eq!(
        (applied.refused, applied.seen.iter().map(shown).collect::<Vec<_>>()),
        (1, vec!["a Secondary [] gone".to_owned()])
    );
}

#[test]
fn progress_is_told_now_and_then() {
    let mut table = dumped();
    let line = |rest: &str| format!("change peer-device name:r0 peer-node-id:2 conn-name:beta volume:0 {rest}");
    let mut at = |t, rest: &str| told(&mut table, t, &line(rest));
    assert_eq!(
        at(1, "replication:SyncSource peer-disk:Inconsistent done:0.00 out-of-sync:100 eta:nan"),
        ["r0/0-beta SyncSource Inconsistent done=0 out=102400"]
    );
    // The first rest is told at once, what follows every five seconds.
    assert_eq!(
        at(3, "done:20.00 out-of-sync:80 eta:8"),
        ["r0/0-beta SyncSource Inconsistent done=2000 eta=8 out=81920"]
    );
    assert_eq!(at(7, "done:50.00 out-of-sync:50 eta:5"), Vec::<String>::new());
    assert_eq!(
        at(8, "done:51.00 out-of-sync:49 eta:99"),
        ["r0/0-beta SyncSource Inconsistent done=5100 eta=99 out=50176"]
    );
    assert_eq!(
        at(10, "replication:Established peer-disk:UpToDate out-of-sync:0"),
        ["r0/0-beta Established UpToDate out=0"]
    );
    // Without a resync only whether something is out of sync is news.
    assert_eq!(at(20, "out-of-sync:3"), ["r0/0-beta Established UpToDate out=3072"]);
    assert_eq!(at(30, "out-of-sync:5"), Vec::<String>::new());
    assert_eq!(at(40, "out-of-sync:0"), ["r0/0-beta Established UpToDate out=0"]);
}

#[test]
fn where_drbd_tells_no_rest_the_slope_does_until_it_stalls() {
    let mut table = dumped();
    let line = |rest: &str| format!("change peer-device name:r0 peer-node-id:2 conn-name:beta volume:0 {rest}");
    told(&mut table, 0, &line("replication:SyncTarget out-of-sync:1000"));
    assert_eq!(
        told(&mut table, 10, &line("out-of-sync:750")),
        ["r0/0-beta SyncTarget UpToDate done=2500 eta=30 out=768000"]
    );
    assert_eq!(table.tick(Timestamp(69 * S)), []);
    let stalled = table.tick(Timestamp(70 * S));
    assert_eq!(stalled.iter().map(shown).collect::<Vec<_>>(), ["r0/0-beta SyncTarget UpToDate done=2500 out=768000"]);
    assert_eq!(table.tick(Timestamp(80 * S)), []);
    let paused = told(&mut table, 81, &line("replication:PausedSyncT resync-suspended:user"));
    assert_eq!(paused, ["r0/0-beta PausedSyncT UpToDate done=2500 out=768000"]);
    // A resync that was running when looking began has no known beginning.
    let mut table = Table::new("alpha");
    let first = line("replication:SyncTarget peer-disk:UpToDate out-of-sync:1000").replace("change", "exists");
    assert_eq!(told(&mut table, 0, &first), ["*r0/0-beta SyncTarget UpToDate out=1024000"]);
}

#[test]
fn what_was_recorded_long_ago_does_not_stall_for_that() {
    let mut table = dumped();
    let lines = "2020-01-01T00:00:00Z change peer-device name:r0 conn-name:beta volume:0 replication:SyncTarget out-of-sync:900";
    told(&mut table, 5_000, lines);
    let begun = "2020-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
    assert_eq!(table.time(Timestamp(5_010 * S)), Timestamp(begun.0 + 10 * S));
    assert_eq!(table.time(Timestamp(4_000 * S)), begun);
    assert_eq!(table.tick(Timestamp(5_059 * S)), []);
    let line = "2020-01-01T00:00:59Z change peer-device name:r0 conn-name:beta volume:0 eta:9";
    assert_eq!(told(&mut table, 5_060, line), ["r0/0-beta SyncTarget UpToDate done=0 eta=9 out=921600"]);
    let stalled = table.tick(Timestamp(5_062 * S));
    assert_eq!(stalled.iter().map(|seen| seen.at).collect::<Vec<_>>(), [Timestamp(begun.0 + 61 * S)]);
    assert_eq!(shown(&stalled[0]), "r0/0-beta SyncTarget UpToDate done=0 out=921600");
}

#[test]
fn a_status_takes_the_place_of_a_dump() {
    let status = |role: &str| {
        let text = format!(
            r#"[{{"name":"r0","role":"{role}","suspended":false,
            "devices":[{{"volume":0,"minor":5,"disk-state":"UpToDate","quorum":true}}],
            "connections":[{{"name":"beta","peer-node-id":2,"connection-state":"Connected","peer-role":"Primary"}}]}}]"#
        );
        status_json::parse(text.as_bytes()).unwrap()
    };
    let apply = |table: &mut Table, snapshot: &Snapshot| -> Vec<String> {
        table.apply_snapshot(snapshot, Timestamp(S)).seen.iter().map(shown).collect()
    };
    let mut table = Table::new("alpha");
    assert_eq!(
        apply(&mut table, &status("Secondary")),
        ["*r0 Secondary []", "*r0/0 5  UpToDate", "*r0-beta Connected Primary"]
    );
    assert_eq!(apply(&mut table, &status("Primary")), ["r0 Primary []"]);
    // What it does not tell stays: the backing device and the paths, but not the volume at the peer.
    let mut table = dumped();
    assert_eq!(apply(&mut table, &status("Secondary")), ["r0/0-beta Established UpToDate out=0 gone"]);
    assert_eq!(table.rows().count(), 4);
    assert_eq!(apply(&mut table, &Snapshot::default()).len(), 3);
}

#[test]
fn proc_tells_the_progress_of_8_4() {
    let text = |state: &str| {
        let text = format!(
            "version: 8.4.11\n 5: {state} C r-----\n    ns:1 oos:500\n\t[=>] sync'ed: 50.0% (1/2)K\n\tfinish: 0:00:09 speed: 1 (1) K/sec\n"
        );
        proc::parse(&text).unwrap()
    };
    let mut table = Table::new("alpha");
    let dump = "\
exists device name:r0 volume:3 minor:5 disk:Inconsistent
exists peer-device name:r0 peer-node-id:0 conn-name:peer volume:3 replication:SyncTarget peer-disk:UpToDate
exists -";
    told(&mut table, 0, dump);
    let mut progress = |state: &str| -> Vec<String> {
        let snapshot = text(state).snapshot(|minor| table.volume_of(minor));
        table.apply_progress(&snapshot, Timestamp(10 * S)).iter().map(shown).collect()
    };
    assert_eq!(progress("cs:Connected ro:Secondary/Primary ds:UpToDate/UpToDate"), Vec::<String>::new());
    assert_eq!(
        progress("cs:SyncTarget ro:Secondary/Primary ds:Inconsistent/UpToDate"),
        ["r0/3-peer SyncTarget UpToDate done=5000 eta=9 out=512000"]
    );
    assert_eq!(table.rows().count(), 2);
}
