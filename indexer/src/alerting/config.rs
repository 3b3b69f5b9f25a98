//! The section `[alerting]`: rule files, contacts, policies, routes, times and silences, and the plan that they make.

mod files;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use orszem_alerting::{
    Address, Config, Contact, FlapConfig, GroupBy, Inhibition, Input, Level, Period, Plan, Policy, Rate, Route, Rule,
    Silence, Step, Timing,
};
use orszem_model::{Labels, Matcher, Span, Timestamp};
use orszem_rules::Environment;
use serde::{Deserialize, Serialize};

use super::matchers::parse_matchers;
use super::prometheus::RuleSources;
use super::silent::collector_silent;
pub use times::{IntervalConfig, TimeConfig};

/// What people decide about alerting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertingConfig {
    /// Prometheus' rule files; `*` stands for any characters of a file's name.
    pub rule_files: Vec<PathBuf>,
    /// Whether the rules that the program brings hold, too; if unset under `orszem up` where `rule_files` names none.
    pub built_in_rules: Option<bool>,
    /// How often groups are evaluated that do not say.
    pub evaluation_interval: Span,
    /// `$externalLabels` of templates.
    pub external_labels: BTreeMap<String, String>,
    pub contacts: Vec<ContactConfig>,
    pub policies: Vec<PolicyConfig>,
    pub route: RouteConfig,
    /// By name, for mute times, active times and quiet hours.
    pub times: BTreeMap<String, TimeConfig>,
    pub inhibitions: Vec<InhibitionConfig>,
    /// A collector that is silent for so long is an alert, `CollectorSilent`; `0s` for none.
    pub collector_silent: Span,
    /// Matchers of alerts by which an entity is down while they are critical.
    pub outages: Vec<String>,
    /// When an alert changes so often that it counts as firing until it is steady.
    pub flap: FlapSection,
    /// Silences that hold as long as they stand here.
    pub silences: Vec<SilenceConfig>,
    /// Observations older than this are history: they notify only if they still hold.
    pub late_after: Span,
    /// After a start nothing is opened for this long, unless all sources are back before …
    pub restart_hold: Span,
    /// … and nothing critical for this long.
    pub restart_hold_critical: Span,
    /// How long an acknowledgement holds where it does not say.
    pub ack_expires_after: Span,
}

/// `[alerting.flap]`: the share of changes among the last 21 states of an alert, newer ones weighing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlapSection {
    /// It flaps from this share on, in percent; 0 or more than 100 are refused.
    pub start_percent: u32,
    /// It is steady below this share.
    pub stop_percent: u32,
    /// A time without a change that counts as one more state.
    pub slot: Span,
}

impl Default for FlapSection {
    fn default() -> Self {
        let FlapConfig { start_percent, stop_percent, slot } = FlapConfig::default();
        Self { start_percent, stop_percent, slot: Span(slot) }
    }
}

impl FlapSection {
    fn flap(&self, wrong: &mut Vec<Wrong>) -> FlapConfig {
        let Self { start_percent: start, stop_percent: stop, slot } = *self;
        if !(1..=100).contains(&start) {
            wrong.push(Wrong::new("flap.start_percent", &start.to_string(), "is out of range", "write 1 to 100"));
        } else if stop >= start {
            let remedy = "write less than start_percent";
            wrong.push(Wrong::new("flap.stop_percent", &stop.to_string(), "is not below start_percent", remedy));
        }
        if !(Span::secs(1)..=Span::days(1)).contains(&slot) {
            wrong.push(Wrong::new("flap.slot", &slot.to_string(), "is out of range", "write 1s to 1d"));
        }
        FlapConfig { start_percent: start, stop_percent: stop, slot: slot.0 }
    }
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactConfig {
    pub name: String,
    pub addresses: Vec<AddressConfig>,
    /// Names of times in which only what is critical gets through at once.
    #[serde(default)]
    pub quiet: Vec<String>,
    /// Messages to an address in `rate_per`; more are put together.
    #[serde(default = "rate")]
    pub rate: u32,
    #[serde(default = "rate_per")]
    pub rate_per: Span,
}

fn rate() -> u32 {
    Rate::default().messages
}

fn rate_per() -> Span {
    Span(Rate::default().per)
}

/// One way to reach somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressConfig {
    /// `webhook`, or another channel that is set up.
    pub channel: String,
    /// The address on it.
    pub to: String,
    /// `warning` or `critical`.
    #[serde(default = "warning")]
    pub level_min: String,
}

fn warning() -> String {
    Level::Warning.name().to_owned()
}

/// Who is told, and who next if nobody acknowledges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    pub name: String,
    pub steps: Vec<StepConfig>,
    /// How often all of it starts over.
    #[serde(default)]
    pub repeat: u32,
    /// How long after the last step it starts over.
    #[serde(default)]
    pub repeat_after: Span,
}

/// Contacts that are told together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    #[serde(default)]
    pub after: Span,
    pub contacts: Vec<String>,
}

/// A node of the tree of routes. What is absent is as in the node above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    pub matchers: Vec<String>,
    pub policy: Option<String>,
    /// Whether the routes behind it are tried, too.
    #[serde(rename = "continue")]
    pub continues: bool,
    /// `["topology"]`, labels, or `["..."]` for every alert by itself.
    pub group_by: Option<Vec<String>>,
    pub wait_warning: Option<Span>,
    pub wait_critical: Option<Span>,
    pub interval: Option<Span>,
    /// `0s` for none.
    pub remind: Option<Span>,
    pub mute_times: Vec<String>,
    pub active_times: Vec<String>,
    pub routes: Vec<Self>,
}

/// Alerts that keep others from notifying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InhibitionConfig {
    pub sources: Vec<String>,
    pub targets: Vec<String>,
    #[serde(default)]
    pub equal: Vec<String>,
}

/// A silence that stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceConfig {
    pub name: String,
    pub matchers: Vec<String>,
    #[serde(default)]
    pub comment: String,
    /// The name of a time; absent: always.
    pub time: Option<String>,
}

/// An option that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Below `alerting.`.
    pub key: String,
    pub value: String,
    pub wrong: String,
    pub remedy: String,
}

impl Wrong {
    fn new(key: impl Into<String>, value: &str, wrong: impl Into<String>, remedy: &str) -> Self {
        Self { key: key.into(), value: format!("{value:?}"), wrong: wrong.into(), remedy: remedy.to_owned() }
    }
}

impl Default for AlertingConfig {
    fn default() -> Self {
        let Config { late_after, restart_hold, restart_hold_critical, ack_expires_after, .. } = Config::default();
        Self {
            rule_files: Vec::new(),
            built_in_rules: None,
            evaluation_interval: Span::secs(15),
            external_labels: BTreeMap::new(),
            contacts: Vec::new(),
            policies: Vec::new(),
            route: RouteConfig::default(),
            times: BTreeMap::new(),
            inhibitions: Vec::new(),
            collector_silent: Span::secs(300),
            outages: Vec::new(),
            flap: FlapSection::default(),
            silences: Vec::new(),
            late_after: Span(late_after),
            restart_hold: Span(restart_hold),
            restart_hold_critical: Span(restart_hold_critical),
            ack_expires_after: Span(ack_expires_after),
        }
    }
}

impl AlertingConfig {
    /// Makes relative rule files begin at the directory of the configuration.
    pub fn set_directory(&mut self, directory: &Path) {
        self.rule_files.iter_mut().for_each(|file| *file = directory.join(&file));
    }

    /// Everything that cannot work. Reads the rule files.
    pub fn validate(&self) -> Vec<Wrong> {
        let sources = self.sources(0, false, "");
        let mut all = sources.as_ref().err().cloned().unwrap_or_default();
        let rules = sources.map_or_else(|_| Vec::new(), |sources| rules_of(&sources));
        all.extend(self.plan(rules).err().unwrap_or_default());
        all
    }

    /// The rule files, read and checked, for the series of `tenant`; `external_url` is where this server is reached from
    /// outside, for their templates.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn sources(&self, tenant: u32, is_experimental: bool, external_url: &str) -> Result<RuleSources, Vec<Wrong>> {
        let interval = self.evaluation_interval;
        if interval < Span::millis(100) || interval > Span::days(1) {
            let remedy = "write 100ms to 1d";
            return Err(vec![Wrong::new("evaluation_interval", &interval.to_string(), "is out of range", remedy)]);
        }
        let mut files = files::read(&self.rule_files, is_experimental)?;
        if self.built_in_rules == Some(true) {
            files::add_built_in(&mut files)?;
        }
        let environment = Environment {
            external_labels: Labels::new(self.external_labels.iter().collect::<Vec<_>>()),
            external_url: external_url.to_owned(),
            is_experimental,
            ..Environment::default()
        };
        Ok(RuleSources { files, interval: interval.0, tenant, environment })
    }

    /// The plan of the engine, with rules that stand elsewhere; of rules with one name the first counts.
    ///
    /// # Errors
    /// Everything that is wrong with the section.
    pub fn plan(&self, rules: Vec<Rule>) -> Result<Plan, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut names = BTreeSet::new();
        let rules = rules.into_iter().filter(|rule| names.insert(rule.name.clone())).collect();
        let matchers = |key: String, texts: &[String], wrong: &mut Vec<Wrong>| matchers(&key, texts, wrong);
        let inhibitions = self.inhibitions.iter().enumerate().map(|(at, inhibition)| Inhibition {
            sources: matchers(format!("inhibitions[{at}].sources"), &inhibition.sources, &mut wrong),
            targets: matchers(format!("inhibitions[{at}].targets"), &inhibition.targets, &mut wrong),
            equal: inhibition.equal.clone(),
        });
        let inhibitions = inhibitions.collect();
        let outages = self.outages.iter().enumerate();
        let outages = outages
            .map(|(at, text)| matchers(format!("outages[{at}]"), std::slice::from_ref(text), &mut wrong))
            .collect();
        let mut times = BTreeMap::new();
        for (name, time) in &self.times {
            if let Some(schedule) = time.schedule(name, &mut wrong) {
                times.insert(name.clone(), schedule);
            }
        }
        let contacts = self.contacts.iter().enumerate().map(|(at, contact)| contact.contact(at, &mut wrong)).collect();
        let policies = self.policies.iter().map(PolicyConfig::policy).collect();
        let route = self.route.route("route", Timing::default(), &mut wrong);
        let flap = self.flap.flap(&mut wrong);
        self.silences.iter().enumerate().for_each(|(at, silence)| self.check_silence(at, silence, &mut wrong));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let config = Config {
            rules,
            contacts,
            policies,
            route,
            times,
            inhibitions,
            outages,
            flap,
            late_after: self.late_after.0,
            restart_hold: self.restart_hold.0,
            restart_hold_critical: self.restart_hold_critical.0,
            ack_expires_after: self.ack_expires_after.0,
            ..Config::default()
        };
        Plan::new(config).map_err(|error| {
            let (key, remedy) = ("contacts, policies, route or times".to_owned(), "correct it".to_owned());
            vec![Wrong { key, value: String::new(), wrong: error.to_string(), remedy }]
        })
    }

    /// What the silences of the file are to the engine that knows `known`: those that stand there, and the end of those
    /// that do not any more.
    pub fn silence_inputs<'a>(&self, known: impl Iterator<Item = &'a Silence>, now: Timestamp) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut ids = BTreeSet::new();
        for silence in &self.silences {
            let mut ignored = Vec::new();
            let id = format!("{FILE_SILENCE}{}", silence.name);
            ids.insert(id.clone());
            let recurs = silence.time.as_ref().and_then(|name| self.times.get(name)?.schedule(name, &mut ignored));
            inputs.push(Input::Silence(Silence {
                id,
                matchers: matchers("", &silence.matchers, &mut ignored),
                period: Period { from: Timestamp(0), until: None, recurs },
                author: "the configuration".to_owned(),
                comment: silence.comment.clone(),
                created_at: now,
            }));
        }
        let gone = known.filter(|silence| silence.id.starts_with(FILE_SILENCE) && !ids.contains(&silence.id));
        let gone = gone.filter(|silence| silence.period.until.is_none());
        inputs.extend(gone.map(|silence| Input::EndSilence { id: silence.id.clone() }));
        inputs
    }

    fn check_silence(&self, at: usize, silence: &SilenceConfig, wrong: &mut Vec<Wrong>) {
        let key = format!("silences[{at}].matchers");
        let found = matchers(&key, &silence.matchers, wrong);
        if found.iter().all(Matcher::matches_absent) {
            let remedy = "write one that does not match everything, such as alertname=\"Backup\"";
            wrong.push(Wrong::new(key, &silence.matchers.join(", "), "silences everything", remedy));
        }
        if let Some(time) = silence.time.as_ref().filter(|time| !self.times.contains_key(*time)) {
            wrong.push(Wrong::new(format!("silences[{at}].time"), time, "is no time", "name one of [alerting.times]"));
        }
    }
}

/// The beginning of the ids of silences that stand in the file.
const FILE_SILENCE: &str = "file:";

/// The rules of the engine that rule files need: their names, as their conditions are evaluated elsewhere; and the one
/// that is built in.
pub fn rules_of(sources: &RuleSources) -> Vec<Rule> {
    let files = sources.files.iter().flat_map(|(_, file)| file.rules());
    let theirs = files.filter(|rule| rule.alert().is_some()).map(|rule| Rule::condition(rule.name(), Level::Warning));
    let own = sources.files.iter().flat_map(|(_, file)| file.own.alarms());
    theirs.chain(own).chain([collector_silent()]).collect()
}

fn matchers(key: &str, texts: &[String], wrong: &mut Vec<Wrong>) -> Vec<Matcher> {
    let mut all = Vec::new();
    for text in texts {
        match parse_matchers(text) {
            Ok(mut found) => all.append(&mut found),
            Err(error) => wrong.push(Wrong::new(key, text, error.to_string(), "write such as severity=\"critical\"")),
        }
    }
    all
}

impl ContactConfig {
    fn contact(&self, at: usize, wrong: &mut Vec<Wrong>) -> Contact {
        let mut addresses = Vec::new();
        for (place, address) in self.addresses.iter().enumerate() {
            let level = Level::named(&address.level_min);
            if level.is_none() {
                let key = format!("contacts[{at}].addresses[{place}].level_min");
                wrong.push(Wrong::new(key, &address.level_min, "is no level", "write warning or critical"));
            }
            let AddressConfig { channel, to, level_min: _ } = address;
            let level_min = level.unwrap_or(Level::Warning);
            addresses.push(Address { channel: channel.clone(), target: to.clone(), level_min });
        }
        let rate = Rate { messages: self.rate, per: self.rate_per.0 };
        Contact { name: self.name.clone(), addresses, quiet: self.quiet.clone(), rate }
    }
}

impl PolicyConfig {
    fn policy(&self) -> Policy {
        let Self { name, steps, repeat, repeat_after } = self;
        let steps = steps.iter().map(|step| Step { after: step.after.0, contacts: step.contacts.clone() }).collect();
        Policy { name: name.clone(), steps, repeat: *repeat, repeat_after: repeat_after.0 }
    }
}

impl RouteConfig {
    fn route(&self, key: &str, above: Timing, wrong: &mut Vec<Wrong>) -> Route {
        let span = |own: Option<Span>, above| own.map_or(above, |own| own.0);
        let timing = Timing {
            wait_warning: span(self.wait_warning, above.wait_warning),
            wait_critical: span(self.wait_critical, above.wait_critical),
            interval: span(self.interval, above.interval),
            remind: self.remind.map_or(above.remind, |own| Some(own.0).filter(|span| !span.is_zero())),
        };
        let group_by = self.group_by.as_ref().map(|names| match names.as_slice() {
            [one] if one == "topology" => GroupBy::Topology,
            [one] if one == "..." => GroupBy::Alert,
            labels => GroupBy::Labels(labels.to_vec()),
        });
        let routes = self.routes.iter().enumerate();
        let routes = routes.map(|(at, route)| route.route(&format!("{key}.routes[{at}]"), timing, wrong)).collect();
        Route {
            matchers: matchers(&format!("{key}.matchers"), &self.matchers, wrong),
            policy: self.policy.clone(),
            continues: self.continues,
            group_by,
            timing: Some(timing),
            mute_times: self.mute_times.clone(),
            active_times: self.active_times.clone(),
            routes,
        }
    }
}

#[cfg(test)]
mod tests;
