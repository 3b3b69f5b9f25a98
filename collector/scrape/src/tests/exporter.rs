//! A real exporter, where it is installed.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::steps::{Run, ended, is_up, job, value};

const EXPORTER: &str = "/usr/bin/prometheus-node-exporter";

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("the exporter did not end: {error}");
        }
    }
}

#[tokio::test]
async fn a_node_exporter_is_scraped() {
    if !Path::new(EXPORTER).is_file() {
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "there is no {EXPORTER}");
        eprintln!("SKIPPED a_node_exporter_is_scraped: there is no {EXPORTER}");
        return;
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut command = Command::new(EXPORTER);
    command.arg(format!("--web.listen-address={free}")).stdout(Stdio::null()).stderr(Stdio::null());
    let exporter = Running(command.spawn().expect("starts"));
    let yaml = job(free, "scrape_timeout: 1s").replace("200ms", "1s");
    let mut run = Run::start(&yaml);
    let first = run.until(is_up).await;
    assert_eq!(value(&first, "node_exporter_build_info"), Some(1.0));
    let scraped = value(&first, "scrape_samples_scraped").expect("a count");
    assert!(scraped > 200.0 && first.samples.len() == scraped as usize + 5, "{scraped}");
    let family = first.metadata.iter().find(|metadata| &*metadata.family == "node_load1");
    assert_eq!(family.map(|family| (family.kind.name(), &*family.help)), Some(("gauge", "1m load average.")));
    drop(exporter);
    let down = run.until(super::steps::is_down).await;
    assert_eq!(ended(&down).len(), scraped as usize);
    run.stop().await;
}
