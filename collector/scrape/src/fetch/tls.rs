//! Whom https servers are trusted by, and the certificate that is shown to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::config::{TlsConfig, TlsVersion};

/// The system's certificate authorities, on Debian and Alpine, and on Red Hat.
const SYSTEM_CAS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Why there is no TLS to connect with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("can't read the certificates of {place}")]
    Certificates {
        place: String,
        #[source]
        source: pem::Error,
    },
    #[error("there is no certificate in {place}")]
    NoCertificate { place: String },
    #[error("a certificate authority of {place} can't be used")]
    Authority {
        place: String,
        #[source]
        source: rustls::Error,
    },
    #[error("no certificate authority of the system was found; name one with tls_config.ca_file")]
    NoAuthorities,
    #[error("can't read the private key of {place}")]
    Key {
        place: String,
        #[source]
        source: pem::Error,
    },
    #[error("the certificate and its key can't be used together")]
    Pair(#[source] rustls::Error),
    #[error("no version of TLS is left to be spoken")]
    Versions(#[source] rustls::Error),
}

/// TLS as a `tls_config` says; its files are read again when they change.
#[derive(Debug)]
pub(super) struct Tls {
    config: TlsConfig,
    loaded: Option<(Vec<Option<SystemTime>>, Arc<ClientConfig>)>,
}

impl Tls {
    pub(super) fn new(config: TlsConfig) -> Self {
        Self { config, loaded: None }
    }

    /// What to connect with. The times of files are looked at on each call.
    pub(super) fn current(&mut self) -> Result<Arc<ClientConfig>, TlsError> {
        let files = [&self.config.ca_file, &self.config.cert_file, &self.config.key_file];
        let changed = |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let stamps: Vec<_> = files.into_iter().flatten().map(changed).collect();
        if let Some((loaded, current)) = &self.loaded
            && *loaded == stamps
        {
            return Ok(Arc::clone(current));
        }
        let current = Arc::new(load(&self.config)?);
        self.loaded = Some((stamps, Arc::clone(&current)));
        Ok(current)
    }

    /// The name that a server's certificate must have, if it is not the URL's.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.config.server_name.as_deref().filter(|name| !name.is_empty())
    }
}

fn load(config: &TlsConfig) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let within = |version: TlsVersion| {
        config.min_version.is_none_or(|min| version >= min) && config.max_version.is_none_or(|max| version <= max)
    };
    let known = [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
    let versions: Vec<&'static SupportedProtocolVersion> =
        known.into_iter().filter(|(version, _)| within(*version)).map(|(_, version)| version).collect();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(TlsError::Versions)?;
    let builder = if config.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusting(provider)))
    } else {
        builder.with_root_certificates(roots(config)?)
    };
    let pair = (Pem::of(&config.cert, &config.cert_file), Pem::of_key(config));
    let mut client = match pair {
        (Some(certificate), Some(key)) => {
            builder.with_client_auth_cert(certificate.chain()?, key.key()?).map_err(TlsError::Pair)?
        }
        (Some(_) | None, _) => builder.with_no_client_auth(),
    };
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(client)
}

fn roots(config: &TlsConfig) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = Pem::of(&config.ca, &config.ca_file) {
        for certificate in pem.chain()? {
            roots.add(certificate).map_err(|source| TlsError::Authority { place: pem.place(), source })?;
        }
        return Ok(roots);
    }
    for path in SYSTEM_CAS.iter().map(Path::new).filter(|path| path.is_file()) {
        roots.add_parsable_certificates(Pem::File(path).chain()?);
    }
    if roots.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(roots) }
}

/// PEM text in the configuration, or in a file.
enum Pem<'c> {
    Text(&'c str),
    File(&'c Path),
}

impl<'c> Pem<'c> {
    fn of(text: &'c Option<String>, file: &'c Option<PathBuf>) -> Option<Self> {
        text.as_deref().map(Self::Text).or(file.as_deref().map(Self::File))
    }

    fn of_key(config: &'c TlsConfig) -> Option<Self> {
        let text = config.key.as_ref().map(|key| Self::Text(key.reveal()));
        text.or(config.key_file.as_deref().map(Self::File))
    }

    fn place(&self) -> String {
        match self {
            Self::Text(_) => "the configuration".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let failed = |source| TlsError::Certificates { place: self.place(), source };
        let chain: Vec<_> = match self {
            Self::Text(text) => CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>(),
            Self::File(path) => CertificateDer::pem_file_iter(path).map_err(failed)?.collect(),
        }
        .map_err(failed)?;
        if chain.is_empty() { Err(TlsError::NoCertificate { place: self.place() }) } else { Ok(chain) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let failed = |source| TlsError::Key { place: self.place(), source };
        match self {
            Self::Text(text) => PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(failed),
            Self::File(path) => PrivateKeyDer::from_pem_file(path).map_err(failed),
        }
    }
}

/// Takes any certificate (`insecure_skip_verify`); signatures are verified still.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
