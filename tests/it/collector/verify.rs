//! Whether every line arrived once, and what is missing is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::writers::Program;
use crate::torture::client::request;

/// A window in which lines may have been lost, as the collector reported it.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) file: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// How often each numbered line of each program arrived.
pub(crate) fn arrivals(bodies: &[String]) -> BTreeMap<u64, BTreeMap<u64, u64>> {
    let mut counts: BTreeMap<u64, BTreeMap<u64, u64>> = BTreeMap::new();
    for body in bodies {
        let Some((number, seq)) = numbers(body) else { continue };
        *counts.entry(number).or_default().entry(seq).or_default() += 1;
    }
    counts
}

/// Program and line number of a body.
fn numbers(body: &str) -> Option<(u64, u64)> {
    let mut words = body.split(' ').skip(2);
    let number = words.next()?.strip_prefix('w')?.parse().ok()?;
    let seq = words.next()?.strip_prefix("seq=")?.parse().ok()?;
    Some((number, seq))
}

/// What is wrong, each told; nothing for exactly once.
pub(crate) fn differences(programs: &[Program], bodies: &[String], gaps: &[Gap]) -> Vec<String> {
    let arrivals = arrivals(bodies);
    let none = BTreeMap::new();
    let mut wrong = Vec::new();
    for program in programs {
        let arrived = arrivals.get(&program.number).unwrap_or(&none);
        let written = program.written();
        let doubled: Vec<u64> = arrived.iter().filter(|(_, count)| **count > 1).map(|(seq, _)| *seq).collect();
        let invented: Vec<u64> = arrived.keys().filter(|seq| !written.contains_key(*seq)).copied().collect();
        let missing = written.iter().filter(|(seq, _)| !arrived.contains_key(*seq));
        let silent: Vec<u64> = missing.filter(|(_, at)| !is_told(program, gaps, **at)).map(|(seq, _)| *seq).collect();
        for (what, seqs) in [("doubled", doubled), ("never written", invented), ("silently lost", silent)] {
            if !seqs.is_empty() {
                let first: Vec<&u64> = seqs.iter().take(5).collect();
                wrong.push(format!(
                    "{} ({:?}): {} of {} lines {what}, such as {first:?}",
                    program.path.display(),
                    program.rotation,
                    seqs.len(),
                    written.len()
                ));
            }
        }
    }
    wrong
}

/// How many lines are missing, all of them told of.
pub(crate) fn missing(programs: &[Program], bodies: &[String]) -> usize {
    let arrivals = arrivals(bodies);
    let none = BTreeMap::new();
    let of = |program: &Program| {
        let arrived = arrivals.get(&program.number).unwrap_or(&none);
        program.written().keys().filter(|seq| !arrived.contains_key(*seq)).count()
    };
    programs.iter().map(of).sum()
}

/// Lines that no one could have read may be missing if a gap tells so.
fn is_told(program: &Program, gaps: &[Gap], at: i64) -> bool {
    let file = program.path.to_string_lossy();
    program.is_exposed(at) && gaps.iter().any(|gap| gap.file == file && gap.from <= at && at <= gap.to)
}

/// The number of the newest line of a program that the server has; `None` while it does not answer.
pub(crate) fn newest(address: SocketAddr, program: u64) -> Option<u64> {
    let answer = request(address, &format!("GET /app/v1/search?limit=1&q=w{program:03}"), "", "").ok()?;
    let answer: Value = serde_json::from_str(&answer.body).ok()?;
    let (number, seq) = numbers(answer["rows"][0]["body"].as_str()?)?;
    (number == program).then_some(seq)
}

/// The gaps that these records tell.
pub(crate) fn gaps(rows: &[Value]) -> Vec<Gap> {
    let gap = |row: &Value| {
        let field = |name: &str| row["attributes"][name].clone();
        Gap {
            file: field("gap.file").as_str().expect("gap.file").to_owned(),
            from: field("gap.from").as_i64().expect("gap.from"),
            to: field("gap.to").as_i64().expect("gap.to"),
        }
    };
    rows.iter().map(gap).collect()
}
