//! What a pass over 10,000 rules takes, in CPU milliseconds: of Prometheus' groups over series in memory, and of own
//! thresholds as the samples come in.
//!
//! `cargo bench -p orszem-rules --bench pass`

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::fmt::Write;

use orszem_model::{Labels, Timestamp};
use orszem_promql::memory::Memory;
use orszem_promql::{Never, Options, ParseOptions, Point};
use orszem_rules::own::Thresholds;
use orszem_rules::{Environment, GroupState, evaluate, read};

const RULES: usize = 10_000;
const PASSES: i64 = 20;
const STEP_MS: i64 = 15_000;

/// CPU time of this process so far, in milliseconds, in ticks of 10 ms.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// `series` gauges, or counters, with a sample every 15 s for 20 passes and 5 minutes before them.
fn memory(name: impl Fn(usize) -> String, series: usize) -> Memory {
    let mut memory = Memory::default();
    for at in 0..series {
        let (name, id, host) = (name(at), at.to_string(), format!("host{}", at % 50));
        let labels = Labels::from([("__name__", name.as_str()), ("host", &host), ("id", &id), ("job", "bench")]);
        for step in 0..PASSES + 21 {
            let point = Point::Float((step * 7 + at as i64 % 13) as f64);
            assert!(memory.push(&labels, step * STEP_MS, &point).is_ok(), "in order");
        }
    }
    memory
}

fn group(rules: &str) -> GroupState {
    let text = format!("groups:\n- name: bench\n  rules:\n{rules}");
    match read(&text, ParseOptions { is_experimental: false }) {
        Ok(file) => GroupState::new(file.groups.into_iter().next().expect("one group"), false),
        Err(problems) => panic!("{problems}"),
    }
}

/// Passes over the group at times that follow each other, as the server makes them.
fn measure(what: &str, memory: &Memory, rules: &str) {
    let mut group = group(rules);
    let environment = Environment { options: Options::default(), ..Environment::default() };
    let start = 20 * STEP_MS;
    // The first finds everything new.
    let first = evaluate(&mut [&mut group], memory, &environment, &Never, start);
    let samples: usize = first.iter().map(|outcome| outcome.samples.len()).sum();
    let errors = first.iter().flat_map(|outcome| &outcome.rules).filter(|rule| !rule.is_healthy()).count();
    let (cpu, wall) = (cpu_ms(), std::time::Instant::now());
    for pass in 1..=PASSES {
        evaluate(&mut [&mut group], memory, &environment, &Never, start + pass * STEP_MS);
    }
    let count = PASSES as f64;
    let (cpu, wall) = ((cpu_ms() - cpu) / count, wall.elapsed().as_secs_f64() * 1e3 / count);
    println!("{cpu:8.1} ms CPU a pass, {wall:8.1} ms, {samples} samples, {errors} errors  {what}");
}

fn alerts(count: usize, expr: impl Fn(usize) -> String) -> String {
    let mut out = String::new();
    for at in 0..count {
        let expr = expr(at);
        let text = "'{{ $labels.host }} is at {{ $value }}'";
        let rule = format!("  - alert: A{at}\n    expr: '{expr}'\n    for: 5m\n    annotations: {{summary: {text}}}\n");
        assert!(out.write_str(&rule).is_ok(), "a string takes all");
    }
    out
}

/// Passes of own thresholds, each with a new sample of every series.
fn measure_samples(what: &str, rules: &str, names: impl Fn(usize) -> Vec<Labels>, value: f64) {
    let file = match read(&format!("thresholds:\n{rules}"), ParseOptions { is_experimental: false }) {
        Ok(file) => file,
        Err(problems) => panic!("{problems}"),
    };
    let mut thresholds = Thresholds::new(file.own.thresholds, Timestamp(0));
    let series: Vec<Labels> = (0..RULES).flat_map(names).collect();
    let mut pass = |pass: i64| {
        let at_ms = pass * STEP_MS;
        for (labels, number) in series.iter().zip(0..) {
            let value = value + (pass % 7) as f64;
            thresholds.sample(number, || Some(labels.clone()), at_ms, value, Timestamp(at_ms * 1_000_000));
        }
        thresholds.drain().len()
    };
    // The first ones find everything new, and let pending alerts fire.
    let told: usize = (1..=40).map(&mut pass).sum();
    let count = 50 * PASSES;
    let (cpu, wall) = (cpu_ms(), std::time::Instant::now());
    let later: usize = (41..41 + count).map(&mut pass).sum();
    let count = count as f64;
    let (cpu, wall) = ((cpu_ms() - cpu) / count, wall.elapsed().as_secs_f64() * 1e3 / count);
    println!("{cpu:8.2} ms CPU a pass, {wall:8.2} ms, {told} + {later} told  {what}");
}

fn thresholds(value: impl Fn(usize) -> String, bound: f64) -> String {
    let rule =
        |at: usize| format!("- {{alert: A{at}, value: '{}', warning: {{above: {bound}, for: 5m}}}}\n", value(at));
    (0..RULES).map(rule).collect()
}

fn named(name: &str, at: usize) -> Labels {
    Labels::from([("__name__", name), ("host", &format!("host{}", at % 50)), ("id", &at.to_string()), ("job", "bench")])
}

fn main() {
    let one = |at: usize| vec![named("m", at)];
    let two = |at: usize| vec![named("m", at), named("n", at)];
    let plain = |at: usize| format!("m{{id=\"{at}\"}}");
    measure_samples("own: 10,000 thresholds on a series each, none firing", &thresholds(plain, 1e9), one, 1.0);
    measure_samples("own: the same, all active", &thresholds(plain, -1.0), one, 1.0);
    let ratio = |at: usize| format!("m{{id=\"{at}\"}} / n{{id=\"{at}\"}}");
    measure_samples("own: 10,000 ratios of two series", &thresholds(ratio, 1e9), two, 1.0);
    let rate = |at: usize| format!("rate(m{{id=\"{at}\"}}[5m])");
    measure_samples("own: 10,000 rates over 5 minutes", &thresholds(rate, 1e9), one, 1.0);
    let one = memory(|_| "m".to_owned(), RULES);
    measure(
        "10,000 thresholds on series of one metric, none firing",
        &one,
        &alerts(RULES, |at| format!("m{{id=\"{at}\"}} > 1e9")),
    );
    measure("the same, all active", &one, &alerts(RULES, |at| format!("m{{id=\"{at}\"}} >= 0")));
    let many = memory(|at| format!("m{at}"), RULES);
    measure("10,000 thresholds on metrics of their own", &many, &alerts(RULES, |at| format!("m{at} > 1e9")));
    measure("one rule, 10,000 active", &one, &alerts(1, |_| "m >= 0".to_owned()));
    measure(
        "20 thresholds on one sum by (host) of 10,000 rates",
        &one,
        &alerts(20, |at| format!("sum by (host) (rate(m[1m])) > {at}e9")),
    );
    measure("1 of them", &one, &alerts(1, |at| format!("sum by (host) (rate(m[1m])) > {at}e9")));
}
