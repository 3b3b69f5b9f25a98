//! Texts of `/proc/drbd` and what they tell.

use proptest::prelude::*;

use super::*;

const TEXT: &str = "version: 8.4.11 (api:1/proto:86-101)\nsrcversion: 0123456789ABCDEF \n\
 0: cs:SyncTarget ro:Secondary/Primary ds:Inconsistent/UpToDate C r-----\n\
    ns:1 nr:2 dw:3 dr:4 al:5 bm:6 lo:7 pe:8 ua:9 ap:10 ep:1 wo:f oos:11\n\
\t[=>..................] sync'ed: 12.5% (1,060,296/1,165,496)K\n\
\tfinish: 1:02:03 speed: 12,156 (2,156) want: 102,048 K/sec\n\
 1: cs:Unconfigured\n\
12: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C s---ds\n\
    ns:0 nr:0 dw:0 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:512\n";

#[test]
fn all_of_it_is_read() {
    let first = Device {
        minor: 0,
        connection: "Connected".into(),
        role: "Secondary".into(),
        peer_role: "Primary".into(),
        is_suspended: false,
        device: DeviceRow {
            minor: Some(0),
            disk: Some("Inconsistent".into()),
            read_bytes: Some(4096),
            written_bytes: Some(3072),
            al_writes: Some(5),
            bm_writes: Some(6),
            lower_pending: Some(7),
            upper_pending: Some(10),
            is_al_suspended: Some(false),
            ..DeviceRow::default()
        },
        peer_device: PeerDeviceRow {
            replication: Some("SyncTarget".into()),
            peer_disk: Some("UpToDate".into()),
            resync_suspended: Some(Vec::new()),
            sent_bytes: Some(1024),
            received_bytes: Some(2048),
            out_of_sync_bytes: Some(11 * 1024),
            pending: Some(8),
            unacked: Some(9),
            done: Some(1250),
            eta_s: Some(3723),
            ..PeerDeviceRow::default()
        },
    };
    let read = parse(TEXT).unwrap();
    assert_eq!((read.version.as_str(), read.devices.len(), &read.devices[0]), ("8.4.11", 2, &first));
    let second = &read.devices[1];
    assert_eq!(
        (second.minor, second.connection.as_str(), second.is_suspended, second.device.is_al_suspended),
        (12, "Connecting", true, Some(true))
    );
    assert_eq!(second.peer_device.replication.as_deref(), Some("Off"));
}

fn progress_of(lines: &str) -> (Option<u32>, Option<u64>) {
    let text =
        format!("version: 8.4.11\n 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----\n{lines}");
    let read = parse(&text).unwrap();
    (read.devices[0].peer_device.done, read.devices[0].peer_device.eta_s)
}

#[test]
fn a_stalled_resync_has_no_rest() {
    let bar = "\t[>....................] sync'ed:  0.3% (99832/100000)M\n";
    for (line, expected) in [
        ("\tfinish: 112:00:07 speed: 0 (0) K/sec\n", Some(403_207)),
        ("\tfinish: 0:00:07 speed: 0 (0) K/sec (stalled)\n", None),
        ("\tstalled\n", None),
        ("", None),
    ] {
        assert_eq!(progress_of(&format!("{bar}{line}")), (Some(30), expected), "{line}");
    }
    let one_line = "\t[>...] sync'ed:  1.0% (1/2)K finish: 0:00:05 speed: 1 (1) K/sec\n";
    assert_eq!(progress_of(one_line), (Some(100), Some(5)));
    assert_eq!(progress_of("\t[=>..] verified: 12.5% (59028/65496)K\n"), (Some(1250), None));
}

#[test]
fn flags_tell_why_a_resync_waits() {
    let text = "version: 8.4.11\n 0: cs:PausedSyncS ro:Primary/Secondary ds:UpToDate/Inconsistent C rapu--\n";
    let told = parse(text).unwrap().devices.remove(0).peer_device.resync_suspended;
    assert_eq!(told, Some(vec!["dependency".to_owned(), "peer".to_owned(), "user".to_owned()]));
}

#[test]
fn of_9_there_is_the_version() {
    let text = "version: 9.2.9 (api:2/proto:86-122)\nGIT-hash: 0123 build by @vm, 2026-11-22 01:11:03\nTransports (api:21): tcp (9.2.9)\n";
    assert_eq!(parse(text), Ok(Proc { version: "9.2.9".into(), devices: Vec::new() }));
}

#[test]
fn what_is_garbled_is_an_error() {
    assert_eq!(parse(""), Err(ProcError::NoVersion));
    assert_eq!(parse("0: cs:Connected\n"), Err(ProcError::NoVersion));
    let head = "version: 8.4.11\n 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n";
    for (rest, expected) in [
        ("    ns:0 nr:x\n", ProcError::Counters { line: "ns:0 nr:x".into() }),
        ("\t[=>.. sync'ed: 1\n", ProcError::Progress { line: "[=>.. sync'ed: 1".into() }),
        ("\t[=>..] sync'ed: 101.0% (1/2)K\n", ProcError::Progress { line: "[=>..] sync'ed: 101.0% (1/2)K".into() }),
        ("\tfinish: 0:09\n", ProcError::Progress { line: "finish: 0:09".into() }),
        (" 1: cs:Connected ro:Primary\n", ProcError::Device { line: "1: cs:Connected ro:Primary".into() }),
    ] {
        assert_eq!(parse(&format!("{head}{rest}")), Err(expected));
    }
}

#[test]
fn the_rows_are_called_as_the_minor_is() {
    let read = parse(TEXT).unwrap();
    let snapshot = read.snapshot(|minor| (minor == 0).then_some(("data", 3)));
    let names: Vec<_> = snapshot.rows.iter().map(|(key, _)| (key.resource.as_str(), key.part.clone())).collect();
    let peer = || "peer".to_owned();
    assert_eq!(
        names,
        [
            ("data", Part::Resource),
            ("data", Part::Device { volume: 3 }),
            ("data", Part::Connection { peer: peer() }),
            ("data", Part::PeerDevice { peer: peer(), volume: 3 }),
            ("minor-12", Part::Resource),
            ("minor-12", Part::Device { volume: 0 }),
            ("minor-12", Part::Connection { peer: peer() }),
            ("minor-12", Part::PeerDevice { peer: peer(), volume: 0 }),
        ]
    );
}

proptest! {
    #[test]
    fn any_text_is_read(text in "(version: 8|\n| 0: |cs:|ro:|ds:|a/b|ns:|\\[|\\] |sync'ed:|finish:|[0-9:%/, ]|é){0,60}") {
        drop(parse(&text));
    }

    #[test]
    fn any_cut_is_read(cut in 0..TEXT.len()) {
        drop(parse(TEXT.get(..cut).unwrap()));
    }
}
