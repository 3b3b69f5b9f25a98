//! HTTPS with the local certificate authority, as other programs see it.

use std::process::Command;

use crate::program::Server;
use crate::tools;

#[test]
fn curl_trusts_the_local_authority_and_nothing_else() {
    let Some(curl) = tools::program("curl") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("o.toml");
    std::fs::write(&config, "[server.tls]\nmode = \"local-ca\"\n").expect("writes");
    let data = directory.path().join("data");
    let server = Server::start(&data, &["--config", config.to_str().expect("a plain path")]);
    let url = format!("https://localhost:{}/-/ready", server.address.port());
    let get = |more: &[&str]| {
        let output =
            Command::new(&curl).args(["--silent", "--max-time", "20", &url]).args(more).output().expect("curl runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let ca = data.join("tls/ca.crt");
    let ca = ca.to_str().expect("a plain path");
    assert_eq!(get(&["--cacert", ca, "--http2"]), (Some(0), "ready\n".to_owned()));
    assert_eq!(get(&["--cacert", ca, "--http1.1"]), (Some(0), "ready\n".to_owned()));
    // 60: the certificate is signed by nobody that is known.
    assert_eq!(get(&[]), (Some(60), String::new()));
}
