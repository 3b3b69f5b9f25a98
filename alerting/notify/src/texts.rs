//! The words of messages, one file a language. What stands in braces is filled in.

mod en;
mod hu;

use orszem_alerting::{Kind, Level};
pub use orszem_model::Language;
use serde::Serialize;

/// All words of a language: the compiler sees to it that none is missing.
#[derive(Debug, Serialize)]
pub(crate) struct Texts {
    pub(crate) language: &'static str,
    pub(crate) firing: &'static str,
    pub(crate) update: &'static str,
    pub(crate) escalated: &'static str,
    pub(crate) reminder: &'static str,
    pub(crate) resolved: &'static str,
    pub(crate) test: &'static str,
    pub(crate) digest: &'static str,
    pub(crate) report: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) critical: &'static str,
    pub(crate) pending: &'static str,
    pub(crate) recovering: &'static str,
    pub(crate) no_data: &'static str,
    pub(crate) flapping: &'static str,
    pub(crate) since: &'static str,
    pub(crate) until: &'static str,
    pub(crate) lasted: &'static str,
    pub(crate) value: &'static str,
    pub(crate) threshold: &'static str,
    pub(crate) entity: &'static str,
    pub(crate) incident: &'static str,
    pub(crate) acknowledged_by: &'static str,
    pub(crate) labels: &'static str,
    pub(crate) runbook: &'static str,
    pub(crate) timeline: &'static str,
    pub(crate) alerts: &'static str,
    pub(crate) logs: &'static str,
    pub(crate) graph: &'static str,
    pub(crate) silence: &'static str,
    pub(crate) ack: &'static str,
    pub(crate) snooze: &'static str,
    pub(crate) view: &'static str,
    pub(crate) suppressed: &'static str,
    pub(crate) counts: &'static str,
    pub(crate) more_alerts: &'static str,
    pub(crate) more_events: &'static str,
    pub(crate) more_entries: &'static str,
    pub(crate) digest_title: &'static str,
    pub(crate) test_title: &'static str,
    pub(crate) test_body: &'static str,
    pub(crate) gone_title: &'static str,
    pub(crate) gone: &'static str,
    pub(crate) back: &'static str,
    pub(crate) plot: &'static str,
    pub(crate) footer: &'static str,
}

impl Texts {
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &en::TEXTS,
            Language::Hungarian => &hu::TEXTS,
        }
    }

    pub(crate) fn kind(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Open => self.firing,
            Kind::Update => self.update,
            Kind::Escalate => self.escalated,
            Kind::Remind => self.reminder,
            Kind::Resolve => self.resolved,
            Kind::Test => self.test,
            Kind::Digest => self.digest,
            Kind::Report => self.report,
        }
    }

    pub(crate) fn level(&self, level: Level) -> &'static str {
        match level {
            Level::Warning => self.warning,
            Level::Critical => self.critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys with the placeholders of their texts.
    fn placeholders(language: Language) -> Vec<(String, Vec<String>)> {
        let texts = serde_json::to_value(Texts::of(language)).expect("JSON");
        let texts = texts.as_object().expect("an object").iter();
        let of = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).map(|rest| rest.split('}').next().expect("a name").to_owned()).collect();
            names.sort();
            names
        };
        texts.map(|(key, text)| (key.clone(), of(text.as_str().expect("a text")))).collect()
    }

    #[test]
    fn every_language_has_the_same_keys_and_placeholders() {
        let english = placeholders(Language::English);
        assert!(english.iter().any(|(_, names)| !names.is_empty()));
        assert_eq!(placeholders(Language::Hungarian), english);
        let (en, hu) = (Texts::of(Language::English), Texts::of(Language::Hungarian));
        assert_ne!((en.firing, en.footer), (hu.firing, hu.footer));
    }
}
