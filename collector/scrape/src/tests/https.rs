//! Targets that speak TLS.

use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::server::Server;
use super::steps::{Run, is_down, is_up, job};

#[tokio::test]
async fn certificates_are_verified_as_tls_config_says() {
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let signed = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let parameters = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (parameters.signed_by(&key, &authority).expect("a certificate"), key)
    };
    let (certificate, key) = signed("target.example");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("adds");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a configuration");
    let server = Server::start_tls("a 1\n", Some(TlsAcceptor::from(Arc::new(config)))).await;

    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("writes");
        path.display().to_string()
    };
    let (own, own_key) = signed("scraper");
    let ca = format!("ca_file: '{}'", write("ca.pem", &authority.pem()));
    let own = format!(
        "cert_file: '{}', key_file: '{}'",
        write("own.pem", &own.pem()),
        write("own.key", &own_key.serialize_pem())
    );
    for (tls, works) in [
        (format!("{ca}, {own}, server_name: target.example"), true),
        (format!("{own}, insecure_skip_verify: true"), true),
        // Of another name; by an unknown authority; without a certificate of its own.
        (format!("{ca}, {own}"), false),
        (format!("{own}, server_name: target.example"), false),
        (format!("{ca}, server_name: target.example"), false),
    ] {
        let mut run = Run::start(&job(server.address, &format!("scheme: https\ntls_config: {{{tls}}}")));
        run.until(if works { is_up } else { is_down }).await;
        run.stop().await;
    }
}
