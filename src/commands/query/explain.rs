//! `orszem query --explain`: the tree of a query, for a terminal.

use orszem_model::Timestamp;
use serde::Deserialize;

use crate::lines::harmless;

/// What the server tells of a query.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explained {
    estimated_samples: u64,
    samples_read: Option<u64>,
    stats: Option<Stats>,
    tree: Node,
}

#[derive(Debug, Deserialize)]
struct Stats {
    timings: Timings,
    samples: Samples,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timings {
    eval_total_time: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Samples {
    peak_samples: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    text: String,
    steps: u64,
    selects: Option<Selects>,
    actual: Option<Actual>,
    children: Vec<Node>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selects {
    after: f64,
    until: f64,
    series: u64,
    parts: Option<u64>,
    estimated_samples: u64,
    read: Option<Read>,
}

#[derive(Debug, Deserialize)]
struct Read {
    samples: u64,
    seconds: f64,
}

#[derive(Debug, Deserialize)]
struct Actual {
    evaluations: u64,
    series: u64,
    samples: u64,
    seconds: f64,
}

/// The tree, and a line about the whole.
pub(super) fn shown(explained: &Explained) -> String {
    let Explained { estimated_samples, samples_read, stats, tree } = explained;
    let mut out = String::new();
    put(&mut out, tree, "", "", tree.steps);
    match (samples_read, stats) {
        (Some(read), Some(Stats { timings, samples })) => out.push_str(&format!(
            "\n{} samples read in {}, at most {} in memory; {} were estimated\n",
            grouped(*read),
            seconds(timings.eval_total_time),
            grouped(samples.peak_samples),
            grouped(*estimated_samples)
        )),
        _ => out.push_str(&format!("\nabout {} samples to read\n", grouped(*estimated_samples))),
    }
    out
}

/// `first` stands before the node's own line, `rest` before the others. `steps` are those of the node above.
fn put(out: &mut String, node: &Node, first: &str, rest: &str, steps: u64) {
    out.push_str(&format!("{first}{}", harmless(&node.text)));
    if node.steps != steps {
        out.push_str(&format!("  at {} moment{}", grouped(node.steps), plural(node.steps)));
    }
    if let Some(actual) = &node.actual {
        out.push_str(&format!("  -> {}", of(actual)));
    }
    out.push('\n');
    let below = if node.children.is_empty() { "  " } else { "│ " };
    if let Some(selects) = &node.selects {
        out.push_str(&format!("{rest}{below}{}\n", of_selection(selects)));
    }
    let last = node.children.len().saturating_sub(1);
    for (at, child) in node.children.iter().enumerate() {
        let (branch, trunk) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        put(out, child, &format!("{rest}{branch}"), &format!("{rest}{trunk}"), node.steps);
    }
}

fn of(actual: &Actual) -> String {
    let Actual { evaluations, series, samples, seconds: took } = actual;
    let took = seconds(*took);
    let times = if *evaluations > 1 { format!(", {evaluations} times") } else { String::new() };
    match series {
        0 if *samples == 0 => format!("in {took}{times}"),
        series => format!("{} series, {} samples in {took}{times}", grouped(*series), grouped(*samples)),
    }
}

fn of_selection(selects: &Selects) -> String {
    let Selects { after, until, series, parts, estimated_samples, read } = selects;
    let parts = parts.map(|parts| format!(" in {} part{}", grouped(parts), plural(parts))).unwrap_or_default();
    let mut text = format!("{} series{parts}, about {} samples", grouped(*series), grouped(*estimated_samples));
    if let Some(Read { samples, seconds: took }) = read {
        text.push_str(&format!(", {} read in {}", grouped(*samples), seconds(*took)));
    }
    format!("{text}; {} to {}", time(*after), time(*until))
}

fn time(seconds: f64) -> Timestamp {
    // Whole milliseconds, which is what the server counts in.
    Timestamp(((seconds * 1e3).round() as i64).saturating_mul(1_000_000))
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.3} ms", seconds * 1e3) } else { format!("{seconds:.3} s") }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// With commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selector(text: &str) -> serde_json::Value {
        json!({
            "text": text, "steps": 3, "children": [],
            "selects": {
                "after": 60, "until": 240.5, "series": 1200, "parts": 1, "estimatedSamples": 36000,
            },
        })
    }

    #[test]
    fn a_plan_is_a_tree() {
        let mut rate = json!({ "text": "rate", "steps": 3, "children": [selector("hits[1m]")] });
        rate["children"][0]["selects"]["parts"] = json!(null);
        let mut limit = selector("limit @ end()");
        limit["steps"] = json!(1);
        let tree = json!({ "text": "/ on (job)", "steps": 3, "children": [rate, limit] });
        let explained = serde_json::from_value(json!({ "estimatedSamples": 72000, "tree": tree })).expect("fits");
        let expected = "\
/ on (job)
├─ rate
│  └─ hits[1m]
│       1,200 series, about 36,000 samples; 1970-01-01T00:01:00Z to 1970-01-01T00:04:00.5Z
└─ limit @ end()  at 1 moment
     1,200 series in 1 part, about 36,000 samples; 1970-01-01T00:01:00Z to 1970-01-01T00:04:00.5Z

about 72,000 samples to read
";
        assert_eq!(shown(&explained), expected);
    }

    #[test]
    fn a_run_shows_what_it_took() {
        let mut read = selector("hits");
        read["selects"]["read"] = json!({ "series": 1200, "samples": 36100, "seconds": 0.0125 });
        let tree = json!({
            "text": "sum", "steps": 3, "children": [read],
            "actual": { "evaluations": 2, "series": 1, "samples": 3, "seconds": 1.5 },
        });
        let stats = json!({ "timings": { "evalTotalTime": 1.75 }, "samples": { "peakSamples": 1234567 } });
        let explained = json!({ "estimatedSamples": 36000, "samplesRead": 36100, "stats": stats, "tree": tree });
        let explained = serde_json::from_value(explained).expect("fits");
        let expected = "\
sum  -> 1 series, 3 samples in 1.500 s, 2 times
└─ hits
     1,200 series in 1 part, about 36,000 samples, 36,100 read in 12.500 ms; 1970-01-01T00:01:00Z to 1970-01-01T00:04:00.5Z

36,100 samples read in 1.750 s, at most 1,234,567 in memory; 36,000 were estimated
";
        assert_eq!(shown(&explained), expected);
    }
}
