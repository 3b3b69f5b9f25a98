//! Intents: what is to be sent to whom, under a key that stays the same however often it is tried.

use std::fmt;

use orszem_model::code::Code;
use orszem_model::{Labels, Timestamp, coded, coded_enum, varint};

use crate::alert::{AlertKey, Level, State};
use crate::group::MessageGroup;
use crate::incident::Event;
use crate::recipient::Recipient;

/// The version of [`Intent::encode`].
const VERSION: u8 = 1;

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
        }
    }

    /// Whether it tells that an incident is open, so that an all-clear is owed.
    pub fn tells_open(self) -> bool {
        match self {
            Self::Open | Self::Update | Self::Escalate | Self::Remind => true,
            Self::Resolve | Self::Test | Self::Digest => false,
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

/// Something to send. It is to be sent after all earlier ones that it [`Intent::follows`].
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    pub key: IntentKey,
    /// 0 for tests and digests.
    pub incident: u64,
    /// Counts the messages of an incident; for digests those of the recipient.
    pub step: u64,
    pub kind: Kind,
    pub recipient: Recipient,
    pub message: Message,
    pub not_before: Timestamp,
    /// When its sender gives it up and says so.
    pub expires_at: Timestamp,
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
        let mut out = vec![VERSION];
        self.put(&mut out);
        out
    }

    /// What [`Intent::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        let intent = (version == VERSION).then(|| Self::take(&mut rest))??;
        rest.is_empty().then_some(intent)
    }
}

coded_enum!(Kind { 0 = Open, 1 = Update, 2 = Escalate, 3 = Remind, 4 = Resolve, 5 = Test, 6 = Digest });
coded! {
    AlertView { key, labels, annotations, state, value, from, until, generator, is_flapping, suppressed }
    DigestEntry { incident, kind, level, title, at }
    Message {
        title, level, is_loud, started_at, ended_at, firing, ended, suppressed, alerts, alerts_left_out, root, group,
        acknowledged_by, note, events, events_left_out, entries, entries_left_out,
    }
    Intent { key, incident, step, kind, recipient, message, not_before, expires_at }
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
        let intent = Intent { key, incident: 7, step: 1, kind, recipient, message, not_before: at, expires_at: at };
        let bytes = intent.encode();
        assert_eq!(Intent::decode(&bytes), Some(intent));
        let mut newer = bytes.clone();
        newer[0] += 1;
        let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        assert_eq!([&newer, &longer, &bytes[1..].to_vec()].map(|bytes| Intent::decode(bytes)), [None, None, None]);
    }
}
