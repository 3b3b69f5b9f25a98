//! `[[report]]`: what was available, sent at times of its own.

use std::collections::BTreeSet;

use orszem_alerting::{ConfigError, Recipient, ReportSchedule};
use orszem_indexer::alerting::AlertingConfig;
use orszem_notify::NotifyConfig;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Reports of a configuration.
const REPORTS_MAX: usize = 100;
/// Bytes of a name.
const NAME_MAX: usize = 128;

/// A report of availability that is sent on a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportConfig {
    /// It is known by it: under another name it is another report.
    pub name: String,
    /// A cron pattern of 5 fields, or 6 with seconds, in the zone of `[notify]`.
    pub schedule: String,
    /// `day`, `week` (from Monday) and `month` are the last whole ones in that zone; or a span such as `12h`.
    pub period: String,
    /// The share of the time that is to be reached.
    pub goal: f64,
    /// Contacts of alerting: all their addresses that take warnings.
    pub contacts: Vec<String>,
    /// Mail addresses.
    pub mail: Vec<String>,
    /// The channel of `[[notify.email]]` for `mail`; the first one if it is empty.
    pub channel: String,
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            schedule: String::new(),
            period: "month".to_owned(),
            goal: 0.999,
            contacts: Vec::new(),
            mail: Vec::new(),
            channel: String::new(),
        }
    }
}

impl ReportConfig {
    /// When it is due.
    ///
    /// # Errors
    /// When the pattern, the period or the zone is none.
    pub(crate) fn schedule(&self, notify: &NotifyConfig) -> Result<ReportSchedule, ConfigError> {
        ReportSchedule::new(&self.schedule, &notify.time_zone, self.period.parse()?)
    }

    /// Its mail addresses as alerting knows recipients.
    pub(crate) fn addresses(&self, notify: &NotifyConfig) -> Vec<Recipient> {
        let first = notify.email.first().map(|email| &email.name);
        let named = Some(&self.channel).filter(|channel| !channel.is_empty());
        let Some(channel) = named.or(first) else { return Vec::new() };
        let recipient = |to: &String| Recipient { contact: to.clone(), channel: channel.clone(), target: to.clone() };
        self.mail.iter().map(recipient).collect()
    }
}

/// What is wrong with reports.
pub(super) fn validate(reports: &[ReportConfig], alerting: &AlertingConfig, notify: &NotifyConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    if reports.len() > REPORTS_MAX {
        let remedy = format!("write at most {REPORTS_MAX}");
        problems.push(Problem::new("report", reports.len(), "are too many", remedy));
    }
    let mut names = BTreeSet::new();
    for (at, report) in reports.iter().enumerate() {
        let ReportConfig { name, schedule: _, period, goal, contacts, mail, channel } = report;
        let mut add = |key: &str, value: String, wrong: String, remedy: &str| {
            problems.push(Problem::new(format!("report[{at}].{key}"), value, wrong, remedy));
        };
        if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
            add("name", format!("{name:?}"), "is no name".to_owned(), "write 1 to 128 bytes on one line");
        } else if !names.insert(name) {
            add("name", format!("{name:?}"), "is the name of another one".to_owned(), "write a name of its own");
        }
        match report.schedule(notify) {
            // That is told of [notify].
            Ok(_) | Err(ConfigError::UnknownZone(_)) => {}
            Err(error @ ConfigError::ReportPeriod(_)) => {
                add("period", format!("{period:?}"), error.to_string(), "correct the period");
            }
            Err(error) => {
                let shown = format!("{:?}", report.schedule);
                add("schedule", shown, error.to_string(), "write a cron pattern such as \"0 7 1 * *\"");
            }
        }
        if !(0.0..=1.0).contains(goal) {
            add("goal", goal.to_string(), "is no share".to_owned(), "write 0 to 1, such as 0.999");
        }
        for (place, contact) in contacts.iter().enumerate() {
            if !alerting.contacts.iter().any(|known| known.name == *contact) {
                let key = format!("contacts[{place}]");
                add(&key, format!("{contact:?}"), "is no contact".to_owned(), "name one of [[alerting.contacts]]");
            }
        }
        if contacts.is_empty() && mail.is_empty() {
            add("mail", "[]".to_owned(), "reaches nobody".to_owned(), "write addresses there, or contacts");
        }
        for (place, to) in mail.iter().enumerate() {
            if !orszem_notify::is_address(to) {
                let key = format!("mail[{place}]");
                add(&key, format!("{to:?}"), "is no mail address".to_owned(), "write one such as eva@example.com");
            }
        }
        let is_known = |email: &orszem_notify::EmailConfig| channel.is_empty() || email.name == *channel;
        if (!mail.is_empty() || !channel.is_empty()) && !notify.email.iter().any(is_known) {
            add("channel", format!("{channel:?}"), "is no channel for mail".to_owned(), "name one of [[notify.email]]");
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const GOOD: &str = "[[notify.email]]\nname = \"mail\"\nhost = \"mail.example.com\"\nfrom = \"o@example.com\"\n\
                        [[report]]\nname = \"monthly\"\nschedule = \"0 7 1 * *\"\nmail = [\"eva@example.com\"]\n";

    #[test]
    fn what_is_wrong_is_told_by_its_option() {
        let good = Config::parse(GOOD, "t.toml").expect("a good file");
        let addresses = good.report[0].addresses(&good.notify);
        let shown: Vec<_> = addresses.iter().map(|to| (to.channel.as_str(), to.target.as_str())).collect();
        assert_eq!(shown, [("mail", "eva@example.com")]);

        let bad = "[[report]]\nname = \"a\"\nschedule = \"soon\"\n[[report]]\nname = \"a\"\nschedule = \"0 7 * * *\"\n\
                   period = \"year\"\ngoal = 99.9\ncontacts = [\"eva\"]\nmail = [\"eva\"]\nchannel = \"post\"\n";
        let problems = Config::parse(&format!("{GOOD}{bad}"), "t.toml").expect_err("a bad file").to_string();
        let told: Vec<&str> = problems.lines().map(|line| line.split(" = ").next().expect("a key")).collect();
        assert_eq!(
            told,
            [
                "t.toml:9: report[1].mail",
                "t.toml:11: report[1].schedule",
                "t.toml:13: report[2].name",
                "t.toml:15: report[2].period",
                "t.toml:16: report[2].goal",
                "t.toml:17: report[2].contacts[0]",
                "t.toml:18: report[2].mail[0]",
                "t.toml:19: report[2].channel",
            ],
            "{problems}"
        );
        let nowhere = GOOD.split_once("[[report]]").map(|(_, report)| format!("[[report]]{report}")).expect("it");
        let problems = Config::parse(&nowhere, "t.toml").expect_err("no channel").to_string();
        assert!(problems.contains("report[0].channel = \"\": is no channel for mail"), "{problems}");
    }
}
