//! How long evaluation takes, in CPU milliseconds, over series in memory.
//!
//! `cargo run --release -p orszem-promql --example eval_bench [threads]`

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::time::Instant;

use orszem_model::{Columns, Labels, Matcher};
use orszem_promql::{
    EvalError, Moments, Never, Options, ParseOptions, Query, Select, Selection, SeriesReader, Source, SourceError,
    evaluate, parse,
};

const RUNS: u32 = 10;

/// Series of one metric; a selection hands out copies of their columns.
struct Memory {
    series: std::sync::Arc<Vec<(Labels, Columns)>>,
}

struct Selected {
    series: std::sync::Arc<Vec<(Labels, Columns)>>,
    kept: Vec<usize>,
    start: i64,
    end: i64,
}

impl Source for Memory {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        let matches =
            |labels: &Labels, matcher: &Matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default());
        let kept = self
            .series
            .iter()
            .enumerate()
            .filter(|(_, (labels, _))| select.matchers.iter().all(|matcher| matches(labels, matcher)));
        Ok(Box::new(Selected {
            series: std::sync::Arc::clone(&self.series),
            kept: kept.map(|(at, _)| at).collect(),
            start: select.start,
            end: select.end,
        }))
    }
}

impl Selection for Selected {
    fn len(&self) -> usize {
        self.kept.len()
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(self)
    }
}

impl SeriesReader for &Selected {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        Ok(self.series[self.kept[at]].0.clone())
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        let columns = &self.series[self.kept[at]].1;
        let from = columns.times.partition_point(|&time| time <= self.start);
        let to = columns.times.partition_point(|&time| time <= self.end);
        into.clear();
        into.times.extend_from_slice(&columns.times[from..to]);
        into.values.extend_from_slice(&columns.values[from..to]);
        Ok(())
    }
}

/// `count` counters that go up by about 3 at a time and are reset now and then.
fn memory(count: usize, samples: usize, step_ms: i64) -> Memory {
    let series = (0..count).map(|at| {
        let (instance, pod) = (format!("10.0.{}.{}", at / 250 % 40, at % 250 / 10), format!("pod-{at}"));
        let labels = Labels::from([("__name__", "x_total"), ("instance", &instance), ("job", "api"), ("pod", &pod)]);
        let mut columns = Columns::default();
        let mut value = 0.0;
        for sample in 0..samples {
            value = if (sample * 7 + at) % 997 == 0 { 0.0 } else { value + ((sample * 31 + at) % 7) as f64 };
            columns.push(sample as i64 * step_ms + (at % 100) as i64, value);
        }
        (labels, columns)
    });
    Memory { series: std::sync::Arc::new(series.collect()) }
}

/// CPU time of all threads of this process so far, in milliseconds, in ticks of 10 ms.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() * 10.0
}

fn ask(memory: &Memory, text: &str, moments: Moments, options: &Options) -> Result<(), EvalError> {
    let Ok(expr) = parse(text, &ParseOptions { is_experimental: true }) else {
        return Err(EvalError::Execution(format!("{text} is no query")));
    };
    let cpu = cpu_ms();
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let wall = Instant::now();
        evaluate(&Query { expr: &expr, moments }, memory, options, &Never)?;
        best = best.min(wall.elapsed().as_secs_f64() * 1e3);
    }
    println!("{:8.1} ms CPU in the mean, {best:8.1} ms at best  {text}", (cpu_ms() - cpu) / f64::from(RUNS));
    Ok(())
}

fn main() -> Result<(), EvalError> {
    let threads = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let options = Options { threads, ..Options::default() };
    println!("100,000 series x 40 samples, instant, {threads} thread(s)");
    let wide = memory(100_000, 40, 15_000);
    let now = Moments::Instant(590_000);
    for text in [
        "count(x_total)",
        "sum by (instance) (x_total)",
        "sum by (instance) (rate(x_total[5m]))",
        "sum by (instance, pod) (rate(x_total[5m]))",
        "sum(rate(x_total[5m])) by (instance) / sum(x_total) by (instance)",
        "topk(5, rate(x_total[5m]))",
        "max_over_time(x_total[5m])",
        "x_total + x_total",
        "x_total > 100",
    ] {
        ask(&wide, text, now, &options)?;
    }
    println!("2,000 series x 5,760 samples, 1,440 steps, {threads} thread(s)");
    let long = memory(2_000, 5_760, 15_000);
    let day = Moments::Range { start: 86_400_000 - 1_439 * 60_000, end: 86_400_000, step: 60_000 };
    for text in [
        "count(x_total)",
        "sum by (instance) (x_total)",
        "sum by (instance) (rate(x_total[5m]))",
        "sum(rate(x_total[1h]))",
        "sum(sum_over_time(x_total[5m]))",
        "sum(avg_over_time(x_total[1h]))",
        "sum(max_over_time(x_total[1h]))",
        "sum(quantile_over_time(0.9, x_total[1h]))",
        "sum(stddev_over_time(x_total[5m]))",
        "sum(deriv(x_total[5m]))",
        "quantile(0.9, rate(x_total[5m]))",
        "topk(5, rate(x_total[5m]))",
        "rate(x_total[5m]) * 8 > 1",
        "rate(x_total[5m]) / x_total",
        "max_over_time(rate(x_total[5m])[1h:5m])",
    ] {
        ask(&long, text, day, &options)?;
    }
    Ok(())
}
