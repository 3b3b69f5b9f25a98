//! A report as plain text, in tables.

use super::{Report, TargetReport, percent, span, time};

/// The whole report; ends with a line end.
pub fn text(report: &Report) -> String {
    let Report { from, until, goal, targets, targets_left_out, certificates, incidents } = report;
    let mut out = format!("Availability from {} to {} (UTC)\n", time(*from), time(*until));
    let share = percent(Some(*goal));
    let allowed = span(((until - from) as f64 * (1.0 - goal)) as i64);
    out.push_str(&format!("Goal {share}, which allows {allowed} of outage\n\n"));
    let row = |target: &TargetReport| {
        let latency = |of: fn(&super::LatencyReport) -> f64| {
            target.latency.as_ref().map_or("-".to_owned(), |latency| format!("{:.0} ms", of(latency)))
        };
        [
            target.probe.clone(),
            target.instance.clone(),
            percent(target.ratio),
            span(target.down),
            (target.outages.len() + target.outages_left_out).to_string(),
            span(target.budget_left),
            span(target.unknown),
            span(target.excluded),
            latency(|latency| latency.p50),
            latency(|latency| latency.p95),
            latency(|latency| latency.p99),
        ]
    };
    let head = ["PROBE", "TARGET", "UP", "DOWN", "OUTAGES", "BUDGET LEFT", "UNKNOWN", "EXCLUDED", "P50", "P95", "P99"];
    out.push_str(&table(head, &targets.iter().map(row).collect::<Vec<_>>()));
    if targets.is_empty() {
        out.push_str("no target was probed\n");
    }
    if *targets_left_out > 0 {
        out.push_str(&format!("and {targets_left_out} more\n"));
    }
    let outages: Vec<[String; 4]> = targets
        .iter()
        .flat_map(|target| {
            target.outages.iter().map(|outage| {
                let lasted = outage.until.map_or("goes on".to_owned(), |until| span(until - outage.from));
                let note = if outage.is_excluded { " (excluded)" } else { "" };
                [time(outage.from), lasted, target.instance.clone(), format!("{}{note}", outage.reason)]
            })
        })
        .collect();
    section(&mut out, "Outages", ["FROM", "LASTED", "TARGET", "REASON"], &outages);
    let ends: Vec<[String; 3]> =
        certificates.iter().map(|one| [time(one.ends), span(one.ends - until), one.instance.clone()]).collect();
    section(&mut out, "Certificates that end", ["ENDS", "LEFT", "TARGET"], &ends);
    let lines: Vec<[String; 5]> = incidents
        .iter()
        .map(|one| {
            let lasted = one.until.map_or("goes on".to_owned(), |until| span(until - one.from));
            [one.id.to_string(), time(one.from), lasted, one.level.clone(), one.alerts.join(", ")]
        })
        .collect();
    section(&mut out, "Incidents", ["ID", "FROM", "LASTED", "LEVEL", "ALERTS"], &lines);
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
    let mut all: Vec<[String; N]> = vec![head.map(str::to_owned)];
    all.extend(rows.iter().map(|row| row.each_ref().map(plain)));
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    all.iter().map(line).collect()
}
