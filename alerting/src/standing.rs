//! What keeps alerts from notifying and which policies they lead to, for many alerts at one moment.
//!
//! [`Alerting::why`](crate::Alerting::why) explains one alert in words and with everyone who was told. Lists of alerts
//! need less of each: what does not depend on the alert is found once, and the sources of an inhibition are looked up.

use std::collections::HashMap;

use orszem_model::{Labels, Timestamp};

use crate::alert::{Alert, AlertKey};
use crate::engine::Alerting;
use crate::silence::{Silence, all_match};
use crate::suppress::Suppression;

/// How an alert stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What holds whatever route it takes.
    pub suppressed: Vec<Suppression>,
    /// The policies that it leads to, each route with what holds there.
    pub routes: Vec<(String, Vec<Suppression>)>,
}

/// How all alerts stand at one moment.
#[derive(Debug)]
pub struct Standings<'e> {
    engine: &'e Alerting,
    now: Timestamp,
    /// Those in force.
    silences: Vec<&'e Silence>,
    /// One an inhibition.
    sources: Vec<Sources<'e>>,
    /// By the path of a route.
    by_route: HashMap<String, Vec<Suppression>>,
}

/// The sources of an inhibition that fire, by the values that have to be equal; each with whether it is a target, too.
type Sources<'e> = HashMap<Vec<String>, Vec<(&'e AlertKey, bool)>>;

impl Alerting {
    /// How alerts stand at `now`.
    pub fn standings(&self, now: Timestamp) -> Standings<'_> {
        let silences = self.silences.values().filter(|silence| silence.covers(now)).map(|silence| &silence.item);
        let mut sources = Vec::new();
        for (inhibition, keys) in self.plan.inhibitions().iter().zip(&self.inhibitors) {
            let mut by_values: Sources<'_> = HashMap::new();
            for key in keys {
                let Some(source) = self.alerts.get(key) else { continue };
                let labels = self.labels_of(source);
                let is_target = all_match(&inhibition.targets, &labels);
                by_values.entry(values(&inhibition.equal, &labels)).or_default().push((key, is_target));
            }
            sources.push(by_values);
        }
        Standings { engine: self, now, silences: silences.collect(), sources, by_route: HashMap::new() }
    }
}

fn values(names: &[String], labels: &Labels) -> Vec<String> {
    names.iter().map(|name| labels.get(name).unwrap_or("").to_owned()).collect()
}

impl Standings<'_> {
    /// How an alert stands; `labels` are those of [`Alerting::labels_of`].
    pub fn of(&mut self, alert: &Alert, labels: &Labels) -> Standing {
        let engine = self.engine;
        let entities = engine.plan.entities(labels);
        let silences = self.silences.iter().filter(|silence| silence.matches(labels));
        let mut suppressed: Vec<Suppression> = silences.map(|silence| Suppression::of_silence(silence)).collect();
        engine.find_maintenance(&entities, labels, self.now, &mut suppressed);
        if !engine.outages.is_empty() {
            engine.find_dependency(alert, &entities, &mut suppressed);
        }
        for (inhibition, sources) in engine.plan.inhibitions().iter().zip(&self.sources) {
            if sources.is_empty() || !all_match(&inhibition.targets, labels) {
                continue;
            }
            // As in Alertmanager: what is on both sides is not inhibited by what is, too.
            let is_source = all_match(&inhibition.sources, labels);
            let equal = sources.get(&values(&inhibition.equal, labels)).into_iter().flatten();
            let mut others = equal.filter(|(by, is_target)| **by != alert.key && !(is_source && *is_target));
            if let Some((by, _)) = others.next() {
                suppressed.push(Suppression::Inhibition { by: (*by).clone() });
            }
        }
        let mut routes = Vec::new();
        for routed in engine.plan.config.route.find(labels) {
            let by_route = match self.by_route.get(&routed.path) {
                Some(known) => known.clone(),
                None => {
                    let found = engine.route_suppressions(&routed, self.now);
                    self.by_route.insert(routed.path.clone(), found.clone());
                    found
                }
            };
            routes.push((routed.policy, by_route));
        }
        Standing { suppressed, routes }
    }
}
