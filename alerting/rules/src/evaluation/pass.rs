//! One pass over groups at one time: what their rules share is computed once.

use std::collections::HashMap;
use std::sync::Arc;

use orszem_promql::{Annotation, Interrupt, Moments, Point, Query, Sample, Source, evaluate};

use super::Environment;
use super::ask::elements;
use super::outcome::RuleError;
use super::plan::{Lookup, Plan, Shape};
use super::table::Table;

/// An operand's elements, and what the engine remarked about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Evaluated {
    pub(super) elements: Vec<Sample>,
    pub(super) annotations: Vec<Annotation>,
}

pub(super) struct Pass<'p> {
    source: &'p dyn Source,
    environment: &'p Environment,
    interrupt: &'p dyn Interrupt,
    /// How many rules have the operand; of those with one, nothing is kept.
    operands: HashMap<Arc<str>, usize>,
    /// How many rules look up series of the metric.
    lookups: HashMap<Arc<str>, usize>,
    known: HashMap<(Arc<str>, i64), Arc<Evaluated>>,
    /// `None` where a metric has too many series.
    tables: HashMap<(Arc<str>, i64), Option<Table>>,
}

impl<'p> Pass<'p> {
    pub(super) fn new<'g>(
        source: &'p dyn Source,
        environment: &'p Environment,
        interrupt: &'p dyn Interrupt,
        plans: impl Iterator<Item = &'g Plan>,
    ) -> Self {
        let (mut operands, mut lookups) = (HashMap::new(), HashMap::new());
        for plan in plans.filter(|plan| !plan.reads_group) {
            match &plan.shape {
                Shape::Lookup(lookup) => *lookups.entry(Arc::clone(&lookup.name)).or_insert(0) += 1,
                Shape::Other => *operands.entry(Arc::clone(&plan.key)).or_insert(0) += 1,
            }
        }
        Self { source, environment, interrupt, operands, lookups, known: HashMap::new(), tables: HashMap::new() }
    }

    /// The elements of a rule's expression at `at`. With `group`, a source that has what the group has given, nothing
    /// is shared.
    pub(super) fn evaluate(
        &mut self,
        plan: &Plan,
        at: i64,
        group: Option<&dyn Source>,
    ) -> Result<Evaluated, RuleError> {
        if let Some(source) = group {
            return Ok(compare(plan, self.ask(plan, at, source)?));
        }
        if let Shape::Lookup(lookup) = &plan.shape
            && let Some(found) = self.look_up(lookup, at)?
        {
            return Ok(compare(plan, Evaluated { elements: found, annotations: Vec::new() }));
        }
        if self.operands.get(&plan.key).is_none_or(|count| *count < 2) {
            return Ok(compare(plan, self.ask(plan, at, self.source)?));
        }
        let key = (Arc::clone(&plan.key), at);
        let evaluated = match self.known.get(&key) {
            Some(known) => Arc::clone(known),
            None => {
                let evaluated = Arc::new(self.ask(plan, at, self.source)?);
                self.known.insert(key, Arc::clone(&evaluated));
                evaluated
            }
        };
        Ok(Evaluated {
            elements: evaluated.elements.iter().filter(|sample| is_left(plan, sample)).cloned().collect(),
            annotations: evaluated.annotations.clone(),
        })
    }

    fn ask(&self, plan: &Plan, at: i64, source: &dyn Source) -> Result<Evaluated, RuleError> {
        let query = Query { expr: &plan.operand, moments: Moments::Instant(at) };
        let answer = evaluate(&query, source, &self.environment.options, self.interrupt)?;
        let elements = elements(answer.value).ok_or(RuleError::NoVector)?;
        Ok(Evaluated { elements, annotations: answer.annotations })
    }

    fn look_up(&mut self, lookup: &Lookup, at: i64) -> Result<Option<Vec<Sample>>, RuleError> {
        self.interrupt.check().map_err(orszem_promql::EvalError::from)?;
        let rules = self.lookups.get(&lookup.name).copied().unwrap_or(1);
        // Few series are asked for one by one.
        if rules < 2 {
            return Ok(None);
        }
        let moment = at.saturating_sub(lookup.offset_ms);
        let key = (Arc::clone(&lookup.name), moment);
        if !self.tables.contains_key(&key) {
            let lookback_ms = self.environment.options.lookback_ms;
            let table = Table::read(self.source, &lookup.name, moment, lookback_ms, rules)
                .map_err(orszem_promql::EvalError::from)?;
            self.tables.insert(key.clone(), table);
        }
        let table = self.tables.get_mut(&key).and_then(Option::as_mut);
        Ok(table.map(|table| table.find(&lookup.matchers, at)))
    }
}

/// What of the operand the comparison leaves.
fn compare(plan: &Plan, mut evaluated: Evaluated) -> Evaluated {
    if plan.comparison.is_some() {
        evaluated.elements.retain(|sample| is_left(plan, sample));
    }
    evaluated
}

/// Whether the comparison leaves an element. Histograms are never left.
fn is_left(plan: &Plan, sample: &Sample) -> bool {
    plan.comparison.is_none_or(|comparison| match sample.point {
        Point::Float(value) => comparison.holds(value),
        Point::Histogram(_) => false,
    })
}
