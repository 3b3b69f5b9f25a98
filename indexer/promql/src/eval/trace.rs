//! Measures the nodes of a query while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orszem_model::Matcher;

use super::expr::Output;
use super::row::Row;
use super::stage::Stage;
use super::stream::Base;
use crate::EvalError;
use crate::ast::Span;
use crate::explain::{Actual, Watch};

/// What is known of the nodes so far. Without parentheses, no two nodes have the same place in the text.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) watch: Watch,
    probes: Mutex<BTreeMap<Span, Arc<Probe>>>,
    /// By the place of the vector that `info` enriches: what was selected for it, the last time.
    infos: Mutex<BTreeMap<Span, Vec<Matcher>>>,
}

/// What is known of a node.
#[derive(Debug)]
pub(super) struct Probe {
    watch: Watch,
    evaluations: AtomicU64,
    series: AtomicU64,
    samples: AtomicU64,
    nanos: AtomicU64,
}

impl Trace {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, probes: Mutex::default(), infos: Mutex::default() }
    }

    fn probe(&self, span: Span) -> Arc<Probe> {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(probes.entry(span).or_insert_with(|| Arc::new(Probe::new(self.watch.clone()))))
    }

    /// Evaluates the node at `span`. Of a vector that is not there yet, the rows are measured as they come.
    pub(super) fn measured(
        &self,
        span: Span,
        evaluate: impl FnOnce() -> Result<Output, EvalError>,
    ) -> Result<Output, EvalError> {
        let probe = self.probe(span);
        let begun = self.watch.now();
        let output = evaluate()?;
        probe.took(begun);
        probe.evaluations.fetch_add(1, Ordering::Relaxed);
        Ok(match output {
            Output::Vector(stream) => match &stream.base {
                Base::Rows(rows) if stream.stages.is_empty() => {
                    rows.iter().for_each(|row| probe.count(row));
                    Output::Vector(stream)
                }
                Base::Rows(_) | Base::Instants(_) | Base::Ranges(_) => Output::Vector(stream.then(Stage::Probe(probe))),
            },
            scalar_or_text => scalar_or_text,
        })
    }

    /// Notes what is selected to enrich the vector at `span`.
    pub(super) fn asked_of_infos(&self, span: Span, matchers: &[Matcher]) {
        self.infos.lock().unwrap_or_else(PoisonError::into_inner).insert(span, matchers.to_vec());
    }

    /// What was selected to enrich the vector at `span`; `None` if nothing was.
    pub(super) fn infos(&self, span: Span) -> Option<Vec<Matcher>> {
        self.infos.lock().unwrap_or_else(PoisonError::into_inner).get(&span).cloned()
    }

    /// What came of the node at `span`; `None` if it was never evaluated by itself.
    pub(super) fn actual(&self, span: Span) -> Option<Actual> {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let Probe { watch: _, evaluations, series, samples, nanos } = &**probes.get(&span)?;
        Some(Actual {
            evaluations: evaluations.load(Ordering::Relaxed),
            series: series.load(Ordering::Relaxed),
            samples: samples.load(Ordering::Relaxed),
            time: Duration::from_nanos(nanos.load(Ordering::Relaxed)),
        })
    }
}

impl Probe {
    fn new(watch: Watch) -> Self {
        let zero = AtomicU64::default;
        Self { watch, evaluations: zero(), series: zero(), samples: zero(), nanos: zero() }
    }

    /// Takes a row that was begun at `begun`.
    pub(super) fn row(&self, row: &Row, begun: Duration) {
        self.took(begun);
        self.count(row);
    }

    fn took(&self, begun: Duration) {
        let took = self.watch.now().saturating_sub(begun);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn count(&self, row: &Row) {
        let present = (0..row.floats.len()).filter(|&step| row.has(step)).count() as u64;
        self.series.fetch_add(u64::from(present > 0), Ordering::Relaxed);
        self.samples.fetch_add(present, Ordering::Relaxed);
    }
}
