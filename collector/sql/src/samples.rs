//! Rows become samples.

use std::collections::BTreeMap;

use orszem_exposition::MetricType;
use orszem_model::prefix as beginning;

use crate::drivers::Table;
use crate::error::{QueryError, Reason};
use crate::metric::Metric;
use crate::number;

/// A sample of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    /// Sorted by name; none has an empty value.
    pub labels: Vec<(String, String)>,
    pub value: f64,
    /// Milliseconds since 1970, where the row has a time.
    pub time: Option<i64>,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    pub name: String,
    pub kind: MetricType,
    pub help: String,
}

/// What the rows of one run gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Yield {
    pub samples: Vec<Sample>,
    /// Each once.
    pub families: Vec<Family>,
    pub rows: usize,
    /// What went wrong besides, each kind once, with a count and an example.
    pub flaws: BTreeMap<Reason, (u64, String)>,
}

impl Yield {
    pub(crate) fn note(&mut self, reason: Reason, told: impl FnOnce() -> String) {
        self.flaws.entry(reason).or_insert_with(|| (0, told())).0 += 1;
    }

    /// Adds the rows of one result. `more` are further labels, such as those of an iterator; they win.
    pub(crate) fn add(&mut self, metric: &Metric, prefix: &str, table: &Table, more: &[(String, String)]) {
        self.rows += table.rows.len();
        if table.is_cut {
            self.note(Reason::Limit, || format!("more than {} rows; the rest is left out", metric.row_limit));
        }
        let column = |name: &str| table.columns.iter().position(|column| column == name);
        for row in &table.rows {
            let cell = |name: &str| column(name).and_then(|at| row.get(at)).and_then(Option::as_deref);
            let mut labels: BTreeMap<&str, String> = BTreeMap::new();
            for (name, value) in &metric.static_labels {
                labels.insert(name, value.clone());
            }
            for name in metric.labels.iter().filter(|name| metric.field_to_append.as_ref() != Some(name)) {
                labels.insert(name, beginning(cell(name).unwrap_or_default(), metric.label_limit).to_owned());
            }
            for (name, value) in more {
                labels.insert(name, beginning(value, metric.label_limit).to_owned());
            }
            let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
            let labels: Vec<(String, String)> = labels.map(|(name, value)| (name.to_owned(), value)).collect();
            let time = metric.timestamp.as_deref().and_then(cell).and_then(number::parse);
            let time = time.map(|seconds| (seconds * 1000.0).round() as i64);
            for (field, of_field) in &metric.fields {
                let Some(text) = cell(field) else {
                    if column(field).is_none() {
                        self.note(Reason::Missing, || format!("the result has no column {field}"));
                    }
                    continue;
                };
                let Some(value) = number::parse(text) else {
                    self.note(Reason::Value, || format!("{field} = {:?} is no number", beginning(text, 64)));
                    continue;
                };
                let name = name(metric, prefix, field, &cell);
                let family = Family { name: name.clone(), kind: of_field.kind, help: of_field.help.clone() };
                if !self.families.contains(&family) {
                    self.families.push(family);
                }
                let mut push = |name: String, labels: Vec<(String, String)>, value: f64| {
                    self.samples.push(Sample { name, labels, value, time });
                };
                if of_field.kind != MetricType::Histogram {
                    push(name, labels.clone(), value);
                    continue;
                }
                let count = cell("count").and_then(number::parse);
                let bounds =
                    of_field.buckets.iter().map(|(column, bound)| (cell(column).and_then(number::parse), *bound));
                let finite = bounds.filter(|(_, bound)| bound.is_finite());
                for (cumulative, bound) in finite.chain([(count, f64::INFINITY)]) {
                    let Some(cumulative) = cumulative else { continue };
                    let le = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
                    let mut labels = labels.clone();
                    labels.push(("le".to_owned(), le));
                    labels.sort();
                    push(format!("{name}_bucket"), labels, cumulative);
                }
                push(format!("{name}_sum"), labels.clone(), value);
                match count {
                    Some(count) => push(format!("{name}_count"), labels.clone(), count),
                    None => self.note(Reason::Missing, || "the histogram has no column count".to_owned()),
                }
            }
        }
    }

    /// The error of a run that gave no row, where the metric does not say that this is fine.
    pub(crate) fn without_rows(&self, metric: &Metric) -> Option<QueryError> {
        let is_wrong = self.rows == 0 && !metric.ignore_zero_result;
        is_wrong.then(|| QueryError::new(Reason::NoRows, "no row; where that is fine, set ignorezeroresult = true"))
    }
}

/// `<prefix><context>_<field>`, or what a column holds instead of the field.
fn name<'r>(metric: &Metric, prefix: &str, field: &str, cell: &impl Fn(&str) -> Option<&'r str>) -> String {
    let mut name = prefix.to_owned();
    let mut part = |text: &str| {
        if !name.is_empty() && !name.ends_with('_') && !text.is_empty() {
            name.push('_');
        }
        name.push_str(text);
    };
    part(&metric.context);
    match &metric.field_to_append {
        Some(column) => {
            part(&clean(cell(column).unwrap_or_default()));
            if metric.fields.len() > 1 {
                part(field);
            }
        }
        None => part(field),
    }
    name
}

/// A text as part of a name, as Oracle's exporter has it: `parse count (total)` is `parse_count_total`.
fn clean(text: &str) -> String {
    let kept = text.chars().filter(|c| !matches!(c, '(' | ')' | '/' | '*'));
    let named = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '_' };
    kept.map(named).collect::<String>().trim_end_matches('_').to_owned()
}
