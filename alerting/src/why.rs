//! Why somebody was told of an alert, or was not.

use std::fmt;

use orszem_model::Timestamp;

use crate::alert::{AlertKey, State};
use crate::engine::Alerting;
use crate::recipient::Recipient;
use crate::suppress::Suppression;

/// A recipient who was told of the alert's incident and is owed the all-clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub recipient: Recipient,
    pub at: Timestamp,
    pub is_delivered: bool,
}

/// What one route makes of the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteWhy {
    /// `/0/2`: the places among siblings; `/` is the root.
    pub path: String,
    pub policy: String,
    pub suppressed: Vec<Suppression>,
    pub told: Vec<Told>,
    /// In words, why nobody is told by it right now; empty where somebody is.
    pub reason: String,
}

/// The whole way from a state to who was told. Its `Display` is the page in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    pub key: AlertKey,
    pub state: State,
    pub since: Option<Timestamp>,
    pub is_flapping: bool,
    pub incident: Option<u64>,
    /// Why it is in that incident.
    pub joined: String,
    pub suppressed: Vec<Suppression>,
    pub routes: Vec<RouteWhy>,
    /// The sentence that answers.
    pub answer: String,
}

impl Alerting {
    /// Explains what became of an alert.
    pub fn why(&self, key: &AlertKey, now: Timestamp) -> Why {
        let Some(alert) = self.alerts.get(key) else {
            return Why {
                key: key.clone(),
                state: State::Ok,
                since: None,
                is_flapping: false,
                incident: None,
                joined: String::new(),
                suppressed: Vec::new(),
                routes: Vec::new(),
                answer: "it is quiet: nothing was observed that pends or fires".to_owned(),
            };
        };
        let labels = self.labels_of(alert);
        let suppressed = self.suppressions(alert, &labels, now);
        let incident = alert.incident.and_then(|id| self.incidents.get(&id));
        let joined = incident.and_then(|incident| incident.members.get(key)).map(|member| member.why.clone());
        let mut routes = Vec::new();
        for routed in self.plan.config.route.find(&labels) {
            let mut told = Vec::new();
            let thread = incident.and_then(|incident| incident.threads.get(&routed.policy));
            for (recipient, state) in thread.into_iter().flat_map(|thread| &thread.told) {
                told.push(Told { recipient: recipient.clone(), at: state.at, is_delivered: state.is_delivered });
            }
            let by_route = self.route_suppressions(&routed, now);
            let reason = match thread {
                _ if !told.is_empty() => String::new(),
                _ if !by_route.is_empty() => by_route.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                None => "nothing was to be told by this policy yet".to_owned(),
                Some(thread) if thread.opened_at.is_none() => "it waits for more, or for what holds it back".to_owned(),
                Some(_) => "no step of the policy has an address for this level".to_owned(),
            };
            let path = if routed.path.is_empty() { "/".to_owned() } else { routed.path };
            routes.push(RouteWhy { path, policy: routed.policy, suppressed: by_route, told, reason });
        }
        let is_told = routes.iter().any(|route| !route.told.is_empty());
        let answer = if let State::Pending(_) = alert.state {
            "its condition does not hold for long enough yet".to_owned()
        } else if !alert.holds_open() {
            "it does not fire".to_owned()
        } else if alert.is_unconfirmed {
            "it fired by what is history; it is told if it still holds".to_owned()
        } else if let Some(first) = suppressed.first() {
            format!("{first}{}", if is_told { "; its incident is told" } else { "" })
        } else if is_told {
            "it is told".to_owned()
        } else if routes.is_empty() {
            "no route leads to a policy".to_owned()
        } else if incident.is_some_and(|incident| incident.snooze.is_some()) {
            "its incident is snoozed".to_owned()
        } else {
            routes.iter().map(|route| route.reason.as_str()).find(|reason| !reason.is_empty()).unwrap_or("").to_owned()
        };
        Why {
            key: key.clone(),
            state: alert.state,
            since: Some(alert.since),
            is_flapping: alert.is_flapping(),
            incident: alert.incident,
            joined: joined.unwrap_or_default(),
            suppressed,
            routes,
            answer,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {:?}: {}", self.key.rule, self.key.labels, self.answer)?;
        write!(f, "state: {}", self.state)?;
        if let Some(since) = self.since {
            write!(f, " since {since}")?;
        }
        writeln!(f, "{}", if self.is_flapping { ", flapping" } else { "" })?;
        if let Some(incident) = self.incident {
            writeln!(f, "incident {incident}: {}", self.joined)?;
        }
        for reason in &self.suppressed {
            writeln!(f, "suppressed: {reason}")?;
        }
        for route in &self.routes {
            write!(f, "route {} to {}: ", route.path, route.policy)?;
            if route.told.is_empty() {
                writeln!(f, "{}", route.reason)?;
            }
            for told in &route.told {
                let Recipient { contact, channel, target } = &told.recipient;
                let how = if told.is_delivered { "delivered" } else { "not delivered yet" };
                writeln!(f, "{contact} by {channel} to {target} at {}, {how}", told.at)?;
            }
        }
        Ok(())
    }
}
