//! What a message says: numbers, lists, texts.

use super::*;
use crate::testing::{notice, site};

#[test]
fn numbers_have_the_digits_that_tell() {
    let cases = [
        (90.0, "90"),
        (91.23456789, "91.2346"),
        (0.1234567, "0.123457"),
        (-2.5, "-2.5"),
        (123_456_789.25, "123456789"),
        (0.0, "0"),
        (1.5e-9, "1.50000e-9"),
        (f64::NAN, ""),
        (f64::INFINITY, "inf"),
    ];
    for (value, text) in cases {
        assert_eq!(number(value), text, "{value}");
    }
}

#[test]
fn a_notice_is_told_in_the_language_and_zone_of_the_site() {
    let notice = notice(Kind::Resolve);
    let site = Site { language: Language::Hungarian, ..site() };
    let view = View::new(&notice, &site);
    assert_eq!(view.heading, "[megoldódott] db1: Disk and 1 more");
    assert_eq!(view.since, "2026-11-22 11:00:00 CET");
    assert_eq!((view.lasted.as_str(), view.ended_at.as_str()), ("5m", "2026-11-22T10:05:00Z"));
    assert_eq!(view.counts, "0 aktív, 2 véget ért, 0 elnyomva");
    assert_eq!(view.labels, [("alertname", "Disk"), ("severity", "critical")].map(owned).into());
    assert_eq!(view.thread, "incident-7-test");
    assert_eq!((view.value.as_str(), view.threshold.as_str()), ("91.5", "90"));
    assert_eq!(view.footer, "Őrszem, címzett: eva, csatorna: mail");
}

#[test]
fn the_plot_of_one_of_several_alerts_says_which() {
    let site = site();
    let mut notice = notice(Kind::Open);
    let plot = |notice: &Notice| View::new(notice, &site).plot;
    assert!(plot(&notice).starts_with("Disk mountpoint=/: 2026-"), "{}", plot(&notice));
    // A threshold of another alert does not stand beside the first one's value.
    notice.curve.as_mut().expect("a curve").alert = 1;
    assert!(plot(&notice).starts_with("Disk mountpoint=/var: 2026-"), "{}", plot(&notice));
    assert_eq!(View::new(&notice, &site).threshold, "");
    notice.curve.as_mut().expect("a curve").alert = 0;
    notice.intent.message.alerts.truncate(1);
    assert!(plot(&notice).starts_with("2026-"), "{}", plot(&notice));
    assert_eq!(View::new(&notice, &site).threshold, "90");
}

#[test]
fn what_is_not_of_an_incident_stands_alone() {
    let mut notice = notice(Kind::Test);
    notice.intent.incident = 0;
    let site = site();
    let view = View::new(&notice, &site);
    assert_eq!(view.thread, format!("test-{}", notice.intent.key));
    assert_eq!((view.status, view.title.as_str()), ("test", "Test message to eva"));
    assert!(view.what.starts_with("This is a test"), "{}", view.what);
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
