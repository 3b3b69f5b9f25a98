//! What holds for all series and steps.

use orszem_model::{Columns, Labels, STALE};
use proptest::prelude::*;

use super::naive;
use crate::memory::Memory;
use crate::{Moments, Options, Series, Value};

const FUNCTIONS: [&str; 13] = [
    "sum_over_time",
    "avg_over_time",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "last_over_time",
    "stdvar_over_time",
    "changes",
    "resets",
    "quantile_over_time",
    "rate",
    "increase",
    "delta",
];

/// Samples at uneven times, some of them stale markers.
fn columns() -> impl Strategy<Value = Columns> {
    prop::collection::vec((1_i64..40_000, prop_oneof![9 => 0_i32..50, 1 => Just(-1)]), 0..120).prop_map(|steps| {
        let mut columns = Columns::default();
        let mut time = 0;
        for (step, value) in steps {
            time += step;
            columns.push(time, if value < 0 { STALE } else { f64::from(value) / 4.0 });
        }
        columns
    })
}

fn matrix(memory: &Memory, text: &str, moments: Moments, options: &Options) -> Vec<Series> {
    match memory.ask(text, moments, options).unwrap_or_else(|error| panic!("{text}: {error}")).value {
        Value::Matrix(series) => series,
        other => panic!("{text}: {other:?}"),
    }
}

fn is_close(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sliding_windows_are_windows(
        columns in columns(),
        start in -100_000_i64..500_000,
        step in 1_000_i64..90_000,
        count in 1_i64..30,
        range in 1_000_i64..600_000,
        offset in -50_000_i64..50_000,
    ) {
        let mut memory = Memory::default();
        memory.fill(&Labels::from([("__name__", "m")]), &columns);
        let moments = Moments::Range { start, end: start + (count - 1) * step, step };
        for function in FUNCTIONS {
            let arguments = if function == "quantile_over_time" { "0.3, " } else { "" };
            let text = format!("{function}({arguments}m[{range}ms] offset {offset}ms)");
            let found = matrix(&memory, &text, moments, &Options::default());
            let found: Vec<(i64, f64)> = found.into_iter().flat_map(|series| series.floats).collect();
            let expected: Vec<(i64, f64)> = (0..count)
                .map(|at| start + at * step)
                .filter_map(|time| Some((time, naive::of(function, &columns, time - offset, range)?)))
                .collect();
            let same = found.len() == expected.len()
                && found.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && is_close(a.1, b.1));
            prop_assert!(same, "{text}\n{found:?}\n{expected:?}");
        }
    }

    #[test]
    fn selectors_give_the_last_sample_of_the_lookback(
        columns in columns(),
        start in -100_000_i64..500_000,
        step in 1_000_i64..90_000,
        lookback in 1_000_i64..400_000,
    ) {
        let mut memory = Memory::default();
        memory.fill(&Labels::from([("__name__", "m")]), &columns);
        let moments = Moments::Range { start, end: start + 20 * step, step };
        let options = Options { lookback_ms: lookback, ..Options::default() };
        let found: Vec<(i64, f64)> = matrix(&memory, "m", moments, &options).into_iter().flat_map(|series| series.floats).collect();
        let expected: Vec<(i64, f64)> = (0..=20)
            .map(|at| start + at * step)
            .filter_map(|time| {
                let mut samples = columns.times.iter().zip(&columns.values);
                let last = samples.rfind(|(at, _)| **at > time - lookback && **at <= time)?;
                (!orszem_model::is_stale(*last.1)).then_some((time, *last.1))
            })
            .collect();
        prop_assert_eq!(found, expected);
    }

    /// Several threads, each with a part of the series, say the same as one.
    #[test]
    fn threads_do_not_change_the_answer(all in prop::collection::vec(columns(), 1..6), step in 5_000_i64..50_000) {
        let mut memory = Memory::default();
        for at in 0..300 {
            let (group, id) = ((at % 7).to_string(), at.to_string());
            let labels = Labels::from([("__name__", "m"), ("group", &group), ("id", &id)]);
            memory.fill(&labels, &all[at % all.len()]);
        }
        let moments = Moments::Range { start: 100_000, end: 100_000 + 15 * step, step };
        for text in [
            "sum by (group) (rate(m[2m]))",
            "avg without (id) (m)",
            "stddev(m)",
            "max by (group) (m) - min by (group) (m)",
            "count(m > 3)",
            "m",
            "absent(m)",
            "scalar(m)",
        ] {
            let one = matrix(&memory, text, moments, &Options::default());
            let several = matrix(&memory, text, moments, &Options { threads: 3, ..Options::default() });
            prop_assert_eq!(one.len(), several.len(), "{}", text);
            for (a, b) in one.iter().zip(&several) {
                let same = a.labels == b.labels
                    && a.floats.len() == b.floats.len()
                    && a.floats.iter().zip(&b.floats).all(|(a, b)| a.0 == b.0 && is_close(a.1, b.1));
                prop_assert!(same, "{text}\n{a:?}\n{b:?}");
            }
        }
    }

    /// An aggregation is what its elements make, step by step.
    #[test]
    fn aggregations_are_those_of_their_elements(all in prop::collection::vec(columns(), 1..5)) {
        let mut memory = Memory::default();
        for (at, columns) in all.iter().enumerate() {
            let id = at.to_string();
            memory.fill(&Labels::from([("__name__", "m"), ("id", &id)]), columns);
        }
        let moments = Moments::Range { start: 0, end: 900_000, step: 45_000 };
        let elements = matrix(&memory, "m", moments, &Options::default());
        for (text, fold) in [
            ("sum(m)", (|values| values.iter().sum()) as fn(&[f64]) -> f64),
            ("count(m)", |values| values.len() as f64),
            ("min(m)", |values| values.iter().copied().fold(f64::INFINITY, f64::min)),
            ("topk(1, m) * 2", |values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max) * 2.0),
            ("quantile(0, m)", |values| values.iter().copied().fold(f64::INFINITY, f64::min)),
            ("avg(m)", |values| values.iter().sum::<f64>() / values.len() as f64),
        ] {
            let found = matrix(&memory, text, moments, &Options::default());
            for at in 0..=20 {
                let time = at * 45_000;
                let at_time = |series: &Series| series.floats.iter().find(|sample| sample.0 == time).map(|sample| sample.1);
                let values: Vec<f64> = elements.iter().filter_map(at_time).collect();
                let expected = (!values.is_empty()).then(|| fold(&values));
                let found: Vec<f64> = found.iter().filter_map(at_time).collect();
                let same = match (expected, found.as_slice()) {
                    (None, []) => true,
                    (Some(expected), [found]) => is_close(expected, *found),
                    _ => false,
                };
                prop_assert!(same, "{text} at {time}: {found:?}, not {expected:?}");
            }
        }
    }
}
