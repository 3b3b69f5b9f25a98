//! Intents: what is to be sent to whom, under a key that stays the same however often it is tried.

use std::fmt;

use orszem_model::code::Code;
use orszem_model::{Labels, Timestamp, coded, coded_enum, varint};

use crate::alert::{AlertKey, Level, State};
use crate::group::MessageGroup;
use crate::incident::Event;
use crate::recipient::Recipient;

/// The versions of [`Intent::encode`]: of an intent without a body, and of one with it.
const VERSION: u8 = 1;
const VERSION_WITH_BODY: u8 = 2;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The first word of an incident.
    Open,
    /// More about it: channels that can edit their message do.
    Update,
    /// As `Open`, to those who come later as nobody acknowledged.
    Escalate,
    /// Again, as nobody acknowledged.
    Remind,
    /// It is over.
    Resolve,
    /// Somebody tries a contact out.
    Test,
    /// Several happenings together, where a limit or quiet hours held them back, or that are history.
    Digest,
    /// What was available over a period; it has a body.
    Report,
}

impl Kind {
    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Update => "update",
            Self::Escalate => "escalate",
            Self::Remind => "remind",
            Self::Resolve => "resolve",
            Self::Test => "test",
            Self::Digest => "digest",
            Self::Report => "report",
        }
    }

    /// Whether it tells that an incident is open, so that an all-clear is owed.
    pub fn tells_open(self) -> bool {
        match self {
            Self::Open | Self::Update | Self::Escalate | Self::Remind => true,
            Self::Resolve | Self::Test | Self::Digest | Self::Report => false,
        }
    }
}

/// What identifies an intent for ever: the first 16 bytes of the BLAKE3 of incident, step, recipient and kind. Channels map
/// it to their own way to recognise repeats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentKey(pub [u8; 16]);

impl IntentKey {
    /// The key of these parts.
    pub fn of(incident: u64, step: u64, recipient: &Recipient, kind: Kind) -> Self {
        let mut bytes = Vec::with_capacity(96);
        varint::put(&mut bytes, incident);
        varint::put(&mut bytes, step);
        recipient.put(&mut bytes);
        kind.put(&mut bytes);
        let hash = blake3::hash(&bytes);
        let mut key = [0; 16];
        key.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(key)
    }
}

/// In hexadecimal digits.
impl fmt::Display for IntentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for IntentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Code for IntentKey {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        varint::take_exact(input, 16)?.try_into().ok().map(Self)
    }
}

/// An alert as a message shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertView {
    pub key: AlertKey,
    /// Those of the alert and its rule, with `alertname` and `severity`.
    pub labels: Labels,
    pub annotations: Labels,
    pub state: State,
    pub value: f64,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
    pub generator: String,
    pub is_flapping: bool,
    /// Why it alone would notify nobody, in words.
    pub suppressed: Vec<String>,
}

/// One line of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestEntry {
    /// 0 for what belongs to none.
    pub incident: u64,
    pub kind: Kind,
    pub level: Level,
    pub title: String,
    pub at: Timestamp,
}

/// What is told. Channels make their own form of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub title: String,
    pub level: Level,
    /// Whether it is to make a sound; what is not loud edits the message before.
    pub is_loud: bool,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Alerts that fire, that ended, and that fire but are suppressed.
    pub firing: u64,
    pub ended: u64,
    pub suppressed: u64,
    /// At most [`crate::VIEWS_MAX`], those that fire first.
    pub alerts: Vec<AlertView>,
    pub alerts_left_out: u64,
    /// The entity at the root of it; empty where none is known.
    pub root: String,
    /// What all alerts of an incident that labels group have in common.
    pub group: MessageGroup,
    pub acknowledged_by: String,
    /// What else is to be said: that it was over before it could be told, which incident goes on with it.
    pub note: String,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    pub events_left_out: u64,
    /// The lines of a digest.
    pub entries: Vec<DigestEntry>,
    pub entries_left_out: u64,
}

impl Message {
    pub(crate) fn titled(title: String, level: Level, at: Timestamp) -> Self {
        Self {
            title,
            level,
            is_loud: true,
            started_at: at,
            ended_at: None,
            firing: 0,
            ended: 0,
            suppressed: 0,
            alerts: Vec::new(),
            alerts_left_out: 0,
            root: String::new(),
            group: MessageGroup::default(),
            acknowledged_by: String::new(),
            note: String::new(),
            events: Vec::new(),
            events_left_out: 0,
            entries: Vec::new(),
            entries_left_out: 0,
        }
    }
}

/// A text that was written when the intent was, for channels that send it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub text: String,
    /// The same for mail.
    pub html: String,
}

/// Something to send. It is to be sent after all earlier ones that it [`Intent::follows`].
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    pub key: IntentKey,
    /// 0 for tests, digests and reports.
    pub incident: u64,
    /// Counts the messages of an incident; for digests those of the recipient. Of reports it is made of the name and the
    /// time at which it was due.
    pub step: u64,
    pub kind: Kind,
    pub recipient: Recipient,
    pub message: Message,
    pub not_before: Timestamp,
    /// When its sender gives it up and says so.
    pub expires_at: Timestamp,
    /// Reports have one.
    pub body: Option<Body>,
}

impl Intent {
    /// Whether both tell one recipient of the same incident, so that their order matters. `earlier` was written before.
    pub fn follows(&self, earlier: &Self) -> bool {
        let tells_of = |intent: &Self, incident| {
            incident != 0
                && (intent.incident == incident
                    || intent.message.entries.iter().any(|entry| entry.incident == incident))
        };
        let of_entries = || self.message.entries.iter().any(|entry| tells_of(earlier, entry.incident));
        self.recipient == earlier.recipient && (tells_of(earlier, self.incident) || of_entries())
    }

    /// As bytes, versioned.
    pub fn encode(&self) -> Vec<u8> {
        let Self { key, incident, step, kind, recipient, message, not_before, expires_at, body } = self;
        let mut out = vec![if body.is_some() { VERSION_WITH_BODY } else { VERSION }];
        key.put(&mut out);
        incident.put(&mut out);
        step.put(&mut out);
        kind.put(&mut out);
        recipient.put(&mut out);
        message.put(&mut out);
        not_before.put(&mut out);
        expires_at.put(&mut out);
        if let Some(body) = body {
            body.put(&mut out);
        }
        out
    }

    /// What [`Intent::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        let input = &mut rest;
        let intent = Self {
            key: Code::take(input)?,
            incident: Code::take(input)?,
            step: Code::take(input)?,
            kind: Code::take(input)?,
            recipient: Code::take(input)?,
            message: Code::take(input)?,
            not_before: Code::take(input)?,
            expires_at: Code::take(input)?,
            body: match version {
                VERSION => None,
                VERSION_WITH_BODY => Some(Code::take(input)?),
                _ => return None,
            },
        };
        rest.is_empty().then_some(intent)
    }
}

coded_enum!(Kind { 0 = Open, 1 = Update, 2 = Escalate, 3 = Remind, 4 = Resolve, 5 = Test, 6 = Digest, 7 = Report });
coded! {
    AlertView { key, labels, annotations, state, value, from, until, generator, is_flapping, suppressed }
    DigestEntry { incident, kind, level, title, at }
    Message {
        title, level, is_loud, started_at, ended_at, firing, ended, suppressed, alerts, alerts_left_out, root, group,
        acknowledged_by, note, events, events_left_out, entries, entries_left_out,
    }
    Body { text, html }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(target: &str) -> Recipient {
        Recipient { contact: "eva".to_owned(), channel: "mail".to_owned(), target: target.to_owned() }
    }

    #[test]
    fn every_part_of_a_key_counts_and_it_never_changes() {
        let key = IntentKey::of(7, 1, &recipient("a"), Kind::Open);
        let others = [
            IntentKey::of(8, 1, &recipient("a"), Kind::Open),
            IntentKey::of(7, 2, &recipient("a"), Kind::Open),
            IntentKey::of(7, 1, &recipient("b"), Kind::Open),
            IntentKey::of(7, 1, &recipient("a"), Kind::Resolve),
        ];
        assert!(!others.contains(&key));
        assert_eq!(key, IntentKey::of(7, 1, &recipient("a"), Kind::Open));
        assert_eq!(key.to_string().len(), 32);
    }

    #[test]
    fn an_intent_round_trips_and_others_are_refused() {
        let mut message = Message::titled("db1 is down".to_owned(), Level::Critical, Timestamp(5));
        let at = Timestamp(9);
        let (kind, level, title) = (Kind::Open, Level::Warning, "disk".to_owned());
        message.entries.push(DigestEntry { incident: 3, kind, level, title, at });
        let recipient = recipient("a");
        let key = IntentKey::of(7, 1, &recipient, kind);
        let (not_before, expires_at, body) = (at, at, None);
        let intent = Intent { key, incident: 7, step: 1, kind, recipient, message, not_before, expires_at, body };
        let bytes = intent.encode();
        assert_eq!((bytes[0], Intent::decode(&bytes)), (1, Some(intent.clone())));
        let body = Some(Body { text: "up".to_owned(), html: "<p>up</p>".to_owned() });
        let report = Intent { kind: Kind::Report, body, ..intent };
        let written = report.encode();
        assert_eq!((written[0], Intent::decode(&written)), (2, Some(report)));
        let mut newer = written;
        newer[0] += 1;
        let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        assert_eq!([&newer, &longer, &bytes[1..].to_vec()].map(|bytes| Intent::decode(bytes)), [None, None, None]);
    }
}
