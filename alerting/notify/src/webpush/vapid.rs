//! Who pushes: a signed token for each push service (RFC 8292).

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::{self, PemObject};
use serde_json::json;

/// How long a token holds, in seconds: services take at most a day.
const HOLDS_SECONDS: u64 = 12 * 3600;

/// The key by which push services know this server: browsers subscribe under its public half.
#[derive(Debug)]
pub struct VapidKey {
    pair: EcdsaKeyPair,
}

/// Why there is no key, or no token.
#[derive(Debug, thiserror::Error)]
pub enum VapidError {
    #[error("can't read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("there is no private key in PKCS #8 (PEM)")]
    Pem(#[source] pem::Error),
    #[error("the private key is none of P-256: {0}")]
    Key(ring::error::KeyRejected),
    #[error("there is no randomness")]
    Random,
}

impl VapidKey {
    /// A new key in PEM, to be kept in a file.
    pub fn generate() -> Result<String, VapidError> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let text = STANDARD.encode(made.map_err(|_| VapidError::Random)?.as_ref());
        let mut lines = String::new();
        for (at, sign) in text.chars().enumerate() {
            lines.extend((at > 0 && at.is_multiple_of(64)).then_some('\n'));
            lines.push(sign);
        }
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"))
    }

    /// The key in a PEM.
    pub fn parse(text: &str) -> Result<Self, VapidError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(VapidError::Pem)?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der(), &SystemRandom::new());
        Ok(Self { pair: pair.map_err(VapidError::Key)? })
    }

    pub(super) async fn read(path: &Path) -> Result<Self, VapidError> {
        let text = tokio::fs::read_to_string(path).await;
        Self::parse(&text.map_err(|source| VapidError::Read { path: path.to_owned(), source })?)
    }

    /// The public half, as browsers take it for `applicationServerKey`: base64url of the point.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref())
    }

    /// The header `Authorization` for the push service at `origin`.
    pub(super) fn authorization(
        &self,
        origin: &str,
        subject: &str,
        now_seconds: u64,
        random: &SystemRandom,
    ) -> Result<String, VapidError> {
        let claims = json!({ "aud": origin, "exp": now_seconds + HOLDS_SECONDS, "sub": subject });
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(r#"{"typ":"JWT","alg":"ES256"}"#), part(&claims.to_string()));
        let signature = self.pair.sign(random, signed.as_bytes()).map_err(|_| VapidError::Random)?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        Ok(format!("vapid t={signed}.{signature},k={}", self.public()))
    }
}
