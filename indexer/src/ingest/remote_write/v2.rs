//! Version 2.0: `io.prometheus.write.v2.Request`, whose series refer to a table of strings.

use orszem_exposition::protobuf::{Fields, Malformed};
use orszem_exposition::{Exemplar, MetricType};
use orszem_model::{Labels, METRIC_NAME};
use xxhash_rust::xxh3::xxh3_128;

use super::histogram::histogram;
use super::intake::Intake;
use super::labels::{Pair, build};
use super::malformed;
use super::sink::{LabelProblem, Metadata, SeriesSink};
use super::v1::sample;
use crate::ingest::error::IngestError;
use crate::ingest::limits::Limits;

/// The most strings of a request, which cost 32 bytes each however short they are; beyond it the request is refused.
const SYMBOLS_MAX: usize = 2 << 20;
/// Tells the keys of this protocol from those of others.
const KEY_SALT: u128 = 0x5eed_0002_41c6_4e6d_3039_a7f3_9b05_d8c1;
/// An odd number with many bits: multiplying by it makes the order of labels count.
const KEY_FACTOR: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// The strings of a request.
#[derive(Default)]
struct Symbols<'b> {
    texts: Vec<&'b [u8]>,
    hashes: Vec<u128>,
}

/// What a series said of its family: type, help, unit.
type Said = (u64, u32, u32);

pub(super) fn decode<S: SeriesSink>(body: &[u8], intake: &mut Intake<'_, S>) -> Result<(), IngestError> {
    let mut symbols = Symbols::default();
    for field in Fields::new(body) {
        if let (4, value) = field.map_err(malformed)? {
            if symbols.texts.len() == SYMBOLS_MAX {
                let message = format!("the request has more than {SYMBOLS_MAX} symbols; send smaller requests");
                return Err(IngestError::new("ingest.too_many_symbols", 413, message));
            }
            let text = value.bytes().map_err(malformed)?;
            symbols.texts.push(text);
            symbols.hashes.push(xxh3_128(text));
        }
    }
    let name_label = symbols.texts.iter().position(|text| *text == METRIC_NAME.as_bytes());
    let mut reader = Reader {
        said: Vec::new(),
        name_label: name_label.and_then(|at| u32::try_from(at).ok()),
        symbols: &symbols,
        refs: Vec::with_capacity(64),
    };
    for field in Fields::new(body) {
        if let (5, value) = field.map_err(malformed)? {
            value.bytes().and_then(|message| reader.series(message, intake)).map_err(malformed)?;
        }
    }
    Ok(())
}

struct Reader<'b, 's> {
    symbols: &'s Symbols<'b>,
    /// The symbol `__name__`.
    name_label: Option<u32>,
    /// The labels of the current series.
    refs: Vec<u32>,
    /// By the symbol of a metric name: what was last said of it, so that it is not said for each of its series.
    said: Vec<Option<Said>>,
}

impl Reader<'_, '_> {
    fn series<S: SeriesSink>(&mut self, message: &[u8], intake: &mut Intake<'_, S>) -> Result<(), Malformed> {
        self.refs.clear();
        let mut content = 0;
        let mut said = None;
        let mut created = 0;
        for field in Fields::new(message) {
            match field? {
                (1, value) => value.varints(|number| self.refs.push(reference(number)))?,
                (2..=4, _) => content += 1,
                (5, value) => said = Some(value.bytes()?),
                // Superseded by the start of each sample.
                (6, value) => created = value.varint()? as i64,
                _ => {}
            }
        }
        if let Some(said) = said {
            self.metadata(said, intake)?;
        }
        let (limits, symbols, refs) = (intake.limits, self.symbols, self.refs.as_slice());
        let set = || symbols.label_set(refs, limits);
        let Some(key) = symbols.key(refs).filter(|_| content > 0) else {
            // References that lead nowhere, or a series that is not made: it has nothing.
            if let Err(problem) = set() {
                intake.refuse(&problem.into(), content);
            }
            return Ok(());
        };
        let Some(series) = intake.series(key, set, || content) else { return Ok(()) };
        for field in Fields::new(message) {
            match field? {
                (2, value) => {
                    let (time, number, start) = sample(value.bytes()?)?;
                    intake.sample(series, (time, number, if start == 0 { created } else { start }), set);
                }
                (3, value) => {
                    let (time, parts, start) = histogram(value.bytes()?)?;
                    intake.histogram_parts(series, (time, parts, if start == 0 { created } else { start }), set);
                }
                (4, value) => match symbols.exemplar(value.bytes()?)? {
                    Ok(exemplar) => intake.exemplar(series, exemplar, set),
                    Err(problem) => intake.bad_exemplar(|| problem.to_string(), set),
                },
                _ => {}
            }
        }
        Ok(())
    }

    fn metadata<S: SeriesSink>(&mut self, message: &[u8], intake: &mut Intake<'_, S>) -> Result<(), Malformed> {
        let (mut code, mut help, mut unit) = (0, 0, 0);
        for field in Fields::new(message) {
            match field? {
                (1, value) => code = value.varint()?,
                (3, value) => help = reference(value.varint()?),
                (4, value) => unit = reference(value.varint()?),
                _ => {}
            }
        }
        let name = self.refs.chunks_exact(2).find(|pair| Some(pair[0]) == self.name_label).map(|pair| pair[1]);
        let Some(name) = name else { return Ok(()) };
        let Some(metric_name) = self.symbols.text(name) else { return Ok(()) };
        if self.said.is_empty() {
            self.said.resize(self.symbols.texts.len(), None);
        }
        let said = (code, help, unit);
        match self.said.get_mut(name as usize) {
            Some(known) if *known != Some(said) => *known = Some(said),
            _ => return Ok(()),
        }
        let text = |symbol| String::from_utf8_lossy(self.symbols.text(symbol).unwrap_or_default());
        let (kind, metric_name) = (MetricType::from_code(code), String::from_utf8_lossy(metric_name));
        let (help, unit) = (text(help), text(unit));
        if kind != MetricType::Unknown || !help.is_empty() || !unit.is_empty() {
            intake.metadata(Metadata { family: kind.family(&metric_name), kind, help: &help, unit: &unit });
        }
        Ok(())
    }
}

/// A reference of 32 bits; one that is larger leads nowhere.
#[inline]
fn reference(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'b> Symbols<'b> {
    fn text(&self, symbol: u32) -> Option<&'b [u8]> {
        self.texts.get(symbol as usize).copied()
    }

    /// `None` where a reference leads nowhere or one of a pair is missing.
    #[inline]
    fn key(&self, refs: &[u32]) -> Option<u128> {
        let mut key = KEY_SALT ^ refs.len() as u128;
        for &symbol in refs {
            key = key.wrapping_mul(KEY_FACTOR).wrapping_add(*self.hashes.get(symbol as usize)?);
        }
        refs.len().is_multiple_of(2).then_some(key)
    }

    fn pairs(&self, refs: &[u32]) -> Result<Vec<Pair<'b>>, LabelProblem> {
        if !refs.len().is_multiple_of(2) {
            return Err(LabelProblem::OddReferences(refs.len()));
        }
        let mut pairs = Vec::with_capacity(refs.len() / 2);
        for pair in refs.chunks_exact(2) {
            let [name, value] = [pair[0], pair[1]];
            let (Some(name_text), Some(value_text)) = (self.text(name), self.text(value)) else {
                return Err(LabelProblem::UnknownReference { name, value, size: self.texts.len() });
            };
            pairs.push((name_text, value_text));
        }
        Ok(pairs)
    }

    fn label_set(&self, refs: &[u32], limits: &Limits) -> Result<Labels, LabelProblem> {
        build(self.pairs(refs)?, limits)
    }

    /// The inner error is one of its labels.
    fn exemplar(&self, message: &[u8]) -> Result<Result<Exemplar, LabelProblem>, Malformed> {
        let mut exemplar = Exemplar { labels: Labels::default(), value: 0.0, time: None };
        let mut refs = Vec::new();
        for field in Fields::new(message) {
            match field? {
                (1, value) => value.varints(|number| refs.push(reference(number)))?,
                (2, value) => exemplar.value = value.double()?,
                // Zero means none.
                (3, value) => exemplar.time = Some(value.varint()? as i64).filter(|time| *time != 0),
                _ => {}
            }
        }
        Ok(self.pairs(&refs).and_then(|pairs| {
            let mut texts = Vec::with_capacity(pairs.len());
            for (name, value) in pairs {
                match (std::str::from_utf8(name), std::str::from_utf8(value)) {
                    (Ok(name), Ok(value)) => texts.push((name, value)),
                    _ => return Err(LabelProblem::Invalid("invalid UTF-8".to_owned())),
                }
            }
            exemplar.labels = Labels::new(texts);
            Ok(exemplar)
        }))
    }
}
