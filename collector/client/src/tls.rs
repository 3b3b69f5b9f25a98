//! Whom https servers are trusted by, and the certificate that is shown to them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::WantsClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion, WantsVerifier};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::trusting::Trusting;

/// The system's certificate authorities, on Debian and Alpine, and on Red Hat.
const SYSTEM_CAS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Why there is no TLS to connect with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("can't read the certificates in {place}")]
    Certificates {
        place: String,
        #[source]
        source: pem::Error,
    },
    #[error("there is no certificate in {place}")]
    NoCertificate { place: String },
    #[error("a certificate authority in {place} can't be used")]
    Authority {
        place: String,
        #[source]
        source: rustls::Error,
    },
    #[error("no certificate authority of the system was found; name one with ca_file")]
    NoAuthorities,
    #[error("can't read the private key in {place}")]
    Key {
        place: String,
        #[source]
        source: pem::Error,
    },
    #[error("the certificate in {place} and its key can't be used together")]
    Pair {
        place: String,
        #[source]
        source: rustls::Error,
    },
    #[error("no version of TLS is left to be spoken")]
    Versions(#[source] rustls::Error),
}

/// Whom to trust, and what to show.
#[derive(Clone)]
pub struct Trust<'c> {
    /// The authorities to trust instead of the system's.
    pub ca: Option<Pem<'c>>,
    /// The own certificate, then its chain; shown where there is a key.
    pub certificate: Option<Pem<'c>>,
    pub key: Option<Pem<'c>>,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether any certificate is taken.
    pub takes_any: bool,
}

/// PEM, as text or in a file.
#[derive(Clone, Copy)]
pub enum Pem<'c> {
    /// In the configuration itself.
    Text(&'c str),
    File(&'c Path),
}

/// The client's side of TLS, read again when its files change.
#[derive(Clone, Debug)]
pub struct Tls {
    stamps: [Option<SystemTime>; 3],
    current: Arc<ClientConfig>,
}

impl Tls {
    /// Reads what `trust` names.
    pub fn new(trust: &Trust<'_>) -> Result<Self, TlsError> {
        let stamps = trust.stamps();
        Ok(Self { stamps, current: Arc::new(trust.load()?) })
    }

    /// What to connect with.
    pub fn current(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current)
    }

    /// Reads the files again if the time of one has changed; `false` if none has. With an error the old ones stay in
    /// use.
    pub fn refresh(&mut self, trust: &Trust<'_>) -> Result<bool, TlsError> {
        let stamps = trust.stamps();
        if stamps == self.stamps {
            return Ok(false);
        }
        self.current = Arc::new(trust.load()?);
        self.stamps = stamps;
        Ok(true)
    }
}

impl Trust<'_> {
    fn stamps(&self) -> [Option<SystemTime>; 3] {
        [self.ca, self.certificate, self.key].map(|pem| match pem? {
            Pem::Text(_) => None,
            Pem::File(path) => fs::metadata(path).and_then(|metadata| metadata.modified()).ok(),
        })
    }

    /// The certificates of the authorities to trust.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        if let Some(pem) = self.ca {
            return pem.chain();
        }
        let mut authorities = Vec::new();
        for path in SYSTEM_CAS.iter().map(Path::new).filter(|path| path.is_file()) {
            authorities.extend(Pem::File(path).chain()?);
        }
        if authorities.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(authorities) }
    }

    /// What to connect with where `verifier` decides about the server's certificate.
    pub fn client(&self, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsError> {
        let builder = self.builder()?.dangerous().with_custom_certificate_verifier(verifier);
        self.finish(builder)
    }

    fn load(&self) -> Result<ClientConfig, TlsError> {
        let builder = self.builder()?;
        let builder = if self.takes_any {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusting::default()))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        self.finish(builder)
    }

    fn builder(&self) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        builder.with_protocol_versions(&self.versions).map_err(TlsError::Versions)
    }

    fn finish(&self, builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Result<ClientConfig, TlsError> {
        let mut client = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificate.chain()?, key.key()?)
                .map_err(|source| TlsError::Pair { place: certificate.place(), source })?,
            (Some(_) | None, _) => builder.with_no_client_auth(),
        };
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(client)
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let Some(pem) = self.ca else {
            roots.add_parsable_certificates(self.authorities()?);
            return if roots.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(roots) };
        };
        for certificate in pem.chain()? {
            roots.add(certificate).map_err(|source| TlsError::Authority { place: pem.place(), source })?;
        }
        Ok(roots)
    }
}

impl Pem<'_> {
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
