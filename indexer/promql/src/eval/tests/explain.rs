//! What explaining a query tells.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::memory::Broken;
use crate::explain::{Actual, Explanation, Node, Selected, Watch};
use crate::memory::Memory;
use crate::{EvalError, Interrupt, Interruption, Moments, Never, Options, ParseOptions, Query, Source, explain, parse};

fn memory() -> Memory {
    let up = |from: i32| (0..31).map(|at| Some(f64::from(from + at))).collect::<Vec<_>>();
    Memory::default()
        .with(&[("__name__", "hits_total"), ("job", "api"), ("pod", "a")], &up(0))
        .with(&[("__name__", "hits_total"), ("job", "api"), ("pod", "b")], &up(100))
        .with(&[("__name__", "hits_total"), ("job", "web"), ("pod", "c")], &up(200))
        .with(&[("__name__", "limit"), ("job", "api")], &[Some(120.0); 31])
}

const RANGE: Moments = Moments::Range { start: 180_000, end: 300_000, step: 60_000 };

fn ask(source: &dyn Source, text: &str, moments: Moments, runs: bool) -> Result<Explanation, EvalError> {
    let expr = parse(text, &ParseOptions { is_experimental: true }).expect("a query");
    // Each look at the clock takes a millisecond.
    let clock = AtomicU64::new(0);
    let watch = Watch::new(move || Duration::from_millis(clock.fetch_add(1, Ordering::Relaxed)));
    explain(&Query { expr: &expr, moments }, source, &Options::default(), &Never, &watch, runs)
}

/// A line for each node: its depth, what it is, what it selects, what came of it.
fn lines(node: &Node, depth: usize, out: &mut Vec<String>) {
    let Node { kind, text, steps, selected, actual, children, .. } = node;
    let mut line = format!("{depth} {kind} {text} x{steps}");
    if let Some(Selected { start, end, series, estimated_samples, read, .. }) = selected {
        line += &format!(" ({start}, {end}] {series} series ~{estimated_samples}");
        if let Some(read) = read {
            line += &format!(" read {} of {}", read.samples, read.series);
        }
    }
    if let Some(Actual { evaluations, series, samples, time: _ }) = actual {
        line += &format!(" -> {evaluations}: {samples} of {series}");
    }
    out.push(line);
    children.iter().for_each(|child| lines(child, depth + 1, out));
}

fn check(text: &str, moments: Moments, runs: bool, expected: &[&str]) {
    let mut found = Vec::new();
    lines(&ask(&memory(), text, moments, runs).expect("explains").root, 0, &mut found);
    assert_eq!(found, expected, "{text}");
}

const JOINED: &str = "(sum by (job) (rate(hits_total{job=\"api\"}[1m] offset 1m))) / on (job) limit @ 120";

#[test]
fn a_plan_tells_what_selectors_read_with_their_modifiers() {
    check(
        JOINED,
        RANGE,
        false,
        &[
            "0 binaryExpr / on (job) x3",
            "1 aggregation sum by (job) x3",
            "2 call rate x3",
            "3 matrixSelector hits_total{job=\"api\"}[1m] offset 1m x3 (60000, 240000] 2 series ~36",
            "1 vectorSelector limit @ 120.000 x1 (-180000, 120000] 1 series ~13",
        ],
    );
    check(
        "max_over_time((hits_total + 1)[1m:30s] offset 2m)",
        Moments::Instant(300_000),
        false,
        &[
            "0 call max_over_time x1",
            "1 subquery [1m:30s] offset 2m x1",
            "2 binaryExpr + x2",
            "3 vectorSelector hits_total x2 (-150000, 180000] 3 series ~57",
            "3 numberLiteral 1 x2",
        ],
    );
}

#[test]
fn a_run_tells_what_came_of_each_node() {
    check(
        JOINED,
        RANGE,
        true,
        &[
            "0 binaryExpr / on (job) x3 -> 1: 3 of 1",
            "1 aggregation sum by (job) x3 -> 1: 3 of 1",
            "2 call rate x3 -> 1: 6 of 2",
            "3 matrixSelector hits_total{job=\"api\"}[1m] offset 1m x3 (60000, 240000] 2 series ~36 read 36 of 2",
            "1 vectorSelector limit @ 120.000 x1 (-180000, 120000] 1 series ~13 read 13 of 1 -> 1: 3 of 1",
        ],
    );
    check(
        "-abs(hits_total{pod=\"c\"}) > bool 210",
        RANGE,
        true,
        &[
            "0 binaryExpr > bool x3 -> 1: 3 of 1",
            "1 unaryExpr - x3 -> 1: 3 of 1",
            "2 call abs x3 -> 1: 3 of 1",
            "3 vectorSelector hits_total{pod=\"c\"} x3 (-120000, 300000] 1 series ~31 read 31 of 1 -> 1: 3 of 1",
            "1 numberLiteral 210 x3 -> 1: 0 of 0",
        ],
    );
}

#[test]
fn info_tells_which_info_series_it_reads() {
    let identified = |name: &'static str, instance: &'static str, label: &'static str| {
        [("__name__", name), ("instance", instance), ("job", "api"), ("pod", label)]
    };
    let source = Memory::default()
        .with(&identified("hits_total", "a", "1"), &[Some(1.0); 31])
        .with(&identified("target_info", "a", "1"), &[Some(1.0); 31])
        .with(&identified("target_info", "b", "2"), &[Some(1.0); 31])
        .with(&identified("build_info", "b", "2"), &[Some(1.0); 31]);
    let told = |text: &str, runs: bool| {
        let mut found = Vec::new();
        lines(&ask(&source, text, Moments::Instant(300_000), runs).expect("explains").root, 0, &mut found);
        found
    };
    assert_eq!(
        told("info(hits_total offset 1m)", false),
        [
            "0 call info x1",
            "1 vectorSelector hits_total offset 1m x1 (-60000, 240000] 1 series ~25",
            "1 infoSelector target_info offset 1m x1 (-60000, 240000] 2 series ~50",
        ]
    );
    let run = told("info(hits_total, {__name__=~\".+_info\", pod=\"1\"})", true);
    assert_eq!(
        run.last().expect("a line"),
        "1 infoSelector {__name__=~\".+_info\",pod=\"1\"} x1 (0, 300000] 1 series ~30 read 30 of 1"
    );
    let explained = ask(&source, "info(hits_total)", Moments::Instant(300_000), true).expect("explains");
    let selected = explained.root.children[1].selected.as_ref().expect("a selector");
    let shown: Vec<_> =
        selected.matchers.iter().map(|matcher| (matcher.name.as_str(), matcher.value.as_str())).collect();
    assert_eq!(shown, [("__name__", "target_info"), ("instance", "a"), ("job", "api")]);
    assert_eq!(selected.read.map(|read| (read.series, read.samples)), Some((1, 30)));
    assert_eq!(explained.root.children[1].actual, None);
}

#[test]
fn a_run_takes_what_the_query_takes() {
    let explained = ask(&memory(), JOINED, RANGE, true).expect("explains");
    let run = explained.run.clone().expect("it was run");
    let answer = memory().ask(JOINED, RANGE, &Options::default()).expect("answers");
    assert_eq!((run.statistics, run.annotations), (answer.statistics, answer.annotations));
    assert_eq!(run.samples_read, 36 + 13);
    let time = |node: &Node| node.actual.map(|actual| actual.time).expect("it was run");
    let (root, sum) = (&explained.root, &explained.root.children[0]);
    assert!(time(&sum.children[0]) > Duration::ZERO, "{explained:?}");
    assert!(run.time > time(root) && time(root) > time(sum) && time(sum) > time(&sum.children[0]), "{explained:?}");
}

#[test]
fn explaining_fails_as_the_query_would() {
    let told = |source: &dyn Source, text| {
        ask(source, text, RANGE, true).map(|_| ()).map_err(|error| error.to_string()).expect_err("fails")
    };
    assert_eq!(told(&Broken, "up"), "the disk is gone");
    let twice = "hits_total * on (job) group_left hits_total";
    let asked = memory().ask(twice, RANGE, &Options::default()).expect_err("fails");
    assert_eq!(told(&memory(), twice), asked.to_string());

    struct Gone;
    impl Interrupt for Gone {
        fn check(&self) -> Result<(), Interruption> {
            Err(Interruption::TimedOut)
        }
    }
    let expr = parse("up", &ParseOptions::default()).expect("a query");
    let watch = Watch::new(|| Duration::ZERO);
    let query = Query { expr: &expr, moments: RANGE };
    let ended = explain(&query, &memory(), &Options::default(), &Gone, &watch, false);
    assert!(matches!(ended, Err(EvalError::Interrupted(Interruption::TimedOut))), "{ended:?}");
}
