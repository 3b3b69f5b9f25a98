//! Runs a script against the engine.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use orszem_promql::ast::Expr;
use orszem_promql::memory::{Memory, Refused};
use orszem_promql::{
    Annotation, Answer, Level, Moments, Never, Options, ParseOptions, Point, Query, Value, evaluate, parse,
};

use super::classic::converted;
use super::compare::{at_moment, compare};
use super::script::{Command, Eval, commands};

/// How a script went.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) passed: usize,
    pub(crate) total: usize,
    /// Commands that this runner does not know.
    pub(crate) skipped: usize,
    pub(crate) failures: Vec<String>,
}

/// Runs the script called `name`.
pub(crate) fn run(name: &str, text: &str) -> Score {
    let mut score = Score::default();
    let mut memory = Memory::default();
    for command in commands(text) {
        match command {
            Command::Clear => memory = Memory::default(),
            Command::Load { step, lines, converts_classic } => {
                // Of two lines with the same labels the later counts.
                let last: BTreeMap<_, _> = lines.iter().map(|(labels, values)| (labels, values)).collect();
                for (labels, values) in last {
                    for (at, value) in (0..).zip(values) {
                        if let Some(value) = value {
                            load(&mut memory, labels, at * step, value);
                        }
                    }
                }
                if converts_classic {
                    for (labels, at, value) in converted(&lines) {
                        load(&mut memory, &labels, at as i64 * step, &value);
                    }
                }
            }
            Command::Eval(eval) => {
                score.total += 1;
                match check(&eval, &memory) {
                    Ok(()) => score.passed += 1,
                    Err(error) => score.failures.push(format!("{name}:{} {}\n    {error}", eval.line, eval.text)),
                }
            }
            Command::Unknown { line, reason } => {
                score.skipped += 1;
                score.failures.push(format!("{name}:{line} skipped: {reason}"));
            }
        }
    }
    score
}

/// Samples that a series has already, or later ones, are left out.
fn load(memory: &mut Memory, labels: &orszem_model::Labels, time: i64, point: &Point) {
    match memory.push(labels, time, point) {
        Ok(()) | Err(Refused::Duplicate | Refused::OutOfOrder) => {}
    }
}

fn check(eval: &Eval, memory: &Memory) -> Result<(), String> {
    let parsed = parse(&eval.text, &ParseOptions { is_experimental: true });
    let expr = match parsed {
        Ok(expr) => expr,
        Err(error) => return failed(eval, &error.message),
    };
    let answer = match answer(&expr, eval.moments, memory) {
        Ok(answer) => answer,
        Err(error) => return failed(eval, &error),
    };
    if eval.fails.is_some() {
        return Err(format!("should fail, got {:?}", answer.value));
    }
    notes(eval, &answer.annotations)?;
    compare(&answer.value, eval)?;
    in_range_mode(eval, &expr, &answer, memory).map_err(|error| format!("in a range query: {error}"))
}

fn answer(expr: &Expr, moments: Moments, memory: &Memory) -> Result<Answer, String> {
    let query = Query { expr, moments };
    let evaluated = catch_unwind(AssertUnwindSafe(|| evaluate(&query, memory, &Options::default(), &Never)));
    match evaluated {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("panics".into()),
    }
}

fn failed(eval: &Eval, error: &str) -> Result<(), String> {
    match &eval.fails {
        Some(pattern) if pattern.matches(error) => Ok(()),
        Some(_) => Err(format!("fails otherwise: {error}")),
        None => Err(format!("fails: {error}")),
    }
}

fn notes(eval: &Eval, annotations: &[Annotation]) -> Result<(), String> {
    let placed: Vec<(Level, String)> = annotations
        .iter()
        .map(|note| (note.level, format!("{} ({})", note.message, place(note, &eval.text))))
        .collect();
    let all = || placed.iter().map(|note| note.1.as_str()).collect::<Vec<_>>().join("; ");
    for level in &eval.without {
        if placed.iter().any(|note| note.0 == *level) {
            return Err(format!("no {level:?} expected, got {}", all()));
        }
    }
    for level in [Level::Warning, Level::Info] {
        let wanted: Vec<_> = eval.notes.iter().filter(|note| note.0 == level).map(|note| &note.1).collect();
        let got: Vec<_> = placed.iter().filter(|note| note.0 == level).map(|note| &note.1).collect();
        if wanted.iter().any(|pattern| !got.iter().any(|message| pattern.matches(message))) {
            return Err(format!("{level:?} expected, got {}", all()));
        }
        if !wanted.is_empty() && got.iter().any(|message| !wanted.iter().any(|pattern| pattern.matches(message))) {
            return Err(format!("another {level:?} than expected: {}", all()));
        }
    }
    Ok(())
}

/// Line and column, both from 1.
fn place(note: &Annotation, text: &str) -> String {
    let before = text.get(..note.span.start).unwrap_or(text);
    let (line, column) =
        (before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1);
    format!("{line}:{column}")
}

/// An instant query has the value that a range query has at that moment.
fn in_range_mode(eval: &Eval, expr: &Expr, instant: &Answer, memory: &Memory) -> Result<(), String> {
    let Moments::Instant(time) = eval.moments else { return Ok(()) };
    let is_scalar = match instant.value {
        Value::Scalar { .. } => true,
        Value::Vector(_) => false,
        Value::String { .. } | Value::Matrix(_) => return Ok(()),
    };
    // What asks for the range is another question there; range queries are sorted by labels.
    let asks_for_range = ["range()", "start()", "end()", "step()"].iter().any(|word| eval.text.contains(word));
    if eval.is_ordered || eval.range.is_some() || asks_for_range {
        return Ok(());
    }
    let moments = Moments::Range { start: time - 60_000, end: time + 60_000, step: 60_000 };
    let Value::Matrix(matrix) = answer(expr, moments, memory)?.value else {
        return Err("not a matrix".into());
    };
    compare(&at_moment(&matrix, time, is_scalar), eval)
}
