//! A browser's subscription, as its `PushSubscription.toJSON()` gives it.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::http::Url;

/// The longest text of a subscription, in bytes.
const BYTES_MAX: usize = 4_096;
/// A point of P-256, uncompressed.
pub(super) const POINT_BYTES: usize = 65;
pub(super) const SECRET_BYTES: usize = 16;

/// Where a browser is reached, and what only it can read with. Its endpoint is shown without its path, which is all that
/// it takes to push to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    url: Url,
    key: [u8; POINT_BYTES],
    secret: Secret,
}

#[derive(Clone, PartialEq, Eq)]
struct Secret([u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Why a text is no subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    #[error("it has {0} bytes, and may have {BYTES_MAX}")]
    TooLong(usize),
    #[error("it is no JSON of a subscription")]
    Json(#[source] serde_json::Error),
    #[error("its endpoint is {0}")]
    Endpoint(String),
    #[error("its {0} is no base64url of the length that it must have")]
    Key(&'static str),
}

#[derive(Deserialize)]
struct Form {
    endpoint: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

impl Subscription {
    /// # Errors
    /// Names what is missing, and never shows a key.
    pub fn parse(text: &str) -> Result<Self, SubscriptionError> {
        if text.len() > BYTES_MAX {
            return Err(SubscriptionError::TooLong(text.len()));
        }
        let Form { endpoint, keys } = serde_json::from_str(text).map_err(SubscriptionError::Json)?;
        let url = Url::parse(&endpoint).map_err(|error| SubscriptionError::Endpoint(error.to_string()))?;
        let key = decode(&keys.p256dh).filter(|key: &[u8; POINT_BYTES]| key[0] == 4);
        let key = key.ok_or(SubscriptionError::Key("p256dh"))?;
        let secret = Secret(decode(&keys.auth).ok_or(SubscriptionError::Key("auth"))?);
        Ok(Self { url, key, secret })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn key(&self) -> &[u8; POINT_BYTES] {
        &self.key
    }

    pub(super) fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret.0
    }
}

/// Browsers write it without padding, some libraries with.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
    bytes.try_into().ok()
}
