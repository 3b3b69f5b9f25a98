//! Tables of forms with their bad twins, and round trips.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// 2026-11-22T10:00:00Z.
const TEN: i64 = 1_795_341_600 * NANOS_PER_SECOND;

fn check(text: &str, nanos: i64) {
    assert_eq!(parse_timestamp(text, Timestamp(TEN)), Ok(Timestamp(nanos)), "{text}");
}

#[test]
fn every_common_form_is_read() {
    let hour = 3600 * NANOS_PER_SECOND;
    for text in [
        "2026-11-22T10:00:00Z",
        "2026-11-22t10:00:00z",
        "2026-11-22 10:00:00",
        " 2026-11-22 10:00:00 ",
        "2026-11-22_10:00:00",
        "2026-11-22T10:00Z",
        "2026-11-22T10:00:00.000+00:00",
        "2026-11-22 10:00:00 +0000 UTC",
        "2026-11-22 10:00:00 UTC",
        "2026/11/22 10:00:00",
        "20261122T100000Z",
        "20261122T1000",
        "20261122100000",
        "1795341600",
        "1795341600000",
        "1795341600000000",
        "1795341600000000000",
        "1795341600.000",
        "1.7953416e9",
        "1795341600000.0",
        "Sun, 22 Nov 2026 10:00:00 +0000",
        "Sun, 22 Nov 2026 10:00:00 GMT",
        "22 Nov 2026 10:00 UT",
        "Sunday, 22-Nov-26 10:00:00 GMT",
        "Sun Nov 22 10:00:00 2026",
        "Sun Nov 22 10:00:00 UTC 2026",
        "22/Nov/2026:10:00:00 +0000",
        "[22/Nov/2026:10:00:00 +0000]",
        "22/Nov/2026:11:00:00 +0100",
        "Nov 22 10:00:00",
        "Nov 22 2026 10:00:00",
        "November 22, 2026 10:00:00",
        "Nov 22 11:00:00 CET",
    ] {
        check(text, TEN);
    }
    check("2026-11-22T10:00:00+02:00", TEN - 2 * hour);
    check("2026-11-22T10:00:00+0200", TEN - 2 * hour);
    check("2026-11-22T10:00:00-02", TEN + 2 * hour);
    check("2026-11-22 10:00:00 +05:30", TEN - 11 * hour / 2);
    check("2026-11-22", TEN - 10 * hour);
    check("2026-11-22T10:00:00,5Z", TEN + NANOS_PER_SECOND / 2);
    check("2026-11-22T10:00:00.123456789Z", TEN + 123_456_789);
    check("2026-11-22T10:00:00.1234567899Z", TEN + 123_456_789);
    check("1795341600.123", TEN + 123_000_000);
    check("1795341600123.5", TEN + 123_500_000);
    check("2016-12-31T23:59:60Z", 1_483_228_800 * NANOS_PER_SECOND);
    check("Nov 22 10:00:00.25", TEN + NANOS_PER_SECOND / 4);
    check("Sun Nov 22 10:00:00.5 2026", TEN + NANOS_PER_SECOND / 2);
    check("-1", -NANOS_PER_SECOND);
    check("0", 0);
    check("1969-12-31T23:59:59.9Z", -NANOS_PER_SECOND / 10);
}

#[test]
fn what_is_no_time_is_refused() {
    for text in [
        "",
        "now",
        "2026-11-22T10:00:00ZZ",
        "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00+2:00",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:00:61Z",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10Z",
        "2026-11-22X10:00:00Z",
        "2026-11/22 10:00:00",
        "2026-13-22T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2026-11-31T10:00:00Z",
        "2026-1-22T10:00:00Z",
        "2263-01-01T00:00:00Z",
        "1677-01-01T00:00:00Z",
        "20261122X100000",
        "20269922100000",
        "99999999999999999999",
        "1.2.3",
        "1e99",
        "--1",
        ".5",
        "1795341600s",
        "22/Foo/2026:10:00:00 +0100",
        "22/Nov 2026:10:00:00 +0100",
        "Feb 30 10:00:00",
        "Nov 22 10:00:00 XYZ",
        "Nov 22 10:00:00 2026 x",
        "Foo, 22 Nov 2026 10:00:00 GMT",
        "Nov 22",
        "2026-11-22T10:00:00.0000000000000000000000000000000000000000000000000000000000Z",
    ] {
        assert!(parse_timestamp(text, Timestamp(TEN)).is_err(), "{text}");
    }
    let error = parse_timestamp("noon", Timestamp(TEN)).expect_err("no time");
    assert_eq!(error, TimeError::Timestamp { text: "noon".into() });
}

#[test]
fn a_time_without_offset_takes_the_given_one() {
    let hour = 3600 * NANOS_PER_SECOND;
    for (text, nanos) in [
        ("2026-11-22 10:00:00", TEN - hour),
        ("2026-11-22 10:00:00Z", TEN),
        ("Nov 22 10:00:00", TEN - hour),
        ("22/Nov/2026:10:00:00", TEN - hour),
        ("1795341600", TEN),
    ] {
        assert_eq!(parse_timestamp_at(text, Timestamp(TEN), 3600), Ok(Timestamp(nanos)), "{text}");
    }
}

#[test]
fn syslog_takes_the_year_nearest_to_now() {
    for (now, text, expected) in [
        ("2027-01-01T00:00:05Z", "Dec 31 23:59:58", "2026-12-31T23:59:58Z"),
        ("2026-12-31T23:59:58Z", "Jan  1 00:00:01", "2027-01-01T00:00:01Z"),
        ("2026-11-22T10:00:00Z", "Jan  2 00:00:00", "2027-01-02T00:00:00Z"),
        ("2026-11-22T10:00:00Z", "Jul 10 08:00:00", "2026-07-10T08:00:00Z"),
        ("2028-03-01T00:00:00Z", "Feb 29 12:00:00", "2028-02-29T12:00:00Z"),
    ] {
        let now = now.parse().expect("now");
        assert_eq!(parse_timestamp(text, now).map(|t| t.to_string()).as_deref(), Ok(expected), "{text} at {now}");
    }
    let odd: Timestamp = "2026-11-22T10:00:00Z".parse().expect("now");
    assert!(parse_timestamp("Feb 29 12:00:00", odd).is_err(), "no leap year next to 2026");
}

#[test]
fn points_are_relative_to_now_or_absolute() {
    let now = Timestamp(TEN);
    let minute = 60 * NANOS_PER_SECOND;
    for (text, expected) in [
        ("now", Some(TEN)),
        ("now-15m", Some(TEN - 15 * minute)),
        ("now -15m", Some(TEN - 15 * minute)),
        ("now - 15m", Some(TEN - 15 * minute)),
        ("now+1h", Some(TEN + 60 * minute)),
        ("-1h", Some(TEN - 60 * minute)),
        ("-1h30m", Some(TEN - 90 * minute)),
        ("2026-11-22T10:00:00Z", Some(TEN)),
        ("-60", Some(-minute)),
        ("now15m", None),
        ("nowish", None),
        ("-1x", None),
        ("", None),
    ] {
        let expected = expected.map(Timestamp);
        assert_eq!(parse_point(text, now).ok(), expected, "{text}");
    }
}

#[test]
fn durations_are_read_and_written() {
    for (text, millis, written) in [
        ("1h30m", 5_400_000, "1h30m"),
        ("5m", 300_000, "5m"),
        ("90s", 90_000, "1m30s"),
        ("2d", 172_800_000, "2d"),
        ("1w", 604_800_000, "1w"),
        ("250ms", 250, "250ms"),
        ("1.5h", 5_400_000, "1h30m"),
        ("0.5s", 500, "500ms"),
        ("1y", 31_536_000_000, "52w1d"),
        ("0", 0, "0s"),
        ("0s", 0, "0s"),
    ] {
        let span = Duration::from_millis(millis);
        assert_eq!(parse_duration(text), Ok(span), "{text}");
        assert_eq!(format_duration(span), written, "{text}");
    }
    assert_eq!(parse_duration("3µs4ns"), Ok(Duration::from_nanos(3004)));
    for text in ["", "5", "m", "5x", "-5m", "1..5h", "1.h", "5m3", "300y", "99999999999999999999s"] {
        assert_eq!(parse_duration(text), Err(TimeError::Duration { text: text.into() }), "{text}");
    }
}

#[test]
fn rfc3339_is_trimmed() {
    for (nanos, text) in [
        (TEN, "2026-11-22T10:00:00Z"),
        (TEN + 500_000_000, "2026-11-22T10:00:00.5Z"),
        (TEN + 1, "2026-11-22T10:00:00.000000001Z"),
        (TEN + 120, "2026-11-22T10:00:00.00000012Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
    ] {
        assert_eq!(Timestamp(nanos).to_string(), text);
    }
}

proptest! {
    #[test]
    fn rfc3339_round_trips(nanos: i64) {
        let text = Timestamp(nanos).to_string();
        prop_assert_eq!(text.parse(), Ok(Timestamp(nanos)));
    }

    #[test]
    fn durations_round_trip(nanos in 0..i64::MAX as u64) {
        let span = Duration::from_nanos(nanos);
        prop_assert_eq!(parse_duration(&format_duration(span)), Ok(span));
    }

    #[test]
    fn no_text_panics(text in "[-+0-9TZ:./, a-zA-Zµ]{0,40}", now: i64) {
        if let Ok(point) = parse_timestamp(&text, Timestamp(now)) {
            prop_assert_eq!(point.to_string().parse(), Ok(point));
        }
        if let Ok(span) = parse_duration(&text) {
            prop_assert!(span.as_nanos() <= i64::MAX as u128);
        }
    }
}
