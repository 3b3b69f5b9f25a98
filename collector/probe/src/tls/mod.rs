//! TLS to a server whose certificate is looked at whether it is valid or not.

mod certificate;
mod problem;
mod verifier;

use std::sync::Arc;

use orszem_client::{Stream, TlsError};
use orszem_scrape::config::TlsConfig;
use rustls::client::Resumption;
use rustls::{ClientConfig, ProtocolVersion};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use certificate::Certificate;
pub use problem::{Problem, ProblemKind};

use crate::error::Failure;
use crate::facts::Facts;
use crate::page::{self, Page};

use verifier::{Authorities, Recorder, Seen};

/// What Go gives for no time at all.
const NO_EXPIRY: f64 = -62_135_596_800.0;

/// The client's side of TLS of one module: what all its probes share.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    base: Arc<ClientConfig>,
    authorities: Arc<Authorities>,
    takes_any: bool,
    server_name: Option<String>,
}

impl TlsSettings {
    /// Reads the files that `config` names. Blocks on the disk.
    pub(crate) fn new(config: &TlsConfig) -> Result<Self, TlsError> {
        let trust = config.trust();
        // Who takes any certificate needs no authorities; it is told then that none is known.
        let ders = match trust.authorities() {
            Err(TlsError::NoAuthorities) => Vec::new(),
            Err(_) if trust.takes_any => Vec::new(),
            ders => ders?,
        };
        let authorities = Arc::new(Authorities::new(ders));
        let recorder = Arc::new(Recorder::new(Arc::clone(&authorities), trust.takes_any));
        let mut base = trust.client(recorder)?;
        // A resumed session shows no certificate.
        base.resumption = Resumption::disabled();
        Ok(Self {
            base: Arc::new(base),
            authorities,
            takes_any: trust.takes_any,
            server_name: config.server_name.clone().filter(|name| !name.is_empty()),
        })
    }

    /// The name that the certificate must have instead of the host's.
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Begins TLS; what the server shows goes onto the page even if it is refused.
    pub(crate) async fn connect(
        &self,
        stream: Box<dyn Stream>,
        name: &str,
        protocols: &[&[u8]],
        page: &mut Page,
        facts: &mut Facts,
    ) -> Result<TlsStream<Box<dyn Stream>>, Failure> {
        let recorder = Arc::new(Recorder::new(Arc::clone(&self.authorities), self.takes_any));
        let mut config = ClientConfig::clone(&self.base);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.dangerous().set_certificate_verifier(Arc::<Recorder>::clone(&recorder));
        let bare = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let server = ServerName::try_from(bare.to_owned()).map_err(|_| Failure::TlsName { name: name.to_owned() })?;
        let connected = TlsConnector::from(Arc::new(config)).connect(server, stream).await;
        let seen = recorder.take();
        if let Some(seen) = &seen {
            tell(seen, connected.is_ok(), page, facts);
        }
        match (connected, seen) {
            (Ok(stream), seen) => {
                let (_, session) = stream.get_ref();
                let version = match session.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                    Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                    _ => "unknown",
                };
                page.set_with(page::TLS_VERSION, vec![("version".to_owned(), version.to_owned())], 1.0);
                let cipher = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
                let cipher = cipher.unwrap_or_default().replacen("TLS13_", "TLS_", 1);
                page.set_with(page::TLS_CIPHER, vec![("cipher".to_owned(), cipher)], 1.0);
                let expiry = seen.as_ref().and_then(|seen| seen.chain_expiry).map_or(NO_EXPIRY, |at| at as f64);
                page.set(page::SSL_LAST_CHAIN_EXPIRY, expiry);
                Ok(stream)
            }
            (Err(_), Some(Seen { problem: Some(problem), .. })) if !self.takes_any => {
                Err(Failure::Certificate(problem))
            }
            (Err(error), _) => Err(Failure::Handshake(error)),
        }
    }
}

/// Puts the certificate onto the page. What blackbox_exporter tells of connections alone is left to those.
fn tell(seen: &Seen, is_connected: bool, page: &mut Page, facts: &mut Facts) {
    let expiries = seen.chain.iter().map(|certificate| certificate.not_after);
    if let Some(earliest) = expiries.min() {
        page.set(page::SSL_EARLIEST_EXPIRY, earliest as f64);
        facts.certificate_expiry = Some(earliest);
    }
    page.set(page::SSL_VALID, f64::from(u8::from(seen.problem.is_none())));
    for kind in seen.problem.iter().flat_map(|problem| &problem.kinds) {
        page.set_with(page::SSL_PROBLEM, vec![("reason".to_owned(), kind.as_str().to_owned())], 1.0);
    }
    if let Some(leaf) = seen.chain.first()
        && (is_connected || seen.problem.is_some())
    {
        let labels = [
            ("fingerprint_sha256", &leaf.fingerprint_sha256),
            ("issuer", &leaf.issuer),
            ("serialnumber", &leaf.serial),
            ("subject", &leaf.subject),
            ("subjectalternative", &leaf.names.join(",")),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
        page.set_with(page::SSL_LAST_CHAIN_INFO, labels, 1.0);
    }
    facts.certificates.clone_from(&seen.chain);
    facts.certificate_problem.clone_from(&seen.problem);
}
