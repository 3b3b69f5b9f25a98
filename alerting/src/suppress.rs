//! Why an alert that fires notifies nobody now.

use std::fmt;

use orszem_model::{Labels, Timestamp};

use crate::alert::{Alert, AlertKey};
use crate::engine::Alerting;
use crate::route::Routed;
use crate::silence::{Silence, all_match};

/// One reason. Only notification stops by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suppression {
    Silence {
        id: String,
        author: String,
        comment: String,
        until: Option<Timestamp>,
    },
    Maintenance {
        id: String,
        entity: String,
        comment: String,
    },
    /// Something that its entity needs is down.
    Dependency {
        entity: String,
        down: String,
        by: AlertKey,
    },
    Inhibition {
        by: AlertKey,
    },
    /// The route has one of its mute times.
    MuteTime {
        route: String,
        time: String,
    },
    /// The route is in none of its active times.
    InactiveTime {
        route: String,
    },
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence { id, author, comment, until } => {
                write!(f, "silence {id} of {author}")?;
                if let Some(until) = until {
                    write!(f, " until {until}")?;
                }
                write_comment(f, comment)
            }
            Self::Maintenance { id, entity, comment } => {
                write!(f, "maintenance {id}")?;
                if !entity.is_empty() {
                    write!(f, " of {entity}")?;
                }
                write_comment(f, comment)
            }
            Self::Dependency { entity, down, by } if entity == down => write!(f, "{down} is down ({})", by.rule),
            Self::Dependency { entity, down, by } => {
                write!(f, "{entity} needs {down}, which is down ({})", by.rule)
            }
            Self::Inhibition { by } => write!(f, "inhibited by {} {:?}", by.rule, by.labels),
            Self::MuteTime { route, time } => write!(f, "route {route} is mute during {time}"),
            Self::InactiveTime { route } => write!(f, "route {route} is not active now"),
        }
    }
}

fn write_comment(f: &mut fmt::Formatter<'_>, comment: &str) -> fmt::Result {
    if comment.is_empty() { Ok(()) } else { write!(f, ": {comment}") }
}

impl Suppression {
    pub(crate) fn of_silence(silence: &Silence) -> Self {
        Self::Silence {
            id: silence.id.clone(),
            author: silence.author.clone(),
            comment: silence.comment.clone(),
            until: silence.period.until,
        }
    }
}

impl Alerting {
    /// All reasons that hold for an alert whatever route it takes, at `now`.
    pub(crate) fn suppressions(&self, alert: &Alert, labels: &Labels, now: Timestamp) -> Vec<Suppression> {
        let entities = self.plan.entities(labels);
        let mut found = Vec::new();
        for silence in self.silences.values().filter(|silence| silence.covers(now) && silence.item.matches(labels)) {
            found.push(Suppression::of_silence(&silence.item));
        }
        self.find_maintenance(&entities, labels, now, &mut found);
        if !self.outages.is_empty() {
            self.find_dependency(alert, &entities, &mut found);
        }
        self.find_inhibition(alert, labels, &mut found);
        found
    }

    pub(crate) fn find_maintenance(
        &self,
        entities: &[String],
        labels: &Labels,
        now: Timestamp,
        found: &mut Vec<Suppression>,
    ) {
        for window in self.maintenance.values().filter(|window| window.covers(now)) {
            let window = &window.item;
            let is_worked_on = |entity: &&String| {
                window.entities.contains(entity)
                    || self.graph.upstream_lately(entity).iter().any(|up| window.entities.iter().any(|of| of == up))
            };
            let entity = entities.iter().find(is_worked_on);
            if entity.is_some() || window.matches(labels) {
                let (id, comment) = (window.id.clone(), window.comment.clone());
                found.push(Suppression::Maintenance { id, entity: entity.cloned().unwrap_or_default(), comment });
            }
        }
    }

    /// Something that the alert's entities need, or one of them, is down by another alert. Where both are down and need
    /// each other, the one that was down first is told.
    pub(crate) fn find_dependency(&self, alert: &Alert, entities: &[String], found: &mut Vec<Suppression>) {
        let own = self.is_outage(alert).then(|| entities.first()).flatten();
        for entity in entities {
            for down in std::iter::once(entity.as_str()).chain(self.graph.upstream(entity)) {
                let others = self.outages.get(down).into_iter().flatten().filter(|by| **by != alert.key);
                let by = others.filter_map(|by| self.alerts.get(by)).find(|by| {
                    let is_circle =
                        own.is_some_and(|own| own == down || self.graph.upstream(down).contains(&own.as_str()));
                    !is_circle || (by.fired_at, &by.key) < (alert.fired_at, &alert.key)
                });
                if let Some(by) = by {
                    let (entity, down, by) = (entity.clone(), down.to_owned(), by.key.clone());
                    found.push(Suppression::Dependency { entity, down, by });
                    return;
                }
            }
        }
    }

    fn find_inhibition(&self, alert: &Alert, labels: &Labels, found: &mut Vec<Suppression>) {
        for (inhibition, sources) in self.plan.inhibitions().iter().zip(&self.inhibitors) {
            if sources.is_empty() || !all_match(&inhibition.targets, labels) {
                continue;
            }
            // As in Alertmanager: what is on both sides is not inhibited by what is, too.
            let is_source = all_match(&inhibition.sources, labels);
            let by = sources.iter().filter(|by| **by != alert.key).find(|by| {
                let Some(source) = self.alerts.get(*by) else { return false };
                let source = self.labels_of(source);
                let is_equal = |name: &String| source.get(name).unwrap_or("") == labels.get(name).unwrap_or("");
                inhibition.equal.iter().all(is_equal) && !(is_source && all_match(&inhibition.targets, &source))
            });
            if let Some(by) = by {
                found.push(Suppression::Inhibition { by: by.clone() });
            }
        }
    }

    /// The reasons that a route has at `now`.
    pub(crate) fn route_suppressions(&self, routed: &Routed, now: Timestamp) -> Vec<Suppression> {
        let route = if routed.path.is_empty() { "/".to_owned() } else { routed.path.clone() };
        let is_now = |time: &&String| self.plan.time(time).is_some_and(|calendar| calendar.covers(now));
        if let Some(time) = routed.mute_times.iter().find(is_now) {
            return vec![Suppression::MuteTime { route, time: time.clone() }];
        }
        if !routed.active_times.is_empty() && !routed.active_times.iter().any(|time| is_now(&time)) {
            return vec![Suppression::InactiveTime { route }];
        }
        Vec::new()
    }
}
