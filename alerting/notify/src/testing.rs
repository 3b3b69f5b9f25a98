//! Notices and sites for the tests of this crate, and the other sides of channels.

pub(crate) mod python;
pub(crate) mod sink;
#[path = "../../../tests/it/tools.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
pub(crate) mod tools;

use jiff::tz::TimeZone;
use orszem_alerting::{
    AlertKey, AlertView, Event, Intent, IntentKey, Kind, Level, Message, MessageGroup, Recipient, State,
};
use orszem_model::{Labels, Timestamp};

use crate::config::NotifyConfig;
use crate::notice::{Action, ActionKind, Curve, Links, Notice};
use crate::outcome::Outcome;
use crate::senders::Senders;
use crate::texts::Language;
use crate::view::Site;

/// 2026-11-22T10:00:00Z.
pub(crate) const STARTED_AT: Timestamp = Timestamp(1_795_341_600_000_000_000);

pub(crate) fn site() -> Site {
    Site {
        language: Language::English,
        zone: TimeZone::get("Europe/Budapest").expect("a zone"),
        origin: "test".to_owned(),
        external_url: "https://orszem.example".to_owned(),
    }
}

fn alert(mountpoint: &str, value: f64, until: Option<Timestamp>) -> AlertView {
    let labels = Labels::from([("alertname", "Disk"), ("mountpoint", mountpoint), ("severity", "critical")]);
    AlertView {
        key: AlertKey { rule: "Disk".to_owned(), labels: Labels::from([("mountpoint", mountpoint)]) },
        labels,
        annotations: Labels::from([
            ("runbook_url", "https://wiki.example/disk"),
            ("summary", &format!("{mountpoint} is <nearly> full & \"hot\"")),
        ]),
        state: if until.is_some() { State::Ok } else { State::Firing(Level::Critical) },
        value,
        from: STARTED_AT,
        until,
        generator: "https://orszem.example/graph?g0.expr=disk&g0.tab=1".to_owned(),
        is_flapping: false,
        suppressed: Vec::new(),
    }
}

/// A notice about two full file systems.
pub(crate) fn notice(kind: Kind) -> Notice {
    let at = |seconds: i64| Timestamp(STARTED_AT.0 + seconds * 1_000_000_000);
    let ended_at = (kind == Kind::Resolve).then(|| at(300));
    let recipient =
        Recipient { contact: "eva".to_owned(), channel: "mail".to_owned(), target: "eva@example.com".to_owned() };
    let (firing, ended) = if ended_at.is_some() { (0, 2) } else { (2, 0) };
    let message = Message {
        title: "db1: Disk and 1 more".to_owned(),
        level: Level::Critical,
        is_loud: true,
        started_at: STARTED_AT,
        ended_at,
        firing,
        ended,
        suppressed: 0,
        alerts: vec![alert("/", 91.5, ended_at), alert("/var", 97.0, ended_at)],
        alerts_left_out: 0,
        root: "host/db1".to_owned(),
        group: MessageGroup::default(),
        acknowledged_by: String::new(),
        note: String::new(),
        events: vec![Event { incident: 7, at: at(60), text: "Disk{mountpoint=\"/\"} is critical".to_owned() }],
        events_left_out: 0,
        entries: Vec::new(),
        entries_left_out: 0,
    };
    let key = IntentKey::of(7, 1, &recipient, kind);
    let intent = Intent {
        key,
        incident: 7,
        step: 1,
        kind,
        recipient,
        message,
        not_before: at(0),
        expires_at: at(86_400),
        body: None,
    };
    let action = |kind: ActionKind| Action { kind, url: format!("https://orszem.example/{}/t0k", kind.name()) };
    Notice {
        links: Links {
            incident: "https://orszem.example/incidents/7".to_owned(),
            logs: "https://orszem.example/logs?around=7&x=1".to_owned(),
            graph: String::new(),
            silence: String::new(),
        },
        actions: vec![action(ActionKind::Ack), action(ActionKind::Snooze)],
        facts: vec![("Free".to_owned(), "1.2 GiB".to_owned())],
        curve: Some(Curve {
            alert: 0,
            points: (0..120).map(|n| (at(n * 30 - 3600), 50.0 + f64::from(n as i32) / 3.0)).collect(),
            warning: Some(80.0),
            critical: Some(90.0),
        }),
        ..Notice::new(intent)
    }
}

/// The same to somebody else through another channel.
pub(crate) fn addressed(kind: Kind, channel: &str, target: &str) -> Notice {
    let mut notice = notice(kind);
    channel.clone_into(&mut notice.intent.recipient.channel);
    target.clone_into(&mut notice.target);
    notice
}

/// All channels of a configuration in TOML, without the `notify.` of its tables.
pub(crate) fn senders(text: &str) -> Senders {
    let text = format!(
        "origin = \"test\"\ntime_zone = \"Europe/Budapest\"\nexternal_url = \"https://orszem.example\"\n{text}"
    );
    let config: NotifyConfig = toml::from_str(&text).expect("reads");
    assert_eq!(config.validate(), []);
    let (senders, warnings) = Senders::new(&config).expect("channels");
    assert_eq!(warnings.len(), 0);
    senders
}

/// The reason of a refusal.
pub(crate) fn refused(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { reason, is_gone: false } => reason,
        other => panic!("{other:?}"),
    }
}

/// The reason of what may work later.
pub(crate) fn retried(outcome: Outcome) -> String {
    match outcome {
        Outcome::Retry { after: None, reason } => reason,
        other => panic!("{other:?}"),
    }
}
