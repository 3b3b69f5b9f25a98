//! Scripts, read line by line.

use std::sync::LazyLock;

use orszem_promql::notation::{Line, float, series, unquote};
use orszem_promql::{Level, Moments, parse_duration_ms};
use regex::Regex;

/// One command.
pub(crate) enum Command {
    Clear,
    Load {
        step: i64,
        lines: Vec<Line>,
        converts_classic: bool,
    },
    Eval(Box<Eval>),
    /// What this runner does not know.
    Unknown {
        line: usize,
        reason: String,
    },
}

pub(crate) struct Eval {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) moments: Moments,
    pub(crate) expected: Expected,
    /// The moments of an expected range vector.
    pub(crate) range: Option<Moments>,
    pub(crate) is_ordered: bool,
    pub(crate) fails: Option<Pattern>,
    /// What must be there, each with its level.
    pub(crate) notes: Vec<(Level, Pattern)>,
    /// Levels of which nothing must be there.
    pub(crate) without: Vec<Level>,
}

#[derive(Default)]
pub(crate) enum Expected {
    #[default]
    Nothing,
    Scalar(f64),
    String(String),
    Series(Vec<Line>),
}

pub(crate) enum Pattern {
    Any,
    Text(String),
    Regex(Regex),
}

impl Pattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(wanted) => wanted == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// Reads a script.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let head = lines[at];
        let start = at;
        at += 1;
        if head.is_empty() {
            continue;
        }
        if head == "clear" {
            commands.push(Command::Clear);
            continue;
        }
        while at < lines.len() && !lines[at].is_empty() {
            at += 1;
        }
        let body = &lines[start + 1..at];
        let command = if head.starts_with("load") { load(head, body) } else { eval(start + 1, head, body) };
        commands.push(command.unwrap_or_else(|reason| Command::Unknown { line: start + 1, reason }));
    }
    commands
}

fn load(head: &str, body: &[&str]) -> Result<Command, String> {
    let (word, step) = head.split_once(char::is_whitespace).ok_or("load without a step")?;
    let lines = body.iter().map(|line| series(line)).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Ok(Command::Load { step: duration(step)?, lines, converts_classic: word == "load_with_nhcb" })
}

fn eval(line: usize, head: &str, body: &[&str]) -> Result<Command, String> {
    let (mode, moments, text) = if let Some(found) = INSTANT.captures(head) {
        (found.get(1), Moments::Instant(duration(found.get(2).map_or("0s", |at| at.as_str()))?), found[3].to_owned())
    } else if let Some(found) = RANGE.captures(head) {
        (found.get(1), range(&found[2], &found[3], &found[4])?, found[5].to_owned())
    } else {
        return Err(format!("unknown command: {head}"));
    };
    let mut eval = Eval {
        line,
        text,
        moments,
        expected: Expected::Nothing,
        range: None,
        is_ordered: false,
        fails: None,
        notes: Vec::new(),
        without: Vec::new(),
    };
    match mode.map(|mode| mode.as_str()) {
        None => {}
        Some("ordered") => eval.is_ordered = true,
        Some("warn") => eval.notes.push((Level::Warning, Pattern::Any)),
        Some("info") => eval.notes.push((Level::Info, Pattern::Any)),
        Some(_) => eval.fails = Some(Pattern::Any),
    }
    let mut expected = Vec::new();
    for line in body {
        if let Some(found) = EXPECT_RANGE.captures(line) {
            eval.range = Some(range(&found[1], &found[2], &found[3])?);
        } else if let Some(text) = line.strip_prefix("expect string ") {
            eval.expected = Expected::String(unquote(text.trim())?);
        } else if let Some(text) = line.strip_prefix("expected_fail_message") {
            eval.fails = Some(Pattern::Text(text.trim().into()));
        } else if let Some(text) = line.strip_prefix("expected_fail_regexp") {
            eval.fails = Some(Pattern::Regex(Regex::new(text.trim()).map_err(|error| error.to_string())?));
        } else if line.starts_with("expect ") {
            expect(line, &mut eval)?;
        } else if let Ok(number) = float(line) {
            eval.expected = Expected::Scalar(number);
        } else {
            expected.push(series(line).map_err(|error| error.to_string())?);
        }
    }
    if !expected.is_empty() {
        eval.expected = Expected::Series(expected);
    }
    Ok(Command::Eval(Box::new(eval)))
}

fn expect(line: &str, eval: &mut Eval) -> Result<(), String> {
    let found = EXPECT.captures(line).ok_or_else(|| format!("unknown expectation: {line}"))?;
    let text = found.get(3).map_or("", |text| text.as_str().trim());
    let pattern = match found.get(2).map(|kind| kind.as_str()) {
        None => Pattern::Any,
        Some("msg") => Pattern::Text(text.into()),
        Some(_) => Pattern::Regex(Regex::new(text).map_err(|error| error.to_string())?),
    };
    match &found[1] {
        "ordered" => eval.is_ordered = true,
        "fail" => eval.fails = Some(pattern),
        "warn" => eval.notes.push((Level::Warning, pattern)),
        "info" => eval.notes.push((Level::Info, pattern)),
        "no_warn" => eval.without.push(Level::Warning),
        _ => eval.without.push(Level::Info),
    }
    Ok(())
}

fn range(start: &str, end: &str, step: &str) -> Result<Moments, String> {
    Ok(Moments::Range { start: duration(start)?, end: duration(end)?, step: duration(step)? })
}

/// Milliseconds.
fn duration(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if let Some(positive) = text.strip_prefix('-') {
        return duration(positive).map(|length| -length);
    }
    match text.parse::<f64>() {
        Ok(seconds) => Ok((seconds * 1000.0).round() as i64),
        Err(_) => parse_duration_ms(text).map_err(|error| format!("{text}: {error}")),
    }
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a good regex")
}

static INSTANT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)$"));
static RANGE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$"));
static EXPECT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$"));
static EXPECT_RANGE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$"));
