//! Signed requests, as the Standard Webhooks specification has them: HMAC-SHA256 of id, time and body.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use ring::hmac;

use crate::http::{HttpError, put};

/// In front of keys that are base64.
const PREFIX: &str = "whsec_";

/// Adds `webhook-id`, `webhook-timestamp` and `webhook-signature`. A key that begins with `whsec_` is base64, any other
/// is taken as it stands.
pub(super) fn sign(
    headers: &mut HeaderMap,
    key: &str,
    id: &str,
    now: SystemTime,
    body: &[u8],
) -> Result<(), HttpError> {
    let wrong = || HttpError::Header { place: "signing_key_file".to_owned() };
    let key = match key.strip_prefix(PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| wrong())?,
        None => key.as_bytes().to_vec(),
    };
    let seconds = now.duration_since(UNIX_EPOCH).map_err(|_| wrong())?.as_secs();
    let mut signer = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    signer.update(format!("{id}.{seconds}.").as_bytes());
    signer.update(body);
    put(headers, "webhook-id", id)?;
    put(headers, "webhook-timestamp", &seconds.to_string())?;
    put(headers, "webhook-signature", &format!("v1,{}", STANDARD.encode(signer.sign().as_ref())))
}
