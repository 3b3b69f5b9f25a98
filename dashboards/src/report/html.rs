//! A report as one HTML page that mail programs show: no script, no style sheet of its own, nothing to be fetched.

use super::{Report, TargetReport, percent, span, time};

const CELL: &str = "padding:4px 10px;border-bottom:1px solid #e5e7eb;text-align:left";

/// The whole page.
pub fn html(report: &Report) -> String {
    let Report { from, until, goal, targets, targets_left_out, certificates, incidents } = report;
    let title = format!("Availability from {} to {} (UTC)", time(*from), time(*until));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body style=\"font-family:sans-serif;color:#111827\">\n<h1 style=\"font-size:20px\">{title}</h1>\n\
         <p>Goal {}, which allows {} of outage.</p>\n",
        percent(Some(*goal)),
        span(((until - from) as f64 * (1.0 - goal)) as i64),
    );
    let row = |target: &TargetReport| {
        let latency = |of: fn(&super::LatencyReport) -> f64| {
            target.latency.as_ref().map_or("–".to_owned(), |latency| format!("{:.0} ms", of(latency)))
        };
        let is_missed = target.ratio.is_some_and(|ratio| ratio < *goal);
        let colour = if is_missed { "#b91c1c" } else { "#15803d" };
        vec![
            escaped(&target.probe),
            escaped(&target.instance),
            format!("<b style=\"color:{colour}\">{}</b>", percent(target.ratio)),
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
    let head = ["Probe", "Target", "Up", "Down", "Outages", "Budget left", "Unknown", "Excluded", "p50", "p95", "p99"];
    table(&mut out, "Targets", &head, targets.iter().map(row).collect());
    if *targets_left_out > 0 {
        out.push_str(&format!("<p>and {targets_left_out} more</p>\n"));
    }
    let outages = targets.iter().flat_map(|target| {
        target.outages.iter().map(|outage| {
            let lasted = outage.until.map_or("goes on".to_owned(), |until| span(until - outage.from));
            let note = if outage.is_excluded { " (excluded)" } else { "" };
            vec![time(outage.from), lasted, escaped(&target.instance), escaped(&format!("{}{note}", outage.reason))]
        })
    });
    table(&mut out, "Outages", &["From", "Lasted", "Target", "Reason"], outages.collect());
    let ends = certificates.iter().map(|one| vec![time(one.ends), span(one.ends - until), escaped(&one.instance)]);
    table(&mut out, "Certificates that end", &["Ends", "Left", "Target"], ends.collect());
    let lines = incidents.iter().map(|one| {
        let lasted = one.until.map_or("goes on".to_owned(), |until| span(until - one.from));
        vec![one.id.to_string(), time(one.from), lasted, escaped(&one.level), escaped(&one.alerts.join(", "))]
    });
    table(&mut out, "Incidents", &["Id", "From", "Lasted", "Level", "Alerts"], lines.collect());
    out.push_str("</body></html>\n");
    out
}

/// Cells are HTML.
fn table(out: &mut String, title: &str, head: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!(
        "<h2 style=\"font-size:16px\">{title}</h2>\n<table style=\"border-collapse:collapse\">\n<tr>"
    ));
    head.iter().for_each(|cell| out.push_str(&format!("<th style=\"{CELL}\">{cell}</th>")));
    out.push_str("</tr>\n");
    for row in rows {
        out.push_str("<tr>");
        row.iter().for_each(|cell| out.push_str(&format!("<td style=\"{CELL}\">{cell}</td>")));
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
