//! What it costs to say of 10,000 alerts that fire how they stand: with a whole explanation of each, and without.
//! `cargo bench -p orszem-alerting --bench standing`.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::time::Duration;

use orszem_alerting::{
    Alerting, Config, Contact, Graph, Inhibition, Input, Level, Observation, Outcome, Period, Plan, Policy, Route,
    Rule, Silence, Step,
};
use orszem_model::{Labels, Matcher, Timestamp};

const ALERTS: usize = 10_000;
const SILENCES: usize = 50;
/// Of them, so many inhibit others.
const SOURCES: usize = 200;
const ROUNDS: u32 = 5;

fn main() {
    let now = Timestamp(1_790_000_000_000_000_000);
    let engine = engine(now);
    let firing = || engine.alerts().filter(|alert| alert.state.is_active());
    println!("{} alerts, {SILENCES} silences, {SOURCES} sources of an inhibition", firing().count());
    let explained =
        measure("explained", || firing().map(|alert| engine.why(&alert.key, now).suppressed.len()).sum::<usize>());
    let standing = measure("standing", || {
        let mut standings = engine.standings(now);
        firing().map(|alert| standings.of(alert, &engine.labels_of(alert)).suppressed.len()).sum::<usize>()
    });
    println!("{:.1} times", explained.as_secs_f64() / standing.as_secs_f64());
}

/// Nanoseconds that this thread has computed.
fn computed() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The least CPU time of some rounds.
fn measure(name: &str, round: impl Fn() -> usize) -> Duration {
    let mut least = Duration::MAX;
    let mut suppressed = 0;
    for _ in 0..ROUNDS {
        let begun = computed();
        suppressed = round();
        least = least.min(Duration::from_nanos(computed() - begun));
    }
    println!("{name}: {:.1} ms of CPU, {suppressed} reasons", least.as_secs_f64() * 1e3);
    least
}

fn engine(now: Timestamp) -> Alerting {
    let policy = |name: &str| Policy {
        name: name.to_owned(),
        steps: vec![Step { after: Duration::ZERO, contacts: vec!["eva".to_owned()] }],
        repeat: 0,
        repeat_after: Duration::ZERO,
    };
    let child = |team: &str| Route {
        matchers: vec![Matcher::equal("team", team)],
        policy: Some("team".to_owned()),
        ..Route::default()
    };
    let config = Config {
        rules: vec![Rule::condition("Down", Level::Critical), Rule::condition("Slow", Level::Warning)],
        contacts: vec![Contact::new("eva", "mail", "eva@example.com")],
        policies: vec![policy("all"), policy("team")],
        route: Route { routes: ["a", "b", "c", "d"].map(child).into(), ..Route::to("all") },
        inhibitions: vec![Inhibition {
            sources: vec![Matcher::equal("alertname", "Down")],
            targets: vec![Matcher::equal("alertname", "Slow")],
            equal: vec!["host".to_owned()],
        }],
        ..Config::default()
    };
    let mut engine = Alerting::new(Plan::new(config).expect("a good configuration"), Graph::of(&[]));
    for number in 0..SILENCES {
        let silence = Silence {
            id: number.to_string(),
            matchers: vec![Matcher::equal("host", format!("h{}", number * 150))],
            period: Period { from: Timestamp(0), until: None, recurs: None },
            author: "eva".to_owned(),
            comment: String::new(),
            created_at: now,
        };
        engine.step(Input::Silence(silence), now);
    }
    for number in 0..ALERTS {
        let rule = if number < SOURCES { "Down" } else { "Slow" };
        let host = format!("h{}", number % 8_000);
        let team = if number % 3 == 0 { "a" } else { "c" };
        let labels = [("host", host.as_str()), ("team", team), ("job", "node"), ("instance", &format!("i{number}"))];
        let observation = Observation {
            rule: rule.to_owned(),
            labels: Labels::new(labels.to_vec()),
            outcome: Outcome::Match,
            at: now,
            annotations: Labels::default(),
        };
        engine.step(Input::Observed(observation), now);
    }
    engine
}
