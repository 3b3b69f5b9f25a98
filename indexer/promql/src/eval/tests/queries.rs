//! Queries and what they answer.

use orszem_model::{HistogramPoint, Labels, STALE};

use super::memory::{Broken, histogram};
use crate::memory::Memory;
use crate::{
    EvalError, Interrupt, Interruption, Level, Moments, Never, Options, ParseOptions, Point, Query, Value, evaluate,
    parse,
};

fn memory() -> Memory {
    let up = |from: i32| (0..31).map(|at| Some(f64::from(from + at))).collect::<Vec<_>>();
    Memory::default()
        .with(&[("__name__", "hits_total"), ("job", "api"), ("pod", "a")], &up(0))
        .with(&[("__name__", "hits_total"), ("job", "api"), ("pod", "b")], &up(100))
        .with(&[("__name__", "hits_total"), ("job", "web"), ("pod", "c")], &up(200))
        .with(&[("__name__", "limit"), ("job", "api")], &[Some(120.0); 31])
        .with(&[("__name__", "gone"), ("job", "api")], &[Some(1.0), Some(2.0), Some(STALE)])
}

/// The answer of an instant query at 300 s, as text: an element a line.
fn instant(memory: &Memory, text: &str) -> Result<String, String> {
    let answer = memory.ask(text, Moments::Instant(300_000), &Options::default()).map_err(|error| error.to_string())?;
    Ok(match answer.value {
        Value::Scalar { value, .. } => value.to_string(),
        Value::String { value, .. } => value,
        Value::Vector(samples) => {
            let shown = samples.iter().map(|sample| match &sample.point {
                Point::Float(value) => format!("{:?} {value}", sample.labels),
                Point::Histogram(histogram) => format!("{:?} histogram of {}", sample.labels, histogram.count),
            });
            shown.collect::<Vec<_>>().join("\n")
        }
        Value::Matrix(series) => {
            let shown = series.iter().map(|series| format!("{:?} {:?}", series.labels, series.floats));
            shown.collect::<Vec<_>>().join("\n")
        }
    })
}

fn check(text: &str, expected: &str) {
    assert_eq!(instant(&memory(), text).as_deref(), Ok(expected), "{text}");
}

fn refuses(text: &str, expected: &str) {
    assert_eq!(instant(&memory(), text).err().as_deref(), Some(expected), "{text}");
}

#[test]
fn vectors_are_sorted_unless_a_function_sorted_them() {
    check(
        "hits_total{job=\"api\"} + 1",
        "{\"job\": \"api\", \"pod\": \"a\"} 31\n{\"job\": \"api\", \"pod\": \"b\"} 131",
    );
    check("topk(2, sum by (pod) (hits_total))", "{\"pod\": \"c\"} 230\n{\"pod\": \"b\"} 130");
    check("sort(-sum by (job) (hits_total))", "{\"job\": \"web\"} -230\n{\"job\": \"api\"} -160");
    check("sum by (job) (rate(hits_total[1m]))", "{\"job\": \"api\"} 0.2\n{\"job\": \"web\"} 0.1");
}

#[test]
fn windows_are_open_at_their_start_and_stale_series_end() {
    check("count_over_time(limit[20s])", "{\"job\": \"api\"} 2");
    check("limit[20s]", "{\"__name__\": \"limit\", \"job\": \"api\"} [(290000, 120.0), (300000, 120.0)]");
    check("gone", "");
    check("gone @ 19.999", "{\"__name__\": \"gone\", \"job\": \"api\"} 2");
    check("gone @ 20", "");
    check("sum_over_time(gone[5m])", "{\"job\": \"api\"} 2");
    check("absent(gone{job=\"api\", pod=~\"x\"})", "{\"job\": \"api\"} 1");
    check("absent(limit)", "");
    check("sum_over_time(hits_total{pod=\"a\"}[1m:20s])", "{\"job\": \"api\", \"pod\": \"a\"} 84");
    check("timestamp(limit offset 5s)", "{\"job\": \"api\"} 290");
}

#[test]
fn elements_are_matched_by_labels() {
    check("sum by (job) (hits_total) > on (job) limit", "{\"job\": \"api\"} 160");
    check(
        "hits_total > on (job) group_left limit",
        "{\"__name__\": \"hits_total\", \"job\": \"api\", \"pod\": \"b\"} 130",
    );
    check("limit and on (job) hits_total{pod=\"c\"}", "");
    check("sum by (job) (hits_total) unless on (job) limit", "{\"job\": \"web\"} 230");
    check("sum(hits_total) or limit", "{} 390\n{\"__name__\": \"limit\", \"job\": \"api\"} 120");
    refuses(
        "limit + on (job) hits_total",
        "found duplicate series for the match group {job=\"api\"} on the right hand-side of the operation: \
         [{__name__=\"hits_total\", job=\"api\", pod=\"a\"}, {__name__=\"hits_total\", job=\"api\", pod=\"b\"}];\
         many-to-many matching not allowed: matching labels must be unique on one side",
    );
    refuses(
        "hits_total + on (job) limit",
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
    );
    refuses(
        "label_replace(hits_total, \"pod\", \"x\", \"\", \"\")",
        "vector cannot contain metrics with the same labelset",
    );
    refuses("topk(NaN, limit)", "Parameter value is NaN");
}

#[test]
fn names_go_when_the_query_is_done() {
    check("count by (__name__) ({job=\"api\"})", "{\"__name__\": \"hits_total\"} 2\n{\"__name__\": \"limit\"} 1");
    check("count by (__name__) (rate(limit[1m]))", "{} 1");
    check(
        "label_replace(rate(limit[1m]), \"__name__\", \"speed\", \"\", \"\")",
        "{\"__name__\": \"speed\", \"job\": \"api\"} 0",
    );
    check("last_over_time(limit[1m])", "{\"__name__\": \"limit\", \"job\": \"api\"} 120");
    check("limit > bool 3", "{\"job\": \"api\"} 1");
    check("limit > 3", "{\"__name__\": \"limit\", \"job\": \"api\"} 120");
}

#[test]
fn remarks_say_where_they_belong() {
    let mut memory = memory();
    let points = [10_000, 290_000, 300_000];
    let histograms = points.map(|time| HistogramPoint { time, histogram: histogram(time as f64 / 10_000.0) }).to_vec();
    let mut columns = orszem_model::Columns { histograms, ..Default::default() };
    columns.push(280_000, 7.0);
    memory.fill(&Labels::from([("__name__", "sizes")]), &columns);
    let ask = |text: &str| {
        let answer = memory.ask(text, Moments::Instant(300_000), &Options::default()).expect("an answer");
        let remarks = answer.annotations.into_iter().map(|note| {
            assert!(note.span.end <= text.len());
            (note.level, text.get(note.span.start..note.span.end).map(str::to_owned), note.message)
        });
        remarks.collect::<Vec<_>>()
    };
    let remark = |level, part: &str, message: &str| vec![(level, Some(part.to_owned()), message.to_owned())];
    assert_eq!(ask("sum(rate(hits_total[1m]))"), []);
    assert_eq!(
        ask("1 + sum(rate(limit[1m]))"),
        remark(
            Level::Info,
            "limit[1m]",
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"limit\""
        )
    );
    assert_eq!(
        ask("rate(sizes[5m])"),
        remark(
            Level::Warning,
            "sizes[5m]",
            "PromQL warning: encountered a mix of histograms and floats for metric name \"sizes\""
        )
    );
    assert_eq!(ask("max(sizes)"), remark(Level::Info, "sizes", "PromQL info: ignored histogram in max aggregation"));
    assert_eq!(
        ask("quantile(2, limit)"),
        remark(Level::Warning, "2", "PromQL warning: quantile value should be between 0 and 1, got 2")
    );
    assert_eq!(instant(&memory, "sizes + 0").as_deref(), Ok(""));
    assert_eq!(instant(&memory, "sum(sizes * 2)").as_deref(), Ok("{} histogram of 60"));
}

#[test]
fn limits_and_interruptions_end_a_query() {
    struct Late;
    impl Interrupt for Late {
        fn check(&self) -> Result<(), Interruption> {
            Err(Interruption::TimedOut)
        }
    }
    let moments = Moments::Range { start: 0, end: 300_000, step: 10_000 };
    let expr = parse("hits_total", &ParseOptions { is_experimental: false }).expect("a query");
    let query = Query { expr: &expr, moments };
    let error = evaluate(&query, &memory(), &Options::default(), &Late).expect_err("late");
    assert_eq!(error.to_string(), "query timed out in expression evaluation");
    let ask = |samples_max| evaluate(&query, &memory(), &Options { samples_max, ..Options::default() }, &Never);
    assert!(matches!(ask(92), Err(EvalError::TooManySamples)));
    let statistics = ask(93).expect("93 samples").statistics;
    assert_eq!((statistics.series, statistics.samples, statistics.peak_samples), (3, 93, 93));
    assert_eq!((statistics.samples_per_step.len(), statistics.samples_per_step[30]), (31, (300_000, 3)));
    let error = evaluate(&query, &Broken, &Options::default(), &Never).expect_err("no disk");
    assert_eq!(error.to_string(), "the disk is gone");
}

#[test]
fn the_query_knows_its_own_times() {
    let moments = Moments::Range { start: 100_000, end: 130_000, step: 10_000 };
    let ask = |text: &str| match memory().ask(text, moments, &Options::default()).expect("an answer").value {
        Value::Matrix(series) => {
            series.into_iter().flat_map(|series| series.floats).map(|sample| sample.1).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(ask("step() + range() + start() + end()"), [270.0; 4]);
    assert_eq!(ask("hits_total{pod=\"a\"} @ end()"), [13.0; 4]);
    assert_eq!(ask("count_over_time(limit[step() * 2])"), [2.0; 4]);
    assert_eq!(ask("predict_linear(hits_total{pod=\"a\"}[1m] @ 60, 10)"), [11.0, 12.0, 13.0, 14.0]);
    assert_eq!(ask("time() - timestamp(limit)"), [0.0; 4]);
    let answer = memory().ask("sort(limit)", moments, &Options::default()).expect("an answer");
    let remark = "PromQL warning: sort is ineffective for range queries since results are always ordered by labels";
    assert_eq!(answer.annotations.iter().map(|note| note.message.as_str()).collect::<Vec<_>>(), [remark]);
    let error = memory().ask("sum_over_time(limit[100d:1ms])", moments, &Options::default()).expect_err("too many");
    assert!(matches!(error, EvalError::TooManySamples));
}

#[test]
fn info_adds_the_labels_of_the_target() {
    let memory = Memory::default()
        .with(&[("__name__", "up"), ("instance", "a"), ("job", "api")], &[Some(1.0); 31])
        .with(&[("__name__", "up"), ("instance", "b"), ("job", "api")], &[Some(2.0); 31])
        .with(
            &[("__name__", "target_info"), ("instance", "a"), ("job", "api"), ("zone", "x"), ("os", "l")],
            &[Some(1.0); 31],
        )
        .with(&[("__name__", "build_info"), ("instance", "b"), ("job", "api"), ("rev", "7")], &[Some(1.0); 31]);
    let check = |text: &str, expected: &str| assert_eq!(instant(&memory, text).as_deref(), Ok(expected), "{text}");
    let (a, b) = (
        "{\"__name__\": \"up\", \"instance\": \"a\", \"job\": \"api\"",
        "{\"__name__\": \"up\", \"instance\": \"b\", \"job\": \"api\"",
    );
    check("info(up)", &format!("{a}, \"os\": \"l\", \"zone\": \"x\"}} 1\n{b}}} 2"));
    check("info(up, {zone=~\".+\"})", &format!("{a}, \"zone\": \"x\"}} 1"));
    check("info(up, {__name__=~\".*_info\", rev=~\".*\"})", &format!("{a}}} 1\n{b}, \"rev\": \"7\"}} 2"));
    check("info(vector(1))", "{} 1");
}
