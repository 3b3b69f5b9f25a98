//! Silences: alerts that match notify nobody for a while.

use orszem_model::{Labels, Matcher, Timestamp, coded};

use crate::calendar::{Calendar, Period};
use crate::error::{ConfigError, Refusal};

/// One silence. All of its matchers must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Chosen by whoever creates it; the same id changes it.
    pub id: String,
    pub matchers: Vec<Matcher>,
    pub period: Period,
    pub author: String,
    pub comment: String,
    pub created_at: Timestamp,
}

impl Silence {
    /// Whether it is about an alert of these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        all_match(&self.matchers, labels)
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.matchers.iter().all(Matcher::matches_absent) {
            return Err(Refusal::SilencesEverything);
        }
        if self.period.until.is_some_and(|until| until < self.period.from) {
            return Err(Refusal::EndsBeforeItBegins);
        }
        Ok(())
    }
}

/// Whether all of them match.
pub(crate) fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
}

/// Something with a period, and its calendar if it recurs.
#[derive(Clone, Debug)]
pub(crate) struct Timed<T> {
    pub(crate) item: T,
    calendar: Option<Calendar>,
}

/// What has a period.
pub(crate) trait HasPeriod {
    fn period(&self) -> &Period;
}

impl HasPeriod for Silence {
    fn period(&self) -> &Period {
        &self.period
    }
}

impl<T: HasPeriod> Timed<T> {
    pub(crate) fn new(item: T) -> Result<Self, ConfigError> {
        let calendar = item.period().recurs.as_ref().map(Calendar::new).transpose()?;
        Ok(Self { item, calendar })
    }

    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.item.period().covers(self.calendar.as_ref(), at)
    }

    pub(crate) fn boundary(&self, at: Timestamp) -> Option<Timestamp> {
        self.item.period().boundary(self.calendar.as_ref(), at)
    }
}

coded! { Silence { id, matchers, period, author, comment, created_at } }

#[cfg(test)]
mod tests {
    use orszem_model::MatchOp;

    use super::*;

    #[test]
    fn all_matchers_must_match_and_one_must_say_something() {
        let matcher = |name, op, value| Matcher::new(name, op, value).expect("a good matcher");
        let mut silence = Silence {
            id: "s1".to_owned(),
            matchers: vec![matcher("host", MatchOp::Regex, "db.*"), matcher("env", MatchOp::NotEqual, "prod")],
            period: Period::once(Timestamp(1), Timestamp(5)),
            author: "eva".to_owned(),
            comment: String::new(),
            created_at: Timestamp(0),
        };
        assert_eq!(silence.check(), Ok(()));
        assert!(silence.matches(&Labels::from([("host", "db1")])));
        assert!(!silence.matches(&Labels::from([("host", "db1"), ("env", "prod")])));
        silence.period.until = Some(Timestamp(0));
        assert_eq!(silence.check(), Err(Refusal::EndsBeforeItBegins));
        silence.matchers.remove(0);
        assert_eq!(silence.check(), Err(Refusal::SilencesEverything));
    }
}
