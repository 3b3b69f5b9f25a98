//! `sort`, `sort_desc`, `sort_by_label` and `sort_by_label_desc`: the order of an instant query's answer.

use std::cmp::Ordering;

use orszem_vector::{column, quantile};

use super::engine::Engine;
use super::row::Row;
use super::stream::Stream;
use crate::EvalError;

/// By value, NaN last; histograms are dropped.
pub(super) fn by_value(stream: Stream, descends: bool, engine: &Engine<'_>) -> Result<Stream, EvalError> {
    let scope = stream.scope;
    let mut rows = stream.collect(engine)?;
    rows.iter_mut().for_each(|row| row.histograms.clear());
    rows.retain(|row| !column::is_empty(&row.floats));
    if scope.grid.count == 1 {
        rows.sort_by(|a, b| {
            let (a, b) = (a.floats[0], b.floats[0]);
            match (a.is_nan(), b.is_nan()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) if descends => quantile::ascending(b, a),
                (false, false) => quantile::ascending(a, b),
            }
        });
    }
    Ok(Stream { is_ordered: true, ..Stream::of_rows(rows, scope) })
}

/// By the values of labels, numbers in them by what they count; by all labels where those are equal.
pub(super) fn by_labels(
    stream: Stream,
    labels: &[&str],
    descends: bool,
    engine: &Engine<'_>,
) -> Result<Stream, EvalError> {
    let scope = stream.scope;
    let mut rows = stream.collect(engine)?;
    rows.sort_by(|a, b| {
        let order = by_natural(a, b, labels).then_with(|| a.labels.cmp(&b.labels));
        if descends { order.reverse() } else { order }
    });
    Ok(Stream { is_ordered: true, ..Stream::of_rows(rows, scope) })
}

fn by_natural(a: &Row, b: &Row, labels: &[&str]) -> Ordering {
    let orders = labels
        .iter()
        .map(|label| natural(a.labels.get(label).unwrap_or_default(), b.labels.get(label).unwrap_or_default()));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Runs of digits compare as numbers, the rest as text.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (runs(a), runs(b));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<i64>(), b.parse::<i64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The runs of digits and of anything else that make up a text.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_digit = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|character: char| character.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (run, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_labels_count() {
        let mut texts = vec!["4m5", "4m1000", "4m600", "12", "2", "a", "", "cpu10", "cpu2"];
        texts.sort_by(|a, b| natural(a, b));
        assert_eq!(texts, ["", "2", "4m5", "4m600", "4m1000", "12", "a", "cpu2", "cpu10"]);
    }
}
