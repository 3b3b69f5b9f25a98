//! Each form of a stamp, with texts that only look like it.

use super::*;
use crate::tests::NOW;

fn at(moment: Timestamp, read: impl Fn(&Moment<'_>) -> Option<Stamp>) -> Option<(i64, usize)> {
    let zone = Zone::utc();
    read(&Moment { now: moment, zone: &zone }).map(|stamp| (stamp.at.0 / NANOS, stamp.len))
}

#[test]
fn offsets_and_ends_are_found() {
    for (text, expected) in [
        ("2026-11-22T10:00:00Z x", Some((1_795_341_600, 20))),
        ("2026-11-22 10:00:00 -0230 x", Some((1_795_350_600, 25))),
        ("2026-11-22 10:00:00 -x", Some((1_795_341_600, 19))),
        ("2026-11-22 10:00:00,5 UTC", Some((1_795_341_600, 25))),
        ("2026-11-22 10:00:00+01 x", Some((1_795_338_000, 22))),
        ("2026-11-22  9:00:00 0 [Note]", Some((1_795_338_000, 19))),
        ("2026-11-22 10:00:00 -1795 x", Some((1_795_341_600, 19))),
        ("2024-02-29 00:00:00", Some((1_709_164_800, 19))),
        ("2026-02-29 00:00:00", None),
        ("2026-11-22 24:00:00", None),
        ("9999-01-01 00:00:00", None),
    ] {
        assert_eq!(at(NOW, |moment| iso(text.as_bytes(), moment)), expected, "{text}");
    }
}

#[test]
fn a_year_is_the_latest_that_is_not_ahead() {
    let now = Timestamp(1_767_225_600_000_000_000); // 2026-01-01T00:00:00Z
    for (text, expected) in [
        ("Dec 31 23:00:00", Some((1_767_222_000, 15))),
        ("Jan  1 01:00:00", Some((1_767_229_200, 15))),
        ("Jan  2 00:00:01", Some((1_735_776_001, 15))),
        ("Feb 29 00:00:00", Some((1_709_164_800, 15))),
        ("Nov  2 10:00:00 2019 x", Some((1_572_688_800, 20))),
        ("Nov  2 2019 10:00:00: x", Some((1_572_688_800, 20))),
        ("Foo  1 01:00:00", None),
        ("Feb 30 00:00:00", None),
    ] {
        assert_eq!(at(now, |moment| bsd(text.as_bytes(), moment)), expected, "{text}");
    }
}

#[test]
fn what_was_filled_in_is_marked() {
    let zone = Zone::utc();
    let moment = Moment { now: NOW, zone: &zone };
    let inferred = |stamp: Option<Stamp>| stamp.map(|s| (s.inferred.year, s.inferred.zone));
    assert_eq!(inferred(bsd(b"Nov 22 10:00:00", &moment)), Some((true, true)));
    assert_eq!(inferred(bsd(b"Nov 22 2026 10:00:00", &moment)), Some((false, true)));
    assert_eq!(inferred(iso(b"2026-11-22 10:00:00", &moment)), Some((false, true)));
    assert_eq!(inferred(iso(b"2026-11-22 10:00:00Z", &moment)), Some((false, false)));
    assert_eq!(inferred(epoch(b"1795341600")), Some((false, false)));
}

#[test]
fn each_other_form_is_read() {
    type Read = fn(&[u8], &Moment<'_>) -> Option<Stamp>;
    let cases: [(Read, &str, usize, &str); 11] = [
        (common_log, "22/Nov/2026:10:00:00 +0000] x", 26, "22/Nov/2026 10:00:00 +0000"),
        (ctime, "Sun Nov 22 10:00:00.25 2026] x", 27, "San Nov 22 10:00:00 2026"),
        (ctime, "Sun Nov 22 10:00:00 UTC 2026", 28, "Sun Nov 22 10:00:00 2O26"),
        (day_month_year, "22-Nov-2026 10:00:00.123 INFO", 24, "22-Nov/2026 10:00:00"),
        (month_day_year, "Nov 22, 2026 10:00:00 AM org.x", 24, "Nov 22, 2026 22:00:00 AM"),
        (month_day_year, "Nov 22, 2026, 10:00:00\u{202f}AM org.x", 27, "Nov 22, 2026 10:00:00"),
        (short, "26/11/22 10:00:00 INFO", 17, "26/13/22 10:00:00"),
        (packed, "261122 100000 148 INFO", 13, "261122 1000000"),
        (packed, "261122 10:00:00 [Note]", 15, "261122 10:60:00"),
        (packed_date, "20261122-10:0:0:606|x", 19, "20261122-10:00:00:"),
        (dotted, "2026-11-22-10.00.00.675872 R02", 26, "2026-11-22-10.00:00"),
    ];
    for (read, good, len, bad) in cases {
        assert_eq!(at(NOW, |m| read(good.as_bytes(), m)), Some((1_795_341_600, len)), "{good}");
        assert_eq!(at(NOW, |m| read(bad.as_bytes(), m)), None, "{bad}");
    }
    assert_eq!(at(NOW, |m| packed(b"261122  9:00:00 x", m)), Some((1_795_338_000, 15)));
    assert_eq!(at(NOW, |m| month_day(b"11-22 10:00:00.606", b'-', m)), Some((1_795_341_600, 18)));
    assert_eq!(at(NOW, |m| month_day(b"11.22 10:00:00", b'-', m)), None);
    assert_eq!(at(NOW, |m| month_day_year(b"Nov 2, 2026 12:00:00 AM", m)), Some((1_793_577_600, 23)));
    assert_eq!(at(NOW, |m| month_day_year(b"Nov 2, 2026 12:00:00 PM", m)), Some((1_793_620_800, 23)));
}

#[test]
fn the_size_of_an_epoch_tells_its_unit() {
    for (text, expected) in [
        ("1795341600", Some(1_795_341_600_000_000_000)),
        ("1795341600.25", Some(1_795_341_600_250_000_000)),
        ("1795341600123", Some(1_795_341_600_123_000_000)),
        ("1795341600123456", Some(1_795_341_600_123_456_000)),
        ("1795341600123456789", Some(1_795_341_600_123_456_789)),
        ("99999999999999999999", None),
        ("9999999999999999999", None),
        ("42", None),
    ] {
        assert_eq!(epoch(text.as_bytes()).map(|stamp| stamp.at.0), expected, "{text}");
    }
}

#[test]
fn local_stamps_follow_the_zone_through_the_year() {
    let Ok(bytes) = std::fs::read("/usr/share/zoneinfo/Europe/Budapest") else { return };
    let zone = Zone::from_tzif(&bytes).expect("a zone");
    let read = |text: &[u8]| iso(text, &Moment { now: NOW, zone: &zone }).map(|stamp| stamp.at.0 / NANOS);
    assert_eq!(read(b"2026-11-22 11:00:00"), Some(1_795_341_600));
    assert_eq!(read(b"2026-07-01 12:00:00"), Some(1_782_900_000));
    // Left out on March 29th, shown twice on October 25th.
    assert_eq!(read(b"2026-03-29 02:30:00"), Some(1_774_747_800));
    assert_eq!(read(b"2026-10-25 02:30:00"), Some(1_792_891_800));
}
