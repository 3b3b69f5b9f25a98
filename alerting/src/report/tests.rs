use super::*;
use crate::{Alerting, Config, Contact, Graph, Input, Kind, Plan, Table};

fn at(text: &str) -> Timestamp {
    orszem_model::time::parse_point(text, Timestamp(0)).expect("a time")
}

fn schedule(pattern: &str, zone: &str, period: &str) -> ReportSchedule {
    ReportSchedule::new(pattern, zone, period.parse().expect("a period")).expect("a schedule")
}

#[test]
fn it_is_due_in_its_zone_once_and_when_it_was_missed() {
    // Budapest is an hour ahead of UTC in winter, two in summer.
    let daily = schedule("0 7 * * *", "Europe/Budapest", "day");
    let due = at("2026-11-23T06:00:00Z");
    let before = at("2026-11-22T12:00:00Z");
    assert_eq!(daily.next(before), Some(due));
    assert_eq!(daily.next(at("2026-07-01T05:00:00Z")), Some(at("2026-07-02T05:00:00Z")));
    assert_eq!(daily.due(before, at("2026-11-23T05:59:59Z")), None);
    assert_eq!(daily.due(before, due), Some(due));
    assert_eq!(daily.due(before, Timestamp(due.0 + 300_000_000)), Some(due));
    assert_eq!(daily.due(due, at("2026-11-23T20:00:00Z")), None);
    // Of several that were missed the last one is sent.
    assert_eq!(daily.due(before, at("2026-11-26T05:00:00Z")), Some(at("2026-11-25T06:00:00Z")));
    let weekly = schedule("0 7 * * 1", "UTC", "day");
    let missed = at("2026-11-23T07:00:00Z");
    assert_eq!(weekly.due(before, at("2026-11-24T06:59:59Z")), Some(missed));
    assert_eq!(weekly.due(before, at("2026-11-24T07:00:00Z")), None, "it is as old as its period is long");
}

#[test]
fn it_is_about_the_last_whole_period_of_its_zone() {
    let due = at("2026-10-31T23:00:00Z");
    let of = |zone, period| schedule("* * * * *", zone, period).range(due);
    let range = |from, until| Some((at(from), at(until)));
    assert_eq!(of("UTC", "day"), range("2026-10-30T00:00:00Z", "2026-10-31T00:00:00Z"));
    assert_eq!(of("Europe/Budapest", "day"), range("2026-10-30T23:00:00Z", "2026-10-31T23:00:00Z"));
    assert_eq!(of("UTC", "month"), range("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"));
    assert_eq!(of("Europe/Budapest", "month"), range("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"));
    assert_eq!(of("UTC", "week"), range("2026-10-19T00:00:00Z", "2026-10-26T00:00:00Z"));
    assert_eq!(of("UTC", "12h"), range("2026-10-31T11:00:00Z", "2026-10-31T23:00:00Z"));
}

#[test]
fn what_is_no_schedule_is_refused() {
    for period in ["year", "0s", "401d", ""] {
        assert_eq!(period.parse::<ReportPeriod>(), Err(ConfigError::ReportPeriod(period.to_owned())));
    }
    let refused = |pattern, zone| ReportSchedule::new(pattern, zone, ReportPeriod::Day).err();
    assert!(matches!(refused("7 o'clock", "UTC"), Some(ConfigError::Cron { .. })));
    assert_eq!(refused("0 7 * * *", "Mars/Base"), Some(ConfigError::UnknownZone("Mars/Base".to_owned())));
    assert_eq!(refused("0 7 * * *", "UTC"), None);
}

fn report(due: i64, addresses: &[&str]) -> Input {
    let recipient = |target: &&str| {
        let target = (*target).to_owned();
        Recipient { contact: target.clone(), channel: "mail".to_owned(), target }
    };
    let content = ReportContent {
        title: "monthly".to_owned(),
        from: Timestamp(1),
        until: Timestamp(2),
        contacts: vec!["eva".to_owned()],
        addresses: addresses.iter().map(recipient).collect(),
        body: Body { text: "up".to_owned(), html: "<p>up</p>".to_owned() },
    };
    Input::Report(DueReport { name: "monthly".to_owned(), due: Timestamp(due), content: Some(content) })
}

#[test]
fn each_address_gets_one_for_each_due_time_after_a_restart_too() {
    let contacts = vec![Contact::new("eva", "mail", "eva@example.com")];
    let plan = Plan::new(Config { contacts, ..Config::default() }).expect("a plan");
    let mut engine = Alerting::new(plan.clone(), Graph::default());
    let known = DueReport { name: "monthly".to_owned(), due: Timestamp(5), content: None };
    assert_eq!(engine.step(Input::Report(known), Timestamp(5)).intents, []);
    assert_eq!(engine.step(report(5, &[]), Timestamp(6)).intents, [], "it was due before it was known");

    let effects = engine.step(report(10, &["eva@example.com", "tom@example.com"]), Timestamp(11));
    let sent: Vec<_> =
        effects.intents.iter().map(|intent| (intent.kind, intent.recipient.target.as_str(), &intent.body)).collect();
    let body = Some(Body { text: "up".to_owned(), html: "<p>up</p>".to_owned() });
    assert_eq!(sent, [(Kind::Report, "eva@example.com", &body), (Kind::Report, "tom@example.com", &body)]);

    let rows = engine.rows();
    let rows = rows.iter().map(|row| (row.table, row.key.as_slice(), row.value.as_deref().expect("a value")));
    assert_eq!(rows.clone().filter(|row| row.0 == Table::Report).count(), 1);
    let mut engine = Alerting::restore(plan, Graph::default(), rows).expect("restored");
    assert_eq!(engine.reported("monthly"), Some(Timestamp(10)));
    assert_eq!(engine.step(report(10, &[]), Timestamp(12)).intents, []);
    let next = engine.step(report(20, &[]), Timestamp(21)).intents;
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].key, effects.intents[0].key);
}
