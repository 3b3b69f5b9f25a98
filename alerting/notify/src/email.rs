//! Mail: one message to one address over SMTP (RFC 5321), so that what a server says concerns nobody else.

mod letter;
mod server;
mod wire;

use std::time::SystemTime;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::Mailbox;

use crate::config::EmailConfig;
use crate::notice::Notice;
use crate::outcome::Outcome;
use crate::template::Templates;
use crate::view::{Site, View};

use server::Server;

/// A mail server, and whom mail comes from.
#[derive(Debug)]
pub(crate) struct Email {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    server: Server,
}

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
#[error("{address:?} is no mail address")]
pub struct AddressError {
    address: String,
    #[source]
    source: lettre::address::AddressError,
}

impl Email {
    pub(crate) fn new(config: &EmailConfig) -> Result<Self, AddressError> {
        let from = mailbox(&config.from)?;
        let reply_to = if config.reply_to.is_empty() { None } else { Some(mailbox(&config.reply_to)?) };
        let server = Server::new(config, from.email.domain());
        Ok(Self { from, reply_to, server })
    }

    /// Sends one mail. Whoever calls has a deadline; a mail that was cut off by it may have arrived, and has the same
    /// `Message-ID` when it is sent again.
    pub(crate) async fn send(&self, notice: &Notice, site: &Site, templates: &Templates, now: SystemTime) -> Outcome {
        let to = match mailbox(&notice.target) {
            Ok(to) => to,
            Err(error) => return Outcome::refused(&orszem_model::chain(&error)),
        };
        let view = View::new(notice, site);
        let recipient: Address = to.email.clone();
        let parts = letter::Parts { from: &self.from, reply_to: self.reply_to.as_ref(), to, now };
        let letter = match letter::write(notice, &view, site, templates, parts) {
            Ok(letter) => letter,
            Err(error) => return Outcome::refused(&format!("the mail can't be written: {error}")),
        };
        let envelope = match Envelope::new(Some(self.from.email.clone()), vec![recipient]) {
            Ok(envelope) => envelope,
            Err(error) => return Outcome::refused(&format!("the mail has no envelope: {error}")),
        };
        let outcome = match self.server.send(&envelope, &letter.bytes).await {
            Ok(said) => Outcome::delivered(&said, letter.message_id),
            Err(error) => error.outcome(),
        };
        match letter.problem {
            Some(problem) => outcome.with_note(&problem),
            None => outcome,
        }
    }
}

fn mailbox(text: &str) -> Result<Mailbox, AddressError> {
    text.trim().parse().map_err(|source| AddressError { address: text.to_owned(), source })
}

/// Whether mail can be sent to it, as far as its form tells.
pub fn is_address(text: &str) -> bool {
    mailbox(text).is_ok()
}

#[cfg(test)]
mod tests;
