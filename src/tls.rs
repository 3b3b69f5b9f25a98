//! Encryption of connections: the certificate from files, or from a certificate authority of our own.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use crate::config::{self, TlsConfig, TlsMode};

/// The certificate of the local authority, in its directory; clients trust it with `--ca-file`.
pub const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const CA_NAME: &str = "Orszem local CA";

/// How long the local authority is valid.
const CA_VALID: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How long a certificate of the local authority is valid; a new one is made at each start and reload.
const LEAF_VALID: Duration = Duration::from_secs(730 * 86_400);
/// Clocks of other hosts may be behind by this much.
const CLOCK_SLACK: Duration = Duration::from_secs(86_400);

/// Why TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("can't read the certificate chain in {}", path.display())]
    Certificate {
        path: PathBuf,
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    #[error("there is no certificate in {}", path.display())]
    NoCertificate { path: PathBuf },
    #[error("can't read the private key in {}", path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    #[error("the certificate in {} and its key can't be used", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("can't keep the local certificate authority in {}", path.display())]
    Keep {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't make a certificate with the local authority in {}", path.display())]
    Make {
        path: PathBuf,
        #[source]
        source: rcgen::Error,
    },
}

/// The server's TLS configuration, exchanged as a whole on reload.
#[derive(Debug)]
pub struct Tls {
    source: Source,
    current: RwLock<Arc<ServerConfig>>,
    ca: Option<Ca>,
}

/// The local authority as users need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ca {
    pub certificate: PathBuf,
    /// SHA-256 of the certificate, `AB:CD:…`.
    pub fingerprint: String,
}

#[derive(Debug)]
enum Source {
    Files { certificate: PathBuf, key: PathBuf },
    LocalCa { directory: PathBuf, names: Vec<String> },
}

impl Tls {
    /// The TLS that `server` asks for, `None` for plain connections; `directory` is for the local authority.
    pub fn new(server: &config::ServerConfig, directory: &Path, host_name: &str) -> Result<Option<Self>, TlsError> {
        let TlsConfig { mode, certificate, key, names } = &server.tls;
        let mode = match mode {
            TlsMode::Auto if server.is_loopback() => TlsMode::Off,
            TlsMode::Auto => TlsMode::LocalCa,
            other => *other,
        };
        let source = match (mode, certificate, key) {
            (TlsMode::Files, Some(certificate), Some(key)) => {
                Source::Files { certificate: certificate.clone(), key: key.clone() }
            }
            (TlsMode::LocalCa, _, _) => {
                let mut all =
                    vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), host_name.to_owned()];
                let listened = server.listen.iter().map(|address| address.ip()).filter(|ip| !ip.is_unspecified());
                all.extend(listened.map(|ip: IpAddr| ip.to_string()));
                all.extend(names.iter().cloned());
                all.sort();
                all.dedup();
                Source::LocalCa { directory: directory.to_owned(), names: all }
            }
            (TlsMode::Off | TlsMode::Auto | TlsMode::Files, _, _) => return Ok(None),
        };
        let (current, ca) = load(&source)?;
        Ok(Some(Self { source, current: RwLock::new(current), ca }))
    }

    /// Reads or makes the certificate again; on an error the one in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let (fresh, _) = load(&self.source)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The configuration for the next connection.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same for other protocols than HTTP: no protocol is agreed on in the handshake.
    pub fn without_alpn(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.current());
        config.alpn_protocols.clear();
        Arc::new(config)
    }

    /// The local authority, when it is the one in use.
    pub fn ca(&self) -> Option<&Ca> {
        self.ca.as_ref()
    }
}

fn load(source: &Source) -> Result<(Arc<ServerConfig>, Option<Ca>), TlsError> {
    match source {
        Source::Files { certificate, key } => {
            let chain = read_chain(certificate)?;
            let secret =
                PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { path: key.clone(), source })?;
            Ok((server_config(chain, secret, certificate)?, None))
        }
        Source::LocalCa { directory, names } => {
            let path = directory.join(CA_CERTIFICATE);
            let issuer = open_ca(directory)?;
            let ca_chain = read_chain(&path)?;
            let make = |source| TlsError::Make { path: directory.clone(), source };
            let key = KeyPair::generate().map_err(make)?;
            let leaf = leaf_params(names).map_err(make)?.signed_by(&key, &issuer).map_err(make)?;
            let digest = ca_chain.first().map(Sha256::digest);
            let fingerprint = digest.iter().flatten().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
            let mut chain = vec![leaf.der().clone()];
            chain.extend(ca_chain);
            let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let config = server_config(chain, secret, &path)?;
            Ok((config, Some(Ca { certificate: path, fingerprint })))
        }
    }
}

/// The certificates of a PEM file, in their order.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::Certificate { path: path.to_owned(), source };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    path: &Path,
) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |source| TlsError::Unusable { path: path.to_owned(), source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The local authority in `directory`, made there if it is missing.
fn open_ca(directory: &Path) -> Result<Issuer<'static, KeyPair>, TlsError> {
    let keep = |source| TlsError::Keep { path: directory.to_owned(), source };
    let make = |source| TlsError::Make { path: directory.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(keep)?;
    let (key_path, certificate_path) = (directory.join(CA_KEY), directory.join(CA_CERTIFICATE));
    let has_both = key_path.try_exists().map_err(keep)? && certificate_path.try_exists().map_err(keep)?;
    if !has_both {
        let key = KeyPair::generate().map_err(make)?;
        let certificate = ca_params().self_signed(&key).map_err(make)?;
        write_new(&key_path, &key.serialize_pem(), 0o600).map_err(keep)?;
        write_new(&certificate_path, &certificate.pem(), 0o644).map_err(keep)?;
    }
    let key = KeyPair::from_pem(&fs::read_to_string(&key_path).map_err(keep)?).map_err(make)?;
    Ok(Issuer::new(ca_params(), key))
}

/// Written beside and renamed, so that a crash leaves either all of it or nothing.
fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, CA_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, CA_VALID);
    params
}

fn leaf_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Orszem");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, LEAF_VALID);
    Ok(params)
}

fn set_validity(params: &mut CertificateParams, valid: Duration) {
    // A clock before 1970 makes a certificate that is valid from 1970 on.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(CLOCK_SLACK);
    let start = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = start + now.saturating_sub(CLOCK_SLACK);
    params.not_after = start + now + valid;
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn server(mode: TlsMode, listen: &str) -> config::ServerConfig {
        let tls = TlsConfig { mode, ..TlsConfig::default() };
        config::ServerConfig { listen: vec![listen.parse().expect(listen)], tls, ..config::ServerConfig::default() }
    }

    #[test]
    fn auto_encrypts_what_others_can_reach() {
        let directory = tempfile::tempdir().expect("a directory");
        let is_on = |mode, listen| Tls::new(&server(mode, listen), directory.path(), "h").expect("makes").is_some();
        assert!(!is_on(TlsMode::Auto, "127.0.0.1:1"));
        assert!(is_on(TlsMode::Auto, "0.0.0.0:1"));
        assert!(!is_on(TlsMode::Off, "0.0.0.0:1"));
        assert!(is_on(TlsMode::LocalCa, "127.0.0.1:1"));
    }

    #[test]
    fn the_authority_stays_the_same_and_its_key_private() {
        let directory = tempfile::tempdir().expect("a directory");
        let new =
            || Tls::new(&server(TlsMode::LocalCa, "127.0.0.1:1"), directory.path(), "h").expect("makes").expect("on");
        let first = new().ca().cloned().expect("a local authority");
        assert_eq!(new().ca(), Some(&first));
        assert_eq!(first.fingerprint.len(), 32 * 3 - 1);
        let mode = fs::metadata(directory.path().join(CA_KEY)).expect("kept").mode() & 0o777;
        assert_eq!(mode, 0o600);
    }

    #[test]
    fn a_broken_file_is_named_and_the_old_certificate_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let [certificate, key] = ["s.crt", "s.key"].map(|name| directory.path().join(name));
        let pair = KeyPair::generate().expect("a key");
        let signed = leaf_params(&["localhost".to_owned()]).expect("params").self_signed(&pair).expect("signs");
        fs::write(&certificate, signed.pem()).expect("writes");
        fs::write(&key, pair.serialize_pem()).expect("writes");
        let mut config = server(TlsMode::Files, "127.0.0.1:1");
        config.tls.certificate = Some(certificate.clone());
        config.tls.key = Some(key);
        let tls = Tls::new(&config, directory.path(), "h").expect("loads").expect("on");
        let before = tls.current();
        tls.reload().expect("still good");
        assert!(!Arc::ptr_eq(&before, &tls.current()));
        let good = tls.current();
        fs::write(&certificate, "nothing").expect("writes");
        let error = tls.reload().expect_err("no certificate").to_string();
        assert_eq!(error, format!("there is no certificate in {}", certificate.display()));
        assert!(Arc::ptr_eq(&good, &tls.current()));
    }
}
