//! Fetches a server's certificate authority, trusting its fingerprint and nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long connecting and the handshake may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The certificate of `server` with this SHA-256, as PEM. What is fetched is not trusted beyond that: the connection is
/// closed, and every later one is checked against this authority, name and dates included.
pub(super) async fn fetch(server: &str, fingerprint: &str) -> anyhow::Result<String> {
    let expected = parse(fingerprint)
        .with_context(|| format!("--fingerprint {fingerprint}: write 64 hexadecimal digits, with or without colons"))?;
    let uri: Uri = server.parse().with_context(|| format!("--server {server} is no URL"))?;
    if uri.scheme_str() != Some("https") {
        bail!("--fingerprint needs an https server, not {server}");
    }
    let host = uri.host().with_context(|| format!("--server {server} names no host"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).context("the server's name fits no certificate")?;
    let provider = Arc::new(ring::default_provider());
    let shown = Arc::new(Shown { chain: Mutex::default(), provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let verifier: Arc<dyn ServerCertVerifier> = Arc::<Shown>::clone(&shown);
    let config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let shaking = async {
        let stream = TcpStream::connect((bare, uri.port_u16().unwrap_or(443))).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let shaken = tokio::time::timeout(WITHIN, shaking).await.with_context(|| format!("{server} does not answer"))?;
    drop(shaken.with_context(|| format!("no TLS connection to {server}"))?);
    let chain = shown.chain.lock().unwrap_or_else(PoisonError::into_inner).clone();
    chosen(&chain, &expected).with_context(|| format!("the server {server}"))
}

/// The certificate of the chain with this hash, as PEM; else what the chain has instead.
fn chosen(chain: &[CertificateDer<'static>], expected: &[u8; 32]) -> anyhow::Result<String> {
    let hash = |certificate: &CertificateDer<'_>| -> [u8; 32] { Sha256::digest(certificate).into() };
    let found = chain.iter().position(|certificate| hash(certificate) == *expected);
    match found.and_then(|at| Some((at, chain.get(at)?))) {
        Some((0, _)) => bail!(
            "has this fingerprint on its own certificate, which changes: name the one of its certificate authority"
        ),
        Some((_, certificate)) => Ok(pem(certificate)),
        None => {
            let last = chain.last().map_or_else(|| "nothing".to_owned(), |last| shown(&hash(last)));
            bail!(
                "shows another certificate authority: {last}. Compare with what it printed at its start; do not go on if they differ"
            )
        }
    }
}

fn parse(fingerprint: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = fingerprint.bytes().filter(|byte| *byte != b':').collect();
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn shown(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

/// Takes any chain, to look at it. The server still proves that it has the certificate's key.
#[derive(Debug)]
struct Shown {
    chain: Mutex<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let all = std::iter::once(end_entity).chain(intermediates).map(|one| one.clone().into_owned());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_authority_with_the_fingerprint_is_taken() {
        let chain = [CertificateDer::from(vec![1; 60]), CertificateDer::from(vec![2; 60])];
        let hash = |at: usize| -> [u8; 32] { Sha256::digest(&chain[at]).into() };
        let taken = chosen(&chain, &hash(1)).expect("the authority");
        let body = format!("{}\n{}\n", "AgIC".repeat(16), "AgIC".repeat(4));
        assert_eq!(taken, format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"));
        let told = |expected: &[u8; 32]| chosen(&chain, expected).expect_err("refused").to_string();
        assert!(told(&hash(0)).starts_with("has this fingerprint on its own certificate"));
        assert!(told(&[0; 32]).contains(&shown(&hash(1))));
        assert_eq!(parse(&shown(&hash(1))), Some(hash(1)));
        assert_eq!((parse("ab"), parse(&"zz".repeat(32))), (None, None));
    }
}
