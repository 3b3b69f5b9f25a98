use orszem_model::time::parse_timestamp;
use orszem_model::{Language, Timestamp};

use super::words::Words;
use super::*;

fn at(text: &str) -> i64 {
    parse_timestamp(text, Timestamp(0)).expect("a time").0 / 1_000_000
}

#[test]
fn periods_are_whole_days_weeks_and_months() {
    let now = Timestamp(at("2026-03-04T10:30:00Z") * 1_000_000);
    let of = |text: &str| period(text, now).map(|(from, until)| (time(from), time(until)));
    let span = |from: &str, until: &str| Ok((from.to_owned(), until.to_owned()));
    assert_eq!(of("day"), span("2026-03-03 00:00:00", "2026-03-04 00:00:00"));
    assert_eq!(of("week"), span("2026-02-23 00:00:00", "2026-03-02 00:00:00"));
    assert_eq!(of("month"), span("2026-02-01 00:00:00", "2026-03-01 00:00:00"));
    assert_eq!(of("12h"), span("2026-03-03 22:30:00", "2026-03-04 10:30:00"));
    let both = "2026-01-01T00:00:00Z..2026-01-02T00:00:00Z";
    assert_eq!(of(both), span("2026-01-01 00:00:00", "2026-01-02 00:00:00"));
    assert_eq!(of("fortnight"), Err(PeriodError::Unknown("fortnight".to_owned())));
    assert_eq!(of("2026-01-02T00:00:00Z..2026-01-01T00:00:00Z"), Err(PeriodError::Range));
    assert_eq!(of("401d"), Err(PeriodError::Range));
    let january = Timestamp(at("2026-01-15T00:00:00Z") * 1_000_000);
    assert_eq!(period("month", january).map(|(from, _)| time(from)), Ok("2025-12-01 00:00:00".to_owned()));
}

#[test]
fn shares_are_never_rounded_up_and_spans_read_well() {
    let percents =
        [None, Some(1.0), Some(0.999_999_9), Some(0.5)].map(|ratio| Words::of(Language::English).percent(ratio));
    assert_eq!(percents, ["unknown", "100 %", "99.999 %", "50.000 %"]);
    let spans = [0, 59_999, 61_000, 3_700_000, 90_000_000, -61_000].map(|ms| Words::of(Language::English).span(ms));
    assert_eq!(spans, ["0 s", "59 s", "1 m 1 s", "1 h 1 m", "1 d 1 h", "-1 m 1 s"]);
}

fn report() -> Report {
    let begun = at("2026-02-10T12:00:00Z");
    let target = TargetReport {
        probe: "shop".to_owned(),
        instance: "https://shop.example/?a&b".to_owned(),
        ratio: Some(0.999_5),
        down: 300_000,
        unknown: 60_000,
        excluded: 0,
        budget_left: -30_000,
        mttr: Some(300_000),
        mtbf: None,
        outages: vec![OutageReport {
            from: begun,
            until: Some(begun + 300_000),
            reason: "status <503>\n".to_owned(),
            is_excluded: false,
        }],
        outages_left_out: 0,
        latency: Some(LatencyReport { probes: 10, p50: 12.4, p90: 20.0, p95: 30.0, p99: 99.6 }),
    };
    Report {
        from: at("2026-02-10T00:00:00Z"),
        until: at("2026-02-13T00:00:00Z"),
        goal: 0.999,
        targets: vec![target],
        targets_left_out: 2,
        certificates: vec![CertificateReport { instance: "x:443".to_owned(), ends: at("2026-02-20T00:00:00Z") }],
        incidents: vec![IncidentReport {
            id: 7,
            from: begun,
            until: None,
            level: "critical".to_owned(),
            alerts: vec!["ProbeDown".to_owned()],
        }],
    }
}

#[test]
fn the_text_has_all_of_it() {
    let expected = "\
Availability from 2026-02-10 00:00:00 to 2026-02-13 00:00:00 (UTC)
Goal 99.900 %, which allows 4 m 19 s of outage

PROBE  TARGET                     UP        DOWN     OUTAGES  BUDGET LEFT  UNKNOWN  EXCLUDED  P50    P95    P99
shop   https://shop.example/?a&b  99.950 %  5 m 0 s  1        -30 s        1 m 0 s  0 s       12 ms  30 ms  100 ms
and 2 more

Outages
FROM                 LASTED   TARGET                     REASON
2026-02-10 12:00:00  5 m 0 s  https://shop.example/?a&b  status <503>

Certificates that end
ENDS                 LEFT     TARGET
2026-02-20 00:00:00  7 d 0 h  x:443

Incidents
ID  FROM                 LASTED   LEVEL     ALERTS
7   2026-02-10 12:00:00  goes on  critical  ProbeDown
";
    assert_eq!(text(&report(), Language::English), expected);
    let nothing = Report { targets: vec![], targets_left_out: 0, certificates: vec![], incidents: vec![], ..report() };
    assert!(text(&nothing, Language::English).ends_with("P99\nno target was probed\n"));
}

#[test]
fn the_page_escapes_what_others_say() {
    let page = html(&report(), Language::English);
    assert!(page.contains("https://shop.example/?a&amp;b") && page.contains("status &lt;503&gt; "), "{page}");
    assert!(!page.contains("<503>") && !page.contains("<script"));
    assert_eq!(page.matches("<table").count(), 4);
}

#[test]
fn a_report_is_told_in_the_language_that_is_asked_for() {
    let expected = "\
Rendelkezésre állás 2026-02-10 00:00:00 és 2026-02-13 00:00:00 között (UTC)
A cél 99,900 %, ez 4 perc 19 mp kiesést enged meg

PRÓBA  CÉLPONT                    ELÉRHETŐ  KIESÉS       KIESÉSEK  KERET MARADT  ISMERETLEN  KIZÁRVA  P50    P95    P99
shop   https://shop.example/?a&b  99,950 %  5 perc 0 mp  1         -30 mp        1 perc 0 mp  0 mp    12 ms  30 ms  100 ms
és még 2
";
    let hungarian = text(&report(), Language::Hungarian);
    let words: Vec<Vec<&str>> = [expected, &hungarian].map(|text| text.split_whitespace().collect()).into();
    assert_eq!(words[1][..words[0].len()], words[0]);
    assert!(hungarian.contains("2026-02-10 12:00:00  még tart  kritikus"), "{hungarian}");
    let page = html(&report(), Language::Hungarian);
    assert!(
        page.contains("<html lang=\"hu\">") && page.contains("<h2 style=\"font-size:16px\">Kiesések</h2>"),
        "{page}"
    );
    for english in ["goes on", "Outages", "critical", "Goal"] {
        assert!(!hungarian.contains(english) && !page.contains(english), "{english}");
    }
}
