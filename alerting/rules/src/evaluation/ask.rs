//! Queries of templates.

use orszem_promql::{Interrupt, Moments, ParseOptions, Query, Source, Value, evaluate, parse};

use super::Environment;
use crate::template::{Ask, QueriedSample};

pub(super) struct Asker<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) environment: &'a Environment,
    pub(super) interrupt: &'a dyn Interrupt,
}

impl Ask for Asker<'_> {
    fn ask(&self, query: &str, at: i64) -> Result<Vec<QueriedSample>, String> {
        let options = ParseOptions { is_experimental: self.environment.is_experimental };
        let expr = parse(query, &options).map_err(|error| error.to_string())?;
        let query = Query { expr: &expr, moments: Moments::Instant(at) };
        let answer = evaluate(&query, self.source, &self.environment.options, self.interrupt)
            .map_err(|error| error.to_string())?;
        elements(answer.value)
            .map(|elements| {
                elements
                    .into_iter()
                    .map(|element| QueriedSample { labels: element.labels, value: element.point })
                    .collect()
            })
            .ok_or_else(|| "rule result is not a vector or scalar".to_owned())
    }
}

/// The elements of a vector; a number is one without labels.
pub(super) fn elements(value: Value) -> Option<Vec<orszem_promql::Sample>> {
    match value {
        Value::Vector(elements) => Some(elements),
        Value::Scalar { time, value } => {
            let point = orszem_promql::Point::Float(value);
            Some(vec![orszem_promql::Sample { labels: orszem_model::Labels::default(), point, time }])
        }
        Value::String { .. } | Value::Matrix(_) => None,
    }
}
