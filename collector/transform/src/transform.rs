//! All that is done to a record, in order, with what it came to.

use orszem_model::Timestamp;
use orszem_parse::Value;

use crate::condition::Matcher;
use crate::redact::Redactor;
use crate::sample::Sampler;
use crate::throttle::{Summaries, Throttle, shortened};
use crate::{Draft, Rule, StreamRelabel, Summary, TransformConfig, Wrong};

/// The most rules in a list.
pub(crate) const RULES_MAX: usize = 256;
const RULE_NAME_BYTES_MAX: usize = 64;
/// Tells for how many records a kept one stands.
const SAMPLE_RATE: &str = "sample.rate";

/// The rules, compiled, with their counters and buckets. One per pipeline.
#[derive(Debug)]
pub struct Transform {
    relabel: StreamRelabel,
    drop: Vec<Counted<Matcher>>,
    keep: Vec<Counted<Matcher>>,
    not_kept: u64,
    sample: Vec<Counted<Sampler>>,
    throttle: Vec<Counted<Throttle>>,
    summaries: Summaries,
    redactor: Redactor,
}

#[derive(Debug)]
struct Counted<R> {
    name: String,
    rule: R,
    matched: u64,
    dropped: u64,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    Keep,
    Dropped(Reason),
}

/// Why a record was dropped, with the place of the rule in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Drop {
        rule: usize,
    },
    /// There are `keep` rules, and none matched.
    NotKept,
    Sample {
        rule: usize,
    },
    Throttle {
        rule: usize,
    },
}

/// The lists of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Drop,
    Keep,
    Sample,
    Throttle,
}

impl Stage {
    /// Its name in the configuration and in counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Keep => "keep",
            Self::Sample => "sample",
            Self::Throttle => "throttle",
        }
    }
}

/// How often a rule was used since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCount<'t> {
    pub stage: Stage,
    /// The rule's name, `none` for records that no `keep` rule matched.
    pub rule: &'t str,
    /// Records that reached the rule and met its conditions. Of several rules, the first that matches gets the record.
    pub matched: u64,
    /// Of these, the ones that went no further.
    pub dropped: u64,
}

impl Transform {
    /// Compiles the configuration, or tells all that is wrong with it. Costs milliseconds per hundred patterns.
    pub fn new(config: &TransformConfig) -> Result<Self, Vec<Wrong>> {
        let TransformConfig { relabel, drop, keep, sample, throttle, redact } = config;
        let mut wrongs = Vec::new();
        let compiled = Self {
            relabel: StreamRelabel::new(relabel).unwrap_or_else(|mut relabel_wrongs| {
                wrongs.append(&mut relabel_wrongs);
                StreamRelabel::default()
            }),
            drop: counted("drop", drop, |r| &r.name, &mut wrongs, matcher),
            keep: counted("keep", keep, |r| &r.name, &mut wrongs, matcher),
            not_kept: 0,
            sample: counted("sample", sample, |r| &r.name, &mut wrongs, Sampler::new),
            throttle: counted("throttle", throttle, |r| &r.name, &mut wrongs, Throttle::new),
            summaries: Summaries::default(),
            redactor: Redactor::new(redact, &mut wrongs),
        };
        if wrongs.is_empty() { Ok(compiled) } else { Err(wrongs) }
    }

    /// Whether [`Self::apply`] leaves every record as it is.
    pub fn is_noop(&self) -> bool {
        self.drop.is_empty()
            && self.keep.is_empty()
            && self.sample.is_empty()
            && self.throttle.is_empty()
            && self.redactor.is_empty()
    }

    /// The rules for the labels of a stream, to be applied once per distinct label set.
    pub fn relabel(&self) -> &StreamRelabel {
        &self.relabel
    }

    /// Judges a record and, if it is kept, redacts it. `stream` tells streams apart for throttling.
    ///
    /// A body in which nothing is redacted stays borrowed.
    pub fn apply(&mut self, draft: &mut Draft<'_>, stream: u32, now: Timestamp) -> Verdict {
        if let Some(rule) = first(&mut self.drop, |r| r.matches(draft)) {
            self.drop[rule].dropped += 1;
            return Verdict::Dropped(Reason::Drop { rule });
        }
        if !self.keep.is_empty() && first(&mut self.keep, |r| r.matches(draft)).is_none() {
            self.not_kept += 1;
            return Verdict::Dropped(Reason::NotKept);
        }
        let mut rate = 1;
        if let Some(rule) = first(&mut self.sample, |r| r.matches(draft)) {
            let sampler = &mut self.sample[rule];
            match sampler.rule.rate(draft) {
                Some(drawn) => rate = drawn,
                None => {
                    sampler.dropped += 1;
                    return Verdict::Dropped(Reason::Sample { rule });
                }
            }
        }
        if let Some(rule) = first(&mut self.throttle, |r| r.matches(draft)) {
            let throttle = &mut self.throttle[rule];
            let redactor = &mut self.redactor;
            let redact = |field: &str, value: &str| shortened(&redactor.shown_value(field, value)).to_owned();
            if !throttle.rule.admits(draft, stream, now, (&throttle.name, &mut self.summaries), redact) {
                throttle.dropped += 1;
                return Verdict::Dropped(Reason::Throttle { rule });
            }
        }
        if rate > 1 {
            draft.attributes.push((SAMPLE_RATE.into(), Value::Integer(rate as i64)));
        }
        self.redactor.apply(draft);
        Verdict::Keep
    }

    /// What was throttled, at most once per 10 s: empty before. At most 1,000 streams and values are named, and one
    /// sum per rule for the rest.
    pub fn take_summaries(&mut self, now: Timestamp) -> Vec<Summary> {
        self.summaries.take(now)
    }

    /// What was throttled and not yet told, before stopping.
    pub fn take_last_summaries(&mut self) -> Vec<Summary> {
        self.summaries.take_all()
    }

    /// Every rule's counters, in the order of the configuration.
    pub fn rule_counts(&self) -> impl Iterator<Item = RuleCount<'_>> {
        let not_kept = (!self.keep.is_empty()).then_some(RuleCount {
            stage: Stage::Keep,
            rule: "none",
            matched: self.not_kept,
            dropped: self.not_kept,
        });
        let drop = self.drop.iter().map(|r| r.count(Stage::Drop));
        let keep = self.keep.iter().map(|r| r.count(Stage::Keep));
        let sample = self.sample.iter().map(|r| r.count(Stage::Sample));
        let throttle = self.throttle.iter().map(|r| r.count(Stage::Throttle));
        drop.chain(keep).chain(not_kept).chain(sample).chain(throttle)
    }

    /// What was redacted, by preset and own pattern.
    pub fn redaction_counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.redactor.counts()
    }
}

impl<R> Counted<R> {
    fn count(&self, stage: Stage) -> RuleCount<'_> {
        RuleCount { stage, rule: &self.name, matched: self.matched, dropped: self.dropped }
    }
}

/// The first rule that matches, counted.
fn first<R>(rules: &mut [Counted<R>], matches: impl Fn(&R) -> bool) -> Option<usize> {
    let at = rules.iter().position(|counted| matches(&counted.rule))?;
    rules[at].matched += 1;
    Some(at)
}

fn matcher(rule: &Rule, key: &str, wrongs: &mut Vec<Wrong>) -> Matcher {
    if rule.conditions().is_empty() {
        let remedy = "add a condition such as body, severity_below, field, service, layer or labels";
        wrongs.push(Wrong::new(key, "", "has no condition and would match every record", remedy));
    }
    rule.conditions().compile(key, wrongs)
}

/// Compiles a list of rules; a rule without a name is called by its place.
fn counted<C, R>(
    list: &str,
    rules: &[C],
    name: impl Fn(&C) -> &String,
    wrongs: &mut Vec<Wrong>,
    compile: impl Fn(&C, &str, &mut Vec<Wrong>) -> R,
) -> Vec<Counted<R>> {
    if rules.len() > RULES_MAX {
        wrongs.push(Wrong::new(
            list,
            rules.len().to_string(),
            "are too many rules",
            format!("write at most {RULES_MAX}"),
        ));
        return Vec::new();
    }
    let compiled = rules.iter().enumerate().map(|(i, rule)| {
        let (key, name_given) = (format!("{list}[{i}]"), name(rule));
        if name_given.len() > RULE_NAME_BYTES_MAX {
            wrongs.push(Wrong::new(format!("{key}.name"), name_given, "is too long", "write at most 64 bytes"));
        }
        if !name_given.is_empty() && rules[..i].iter().any(|other| name(other) == name_given) {
            wrongs.push(Wrong::new(format!("{key}.name"), name_given, "is taken", "choose another name"));
        }
        let compiled = compile(rule, &key, wrongs);
        let name = if name_given.is_empty() { key } else { name_given.clone() };
        Counted { name, rule: compiled, matched: 0, dropped: 0 }
    });
    compiled.collect()
}

#[cfg(test)]
mod tests;
