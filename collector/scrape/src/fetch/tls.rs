//! TLS as a `tls_config` says.

use std::path::PathBuf;
use std::sync::Arc;

use orszem_client::{Pem, Tls, TlsError, Trust};
use rustls::ClientConfig;

use crate::config::{TlsConfig, TlsVersion};

/// What to connect to `host` with, and the name that its certificate must have. Files are looked at on each call.
pub(super) fn current(
    loaded: &mut Option<Tls>,
    config: &TlsConfig,
    host: &str,
) -> Result<(Arc<ClientConfig>, String), TlsError> {
    let trust = config.trust();
    let current = match loaded {
        Some(tls) => {
            tls.refresh(&trust)?;
            tls.current()
        }
        None => loaded.insert(Tls::new(&trust)?).current(),
    };
    let name = config.server_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(host);
    Ok((current, name.to_owned()))
}

impl TlsConfig {
    /// Whom it trusts, what it shows and which versions it speaks.
    pub fn trust(&self) -> Trust<'_> {
        let within = |version: TlsVersion| {
            self.min_version.is_none_or(|min| version >= min) && self.max_version.is_none_or(|max| version <= max)
        };
        let known = [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
        Trust {
            ca: pem(self.ca.as_deref(), &self.ca_file),
            certificate: pem(self.cert.as_deref(), &self.cert_file),
            key: pem(self.key.as_ref().map(|key| key.reveal()), &self.key_file),
            versions: known.into_iter().filter(|(version, _)| within(*version)).map(|(_, version)| version).collect(),
            takes_any: self.insecure_skip_verify,
        }
    }
}

fn pem<'c>(text: Option<&'c str>, file: &'c Option<PathBuf>) -> Option<Pem<'c>> {
    text.map(Pem::Text).or(file.as_deref().map(Pem::File))
}
