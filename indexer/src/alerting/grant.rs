//! What a link in a message lets whoever has it do: one thing about one incident, in the name of one contact, for a
//! time. The link is signed, so that nothing is kept of it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orszem_alerting::Intent;
use orszem_model::code::Code;
use orszem_model::{Timestamp, coded, coded_enum};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// How long a link works after its message was written.
const LIFE: Duration = Duration::from_secs(3 * 86_400);
/// The longest token, in characters.
const TOKEN_MAX: usize = 1_024;
/// In front of what is signed, so that a signature is good for nothing else.
const CONTEXT: &[u8] = b"orszem link 1\n";
/// The bytes of a signature by HMAC-SHA256.
const SIGNATURE_BYTES: usize = 32;
/// The bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Acknowledge,
    /// Leaves the contact alone for an hour.
    Snooze,
}

/// What a link lets its holder do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub incident: u64,
    /// Who does it.
    pub contact: String,
    pub act: Act,
    pub expires_at: Timestamp,
}

coded_enum!(Act { 0 = Acknowledge, 1 = Snooze });
coded! { Grant { incident, contact, act, expires_at } }

/// Why a token lets nobody do anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("this link is not one of this server's, or a part of it is missing; copy it whole")]
    Foreign,
    #[error("this link worked until {until}; a later message has a newer one, or do it on the page")]
    Expired { until: Timestamp },
}

/// No randomness for a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no randomness for a key")]
pub(super) struct NoRandomness;

/// What links are signed with.
#[derive(Clone)]
pub(super) struct GrantKey(hmac::Key);

impl GrantKey {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A secret for a new key.
    pub(super) fn secret() -> Result<[u8; KEY_BYTES], NoRandomness> {
        let mut secret = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok(secret)
    }

    /// The tokens of a message's links, with what each does. Every attempt to send it has the same.
    pub(super) fn tokens(&self, intent: &Intent) -> Vec<(Act, String)> {
        if intent.incident == 0 || !intent.kind.tells_open() {
            return Vec::new();
        }
        let is_free = intent.message.acknowledged_by.is_empty();
        let acts = [Act::Acknowledge, Act::Snooze].into_iter().filter(|act| is_free || *act != Act::Acknowledge);
        let grant = |act| Grant {
            incident: intent.incident,
            contact: intent.recipient.contact.clone(),
            act,
            expires_at: intent.not_before.after(LIFE),
        };
        acts.map(|act| (act, self.sign(&grant(act)))).collect()
    }

    pub(super) fn sign(&self, grant: &Grant) -> String {
        let mut bytes = Vec::new();
        grant.put(&mut bytes);
        let signature = self.signature(&bytes);
        bytes.extend_from_slice(signature.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token grants at `now`.
    pub(super) fn open(&self, token: &str, now: Timestamp) -> Result<Grant, GrantError> {
        if token.len() > TOKEN_MAX {
            return Err(GrantError::Foreign);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| GrantError::Foreign)?;
        let (mut payload, signature) = bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(GrantError::Foreign)?;
        hmac::verify(&self.0, &[CONTEXT, payload].concat(), signature).map_err(|_| GrantError::Foreign)?;
        let grant = Grant::take(&mut payload).filter(|_| payload.is_empty()).ok_or(GrantError::Foreign)?;
        if grant.expires_at <= now {
            return Err(GrantError::Expired { until: grant.expires_at });
        }
        Ok(grant)
    }

    fn signature(&self, payload: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, &[CONTEXT, payload].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_grants_what_was_signed_until_it_expires_and_nothing_else() {
        let key = GrantKey::new(&[7; KEY_BYTES]);
        let until = Timestamp(100);
        let grant = Grant { incident: 7, contact: "éva".to_owned(), act: Act::Acknowledge, expires_at: until };
        let token = key.sign(&grant);
        assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{token}");
        assert_eq!(key.open(&token, Timestamp(99)), Ok(grant.clone()));
        assert_eq!(key.open(&token, until), Err(GrantError::Expired { until }));
        let other = key.sign(&Grant { incident: 8, ..grant.clone() });
        assert_ne!(token, other);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(key.open(&changed, Timestamp(0)), Err(GrantError::Foreign), "{changed}");
        }
        let stranger = GrantKey::new(&[8; KEY_BYTES]).sign(&grant);
        let longer = format!("{token}AAAA");
        for wrong in ["", "x", "AAAA", &stranger, &longer, &"A".repeat(TOKEN_MAX + 1)] {
            assert_eq!(key.open(wrong, Timestamp(0)), Err(GrantError::Foreign), "{wrong}");
        }
    }
}
