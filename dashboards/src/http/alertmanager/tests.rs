use orszem_alerting::{External, Input};
use orszem_model::{Labels, Timestamp};
use serde_json::json;

use super::alerts::time;
use super::params::Filter;
use super::post::read;
use super::problem::Problem;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

#[test]
fn alerts_are_read_with_what_they_leave_out() {
    let body = json!([
        { "labels": { "alertname": "A", "empty": "" } },
        { "labels": { "a": "b" }, "startsAt": "2023-11-14T22:13:19Z", "endsAt": "0001-01-01T00:00:00.000Z", "generatorURL": "u" },
        { "labels": {} },
        { "labels": { "a": "b" }, "startsAt": "2023-11-14T22:13:19Z", "endsAt": "2023-11-14T22:13:18Z" },
    ]);
    let (inputs, wrong) = read(body.to_string().as_bytes(), NOW).expect("an array");
    let external = |labels, starts_at, generator: &str| {
        let ends_at = NOW.after(std::time::Duration::from_secs(300));
        let annotations = Labels::default();
        Input::External(External { labels, annotations, starts_at, ends_at, generator: generator.to_owned() })
    };
    let second = Timestamp(NOW.0 - 1_000_000_000);
    let expected =
        [external(Labels::from([("alertname", "A")]), NOW, ""), external(Labels::from([("a", "b")]), second, "u")];
    assert_eq!(inputs, expected);
    assert_eq!(wrong, ["at least one label pair required", "start time must be before end time"]);
}

#[test]
fn bodies_that_are_none_are_refused() {
    let code = |body: &str| match read(body.as_bytes(), NOW) {
        Err(Problem::Unreadable(_)) => 400,
        Err(Problem::Field { code, .. }) => code,
        _ => 0,
    };
    let bodies = ["x", "{}", "[{}]", "[{\"labels\":{\"a\":1}}]", "[{\"labels\":{\"a\":\"b\"},\"endsAt\":\"x\"}]"];
    assert_eq!(bodies.map(code), [400, 400, 602, 601, 601]);
}

#[test]
fn times_are_alertmanagers() {
    assert_eq!(time(Timestamp(1_700_000_000_120_999_000)), "2023-11-14T22:13:20.120Z");
    assert_eq!(time(Timestamp(1_700_000_000_000_000_000)), "2023-11-14T22:13:20.000Z");
}

#[test]
fn filters_are_read_and_wrong_ones_refused() {
    let filter = Filter::of("filter=alertname%3D~%22A.*%22&silenced=false&receiver=d.").expect("good");
    assert!(filter.matches(&Labels::from([("alertname", "Ab")])));
    assert!(!filter.matches(&Labels::from([("alertname", "b")])));
    assert!(!filter.is_silenced && filter.is_active);
    assert!(filter.takes_receivers(["db"].into_iter()) && !filter.takes_receivers(["web"].into_iter()));
    assert!(matches!(Filter::of("filter=x"), Err(Problem::Bad(text)) if text == "bad matcher format: x"));
    assert!(matches!(Filter::of("active=maybe"), Err(Problem::Field { code: 601, .. })));
}
