//! Verifies a server's certificate, and keeps what it saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orszem_client::Trusting;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::Certificate;
use super::problem::{Problem, ProblemKind};

/// More signatures than this from a server to a root are not followed.
const CHAIN_MAX: usize = 16;

/// Whom a module trusts.
#[derive(Debug)]
pub(super) struct Authorities {
    roots: RootCertStore,
    ders: Vec<CertificateDer<'static>>,
    /// When those of a name end, by the encoded name; read once.
    expiries: HashMap<Vec<u8>, i64>,
    signatures: Trusting,
}

impl Authorities {
    pub(super) fn new(ders: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(ders.iter().cloned());
        let mut expiries: HashMap<Vec<u8>, i64> = HashMap::new();
        for certificate in ders.iter().filter_map(|der| Certificate::parse(der)) {
            let at = expiries.entry(certificate.subject_der).or_insert(certificate.not_after);
            *at = certificate.not_after.max(*at);
        }
        Self { roots, ders, expiries, signatures: Trusting::default() }
    }
}

/// What a server has shown.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The server's own first, as they came; those that can't be read are left out.
    pub(super) chain: Vec<Certificate>,
    pub(super) problem: Option<Problem>,
    /// When the first certificate from the server to the root ends, in seconds since 1970; of a chain that is in order
    /// and asked for.
    pub(super) chain_expiry: Option<i64>,
}

/// The verifier of one connection.
#[derive(Debug)]
pub(super) struct Recorder {
    authorities: Arc<Authorities>,
    takes_any: bool,
    seen: Mutex<Option<Seen>>,
}

impl Recorder {
    pub(super) fn new(authorities: Arc<Authorities>, takes_any: bool) -> Self {
        Self { authorities, takes_any, seen: Mutex::new(None) }
    }

    pub(super) fn take(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_trusted(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // Who trusts this very certificate trusts it as it is, even where it is an authority's.
        if self.authorities.ders.iter().any(|der| der == end) {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(end)?;
        let algorithms = self.authorities.signatures.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.authorities.roots, intermediates, now, algorithms)
    }

    /// All that is wrong, each looked for on its own: an expired certificate may be one of the wrong name, too.
    fn look(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<Problem> {
        let leaf = Certificate::parse(end);
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let mut kinds = Vec::new();
        let mut told = Vec::new();
        let mut at = now;
        if let Some(leaf) = &leaf {
            let within = seconds.clamp(leaf.not_before, leaf.not_after.max(leaf.not_before));
            if within != seconds {
                let is_early = seconds < leaf.not_before;
                kinds.push(if is_early { ProblemKind::NotYetValid } else { ProblemKind::Expired });
                told.push(if is_early {
                    format!("valid from {}", leaf.from())
                } else {
                    format!("ended {}", leaf.end())
                });
                at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(within).unwrap_or_default()));
            }
        }
        if let Err(error) = self.is_trusted(end, intermediates, at) {
            let is_own = leaf.as_ref().is_some_and(|leaf| leaf.subject_der == leaf.issuer_der);
            kinds.push(kind(&error, is_own));
            told.push(error.to_string());
        }
        if let Err(error) = ParsedCertificate::try_from(end).and_then(|parsed| verify_server_name(&parsed, name)) {
            if matches!(error, Error::InvalidCertificate(_)) && kind(&error, false) == ProblemKind::WrongName {
                kinds.push(ProblemKind::WrongName);
                told.push(error.to_string());
            } else if kinds.is_empty() {
                kinds.push(ProblemKind::Other);
                told.push(error.to_string());
            }
        }
        kinds.dedup();
        if kinds.is_empty() { None } else { Some(Problem { kinds, told: told.join("; ") }) }
    }

    /// The end of the chain to the root.
    fn chain_expiry(&self, chain: &[Certificate]) -> Option<i64> {
        let leaf = chain.first()?;
        let (mut earliest, mut last) = (leaf.not_after, leaf);
        for _ in 0..CHAIN_MAX {
            if let Some(root) = self.authorities.expiries.get(&last.issuer_der) {
                return Some(earliest.min(*root));
            }
            let next = chain.iter().skip(1).find(|other| other.subject_der == last.issuer_der)?;
            if next.subject_der == next.issuer_der {
                break;
            }
            earliest = earliest.min(next.not_after);
            last = next;
        }
        Some(earliest)
    }
}

fn kind(error: &Error, is_own: bool) -> ProblemKind {
    let Error::InvalidCertificate(error) = error else { return ProblemKind::Other };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => ProblemKind::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => ProblemKind::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => ProblemKind::WrongName,
        CertificateError::Revoked => ProblemKind::Revoked,
        _ if is_own => ProblemKind::SelfSigned,
        CertificateError::UnknownIssuer => ProblemKind::UnknownIssuer,
        _ => ProblemKind::Other,
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let problem = self.look(end, intermediates, name, now);
        let chain: Vec<Certificate> =
            std::iter::once(end).chain(intermediates).filter_map(|der| Certificate::parse(der)).collect();
        let is_asked = problem.is_none() && !self.takes_any;
        let chain_expiry = if is_asked { self.chain_expiry(&chain) } else { None };
        let is_refused = problem.is_some() && !self.takes_any;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Seen { chain, problem, chain_expiry });
        if is_refused {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.or_any(self.authorities.signatures.verify_tls12_signature(message, certificate, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.or_any(self.authorities.signatures.verify_tls13_signature(message, certificate, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.signatures.supported_verify_schemes()
    }
}

impl Recorder {
    /// Who takes any certificate knows nobody by the signature; certificates of version 1 have none that can be read.
    fn or_any(&self, verified: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        if self.takes_any { Ok(HandshakeSignatureValid::assertion()) } else { verified }
    }
}
