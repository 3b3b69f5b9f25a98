//! Queries: no panic, the printed tree reads back as the same, and evaluation keeps its limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_model::{BucketSpan, Buckets, Columns, Histogram, HistogramPoint, Labels};
use orszem_promql::ast::{Expr, ValueType};
use orszem_promql::{
    EvalError, Interrupt, Interruption, Moments, Options, ParseOptions, Query, Select, Selection, SeriesReader, Source,
    SourceError, evaluate, parse, pretty, tree,
};

use super::{Mutator, fuzz};

const SEEDS: [&str; 24] = [
    "up",
    "up{job=\"a\",instance!~\"x.*|y\"} offset 5m",
    "rate(requests_total{code=~\"2..\"}[5m:30s] @ 60 offset -1m)",
    "sum by (job) (rate(requests_total[1m])) / ignoring(code) group_left(zone) up * 100 > bool 5",
    "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[2m])))",
    "histogram_quantile(0.5, latency) + histogram_avg(latency) - histogram_fraction(0, 1, rate(latency[1m]))",
    "topk(3, up) or bottomk(1, requests_total) unless on(job) up{job=\"b\"} and vector(1)",
    "label_replace(up, \"dst\", \"$1-${2}\", \"job\", \"(.)(.*)\")",
    "label_join(up, \"all\", \",\", \"job\", \"code\")",
    "count_values without (job) (\"v\", up ^ 2 % 3)",
    "quantile_over_time(0.5, up[1m]) + stddev_over_time(up[2m]) - last_over_time(up[1m] @ end())",
    "-up + +up atan2 2 == bool on() group_right() vector(1)",
    "absent(nothing{a=\"b\"}) + absent_over_time(nothing[1m]) + scalar(up) + time()",
    "predict_linear(up[5m], 3600) + deriv(up[5m]) + resets(up[5m]) + changes(up[5m]) + delta(up[5m]) + idelta(up[1m])",
    "max_over_time((sum(up) + 1)[5m:1m] offset 1m @ start())",
    "{\"http.requests\", \"http.status\"=\"200\"}",
    "sort_desc(round(clamp(up, 0, 1), 0.1)) - day_of_month(vector(1e9)) + hour() + pi()",
    "\"a \\\" \\u263a string\"",
    "`raw` # remark",
    "0x1F + 1e-3 + Inf - NaN + 1_000 + 5m",
    "double_exponential_smoothing(up[5m], 0.5, 0.5) + mad_over_time(up[1m])",
    "sum(limitk(2, up)) + sum(limit_ratio(-0.5, up)) + info(up)",
    "rate(up[step() + 1m * 2]) + rate(up[max(1m, 5s)] smoothed) + up anchored",
    "group(up) by (job) + stdvar(up) - avg without (job) (latency) * count(latency) + min(up) + max(up)",
];

const DICTIONARY: [&str; 96] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    " ",
    "\"",
    "'",
    "`",
    "#",
    "\n",
    "\\",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "==",
    "!=",
    "=~",
    "!~",
    ">",
    "<",
    ">=",
    "<=",
    "</",
    ">/",
    "and",
    "or",
    "unless",
    "atan2",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "fill",
    "fill_left",
    "by",
    "without",
    "offset",
    "@",
    "start()",
    "end()",
    "step()",
    "range()",
    "anchored",
    "smoothed",
    "up",
    "latency",
    "requests_total",
    "latency_bucket",
    "nothing",
    "job",
    "le",
    "code",
    "__name__",
    "sum",
    "avg",
    "topk",
    "quantile",
    "count_values",
    "stddev",
    "limitk",
    "limit_ratio",
    "rate",
    "irate",
    "increase",
    "histogram_quantile",
    "histogram_count",
    "histogram_stddev",
    "label_replace",
    "sort_by_label",
    "info",
    "vector",
    "scalar",
    "time()",
    "max_over_time",
    "count_over_time",
    "ts_of_max_over_time",
    "first_over_time",
    "0",
    "1",
    "-1",
    "1e308",
    "NaN",
    "Inf",
    "5m",
    "1ms",
    "292y",
    "9223372036854775807",
    "0.5",
];

fn histogram(at: i64) -> Histogram {
    let count = at as f64 / 10_000.0;
    Histogram {
        zero_threshold: 0.001,
        zero_count: count,
        count: count * 4.0,
        sum: count * 5.5,
        positive: Buckets { spans: vec![BucketSpan { offset: 0, length: 2 }], counts: vec![count, count] },
        negative: Buckets { spans: vec![BucketSpan { offset: -1, length: 1 }], counts: vec![count] },
        ..Histogram::default()
    }
}

fn columns(value: impl Fn(i64) -> f64) -> Columns {
    let mut columns = Columns::default();
    (0..=30).for_each(|step| columns.push(step * 10_000, value(step)));
    columns
}

fn series() -> Vec<(Labels, Columns)> {
    let of = |pairs: &[(&str, &str)]| Labels::new(pairs.to_vec());
    let histograms =
        (0..=30).map(|step| HistogramPoint { time: step * 10_000, histogram: Arc::new(histogram(step * 10_000)) });
    vec![
        (
            of(&[("__name__", "latency"), ("job", "a")]),
            Columns { histograms: histograms.collect(), ..Columns::default() },
        ),
        (of(&[("__name__", "latency_bucket"), ("le", "0.5"), ("job", "a")]), columns(|step| step as f64)),
        (of(&[("__name__", "latency_bucket"), ("le", "+Inf"), ("job", "a")]), columns(|step| step as f64 * 2.0)),
        (of(&[("__name__", "requests_total"), ("code", "200"), ("job", "a")]), columns(|step| (step % 7) as f64)),
        (of(&[("__name__", "requests_total"), ("code", "500"), ("job", "b")]), columns(|_| f64::NAN)),
        (of(&[("__name__", "up"), ("job", "a")]), columns(|_| 1.0)),
        (of(&[("__name__", "up"), ("job", "b")]), columns(|step| if step == 9 { f64::INFINITY } else { 0.0 })),
        (
            of(&[("__name__", "up"), ("job", "c")]),
            columns(|step| if step % 5 == 0 { orszem_model::STALE } else { 0.5 }),
        ),
    ]
}

struct Memory(Vec<(Labels, Columns)>);

impl Source for Memory {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        let inside = |time: i64| time > select.start && time <= select.end;
        let mut found = Vec::new();
        for (labels, all) in &self.0 {
            if select.matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or(""))) {
                let mut columns = Columns::default();
                let floats = all.times.iter().zip(&all.values).filter(|point| inside(*point.0));
                floats.for_each(|(time, value)| columns.push(*time, *value));
                columns.histograms.extend(all.histograms.iter().filter(|point| inside(point.time)).cloned());
                found.push((labels.clone(), columns));
            }
        }
        Ok(Box::new(Found(found)))
    }
}

struct Found(Vec<(Labels, Columns)>);

impl Selection for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(Reading(&self.0))
    }
}

struct Reading<'a>(&'a [(Labels, Columns)]);

impl SeriesReader for Reading<'_> {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        Ok(self.0[at].0.clone())
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        into.clone_from(&self.0[at].1);
        Ok(())
    }
}

struct Until(Instant);

impl Interrupt for Until {
    fn check(&self) -> Result<(), Interruption> {
        if Instant::now() >= self.0 { Err(Interruption::TimedOut) } else { Ok(()) }
    }
}

/// What an interrupted evaluation may take, the machine's other work included.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

fn evaluated(text: &str, source: &Memory) {
    let Ok(expr) = parse(text, &ParseOptions { is_experimental: true }) else { return };
    let options = Options { samples_max: 20_000, ..Options::default() };
    let mut moments = vec![Moments::Instant(200_000)];
    if matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
        moments.push(Moments::Range { start: 0, end: 240_000, step: 60_000 });
    }
    for moments in moments {
        let begun = Instant::now();
        let patience = Until(begun + Duration::from_millis(50));
        let answer = evaluate(&Query { expr: &expr, moments }, source, &options, &patience);
        assert!(begun.elapsed() < ENDS_WITHIN, "took {:?}", begun.elapsed());
        match answer {
            Ok(answer) => assert!(answer.annotations.iter().all(|one| one.span.end <= text.len())),
            Err(EvalError::Source(error)) => panic!("the source never fails: {error}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// The tree, with matchers in the order in which they are printed.
fn shape(expr: &Expr) -> serde_json::Value {
    fn sort(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(items) => items.iter_mut().for_each(sort),
            serde_json::Value::Object(fields) => {
                if let Some(serde_json::Value::Array(matchers)) = fields.get_mut("matchers") {
                    matchers.sort_by_key(ToString::to_string);
                }
                fields.values_mut().for_each(sort);
            }
            _ => {}
        }
    }
    let mut tree = tree(expr);
    sort(&mut tree);
    tree
}

/// Whether the tree of `text` survives being printed.
fn parsed(text: &str) -> bool {
    let options = ParseOptions { is_experimental: true };
    let expr = match parse(text, &options) {
        Ok(expr) => expr,
        Err(error) => {
            assert!(error.span.start <= text.len() && !error.message.is_empty());
            return false;
        }
    };
    assert!(expr.span.end <= text.len());
    let printed = expr.to_string();
    let again = parse(&printed, &options).unwrap_or_else(|error| panic!("{printed:?} does not read back: {error}"));
    assert_eq!(shape(&expr), shape(&again), "{printed:?}");
    assert_eq!(again.to_string(), printed);
    let lines = pretty(&expr);
    let again = parse(&lines, &options).unwrap_or_else(|error| panic!("{lines:?} does not read back: {error}"));
    assert_eq!(shape(&expr), shape(&again), "{lines:?}");
    true
}

fn mutated(mutator: &mut Mutator, corpus: &[Vec<u8>]) -> Vec<u8> {
    if mutator.below(4) == 0 { mutator.bytes(corpus) } else { mutator.words(corpus, &DICTIONARY) }
}

fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn queries() {
    let source = Memory(series());
    fuzz("promql", &seeds(), mutated, |input| {
        let text = String::from_utf8_lossy(input);
        let is_query = parsed(&text);
        if is_query {
            evaluated(&text, &source);
        }
        is_query
    });
}
