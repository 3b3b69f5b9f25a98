//! Binary operators between two vectors.

use std::collections::HashMap;

use orszem_model::{Labels, METRIC_NAME};
use orszem_vector::{ABSENT, MatchLabels, Ordinals, is_absent};

use super::column::{compute, float_of, is_trim};
use super::element;
use super::engine::{Engine, Scope, failed, same_labels};
use super::label::shown;
use super::notes::Notes;
use super::row::{Row, is_metadata};
use super::stream::Stream;
use crate::EvalError;
use crate::ast::{Binary, Cardinality, Span};

/// Stands where no element of the one side is there.
const NOBODY: usize = usize::MAX;

impl Engine<'_> {
    pub(super) fn vectors(&self, binary: &Binary, span: Span, scope: Scope) -> Result<Stream, EvalError> {
        let left = self.vector(&binary.left, scope.of_sum())?.collect(self)?;
        let right = self.vector(&binary.right, scope.of_sum())?.collect(self)?;
        let held: usize = left.iter().chain(&right).map(Row::size).sum();
        let rows = if binary.op.is_set() {
            super::set::combine(binary, left, right, scope)?
        } else {
            let mut scratch = Engine::scratch(scope);
            let rows = Match::new(binary, span, scope, left, right).run(&mut scratch.notes)?;
            scratch.samples.fill(0);
            self.gather(scope, scratch);
            rows
        };
        self.hold(rows.iter().map(Row::size).sum())?;
        self.release(held);
        Ok(Stream::of_rows(rows, scope))
    }
}

/// The elements of one match group.
#[derive(Default)]
struct Group {
    many: Vec<usize>,
    one: Vec<usize>,
}

/// An operator at work. The `one` side has one element at most in each match group and step.
struct Match<'a> {
    binary: &'a Binary,
    span: Span,
    scope: Scope,
    by: MatchLabels<'a>,
    many: Vec<Row>,
    one: Vec<Row>,
    /// The `many` side stands on the right.
    is_swapped: bool,
    results: Vec<Row>,
    known: HashMap<Labels, usize>,
}

impl<'a> Match<'a> {
    fn new(binary: &'a Binary, span: Span, scope: Scope, left: Vec<Row>, right: Vec<Row>) -> Self {
        let matching = &binary.matching;
        let is_swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if is_swapped { (right, left) } else { (left, right) };
        let by = MatchLabels { labels: &matching.labels, is_on: matching.is_on };
        Self { binary, span, scope, by, many, one, is_swapped, results: Vec::new(), known: HashMap::new() }
    }

    fn run(mut self, notes: &mut Notes) -> Result<Vec<Row>, EvalError> {
        let mut ordinals = Ordinals::default();
        let mut groups: Vec<Group> = Vec::new();
        for (rows, is_many) in [(&self.many, true), (&self.one, false)] {
            for (at, row) in rows.iter().enumerate() {
                let ordinal = ordinals.of(self.by, &row.labels);
                if ordinal == groups.len() {
                    groups.push(Group::default());
                }
                let group = &mut groups[ordinal];
                if is_many { group.many.push(at) } else { group.one.push(at) }
            }
        }
        let fills = self.binary.matching.fill_left.is_some() || self.binary.matching.fill_right.is_some();
        // Last those that take their elements with them.
        let mut couples: Vec<(usize, usize)> = Vec::new();
        for group in &groups {
            match (group.many.as_slice(), group.one.as_slice()) {
                (&[many], &[one]) if !fills => couples.push((many, one)),
                (_, []) | ([], [_]) if !fills => {}
                _ => self.group(group, notes)?,
            }
        }
        for (many, one) in couples {
            self.couple(many, one, notes)?;
        }
        Ok(self.results)
    }

    /// The common case: one element on each side. Its memory becomes that of the result.
    fn couple(&mut self, many: usize, one: usize, notes: &mut Notes) -> Result<(), EvalError> {
        let labels = self.result_labels(&self.many[many].labels, &self.one[one].labels);
        let keeps_name = self.binary.matching.include.iter().any(|name| name == METRIC_NAME);
        let drops_name = self.binary.returns_bool || !keeps_name && self.many[many].drops_name;
        let many = std::mem::take(&mut self.many[many]);
        let one = &self.one[one];
        let mut result = Row { labels, drops_name, floats: Vec::new(), histograms: Vec::new() };
        if many.histograms.is_empty() && one.histograms.is_empty() && !is_trim(self.binary.op) {
            result.floats = many.floats;
            for (held, &other) in result.floats.iter_mut().zip(&one.floats) {
                *held = if is_absent(*held) || is_absent(other) {
                    ABSENT
                } else {
                    let (left, right) = if self.is_swapped { (other, *held) } else { (*held, other) };
                    float_of(self.binary, left, right)
                };
            }
        } else {
            result.floats = vec![ABSENT; many.floats.len()];
            let matched: Vec<bool> = (0..many.floats.len()).map(|step| many.has(step) && one.has(step)).collect();
            let sides = if self.is_swapped { [one, &many] } else { [&many, one] };
            compute(self.binary, sides.map(Some), f64::NAN, &matched, &mut result, self.span, notes);
        }
        self.insert(result)
    }

    fn steps(&self) -> usize {
        self.scope.grid.count
    }

    fn group(&mut self, group: &Group, notes: &mut Notes) -> Result<(), EvalError> {
        // As upstream has it, `fill_right` is for elements that the one side lacks, wherever that stands.
        let (fill_one, fill_many) = (self.binary.matching.fill_right, self.binary.matching.fill_left);
        let owners = self.owners(group)?;
        if group.many.len() > 1 {
            self.check_many(group, &owners)?;
        }
        let mut is_matched = if fill_many.is_some() { vec![false; self.steps()] } else { Vec::new() };
        for &many in &group.many {
            for &one in &group.one {
                let matched = self.pair(Some(many), Some(one), None, &owners, notes)?;
                for (step, is_matched) in is_matched.iter_mut().enumerate() {
                    *is_matched |= matched[step];
                }
            }
            if fill_one.is_some() {
                self.pair(Some(many), None, fill_one, &owners, notes)?;
            }
        }
        if fill_many.is_some() {
            for &one in &group.one {
                let unmatched: Vec<usize> =
                    owners.iter().zip(&is_matched).map(|(&owner, &taken)| if taken { NOBODY } else { owner }).collect();
                self.pair(None, Some(one), fill_many, &unmatched, notes)?;
            }
        }
        Ok(())
    }

    /// Which element of the one side is there, for each step.
    fn owners(&self, group: &Group) -> Result<Vec<usize>, EvalError> {
        let mut owners = vec![NOBODY; self.steps()];
        let fills = self.binary.matching.fill_left.is_some() || self.binary.matching.fill_right.is_some();
        for &one in &group.one {
            for (step, owner) in owners.iter_mut().enumerate() {
                if !self.one[one].has(step) {
                    continue;
                }
                // Without elements on the other side nothing is matched, and nothing said.
                if *owner != NOBODY && (fills || self.many.iter().any(|row| row.has(step))) {
                    return self.duplicates(&self.one[*owner].labels, &self.one[one].labels);
                }
                *owner = one;
            }
        }
        Ok(owners)
    }

    fn duplicates<T>(&self, a: &Labels, b: &Labels) -> Result<T, EvalError> {
        let (first, second) = if a <= b { (a, b) } else { (b, a) };
        let side = if self.is_swapped { "left" } else { "right" };
        failed(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];many-to-many \
             matching not allowed: matching labels must be unique on one side",
            shown(&self.by.of(a)),
            shown(first),
            shown(second)
        ))
    }

    /// # Errors
    /// When several elements of the many side would give the same result at some step.
    fn check_many(&self, group: &Group, owners: &[usize]) -> Result<(), EvalError> {
        let is_one_to_one = self.binary.matching.cardinality == Cardinality::OneToOne;
        let fills = self.binary.matching.fill_right.is_some();
        let absent = Labels::default();
        let mut seen: HashMap<Labels, Vec<bool>> = HashMap::new();
        for &many in &group.many {
            let row = &self.many[many];
            let mut of_owner: Vec<(usize, Labels)> = Vec::new();
            for (step, &owner) in owners.iter().enumerate() {
                if !row.has(step) || owner == NOBODY && !fills {
                    continue;
                }
                let key = if is_one_to_one {
                    absent.clone()
                } else if let Some((_, labels)) = of_owner.iter().find(|(known, _)| *known == owner) {
                    labels.clone()
                } else {
                    let one = if owner == NOBODY { &absent } else { &self.one[owner].labels };
                    of_owner.push((owner, self.result_labels(&row.labels, one)));
                    of_owner[of_owner.len() - 1].1.clone()
                };
                let taken = seen.entry(key).or_insert_with(|| vec![false; owners.len()]);
                if taken[step] {
                    return failed(if is_one_to_one {
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                    } else {
                        "multiple matches for labels: grouping labels must ensure unique matches"
                    });
                }
                taken[step] = true;
            }
        }
        Ok(())
    }

    /// Computes one element with another, or with `fill` where there is none; says at which steps both were there.
    fn pair(
        &mut self,
        many: Option<usize>,
        one: Option<usize>,
        fill: Option<f64>,
        owners: &[usize],
        notes: &mut Notes,
    ) -> Result<Vec<bool>, EvalError> {
        let many_row = many.map(|at| &self.many[at]);
        let one_row = one.map(|at| &self.one[at]);
        let fill = fill.unwrap_or(f64::NAN);
        let owner = one.unwrap_or(NOBODY);
        let is_there = |step: usize| owners[step] == owner && many_row.is_none_or(|row| row.has(step));
        let matched: Vec<bool> = (0..owners.len()).map(is_there).collect();
        if !matched.contains(&true) {
            return Ok(matched);
        }
        let (of_many, of_one) = match (many_row, one_row) {
            (Some(many), Some(one)) => (many.labels.clone(), one.labels.clone()),
            (Some(many), None) => (many.labels.clone(), self.by.of(&many.labels)),
            (None, Some(one)) => (self.by.of(&one.labels), one.labels.clone()),
            (None, None) => return Ok(matched),
        };
        let mut result = Row::absent(self.result_labels(&of_many, &of_one), owners.len());
        let keeps_name = self.binary.matching.include.iter().any(|name| name == METRIC_NAME);
        result.drops_name = self.binary.returns_bool || !keeps_name && many_row.is_some_and(|row| row.drops_name);
        let (left, right) = if self.is_swapped { (one_row, many_row) } else { (many_row, one_row) };
        compute(self.binary, [left, right], fill, &matched, &mut result, self.span, notes);
        self.insert(result)?;
        Ok(matched)
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = &self.binary.matching;
        let drops_name = element::changes_meaning(self.binary.op);
        let is_one_to_one = matching.cardinality == Cardinality::OneToOne;
        let mut labels = many.without(|name| {
            let is_named = matching.labels.iter().any(|label| label == name);
            drops_name && is_metadata(name)
                || is_one_to_one && is_named != matching.is_on
                || matching.include.iter().any(|label| label == name)
        });
        for name in &matching.include {
            if let Some(value) = one.get(name).filter(|value| !value.is_empty()) {
                labels = labels.with(name, value);
            }
        }
        labels
    }

    fn insert(&mut self, result: Row) -> Result<(), EvalError> {
        if result.is_empty() {
            return Ok(());
        }
        // Of one step, the same labels show at the end, and may be gone till then.
        if self.steps() == 1 {
            self.results.push(result);
            return Ok(());
        }
        let Some(&at) = self.known.get(&result.labels) else {
            self.known.insert(result.labels.clone(), self.results.len());
            self.results.push(result);
            return Ok(());
        };
        let held = &mut self.results[at];
        for step in (0..result.floats.len()).filter(|&step| result.has(step)) {
            if held.has(step) {
                return same_labels();
            }
            held.copy(step, &result);
        }
        Ok(())
    }
}
