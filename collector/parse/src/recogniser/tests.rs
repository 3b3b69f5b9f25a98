//! How a source's format is found, kept and given up.

use super::*;
use crate::tests::NOW;

fn taught(head: &str) -> Recogniser {
    let mut recogniser = Recogniser::auto();
    recogniser.learn(head.as_bytes());
    recogniser
}

fn read(recogniser: &mut Recogniser, line: &str) -> Option<Format> {
    recogniser.parse(line.as_bytes(), &Moment { now: NOW, zone: &UTC }).format
}

const SYSLOG: &str = "Nov 22 10:00:00 db1 sshd[42]: x";
const JSON: &str = r#"{"time":"2026-11-22T10:00:00Z","level":"info"}"#;

#[test]
fn a_head_settles_the_format() {
    for (head, format, is_multiline) in [
        (format!("{SYSLOG}\n{SYSLOG}\n{JSON}\n"), Some(Format::BsdSyslog), false),
        (format!("{SYSLOG}\n{JSON}\n{JSON}\n"), Some(Format::Json), false),
        ("[Sun Nov 22 10:00:00 2026] [error] x\n".to_owned(), Some(Format::ApacheError), true),
        ("2026-11-22 10:00:00 status installed x\n".to_owned(), Some(Format::Generic), true),
        ("no stamp\nat all\n".to_owned(), None, true),
        (String::new(), None, true),
    ] {
        let recogniser = taught(&head);
        assert_eq!((recogniser.format(), recogniser.is_multiline()), (format, is_multiline), "{head}");
    }
}

#[test]
fn a_format_that_keeps_missing_is_given_up() {
    let mut recogniser = taught(&format!("{SYSLOG}\n").repeat(20));
    for _ in 0..TRUST_MAX {
        assert_eq!(read(&mut recogniser, JSON), Some(Format::Json));
        assert_eq!(recogniser.format(), Some(Format::BsdSyslog));
    }
    assert_eq!(read(&mut recogniser, JSON), Some(Format::Json));
    assert_eq!(recogniser.format(), Some(Format::Json));
}

#[test]
fn an_odd_line_between_changes_nothing() {
    let mut recogniser = taught(&format!("{SYSLOG}\n").repeat(3));
    for _ in 0..100 {
        assert_eq!(read(&mut recogniser, JSON), Some(Format::Json));
        assert_eq!(read(&mut recogniser, "no stamp"), None);
        assert_eq!(read(&mut recogniser, SYSLOG), Some(Format::BsdSyslog));
        assert_eq!(recogniser.format(), Some(Format::BsdSyslog));
    }
}

#[test]
fn a_stamp_alone_does_not_hide_a_surer_format() {
    let mut recogniser = taught("2026-11-22 10:00:00 status installed x\n");
    for _ in 0..usize::from(RETRY_EVERY) * 20 {
        read(&mut recogniser, "2026/11/22 10:00:00 [error] 31#31: *1 open() failed");
    }
    assert_eq!(recogniser.format(), Some(Format::NginxError));
}

#[test]
fn an_empty_source_learns_from_its_first_records() {
    let mut recogniser = Recogniser::auto();
    assert_eq!(read(&mut recogniser, SYSLOG), Some(Format::BsdSyslog));
    assert!(!recogniser.is_multiline());
}

#[test]
fn a_fixed_format_stays() {
    let mut recogniser = Recogniser::fixed(Format::Json);
    recogniser.learn(format!("{SYSLOG}\n").repeat(20).as_bytes());
    for _ in 0..20 {
        assert_eq!(read(&mut recogniser, SYSLOG), None);
    }
    assert_eq!((read(&mut recogniser, JSON), recogniser.format()), (Some(Format::Json), Some(Format::Json)));
}

#[test]
fn lines_are_put_together() {
    let unknown = taught("");
    assert!(
        unknown.is_start(b"", b"x") && !unknown.is_start(b"", b"\tat x") && !unknown.is_start(b"", b"Caused by: x")
    );
    let stamped = taught(&"2026-11-22 10:00:00 x\n".repeat(3));
    assert!(stamped.is_start(b"", b"2026-11-22 10:00:00 y") && !stamped.is_start(b"", b"no stamp"));
    let mixed = taught("2026-11-22 10:00:00 x\none\ntwo\n");
    assert!(mixed.is_start(b"", b"no stamp") && !mixed.is_start(b"", b"  indented"));
    let told = taught(SYSLOG).with_multiline(Multiline::new(Some("^-"), None).expect("a pattern"));
    assert!(told.is_multiline() && told.is_start(b"", b"- x") && !told.is_start(b"", SYSLOG.as_bytes()));
}
