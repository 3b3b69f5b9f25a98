//! Maintenance windows: entities that are worked on, as a person or the cluster itself says.

use orszem_model::{Fact, FactKind, Labels, Matcher, Timestamp, coded, coded_enum};

use crate::calendar::Period;
use crate::error::Refusal;
use crate::silence::{HasPeriod, all_match};

/// Who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Person(String),
    /// The name of the fact that opened it.
    Cluster(String),
}

/// One window. It covers its entities and all that runs on them or depends on them, or did a moment ago, as what is moved
/// away for the work belongs to it, and the alerts that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Chosen by whoever creates it; the same id changes it.
    pub id: String,
    /// `host/db1`, `cluster/prod`.
    pub entities: Vec<String>,
    /// None: entities alone count.
    pub matchers: Vec<Matcher>,
    pub period: Period,
    pub origin: Origin,
    pub comment: String,
}

impl Maintenance {
    /// The window that a fact of the cluster opens: maintenance mode or standby, of a node or all of it. It is open until
    /// the cluster says that this is over.
    pub(crate) fn of_fact(fact: &Fact) -> Option<Self> {
        let id = id_of(fact.kind, &fact.entity)?;
        Some(Self {
            id,
            entities: vec![fact.entity.clone()],
            matchers: Vec::new(),
            period: Period { from: fact.at, until: None, recurs: None },
            origin: Origin::Cluster(fact.kind.name().to_owned()),
            comment: fact.text.clone(),
        })
    }

    /// Whether facts of this kind open windows or end them.
    pub fn is_told_by(kind: FactKind) -> bool {
        opens(kind) || FactKind::ALL.iter().any(|begun| opens(*begun) && begun.ended_by() == Some(kind))
    }

    /// The id of the window that a fact ends.
    pub(crate) fn ended_by(fact: &Fact) -> Option<String> {
        let begun = FactKind::ALL.iter().find(|kind| opens(**kind) && kind.ended_by() == Some(fact.kind))?;
        id_of(*begun, &fact.entity)
    }

    /// Whether it is about an alert of these labels.
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        !self.matchers.is_empty() && all_match(&self.matchers, labels)
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.entities.is_empty() && self.matchers.iter().all(Matcher::matches_absent) {
            return Err(Refusal::MaintainsNothing);
        }
        if self.period.until.is_some_and(|until| until < self.period.from) {
            return Err(Refusal::EndsBeforeItBegins);
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn end(&mut self, at: Timestamp) {
        let until = self.period.until.map_or(at, |until| until.min(at));
        self.period.until = Some(until.max(self.period.from));
    }
}

impl HasPeriod for Maintenance {
    fn period(&self) -> &Period {
        &self.period
    }
}

fn opens(kind: FactKind) -> bool {
    matches!(kind, FactKind::NodeMaintenance | FactKind::NodeStandby | FactKind::ClusterMaintenance)
}

fn id_of(kind: FactKind, entity: &str) -> Option<String> {
    opens(kind).then(|| format!("cluster:{}:{entity}", kind.name()))
}

coded_enum!(Origin { 0 = Person(name), 1 = Cluster(fact) });
coded! { Maintenance { id, entities, matchers, period, origin, comment } }

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(kind: FactKind) -> Fact {
        Fact {
            at: Timestamp(7),
            kind,
            entity: "host/db1".to_owned(),
            others: Vec::new(),
            from: String::new(),
            to: String::new(),
            cause: String::new(),
            duration_ms: None,
            details: Vec::new(),
            text: "db1 is in standby".to_owned(),
            records: Vec::new(),
        }
    }

    #[test]
    fn standby_opens_and_active_ends_the_same_window() {
        let window = Maintenance::of_fact(&fact(FactKind::NodeStandby)).expect("a window");
        assert_eq!(window.id, "cluster:node.standby:host/db1");
        assert_eq!(Maintenance::ended_by(&fact(FactKind::NodeActive)), Some(window.id));
        assert_eq!(Maintenance::of_fact(&fact(FactKind::NodeLost)), None);
        assert_eq!(Maintenance::ended_by(&fact(FactKind::NodeJoined)), None);
        let told = [FactKind::NodeStandby, FactKind::NodeActive, FactKind::NodeLost].map(Maintenance::is_told_by);
        assert_eq!(told, [true, true, false]);
    }
}
