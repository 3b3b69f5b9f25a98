//! People and where they are reached.

use std::time::Duration;

use crate::alert::Level;

/// One way to reach somebody: a channel of the configuration and the address on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// `mail`, `push`, `ntfy`: what the senders know it by.
    pub channel: String,
    /// `eva@example.com`, a topic, a device.
    pub target: String,
    /// What is below notifies elsewhere only. The all-clear follows what was told.
    pub level_min: Level,
}

/// How many messages an address takes before they are put together into digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub messages: u32,
    pub per: Duration,
}

impl Default for Rate {
    fn default() -> Self {
        Self { messages: 20, per: Duration::from_secs(600) }
    }
}

impl Rate {
    /// The time that one message is worth.
    pub(crate) fn spacing(self) -> Duration {
        self.per / self.messages.max(1)
    }
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub name: String,
    pub addresses: Vec<Address>,
    /// Names of times in which only critical alerts get through at once; the rest is a digest at their end.
    pub quiet: Vec<String>,
    pub rate: Rate,
}

impl Contact {
    /// Somebody with one address that takes everything.
    pub fn new(name: impl Into<String>, channel: impl Into<String>, target: impl Into<String>) -> Self {
        let address = Address { channel: channel.into(), target: target.into(), level_min: Level::Warning };
        Self { name: name.into(), addresses: vec![address], quiet: Vec::new(), rate: Rate::default() }
    }
}
