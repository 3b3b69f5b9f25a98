//! Whom https endpoints are trusted by, and the certificate that this collector shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::OutputConfig;

/// The system's certificate authorities, on Debian and Alpine, and on Red Hat.
const SYSTEM_CAS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Why there is no TLS to connect with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("can't read the certificates in {}", path.display())]
    Certificates {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("there is no certificate in {}", path.display())]
    NoCertificate { path: PathBuf },
    #[error("a certificate authority in {} can't be used", path.display())]
    Authority {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("no certificate authority of the system was found; name one with output.ca_file")]
    NoAuthorities,
    #[error("can't read the private key in {}", path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("the certificate in {} and its key can't be used together", path.display())]
    Pair {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("this build offers no usable version of TLS")]
    Versions(#[source] rustls::Error),
}

/// The client's side of TLS, from its files.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    files: Files,
    stamps: [Option<SystemTime>; 3],
    current: Arc<ClientConfig>,
}

#[derive(Clone, Debug)]
struct Files {
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Tls {
    /// Reads the files that `config` names.
    pub(super) fn new(config: &OutputConfig) -> Result<Self, TlsError> {
        let files =
            Files { ca: config.ca_file.clone(), certificate: config.certificate.clone(), key: config.key.clone() };
        let stamps = files.stamps();
        let current = files.load()?;
        Ok(Self { files, stamps, current })
    }

    /// What to connect with.
    pub(super) fn current(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current)
    }

    /// Reads the files again if one has changed; `false` if none has. With an error the old ones stay in use.
    pub(super) fn refresh(&mut self) -> Result<bool, TlsError> {
        let stamps = self.files.stamps();
        if stamps == self.stamps {
            return Ok(false);
        }
        self.current = self.files.load()?;
        self.stamps = stamps;
        Ok(true)
    }
}

impl Files {
    fn stamps(&self) -> [Option<SystemTime>; 3] {
        [&self.ca, &self.certificate, &self.key]
            .map(|file| fs::metadata(file.as_ref()?).and_then(|m| m.modified()).ok())
    }

    fn load(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Versions)?
            .with_root_certificates(self.roots()?);
        let mut config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let chain = read_chain(certificate)?;
                let key =
                    PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { path: key.clone(), source })?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|source| TlsError::Pair { path: certificate.clone(), source })?
            }
            (Some(_) | None, _) => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.ca {
            for certificate in read_chain(path)? {
                roots.add(certificate).map_err(|source| TlsError::Authority { path: path.clone(), source })?;
            }
            return Ok(roots);
        }
        for path in SYSTEM_CAS.iter().map(Path::new).filter(|path| path.is_file()) {
            roots.add_parsable_certificates(read_chain(path)?);
        }
        if roots.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(roots) }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Certificates { path: path.to_owned(), source };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}
