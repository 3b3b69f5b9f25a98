//! Targets that files, servers and the DNS tell of.

use std::fs;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

use super::server::{Page, Server};
use super::steps::{Run, ended, is_up, value};
use crate::Options;

fn job(more: &str) -> String {
    format!("scrape_configs:\n- job_name: j\n  scrape_interval: 200ms\n  {}\n", more.replace('\n', "\n  "))
}

const KEEP_META: &str = "relabel_configs: [{action: labelmap, regex: __meta_(.+), replacement: meta_$1}]";

/// A label of the first target that is up.
async fn label(run: &mut Run, name: &str) -> Option<String> {
    let scraped = run.until(is_up).await;
    scraped.samples[0].0.get(name).map(str::to_owned)
}

#[tokio::test]
async fn files_are_followed_and_broken_ones_keep_their_targets() {
    let server = Server::start("a 1\n").await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.yml");
    let write = |text: &str| fs::write(&path, text).expect("writes");
    let more = format!(
        "{KEEP_META}\nfile_sd_configs: [{{files: ['{}/t*.yml'], refresh_interval: 20ms}}]",
        directory.path().display()
    );
    let mut run = Run::start(&job(&more));
    write(&format!("- targets: ['{}']\n  labels: {{rack: r1}}\n", server.address));
    assert_eq!(label(&mut run, "rack").await.as_deref(), Some("r1"));
    assert_eq!(label(&mut run, "meta_filepath").await, Some(path.display().to_string()));
    write("- targets: {");
    while run.scraper.counts().failed_discoveries < 2 {
        assert_eq!(label(&mut run, "rack").await.as_deref(), Some("r1"));
    }
    write(&format!("- targets: ['{}']\n  labels: {{rack: r2}}\n", server.address));
    run.until(|scraped| ended(scraped).contains(&"up")).await;
    assert_eq!(label(&mut run, "rack").await.as_deref(), Some("r2"));
    fs::remove_file(&path).expect("removes");
    run.until(|scraped| ended(scraped).contains(&"up")).await;
    assert_eq!(run.scraper.targets().active, []);
    let json = format!("[{{\"targets\": [\"{}\"]}}]", server.address);
    fs::write(directory.path().join("t.json"), json).expect("writes");
    run.stop().await;
    let more = format!("file_sd_configs: [{{files: ['{}/t.json']}}]", directory.path().display());
    let mut run = Run::start(&job(&more));
    assert_eq!(label(&mut run, "job").await.as_deref(), Some("j"));
    run.stop().await;
}

#[tokio::test]
async fn servers_list_targets() {
    let (list, server) = (Server::start("").await, Server::start("a 1\n").await);
    let text = format!("[{{\"targets\": [\"{}\"], \"labels\": {{\"rack\": \"r1\"}}}}]", server.address);
    list.set(Page::text(&text).with("content-type", "application/json; charset=utf-8"));
    let url = format!("http://{}/list", list.address);
    let more = format!("{KEEP_META}\nhttp_sd_configs: [{{url: '{url}', refresh_interval: 50ms}}]");
    let mut run = Run::start(&job(&more));
    assert_eq!(label(&mut run, "rack").await.as_deref(), Some("r1"));
    assert_eq!(label(&mut run, "meta_url").await, Some(url));
    let asked = list.asked().swap_remove(0);
    assert_eq!(asked.headers["x-prometheus-refresh-interval-seconds"], "0.05");
    list.set(Page::text("[]"));
    while run.scraper.counts().failed_discoveries == 0 {
        run.until(is_up).await;
    }
    list.set(Page::text("[]").with("content-type", "application/json"));
    run.until(|scraped| ended(scraped).contains(&"up")).await;
    run.stop().await;
}

/// Answers each query with one record of the type that was asked for.
async fn name_server(port: u16) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut asked = vec![0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut asked).await {
            let mut answer = asked[..length].to_vec();
            let kind = answer[length - 3];
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[7] = 1;
            answer.extend_from_slice(&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 9]);
            let [high, low] = port.to_be_bytes();
            let content = match kind {
                1 => vec![127, 0, 0, 1],
                _ => [&[0, 0, 0, 0, high, low, 9], b"localhost".as_slice(), &[0]].concat(),
            };
            answer.extend_from_slice(&[0, content.len() as u8]);
            answer.extend_from_slice(&content);
            if socket.send_to(&answer, client).await.is_err() {
                break;
            }
        }
    });
    address
}

#[tokio::test]
async fn the_dns_names_targets() {
    let server = Server::start("a 1\n").await;
    let port = server.address.port();
    let options = || async { Options { resolvers: vec![name_server(port).await], ..Options::default() } };
    let more = format!("{KEEP_META}\ndns_sd_configs: [{{names: [web.example], type: A, port: {port}}}]");
    let mut run = Run::start_with(&job(&more), options().await);
    assert_eq!(label(&mut run, "instance").await, Some(format!("127.0.0.1:{port}")));
    assert_eq!(label(&mut run, "meta_dns_name").await.as_deref(), Some("web.example"));
    run.stop().await;
    let more = format!("{KEEP_META}\ndns_sd_configs: [{{names: [_web._tcp.example]}}]");
    let mut run = Run::start_with(&job(&more), options().await);
    let scraped = run.until(|scraped| value(scraped, "up").is_some()).await;
    let labels = &scraped.samples.last().expect("a sample").0;
    assert_eq!(labels.get("instance"), Some(format!("localhost:{port}").as_str()));
    assert_eq!(labels.get("meta_dns_srv_record_target"), Some("localhost."));
    assert_eq!(labels.get("meta_dns_srv_record_port"), Some(port.to_string().as_str()));
    run.stop().await;
}
