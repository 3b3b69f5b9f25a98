//! Rules as data: what is alarming, from when on, and what silence means.

use std::time::Duration;

use crate::alert::Level;
use crate::threshold::{Band, Bands};

/// What a rule makes of series that fell silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoData {
    /// How long nothing was heard.
    pub after: Duration,
    pub policy: NoDataPolicy,
}

/// What silence is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDataPolicy {
    /// The alert stays as it is.
    Keep,
    /// The alert ends.
    Ok,
    /// It is an alert of this level.
    Alert(Level),
}

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// Values, against levels.
    Threshold(Bands),
    /// A condition that is met or not; it fires after `hold` and ends `keep` after the condition did.
    Condition { level: Level, hold: Duration, keep: Duration },
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What identifies it; also the label `alertname` of its alerts unless they have one.
    pub name: String,
    pub kind: RuleKind,
    /// `None`: silence changes nothing.
    pub no_data: Option<NoData>,
    /// Added to the labels of its alerts where they are matched and shown.
    pub labels: Vec<(String, String)>,
    /// For people, where an observation brings none.
    pub annotations: Vec<(String, String)>,
    /// While it fires at critical its entities are down: what depends on them notifies nobody.
    pub is_outage: bool,
}

impl Rule {
    /// A condition that fires at once, with nothing else said.
    pub fn condition(name: impl Into<String>, level: Level) -> Self {
        let kind = RuleKind::Condition { level, hold: Duration::ZERO, keep: Duration::ZERO };
        Self::of(name, kind)
    }

    /// Levels of a value, with nothing else said.
    pub fn threshold(name: impl Into<String>, bands: Bands) -> Self {
        Self::of(name, RuleKind::Threshold(bands))
    }

    fn of(name: impl Into<String>, kind: RuleKind) -> Self {
        let (labels, annotations) = (Vec::new(), Vec::new());
        Self { name: name.into(), kind, no_data: None, labels, annotations, is_outage: false }
    }

    /// Its levels; a condition's are those of the values 1 and 0.
    pub fn bands(&self) -> Bands {
        match self.kind {
            RuleKind::Threshold(bands) => bands,
            RuleKind::Condition { level, hold, keep } => Bands::one(level, Band::met(hold, keep)),
        }
    }
}
