use orszem_model::code::Code;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn calendar(zone: &str, when: When) -> Calendar {
    Calendar::new(&Schedule { zone: zone.to_owned(), when }).expect("a good schedule")
}

/// All times until `until` at which the answer changes, and what it becomes, found by going from boundary to boundary.
fn changes(calendar: &Calendar, from: &str, until: &str) -> Vec<String> {
    let (mut now, until) = (at(from), at(until));
    let mut was = calendar.covers(now);
    let mut found = Vec::new();
    while now < until {
        let next = calendar.boundary(now);
        assert!(next > now, "time goes on");
        now = next;
        let is = calendar.covers(now);
        if is != was && now < until {
            found.push(format!("{now} {}", if is { "on" } else { "off" }));
        }
        was = is;
    }
    found
}

#[test]
fn a_weekly_window_follows_the_local_clock_over_its_changes() {
    // Sundays 01:30 to 03:30 in Budapest; on 2026-10-25 clocks go back at 03:00, on 2026-03-29 forward at 02:00.
    let sundays = Interval { minutes: vec![(90, 210)], weekdays: vec![(0, 0)], ..Interval::default() };
    let sundays = calendar("Europe/Budapest", When::Weekly(vec![sundays]));
    assert_eq!(
        changes(&sundays, "2026-10-17T00:00:00Z", "2026-11-02T00:00:00Z"),
        [
            "2026-10-17T23:30:00Z on",
            "2026-10-18T01:30:00Z off",
            "2026-10-24T23:30:00Z on",
            "2026-10-25T02:30:00Z off",
            "2026-11-01T00:30:00Z on",
            "2026-11-01T02:30:00Z off",
        ]
    );
    assert_eq!(
        changes(&sundays, "2026-03-28T12:00:00Z", "2026-03-30T00:00:00Z"),
        ["2026-03-29T00:30:00Z on", "2026-03-29T01:30:00Z off"]
    );
}

#[test]
fn the_last_day_of_the_month_and_months_and_years() {
    let last = Interval {
        days_of_month: vec![(-1, -1)],
        months: vec![(1, 2)],
        years: vec![(2027, 2028)],
        ..Interval::default()
    };
    let last = calendar("", When::Weekly(vec![last]));
    let on: Vec<String> = changes(&last, "2026-01-01T00:00:00Z", "2029-12-31T00:00:00Z");
    assert_eq!(
        on.iter().filter(|text| text.ends_with("on")).map(String::as_str).collect::<Vec<_>>(),
        ["2027-01-31T00:00:00Z on", "2027-02-28T00:00:00Z on", "2028-01-31T00:00:00Z on", "2028-02-29T00:00:00Z on",]
    );
}

#[test]
fn a_cron_window_starts_when_the_pattern_says_and_lasts() {
    let nightly = calendar("Europe/Budapest", When::Cron("30 22 * * FRI".to_owned(), Duration::from_secs(3 * 3600)));
    assert_eq!(
        changes(&nightly, "2026-11-20T00:00:00Z", "2026-11-28T12:00:00Z"),
        ["2026-11-20T21:30:00Z on", "2026-11-21T00:30:00Z off", "2026-11-27T21:30:00Z on", "2026-11-28T00:30:00Z off",]
    );
}

#[test]
fn what_is_no_schedule_is_refused() {
    let of = |zone: &str, when| Calendar::new(&Schedule { zone: zone.to_owned(), when }).err();
    assert_eq!(
        of("Europe/Atlantis", When::Weekly(vec![])),
        Some(ConfigError::UnknownZone("Europe/Atlantis".to_owned()))
    );
    let bad = Interval { minutes: vec![(600, 1_441)], ..Interval::default() };
    let range = ConfigError::OutOfRange { what: "minutes", from: 600, until: 1_441, min: 0, max: 1_440 };
    assert_eq!(of("", When::Weekly(vec![bad])), Some(range));
    let days = Interval { days_of_month: vec![(5, 1)], ..Interval::default() };
    assert!(matches!(of("", When::Weekly(vec![days])), Some(ConfigError::OutOfRange { .. })));
    assert_eq!(of("", When::Cron("0 0 * * *".to_owned(), Duration::ZERO)), Some(ConfigError::CronLength));
    assert!(matches!(
        of("", When::Cron("61 0 * * *".to_owned(), Duration::from_secs(60))),
        Some(ConfigError::Cron { .. })
    ));
}

#[test]
fn a_schedule_round_trips() {
    let interval = Interval {
        minutes: vec![(0, 1_440)],
        weekdays: vec![(1, 5)],
        days_of_month: vec![(-7, -1)],
        months: vec![(3, 4)],
        years: vec![(2026, 2030)],
    };
    for when in [When::Weekly(vec![interval, Interval::default()]), When::Cron("@daily".to_owned(), FAR)] {
        let period = Period {
            from: at("2026-01-01"),
            until: None,
            recurs: Some(Schedule { zone: "Asia/Tokyo".to_owned(), when }),
        };
        let mut out = Vec::new();
        period.put(&mut out);
        assert_eq!(Period::take(&mut out.as_slice()), Some(period));
    }
}
