//! A report as one HTML page that mail programs show: no script, no style sheet of its own, nothing to be fetched.

use orszem_model::{Language, fill};

use super::words::Words;
use super::{Report, TargetReport, time};

const CELL: &str = "padding:4px 10px;border-bottom:1px solid #e5e7eb;text-align:left";

/// The whole page.
pub fn html(report: &Report, language: Language) -> String {
    let words = Words::of(language);
    let Report { from, until, goal, targets, targets_left_out, certificates, incidents } = report;
    let title = fill(words.title, &[("from", &time(*from)), ("until", &time(*until))]);
    let share = words.percent(Some(*goal));
    let allowed = words.span(((until - from) as f64 * (1.0 - goal)) as i64);
    let goal_line = fill(words.goal, &[("share", &share), ("allowed", &allowed)]);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body style=\"font-family:sans-serif;color:#111827\">\n<h1 style=\"font-size:20px\">{title}</h1>\n\
         <p>{goal_line}.</p>\n",
        words.code,
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
            format!("<b style=\"color:{colour}\">{}</b>", words.percent(target.ratio)),
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
    table(&mut out, words.targets, &words.target_columns, targets.iter().map(row).collect());
    if *targets_left_out > 0 {
        let more = fill(words.more, &[("n", &targets_left_out.to_string())]);
        out.push_str(&format!("<p>{more}</p>\n"));
    }
    let outages = targets.iter().flat_map(|target| {
        target.outages.iter().map(|outage| {
            let lasted = outage.until.map_or(words.goes_on.to_owned(), |until| words.span(until - outage.from));
            let note = if outage.is_excluded { format!(" ({})", words.excluded) } else { String::new() };
            vec![time(outage.from), lasted, escaped(&target.instance), escaped(&format!("{}{note}", outage.reason))]
        })
    });
    table(&mut out, words.outages, &words.outage_columns, outages.collect());
    let ends =
        certificates.iter().map(|one| vec![time(one.ends), words.span(one.ends - until), escaped(&one.instance)]);
    table(&mut out, words.certificates, &words.certificate_columns, ends.collect());
    let lines = incidents.iter().map(|one| {
        let lasted = one.until.map_or(words.goes_on.to_owned(), |until| words.span(until - one.from));
        vec![
            one.id.to_string(),
            time(one.from),
            lasted,
            escaped(words.level(&one.level)),
            escaped(&one.alerts.join(", ")),
        ]
    });
    table(&mut out, words.incidents, &words.incident_columns, lines.collect());
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
