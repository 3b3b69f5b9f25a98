//! What collectors say when their server is gone, and when it is back: an alert `ServerGone`.

use std::time::Duration;

use orszem_alerting::{AlertKey, AlertView, Intent, IntentKey, Kind, Level, Message, MessageGroup, Recipient, State};
use orszem_model::time::format_duration;
use orszem_model::{Labels, Timestamp, fill};

use crate::notice::Notice;
use crate::texts::{Language, Texts};

/// The name of the alert.
const NAME: &str = "ServerGone";
/// How long it is of use to tell.
const EXPIRES_NS: i64 = 86_400 * 1_000_000_000;

/// An outage of the server, as a collector knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone<'a> {
    /// What identifies the outage for all collectors: keys and threads of messages follow from it, not from who tells.
    pub number: u64,
    /// The collector that tells.
    pub host: &'a str,
    /// The server's addresses.
    pub servers: &'a [String],
    /// When it last answered.
    pub since: Timestamp,
    /// How long it did not answer, so far or in all.
    pub lasted: Duration,
    /// When it was back; `None` while it is gone.
    pub ended: Option<Timestamp>,
    /// What the collector kept meanwhile.
    pub records: u64,
}

impl Gone<'_> {
    /// The message to `recipient`: the first one, or the all-clear.
    pub fn notice(&self, language: Language, recipient: Recipient) -> Notice {
        let t = Texts::of(language);
        let whole = Duration::from_secs(self.lasted.as_secs());
        let (servers, span) = (self.servers.join(", "), format_duration(whole));
        let values =
            [("host", self.host), ("servers", &servers), ("span", &span), ("records", &self.records.to_string())];
        let (kind, step, said) = match self.ended {
            None => (Kind::Open, 1, fill(t.gone, &values)),
            Some(_) => (Kind::Resolve, 2, fill(t.back, &values)),
        };
        let labels = Labels::from([("alertname", NAME), ("severity", Level::Critical.name())]);
        let alert = AlertView {
            key: AlertKey { rule: NAME.to_owned(), labels: Labels::default() },
            labels,
            annotations: Labels::from([("summary", said.as_str())]),
            state: if self.ended.is_some() { State::Ok } else { State::Firing(Level::Critical) },
            value: f64::NAN,
            from: self.since,
            until: self.ended,
            generator: String::new(),
            is_flapping: false,
            suppressed: Vec::new(),
        };
        let message = Message {
            title: t.gone_title.to_owned(),
            level: Level::Critical,
            is_loud: true,
            started_at: self.since,
            ended_at: self.ended,
            firing: u64::from(self.ended.is_none()),
            ended: u64::from(self.ended.is_some()),
            suppressed: 0,
            alerts: vec![alert],
            alerts_left_out: 0,
            root: String::new(),
            group: MessageGroup::default(),
            acknowledged_by: String::new(),
            note: String::new(),
            events: Vec::new(),
            events_left_out: 0,
            entries: Vec::new(),
            entries_left_out: 0,
        };
        let at = self.ended.unwrap_or(self.since);
        Notice::new(Intent {
            key: IntentKey::of(self.number, step, &recipient, kind),
            incident: self.number,
            step,
            kind,
            recipient,
            message,
            not_before: at,
            expires_at: Timestamp(at.0.saturating_add(EXPIRES_NS)),
            body: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{STARTED_AT, site};
    use crate::view::{Site, View};

    fn gone(ended: Option<Timestamp>) -> Gone<'static> {
        let lasted = Duration::from_millis(330_900);
        Gone { number: 7_000, host: "db1", servers: &[], since: STARTED_AT, lasted, ended, records: 12 }
    }

    fn recipient() -> Recipient {
        Recipient { contact: "ops@a.hu".into(), channel: "mail".into(), target: "ops@a.hu".into() }
    }

    #[test]
    fn both_messages_are_of_one_thread_whoever_tells() {
        let servers = ["https://logs.example:7450".to_owned()];
        let back = Timestamp(STARTED_AT.0 + 331 * 1_000_000_000);
        let told = |host, ended| {
            let gone = Gone { host, servers: &servers, ..gone(ended) };
            gone.notice(Language::English, recipient())
        };
        let site = site();
        let (first, other, clear) = (told("db1", None), told("db2", None), told("db1", Some(back)));
        let [a, b, c] = [&first, &other, &clear].map(|notice| View::new(notice, &site));
        assert_eq!([&a.thread, &b.thread, &c.thread], ["incident-7000-test"; 3]);
        assert_eq!((a.key == b.key, a.key == c.key), (true, false));
        assert_eq!((a.status, c.status), ("firing", "resolved"));
        assert_eq!(a.heading, "[critical] Őrszem's server does not answer");
        assert_eq!(
            a.what,
            "db1 has not reached https://logs.example:7450 for 5m30s. No alert is sent until it is back; collectors keep \
             what they read."
        );
        assert_eq!(
            c.what,
            "db1 reaches https://logs.example:7450 again, after 5m30s. It kept 12 records meanwhile, which it now sends."
        );
        assert_eq!((a.lasted.as_str(), c.lasted.as_str()), ("", "5m31s"));
    }

    #[test]
    fn the_site_is_told_in_its_language() {
        let site = Site { language: Language::Hungarian, ..site() };
        let notice = gone(None).notice(Language::Hungarian, recipient());
        assert_eq!(View::new(&notice, &site).heading, "[kritikus] Az Őrszem kiszolgálója nem válaszol");
    }
}
