//! The queries of Prometheus' own test scripts, where they are at hand.

use std::path::Path;

use super::EXPERIMENTAL;
use crate::parse::parse;

/// The query of an `eval` line, and whether it is to fail by the old word for that.
fn query_of(line: &str) -> Option<(&str, bool)> {
    let (word, rest) = line.split_once(' ')?;
    if !word.starts_with("eval") {
        return None;
    }
    let rest = rest.trim_start();
    let query = match rest.strip_prefix("instant at ") {
        Some(rest) => rest.split_once(' ')?.1,
        None => rest.strip_prefix("range from ")?.splitn(6, ' ').nth(5)?,
    };
    Some((query, word.starts_with("eval_fail")))
}

/// The queries of a script that are not read though they are not to fail.
fn refused(script: &str) -> Vec<String> {
    let mut refused = Vec::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((query, mut fails)) = query_of(line) else { continue };
        while let Some(next) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
            fails |= next.trim_start().starts_with("expect fail");
        }
        if let Err(error) = parse(query, &EXPERIMENTAL)
            && !fails
        {
            refused.push(format!("{query}: {error}"));
        }
    }
    refused
}

#[test]
fn all_queries_of_a_script_are_read() {
    let script = "eval instant at 5m rate(a[5m])\n  {} 1\n\neval range from 0 to 1m step 10s a +\n  expect fail\n\
        eval_fail instant at 1m b[\neval instant at 1m c +\n  {} 1\n";
    assert_eq!(refused(script), ["c +: 1:4: parse error: unexpected end of input"]);
}

/// `ORSZEM_PROMQL_SCRIPTS` names a directory of scripts (`*.test`); without it there is nothing to check.
#[test]
fn all_queries_of_the_scripts_at_hand_are_read() {
    let Some(directory) = std::env::var_os("ORSZEM_PROMQL_SCRIPTS") else { return };
    let mut found = Vec::new();
    for entry in Path::new(&directory).read_dir().expect("the directory of scripts") {
        let path = entry.expect("an entry of the directory").path();
        if path.extension().is_some_and(|extension| extension == "test") {
            let script = std::fs::read_to_string(&path).expect("a script");
            found.extend(refused(&script).into_iter().map(|query| format!("{}: {query}", path.display())));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
