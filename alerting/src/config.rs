//! The configuration of alerting, and the plan that it becomes when all of it is right.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use orszem_model::{Labels, Matcher};

use crate::alert::Level;
use crate::calendar::{Calendar, Schedule};
use crate::contact::{Address, Contact, Rate};
use crate::error::ConfigError;
use crate::escalation::{Policy, REPEAT_MAX};
use crate::flap::FlapConfig;
use crate::limits::ENTITIES_MAX;
use crate::route::{ROUTE_DEPTH_MAX, Route};
use crate::rule::{Rule, RuleKind};
use crate::threshold::Band;

/// Alerts that keep others from notifying while they fire, as Alertmanager's `inhibit_rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inhibition {
    pub sources: Vec<Matcher>,
    pub targets: Vec<Matcher>,
    /// Labels in which both must agree.
    pub equal: Vec<String>,
}

/// A label that names an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityLabel {
    pub label: String,
    /// Put in front, `host/`; empty where the label is a whole entity.
    pub prefix: String,
    /// Whether a port at the end is cut off.
    pub cuts_port: bool,
}

/// The contact, and the policy, of devices that are added where the configuration tells nobody.
pub const DEVICES: &str = "devices";

/// Everything that people decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub rules: Vec<Rule>,
    pub contacts: Vec<Contact>,
    pub policies: Vec<Policy>,
    pub route: Route,
    /// By name, for mute times, active times and quiet hours.
    pub times: BTreeMap<String, Schedule>,
    pub inhibitions: Vec<Inhibition>,
    /// Alerts, besides those of rules that say so, by which an entity is down while they are critical.
    pub outages: Vec<Vec<Matcher>>,
    /// Which labels name entities, the most particular first: an outage concerns the first one only.
    pub entity_labels: Vec<EntityLabel>,
    pub flap: FlapConfig,
    /// Observations older than this are history: they change states, but notify only if they still hold.
    pub late_after: Duration,
    /// After a start nothing is opened for this long, unless all sources are back …
    pub restart_hold: Duration,
    /// … and nothing critical for this long.
    pub restart_hold_critical: Duration,
    /// How long an acknowledgement holds where it does not say.
    pub ack_expires_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let label = |label: &str, prefix: &str, cuts_port| EntityLabel {
            label: label.to_owned(),
            prefix: prefix.to_owned(),
            cuts_port,
        };
        Self {
            rules: Vec::new(),
            contacts: Vec::new(),
            policies: Vec::new(),
            route: Route::default(),
            times: BTreeMap::new(),
            inhibitions: Vec::new(),
            outages: Vec::new(),
            entity_labels: vec![
                label("entity", "", false),
                label("resource", "resource/", false),
                label("drbd", "drbd/", false),
                label("service", "service/", false),
                label("instance", "host/", true),
                label("host", "host/", false),
                label("node", "host/", false),
            ],
            flap: FlapConfig::default(),
            late_after: Duration::from_secs(300),
            restart_hold: Duration::from_secs(60),
            restart_hold_critical: Duration::from_secs(10),
            ack_expires_after: Duration::from_secs(4 * 3600),
        }
    }
}

/// A configuration that was checked whole.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) config: Config,
    rules: BTreeMap<String, Rule>,
    contacts: BTreeMap<String, Contact>,
    policies: BTreeMap<String, Policy>,
    times: BTreeMap<String, Calendar>,
}

impl Plan {
    /// # Errors
    /// The first thing that is wrong, by its name.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let mut rules = BTreeMap::new();
        for rule in &config.rules {
            check_rule(rule)?;
            if rules.insert(rule.name.clone(), rule.clone()).is_some() {
                return Err(ConfigError::RuleTwice(rule.name.clone()));
            }
        }
        let mut times = BTreeMap::new();
        for (name, schedule) in &config.times {
            times.insert(name.clone(), Calendar::new(schedule)?);
        }
        let known = |user: &str, names: &[String]| match names.iter().find(|name| !times.contains_key(*name)) {
            Some(time) => Err(ConfigError::UnknownTime { user: user.to_owned(), time: time.clone() }),
            None => Ok(()),
        };
        let mut contacts = BTreeMap::new();
        for contact in &config.contacts {
            known(&contact.name, &contact.quiet)?;
            if contact.rate.messages == 0 {
                return Err(ConfigError::NoMessages(contact.name.clone()));
            }
            if contacts.insert(contact.name.clone(), contact.clone()).is_some() {
                return Err(ConfigError::ContactTwice(contact.name.clone()));
            }
        }
        let mut policies = BTreeMap::new();
        for policy in &config.policies {
            check_policy(policy, &contacts)?;
            if policies.insert(policy.name.clone(), policy.clone()).is_some() {
                return Err(ConfigError::PolicyTwice(policy.name.clone()));
            }
        }
        let mut routes = Vec::new();
        if config.route.walk("", &mut routes) > ROUTE_DEPTH_MAX {
            return Err(ConfigError::RoutesTooDeep { max: ROUTE_DEPTH_MAX });
        }
        for (path, route) in routes {
            if let Some(policy) = route.policy.clone().filter(|policy| !policies.contains_key(policy)) {
                return Err(ConfigError::UnknownPolicy { route: path, policy });
            }
            known(&path, &route.mute_times)?;
            known(&path, &route.active_times)?;
        }
        let (start, stop) = (config.flap.start_percent, config.flap.stop_percent);
        if stop >= start || start > 100 {
            return Err(ConfigError::FlapBounds { start, stop });
        }
        Ok(Self { config, rules, contacts, policies, times })
    }

    /// The rule of this name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.get(name)
    }

    /// The contact of this name.
    pub fn contact(&self, name: &str) -> Option<&Contact> {
        self.contacts.get(name)
    }

    /// All contacts, by name.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    /// Whether nobody is told of anything: there are no contacts, no policies and no routes.
    pub fn tells_nobody(&self) -> bool {
        let route = &self.config.route;
        self.contacts.is_empty() && self.policies.is_empty() && route.policy.is_none() && route.routes.is_empty()
    }

    /// The plan with addresses that stand in no configuration, each with the name of the contact that it is added to;
    /// those of contacts that there are not are left out. Where nobody is told of anything, all that are added to
    /// [`DEVICES`] are told of everything.
    #[must_use]
    pub fn with_addresses(&self, added: impl IntoIterator<Item = (String, Address)>) -> Self {
        let mut plan = self.clone();
        let mut added = added.into_iter().peekable();
        if added.peek().is_some() && self.tells_nobody() {
            let contact =
                Contact { name: DEVICES.to_owned(), addresses: Vec::new(), quiet: Vec::new(), rate: Rate::default() };
            let policy = Policy::at_once(DEVICES, &[DEVICES]);
            plan.contacts.insert(DEVICES.to_owned(), contact);
            plan.policies.insert(DEVICES.to_owned(), policy.clone());
            plan.config.policies.push(policy);
            plan.config.route.policy = Some(DEVICES.to_owned());
        }
        for (name, address) in added {
            if let Some(contact) = plan.contacts.get_mut(&name) {
                contact.addresses.push(address);
            }
        }
        plan.config.contacts = plan.contacts.values().cloned().collect();
        plan
    }

    /// The tree of routes.
    pub fn route(&self) -> &Route {
        &self.config.route
    }

    pub(crate) fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.get(name)
    }

    pub(crate) fn time(&self, name: &str) -> Option<&Calendar> {
        self.times.get(name)
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = &Calendar> {
        self.times.values()
    }

    pub(crate) fn inhibitions(&self) -> &[Inhibition] {
        &self.config.inhibitions
    }

    /// The entities that labels name, each once, the most particular first.
    pub fn entities(&self, labels: &Labels) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for entity in &self.config.entity_labels {
            let Some(value) = labels.get(&entity.label).filter(|value| !value.is_empty()) else { continue };
            let name = if entity.cuts_port { host_of(value) } else { value };
            let mut names = vec![format!("{}{name}", entity.prefix)];
            // An address may move from host to host, as the topology knows.
            if entity.cuts_port && name.parse::<IpAddr>().is_ok() {
                names.push(format!("endpoint/{name}"));
            }
            for name in names {
                if !found.contains(&name) && found.len() < ENTITIES_MAX {
                    found.push(name);
                }
            }
        }
        found
    }
}

/// `db1:9100` and `https://eva@db1:9100/x` are `db1`; an IPv6 address in brackets loses them.
fn host_of(instance: &str) -> &str {
    let authority = instance.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    let instance = authority.map_or(instance, |authority| authority.rsplit('@').next().unwrap_or(authority));
    if let Some((address, _)) = instance.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match instance.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => instance,
    }
}

fn check_rule(rule: &Rule) -> Result<(), ConfigError> {
    let RuleKind::Threshold(bands) = &rule.kind else { return Ok(()) };
    if bands.warning.is_none() && bands.critical.is_none() {
        return Err(ConfigError::NoLevel(rule.name.clone()));
    }
    check_band(rule, Level::Warning, bands.warning.as_ref())?;
    check_band(rule, Level::Critical, bands.critical.as_ref())
}

fn check_band(rule: &Rule, level: Level, band: Option<&Band>) -> Result<(), ConfigError> {
    let Some(band) = band else { return Ok(()) };
    let (rule, level) = (rule.name.clone(), level.name());
    if let Some(value) = [band.enter, band.clear].into_iter().find(|value| value.is_nan()) {
        return Err(ConfigError::NotANumber { rule, level, value: value.to_string() });
    }
    if !band.is_ordered() {
        let (enter, clear) = (band.enter.to_string(), band.clear.to_string());
        return Err(ConfigError::ClearBeyondEnter { rule, level, enter, clear });
    }
    Ok(())
}

fn check_policy(policy: &Policy, contacts: &BTreeMap<String, Contact>) -> Result<(), ConfigError> {
    let name = || policy.name.clone();
    if policy.repeat > REPEAT_MAX {
        return Err(ConfigError::RepeatTooOften { policy: name(), repeat: policy.repeat, max: REPEAT_MAX });
    }
    for (at, pair) in policy.steps.windows(2).enumerate() {
        if let [one, next] = pair
            && next.after < one.after
        {
            return Err(ConfigError::StepsOutOfOrder { policy: name(), step: at + 1 });
        }
    }
    let mut named = policy.steps.iter().flat_map(|step| &step.contacts);
    match named.find(|contact| !contacts.contains_key(*contact)) {
        Some(contact) => Err(ConfigError::UnknownContact { policy: name(), contact: contact.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
