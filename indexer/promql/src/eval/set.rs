//! `and`, `or` and `unless`.

use orszem_vector::{ABSENT, MatchLabels, Ordinals};

use super::engine::Scope;
use super::row::{Row, merged};
use crate::EvalError;
use crate::ast::{Binary, BinaryOp};

pub(super) fn combine(
    binary: &Binary,
    mut left: Vec<Row>,
    mut right: Vec<Row>,
    scope: Scope,
) -> Result<Vec<Row>, EvalError> {
    let by = MatchLabels { labels: &binary.matching.labels, is_on: binary.matching.is_on };
    let mut ordinals = Ordinals::default();
    let of_left: Vec<usize> = left.iter().map(|row| ordinals.of(by, &row.labels)).collect();
    let of_right: Vec<usize> = right.iter().map(|row| ordinals.of(by, &row.labels)).collect();
    let groups = ordinals.len();
    let steps = scope.grid.count;
    match binary.op {
        BinaryOp::And => keep(&mut left, &of_left, &presence(&right, &of_right, groups, steps), true),
        BinaryOp::Unless => keep(&mut left, &of_left, &presence(&right, &of_right, groups, steps), false),
        _ => {
            keep(&mut right, &of_right, &presence(&left, &of_left, groups, steps), false);
            left.retain(|row| !row.is_empty());
            left.extend(right);
            // Of one step, the same labels show at the end.
            return if steps == 1 { Ok(left) } else { merged(left) };
        }
    }
    Ok(left)
}

/// For each match group, at which steps there is an element.
fn presence(rows: &[Row], groups_of: &[usize], groups: usize, steps: usize) -> Vec<Vec<bool>> {
    let mut presence: Vec<Vec<bool>> = vec![Vec::new(); groups];
    for (row, &group) in rows.iter().zip(groups_of) {
        let present = &mut presence[group];
        if present.is_empty() {
            present.resize(steps, false);
        }
        present.iter_mut().enumerate().for_each(|(step, present)| *present |= row.has(step));
    }
    presence
}

/// Keeps values where their group is present, or where it is not.
fn keep(rows: &mut Vec<Row>, groups_of: &[usize], presence: &[Vec<bool>], wants_presence: bool) {
    for (row, &group) in rows.iter_mut().zip(groups_of) {
        for step in 0..row.floats.len() {
            let is_present = presence[group].get(step).copied().unwrap_or(false);
            if is_present != wants_presence {
                row.floats[step] = ABSENT;
                if let Some(histogram) = row.histograms.get_mut(step) {
                    *histogram = None;
                }
            }
        }
    }
    rows.retain(|row| !row.is_empty());
}
