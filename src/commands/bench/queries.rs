//! The query set: each question run warm, its median wall time and its mean CPU time printed.

use std::time::Instant;

use anyhow::Context;

use super::corpus::Meta;
use super::print;
use super::process::Child;

/// One question: its name in the report, the path, and the parameters of its n-th run.
struct Question {
    name: &'static str,
    path: &'static str,
    parameters: Vec<(&'static str, String)>,
    /// Taken in turn as the query, so that no run repeats the one before; empty: the query is in `parameters`.
    queries: Vec<String>,
}

/// Runs all questions `repeat` times after one run to warm up.
pub(super) async fn run(server: &Child, meta: &Meta, repeat: u32) -> anyhow::Result<()> {
    print(&format!("{:<28} {:>10} {:>10}", "query", "wall ms", "CPU ms"))?;
    let range = meta.range()?;
    let mut questions = questions(meta, &range);
    questions.extend(around_a_needle(server, meta).await?);
    questions.extend(fiftieth_page(server).await?);
    for question in questions {
        let mut walls = Vec::new();
        ask(server, &question, 0).await?;
        let before = server.threads_cpu_s()?;
        for n in 1..=repeat {
            let begun = Instant::now();
            ask(server, &question, n).await?;
            walls.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let cpu_ms = (server.threads_cpu_s()? - before) * 1e3 / f64::from(repeat);
        print(&format!("{:<28} {:>10.2} {cpu_ms:>10.2}", question.name, median(walls)))?;
    }
    Ok(())
}

/// The 20 lines on either side of a needle, in its stream.
async fn around_a_needle(server: &Child, meta: &Meta) -> anyhow::Result<Option<Question>> {
    let Some(needle) = meta.needles_of(1).next() else { return Ok(None) };
    let parameters = [("q", needle.to_owned()), ("limit", "1".to_owned())];
    let found: serde_json::Value = server.client().get("/app/v1/search", &parameters).await?;
    let row = &found["rows"][0];
    let text = |name: &str| row[name].as_str().map(str::to_owned).context("a row lacks its place");
    let parameters =
        vec![("ts", text("ts_ns")?), ("seq", text("seq")?), ("before", "20".to_owned()), ("after", "20".to_owned())];
    Ok(Some(Question { name: "context, 20 lines each side", path: "/app/v1/context", parameters, queries: Vec::new() }))
}

/// The fiftieth page of a hundred lines, by the cursor of the one before.
async fn fiftieth_page(server: &Child) -> anyhow::Result<Option<Question>> {
    let mut parameters = vec![("q", "error".to_owned()), ("limit", "100".to_owned())];
    for _ in 1..50 {
        let page: serde_json::Value = server.client().get("/app/v1/search", &parameters).await?;
        let Some(cursor) = page["next"].as_str() else { return Ok(None) };
        parameters.truncate(2);
        parameters.push(("cursor", cursor.to_owned()));
    }
    Ok(Some(Question { name: "page 50", path: "/app/v1/search", parameters, queries: Vec::new() }))
}

async fn ask(server: &Child, question: &Question, n: u32) -> anyhow::Result<serde_json::Value> {
    let mut parameters = question.parameters.clone();
    if !question.queries.is_empty() {
        let query = question.queries.get(n as usize % question.queries.len()).cloned().unwrap_or_default();
        parameters.push(("q", query));
    }
    server.client().get(question.path, &parameters).await
}

fn median(mut walls: Vec<f64>) -> f64 {
    walls.sort_by(f64::total_cmp);
    walls.get(walls.len() / 2).copied().unwrap_or(0.0)
}

fn questions(meta: &Meta, [from, to]: &[String; 2]) -> Vec<Question> {
    let count = |name, query: &str| Question {
        name,
        path: "/app/v1/count",
        parameters: vec![("q", query.to_owned())],
        queries: Vec::new(),
    };
    let rows = |name, queries: Vec<_>| Question {
        name,
        path: "/app/v1/search",
        parameters: vec![("limit", "100".to_owned())],
        queries,
    };
    let ranged = |name, path, more: &[(&'static str, &str)]| {
        let mut parameters = vec![("q", "error".to_owned()), ("from", from.clone()), ("to", to.clone())];
        parameters.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Question { name, path, parameters, queries: Vec::new() }
    };
    vec![
        rows("needle, 1 row", meta.needles_of(1).map(str::to_owned).collect()),
        rows("needle, 10 rows", meta.needles_of(10).map(str::to_owned).collect()),
        count("count common word", "error"),
        count("count two words", "Connection AND closed"),
        count("count phrase", "\"Failed password for root\""),
        count("count service and word", "service:hdfs AND terminating"),
        count("count level and word", "level:error AND Failed"),
        ranged("histogram, 5 min", "/app/v1/histogram", &[("step", "5m")]),
        ranged("top 10 hosts", "/app/v1/facets", &[("field", "host"), ("limit", "10")]),
        rows("newest 100", vec!["error".to_owned()]),
        count("count regex", "/blk_-?\\d+9/"),
        count("count prefix", "conn*"),
        rows("exact trace id", meta.trace_ids.iter().map(|id| format!("trace_id:{id}")).collect()),
        count("case differs", "CONNECTION"),
        ranged("distinct hosts", "/app/v1/facets", &[("field", "host"), ("limit", "1")]),
        count("absent word", "zqabsentword"),
        count("and not", "error AND NOT Failed"),
        count("infix", "*onnectio*"),
        count("suffix", "*ection"),
        count("regex without literal", "/[0-9]{7}[a-f][0-9]/"),
        count("exists", "trace_id:*"),
        ranged("top 20 patterns", "/app/v1/patterns", &[("limit", "20")]),
    ]
}
