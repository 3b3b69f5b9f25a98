//! `/api/v1/import/prometheus`: bodies as targets expose them, pushed instead of scraped.

use orszem_exposition::{Classic, Entry, Format, HistogramSample, MetricType, Parser, Sample, Series};
use orszem_model::{Labels, METRIC_NAME, Timestamp};
use xxhash_rust::xxh3::xxh3_128;

use super::limits::Limits;
use super::remote_write::{Intake, LabelProblem, Metadata, Outcome, SeriesSink, build};

/// Tells the keys of this protocol from those of others.
const KEY_SALT: u128 = 0x5eed_0003_8f14_e45f_ceea_167a_5a36_dedd;

/// Takes in a body, decompressed. Samples without a time are of `now`; `extra` labels replace those of the body.
///
/// A bad line of a text format is rejected and the next one read; of protobuf what follows a mistake is lost.
pub fn import<S: SeriesSink>(
    body: &[u8],
    format: Format,
    extra: &Labels,
    limits: &Limits,
    now: Timestamp,
    sink: &mut S,
) -> Outcome {
    let mut intake = Intake::new(limits, now, sink);
    let mut parser = Parser::new(format, body, Classic::Unless);
    let extra_key = xxh3_128(extra.identity()) ^ KEY_SALT;
    let mut family = Family::default();
    while let Some(entry) = parser.next_entry() {
        let is_metadata = matches!(entry, Ok(Entry::Type { .. } | Entry::Help { .. } | Entry::Unit { .. }));
        if !is_metadata {
            family.tell(&mut intake);
        }
        let error = match entry {
            Ok(Entry::Sample(sample)) => {
                take_sample(sample, extra, extra_key, &mut intake);
                continue;
            }
            Ok(Entry::Histogram(sample)) => {
                take_histogram(sample, extra, extra_key, &mut intake);
                continue;
            }
            Ok(Entry::Type { family: name, kind }) => {
                family.of(&name, &mut intake).kind = kind;
                continue;
            }
            Ok(Entry::Help { family: name, help }) => {
                family.of(&name, &mut intake).help = help.into_owned();
                continue;
            }
            Ok(Entry::Unit { family: name, unit }) => {
                family.of(&name, &mut intake).unit = unit.into_owned();
                continue;
            }
            Err(error) => error,
        };
        intake.malformed(|| error.to_string());
        parser.skip_line();
    }
    family.tell(&mut intake);
    intake.finish(body.len())
}

fn take_sample<S: SeriesSink>(sample: Sample<'_>, extra: &Labels, extra_key: u128, intake: &mut Intake<'_, S>) {
    let limits = intake.limits;
    let set = || label_set(&sample.series, extra, limits);
    let lost = 1 + u64::from(sample.exemplar.is_some());
    let Some(series) = intake.series(key(&sample.series, extra_key), set, || lost) else { return };
    let time = sample.time.unwrap_or(intake.now);
    intake.sample(series, (time, sample.value, sample.created.unwrap_or(0)), set);
    if let Some(mut exemplar) = sample.exemplar {
        exemplar.time = exemplar.time.or(Some(time));
        intake.exemplar(series, exemplar, set);
    }
}

fn take_histogram<S: SeriesSink>(
    sample: HistogramSample<'_>,
    extra: &Labels,
    extra_key: u128,
    intake: &mut Intake<'_, S>,
) {
    let limits = intake.limits;
    let set = || label_set(&sample.series, extra, limits);
    let lost = 1 + sample.exemplars.len() as u64;
    let Some(series) = intake.series(key(&sample.series, extra_key), set, || lost) else { return };
    let time = sample.time.unwrap_or(intake.now);
    intake.histogram(series, (time, sample.histogram, sample.created.unwrap_or(0)), set);
    for exemplar in sample.exemplars {
        intake.exemplar(series, exemplar, set);
    }
}

/// Series that are written alike are equal, but for a bound that is read as a number in one family and not in another.
fn key(series: &Series<'_>, extra_key: u128) -> u128 {
    let number = series.label_with_number().map_or(0, |label| label.len() as u128);
    xxh3_128(series.raw()).wrapping_add(number) ^ extra_key
}

fn label_set(series: &Series<'_>, extra: &Labels, limits: &Limits) -> Result<Labels, LabelProblem> {
    let written: Vec<_> = series.pairs().collect();
    let mut pairs = Vec::with_capacity(written.len() + extra.len());
    for (name, value) in &written {
        if name.as_ref() == METRIC_NAME || extra.get(name).is_none() {
            pairs.push((name.as_bytes(), value.as_bytes()));
        }
    }
    let replacing = extra.iter().filter(|(name, _)| *name != METRIC_NAME);
    pairs.extend(replacing.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    build(pairs, limits)
}

/// What the lines above samples said of their family.
#[derive(Default)]
struct Family {
    name: String,
    kind: MetricType,
    help: String,
    unit: String,
}

impl Family {
    /// The family with this name; what was known of another one is told first.
    fn of<S: SeriesSink>(&mut self, name: &str, intake: &mut Intake<'_, S>) -> &mut Self {
        if self.name != name {
            self.tell(intake);
            name.clone_into(&mut self.name);
        }
        self
    }

    fn tell<S: SeriesSink>(&mut self, intake: &mut Intake<'_, S>) {
        if !self.name.is_empty() {
            let Self { name, kind, help, unit } = std::mem::take(self);
            intake.metadata(Metadata { family: &name, kind, help: &help, unit: &unit });
        }
    }
}

#[cfg(test)]
mod tests;
