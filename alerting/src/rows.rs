//! The state as rows: what is written after each step, and what it is read from after a restart.

use orszem_model::code::Code;
use orszem_model::coded_enum;

use crate::alert::AlertKey;
use crate::error::RestoreError;
use crate::notify::IntentKey;
use crate::recipient::Recipient;

/// The version in front of every row's value. Another form gets another number, and the old one stays readable.
pub(crate) const VERSION: u8 = 1;

/// Where a row belongs. The discriminants go to disk and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row: counters and holds.
    Meta,
    Alert,
    Incident,
    Member,
    Silence,
    Maintenance,
    /// What recipients are allowed, and their waiting digests.
    Mailbox,
    /// Intents that are not done, without their messages.
    Outbox,
    Timer,
    /// Addresses that are no more.
    Gone,
    /// When each report was due last.
    Report,
}

impl Table {
    /// All of them; the place of each is its code.
    pub const ALL: [Self; 11] = [
        Self::Meta,
        Self::Alert,
        Self::Incident,
        Self::Member,
        Self::Silence,
        Self::Maintenance,
        Self::Mailbox,
        Self::Outbox,
        Self::Timer,
        Self::Gone,
        Self::Report,
    ];

    /// Its name in a store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Alert => "alert",
            Self::Incident => "incident",
            Self::Member => "member",
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
            Self::Mailbox => "mailbox",
            Self::Outbox => "outbox",
            Self::Timer => "timer",
            Self::Gone => "gone",
            Self::Report => "report",
        }
    }
}

/// A row to write, or to delete where it has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub table: Table,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Meta,
    Alert(AlertKey),
    Incident(u64),
    Member(u64, AlertKey),
    Silence(String),
    Maintenance(String),
    Mailbox(Recipient),
    Outbox(IntentKey),
    Gone(Recipient),
    Report(String),
    Timer(TimerOf),
}

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerOf {
    /// An incident is looked at.
    Incident(u64),
    /// An alert may end, fall silent or be steady again.
    Alert(AlertKey),
    /// A digest goes out.
    Mailbox(Recipient),
    /// What suppresses may be different.
    Edges,
    /// What is history is told.
    Late,
}

impl Of {
    pub(crate) fn table(&self) -> Table {
        match self {
            Self::Meta => Table::Meta,
            Self::Alert(_) => Table::Alert,
            Self::Incident(_) => Table::Incident,
            Self::Member(..) => Table::Member,
            Self::Silence(_) => Table::Silence,
            Self::Maintenance(_) => Table::Maintenance,
            Self::Mailbox(_) => Table::Mailbox,
            Self::Outbox(_) => Table::Outbox,
            Self::Gone(_) => Table::Gone,
            Self::Report(_) => Table::Report,
            Self::Timer(_) => Table::Timer,
        }
    }

    pub(crate) fn row(&self, value: Option<Vec<u8>>) -> Row {
        let mut key = Vec::new();
        match self {
            Self::Meta => {}
            Self::Alert(of) => of.put(&mut key),
            Self::Incident(of) => of.put(&mut key),
            Self::Member(incident, of) => {
                incident.put(&mut key);
                of.put(&mut key);
            }
            Self::Silence(of) | Self::Maintenance(of) | Self::Report(of) => of.put(&mut key),
            Self::Mailbox(of) | Self::Gone(of) => of.put(&mut key),
            Self::Outbox(of) => of.put(&mut key),
            Self::Timer(of) => of.put(&mut key),
        }
        Row { table: self.table(), key, value }
    }
}

/// A value behind its version.
pub(crate) fn value(of: &impl Code) -> Vec<u8> {
    let mut out = vec![VERSION];
    of.put(&mut out);
    out
}

/// What [`value`] wrote.
pub(crate) fn read<T: Code>(table: Table, bytes: &[u8]) -> Result<T, RestoreError> {
    let (&version, mut rest) = bytes.split_first().ok_or(RestoreError::Damaged { table })?;
    if version != VERSION {
        return Err(RestoreError::Version { table, version, known: VERSION });
    }
    whole(table, &mut rest)
}

/// A key.
pub(crate) fn read_key<T: Code>(table: Table, mut bytes: &[u8]) -> Result<T, RestoreError> {
    whole(table, &mut bytes)
}

fn whole<T: Code>(table: Table, rest: &mut &[u8]) -> Result<T, RestoreError> {
    let read = T::take(rest).filter(|_| rest.is_empty());
    read.ok_or(RestoreError::Damaged { table })
}

coded_enum!(TimerOf { 0 = Incident(id), 1 = Alert(key), 2 = Mailbox(recipient), 3 = Edges, 4 = Late });
