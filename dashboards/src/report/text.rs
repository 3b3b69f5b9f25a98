//! A report as plain text, in tables.

use orszem_model::{Language, fill};

use super::words::Words;
use super::{Report, TargetReport, time};

/// The whole report; ends with a line end.
pub fn text(report: &Report, language: Language) -> String {
    let words = Words::of(language);
    let Report { from, until, goal, targets, targets_left_out, certificates, incidents } = report;
    let mut out = fill(words.title, &[("from", &time(*from)), ("until", &time(*until))]);
    let share = words.percent(Some(*goal));
    let allowed = words.span(((until - from) as f64 * (1.0 - goal)) as i64);
    out.push_str(&format!("\n{}\n\n", fill(words.goal, &[("share", &share), ("allowed", &allowed)])));
    let row = |target: &TargetReport| {
        let latency = |of: fn(&super::LatencyReport) -> f64| {
            target.latency.as_ref().map_or("-".to_owned(), |latency| format!("{:.0} ms", of(latency)))
        };
        [
            target.probe.clone(),
            target.instance.clone(),
            words.percent(target.ratio),
            words.span(target.down),
            (target.outages.len() + target.outages_left_out).to_string(),
            words.span(target.budget_left),
            words.span(target.unknown),
            words.span(target.excluded),
            latency(|latency| latency.p50),
            latency(|latency| latency.p95),
            latency(|latency| latency.p99),
        ]
    };
    out.push_str(&table(words.target_columns, &targets.iter().map(row).collect::<Vec<_>>()));
    if targets.is_empty() {
        out.push_str(&format!("{}\n", words.no_target));
    }
    if *targets_left_out > 0 {
        out.push_str(&format!("{}\n", fill(words.more, &[("n", &targets_left_out.to_string())])));
    }
    let outages: Vec<[String; 4]> = targets
        .iter()
        .flat_map(|target| {
            target.outages.iter().map(|outage| {
                let lasted = outage.until.map_or(words.goes_on.to_owned(), |until| words.span(until - outage.from));
                let note = if outage.is_excluded { format!(" ({})", words.excluded) } else { String::new() };
                [time(outage.from), lasted, target.instance.clone(), format!("{}{note}", outage.reason)]
            })
        })
        .collect();
    section(&mut out, words.outages, words.outage_columns, &outages);
    let ends: Vec<[String; 3]> =
        certificates.iter().map(|one| [time(one.ends), words.span(one.ends - until), one.instance.clone()]).collect();
    section(&mut out, words.certificates, words.certificate_columns, &ends);
    let lines: Vec<[String; 5]> = incidents
        .iter()
        .map(|one| {
            let lasted = one.until.map_or(words.goes_on.to_owned(), |until| words.span(until - one.from));
            [one.id.to_string(), time(one.from), lasted, words.level(&one.level).to_owned(), one.alerts.join(", ")]
        })
        .collect();
    section(&mut out, words.incidents, words.incident_columns, &lines);
    out
}

fn section<const N: usize>(out: &mut String, title: &str, head: [&str; N], rows: &[[String; N]]) {
    if !rows.is_empty() {
        out.push_str(&format!("\n{title}\n"));
        out.push_str(&table(head, rows));
    }
}

/// Rows under a head, each column as wide as it has to be; control characters are blanks.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let plain = |cell: &String| cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let mut all: Vec<[String; N]> = vec![head.map(str::to_uppercase)];
    all.extend(rows.iter().map(|row| row.each_ref().map(plain)));
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    all.iter().map(line).collect()
}
