//! `[[collector.probe]]`: what is probed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orszem_model::Span;
use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

use crate::conditions::Condition;
use crate::modules::{Module, Modules};
use crate::target::of_target;

/// The most targets of all probes.
const TARGETS_MAX: usize = 20_000;

/// Targets that are probed alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// Its name, unique; the label `probe` of its series.
    pub name: String,
    /// URLs, `host:port` and hosts; see [`of_target`] for what they say without a module.
    pub targets: Vec<String>,
    /// A module of `probe_modules`; if unset the targets say how they are probed.
    pub module: Option<String>,
    /// All must hold, in Gatus' notation. Without a module nothing else is asked of an answer.
    pub conditions: Vec<String>,
    /// 1 s to 1 h.
    pub interval: Span,
    /// 10 ms to 5 min, and at most the interval; if unset the module's, else 5 s.
    pub timeout: Option<Span>,
    /// Labels of its series.
    pub labels: BTreeMap<String, String>,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            targets: Vec::new(),
            module: None,
            conditions: Vec::new(),
            interval: Span::secs(30),
            timeout: None,
            labels: BTreeMap::new(),
        }
    }
}

/// One target, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub probe: String,
    /// As it is written; the label `instance`.
    pub instance: String,
    pub module: Arc<Module>,
    /// As the module wants it.
    pub target: String,
    pub conditions: Vec<Condition>,
    pub interval: Duration,
    pub timeout: Duration,
    /// When it is probed first, after the start: targets are spread over their interval.
    pub offset: Duration,
    /// Labels of all its series.
    pub labels: BTreeMap<String, String>,
    /// Labels of series that have none of the name.
    pub external: BTreeMap<String, String>,
}

/// The targets of all probes. `external` are labels of series that have none of the name.
///
/// # Errors
/// All that is wrong; keys are such as `probe[2].targets[0]`.
pub fn plans(
    probes: &[ProbeConfig],
    modules: &Modules,
    external: &BTreeMap<String, String>,
) -> Result<Vec<Plan>, Vec<Wrong>> {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for (at, probe) in probes.iter().enumerate() {
        let key = format!("probe[{at}]");
        if probes.iter().take(at).any(|other| other.name == probe.name) {
            let value = format!("{:?}", probe.name);
            wrong.push(Wrong::new(format!("{key}.name"), value, "is another probe's already", "rename one of the two"));
        }
        match probe.plans(&key, modules, external) {
            Ok(plans) => all.extend(plans),
            Err(others) => wrong.extend(others),
        }
    }
    if all.len() > TARGETS_MAX {
        wrong.push(Wrong::new("probe", all.len(), "are too many targets", "name at most 20000"));
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

impl ProbeConfig {
    fn plans(
        &self,
        key: &str,
        modules: &Modules,
        external: &BTreeMap<String, String>,
    ) -> Result<Vec<Plan>, Vec<Wrong>> {
        let Self { name, targets, module, conditions: texts, interval, timeout, labels } = self;
        let mut wrong = Vec::new();
        let mut tell = |name: String, value: String, what: &str, remedy: &str| {
            wrong.push(Wrong::new(format!("{key}.{name}"), value, what, remedy));
        };
        if name.is_empty() || name.len() > 128 {
            tell("name".into(), format!("{name:?}"), "is no name", "write 1 to 128 bytes");
        }
        if targets.is_empty() {
            tell("targets".into(), "[]".into(), "names no target", "name one, such as \"https://a.example/\"");
        }
        if !(Span::secs(1)..=Span::secs(3600)).contains(interval) {
            tell("interval".into(), interval.to_string(), "is out of range", "write \"1s\" to \"1h\"");
        }
        if let Some(timeout) = timeout.filter(|t| !(Span::millis(10)..=Span::secs(300).min(*interval)).contains(t)) {
            let remedy = "write \"10ms\" to \"5m\", and at most the interval";
            tell("timeout".into(), timeout.to_string(), "is out of range", remedy);
        }
        for (label, value) in labels {
            let is_name = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !label.bytes().next().is_none_or(|b| b.is_ascii_digit());
            if !is_name || matches!(label.as_str(), "instance" | "probe") {
                let remedy = "use letters, digits and _, and neither `instance` nor `probe`, which are told anyway";
                tell(format!("labels.{label}"), format!("{value:?}"), "can't be a label", remedy);
            }
        }
        let mut conditions = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            match Condition::parse(text) {
                Ok(condition) => conditions.push(condition),
                Err(error) => {
                    let remedy = "write one such as \"[STATUS] == 200\"";
                    tell(format!("conditions[{at}]"), format!("{text:?}"), &error.to_string(), remedy);
                }
            }
        }
        let found = module.as_deref().map(|name| modules.get(name));
        if let (Some(None), Some(name)) = (&found, module) {
            let known: Vec<&str> = modules.names().collect();
            let remedy = match known.as_slice() {
                [] => "name a file in collector.probe_modules".to_owned(),
                known => format!("known are {}", known.join(", ")),
            };
            tell("module".into(), format!("{name:?}"), "is no module of collector.probe_modules", &remedy);
        }
        let mut ways = Vec::new();
        for (at, target) in targets.iter().enumerate() {
            match (&found, of_target(target)) {
                (Some(module), _) => ways.extend(module.map(|module| (target, Arc::clone(module), target.clone()))),
                (None, Some((module, to))) => {
                    ways.push((target, Arc::new(if conditions.is_empty() { module } else { module.lenient() }), to))
                }
                (None, None) => {
                    let remedy = "begin it with http://, https://, tcp://, tls://, icmp:// or dns://, or name a module";
                    tell(format!("targets[{at}]"), format!("{target:?}"), "does not say how it is probed", remedy);
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let interval = interval.duration();
        let count = u32::try_from(ways.len().max(1)).unwrap_or(u32::MAX);
        let plans = ways.into_iter().zip(0_u32..).map(|((instance, module, target), at)| {
            let timeout = timeout.map(|span| span.duration()).or(module.timeout).unwrap_or(Duration::from_secs(5));
            let own = [("job", "probe"), ("probe", name), ("instance", instance)];
            let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Plan {
                probe: name.clone(),
                instance: instance.clone(),
                timeout: timeout.min(interval),
                module,
                target,
                conditions: conditions.clone(),
                interval,
                offset: interval / count * at,
                labels: own.into_iter().chain(labels.clone()).collect(),
                external: external.clone(),
            }
        });
        Ok(plans.collect())
    }
}
