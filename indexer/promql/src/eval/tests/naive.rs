//! The functions as they are defined, one window at a time, without a care for speed.

use orszem_model::{Columns, is_stale};

/// The samples in `start < time <= end`.
pub(super) fn window(columns: &Columns, start: i64, end: i64) -> Vec<(i64, f64)> {
    let samples = columns.times.iter().copied().zip(columns.values.iter().copied());
    samples.filter(|(time, value)| *time > start && *time <= end && !is_stale(*value)).collect()
}

/// `function` of the window of `range` that ends at `end`; all in milliseconds.
pub(super) fn of(function: &str, columns: &Columns, end: i64, range: i64) -> Option<f64> {
    let samples = window(columns, end - range, end);
    let values: Vec<f64> = samples.iter().map(|sample| sample.1).collect();
    let last = samples.last()?;
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let number = values.len() as f64;
    let mean = values.iter().sum::<f64>() / number;
    let pairs = || values.windows(2);
    Some(match function {
        "sum_over_time" => values.iter().sum(),
        "avg_over_time" => mean,
        "count_over_time" => number,
        "min_over_time" => sorted[0],
        "max_over_time" => sorted[sorted.len() - 1],
        "last_over_time" => last.1,
        "stdvar_over_time" => values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / number,
        "changes" => pairs().filter(|pair| pair[0] != pair[1]).count() as f64,
        "resets" => pairs().filter(|pair| pair[1] < pair[0]).count() as f64,
        "quantile_over_time" => {
            let rank = 0.3 * (number - 1.0);
            let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
            below + (above - below) * rank.fract()
        }
        "rate" | "increase" | "delta" => return change(function, &samples, end - range, end),
        _ => panic!("{function} is not known"),
    })
}

fn change(function: &str, samples: &[(i64, f64)], start: i64, end: i64) -> Option<f64> {
    let ([first, .., last], is_counter) = (samples, function != "delta") else { return None };
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let resets = samples.windows(2).filter(|pair| is_counter && pair[1].1 < pair[0].1).map(|pair| pair[0].1);
    let change = last.1 - first.1 + resets.sum::<f64>();
    let sampled = seconds(last.0 - first.0);
    let between = sampled / (samples.len() - 1) as f64;
    let near = |distance: f64| if distance >= between * 1.1 { between / 2.0 } else { distance };
    let mut before = near(seconds(first.0 - start));
    if is_counter && change > 0.0 && first.1 >= 0.0 {
        before = before.min(sampled * first.1 / change);
    }
    let whole = change * (sampled + before + near(seconds(end - last.0))) / sampled;
    Some(if function == "rate" { whole / seconds(end - start) } else { whole })
}
