//! Encrypted sending: a private authority, and a certificate that the server asks for.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

struct Authority {
    pem: String,
    der: rustls_pki_types::CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("signs");
    Authority { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
}

fn leaf(authority: &Authority, purpose: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    params.extended_key_usages = vec![purpose];
    (params.signed_by(&key, &authority.issuer).expect("signs"), key)
}

/// A server that asks for a certificate of `authority`; its port.
async fn serve(authority: &Authority, network: Network) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).expect("adds");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let (certificate, key) = leaf(authority, ExtendedKeyUsagePurpose::ServerAuth);
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("listens");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                let network = network.clone();
                tokio::spawn(async move { network.serve("tls", stream).await });
            }
        }
    });
    port
}

/// Gives a file a later time.
fn touch(path: &Path) {
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    fs::File::options().write(true).open(path).and_then(|file| file.set_modified(later)).expect("sets the time");
}

fn sender(config: OutputConfig, state_dir: &Path) -> Result<Sender, StartError> {
    Sender::new(output(config), Signal::Logs, state_dir, CancellationToken::new())
}

#[tokio::test]
async fn a_private_authority_and_a_required_certificate() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, content: &str| {
        let path: PathBuf = directory.path().join(name);
        fs::write(&path, content).expect("writes");
        path
    };
    let (ours, theirs, network) = (authority(), authority(), Network::default());
    let port = serve(&ours, network.clone()).await;
    let (certificate, key) = leaf(&ours, ExtendedKeyUsagePurpose::ClientAuth);
    let good = OutputConfig {
        endpoints: vec![format!("https://localhost:{port}")],
        ca_file: Some(write("ca.pem", &ours.pem)),
        certificate: Some(write("client.pem", &certificate.pem())),
        key: Some(write("client.key", &key.serialize_pem())),
        ..OutputConfig::default()
    };

    let untrusted = OutputConfig { ca_file: Some(write("other.pem", &theirs.pem)), ..good.clone() };
    let nameless = OutputConfig { certificate: None, key: None, ..good.clone() };
    for config in [nameless, untrusted] {
        let is_untrusted = config.certificate.is_some();
        let mut sender = sender(config, directory.path()).expect("a sender");
        let status = sender.status();
        let failing = async {
            while status.retries().unreachable == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let first = batch(1, 1);
        tokio::select! {
            outcome = sender.deliver(&first) => panic!("{outcome:?}"),
            () = failing => {}
        }
        assert_eq!(network.seen("tls").len(), 0);
        if is_untrusted {
            let path = write("other.pem", &ours.pem);
            touch(&path);
            assert_eq!(sender.deliver(&batch(0, 1)).await, delivered(0, 0), "the right authority is taken up");
        }
    }

    let mut sender = sender(good.clone(), directory.path()).expect("a sender");
    assert_eq!(sender.deliver(&batch(1, 1)).await, delivered(1, 1));
    // A new certificate of the same authority is taken up with the next batch.
    let (certificate, key) = leaf(&ours, ExtendedKeyUsagePurpose::ClientAuth);
    for (name, content) in [("client.pem", certificate.pem()), ("client.key", key.serialize_pem())] {
        touch(&write(name, &content));
    }
    assert_eq!(sender.deliver(&batch(2, 1)).await, delivered(2, 2));
    assert_eq!(sender.deliver(&batch(3, 1)).await, delivered(3, 3));
    assert_eq!(network.seen("tls").iter().map(|seen| seen.connection).collect::<Vec<_>>(), [1, 2, 3, 3]);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_with_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ca.pem");
    let config = OutputConfig {
        endpoints: vec!["https://localhost:1".into()],
        ca_file: Some(path.clone()),
        ..OutputConfig::default()
    };
    let told = |config: &OutputConfig| sender(config.clone(), directory.path()).expect_err("refused").to_string();
    assert_eq!(told(&config), format!("can't read the certificates in {}", path.display()));
    fs::write(&path, "nothing").expect("writes");
    assert_eq!(told(&config), format!("there is no certificate in {}", path.display()));
    let nowhere = OutputConfig { endpoints: Vec::new(), ..config };
    let expected = "output.endpoints = []: names no server; write a URL such as https://logs.example:7450";
    assert_eq!(told(&nowhere), expected);
}
