use super::*;
use crate::alerting::AlertingConfig;
use crate::alerting::own::tests::{Server, start_with};
use crate::collectors::Arrival;
use crate::maintenance;

const MINUTE: Duration = Duration::from_secs(60);

fn alert(host: &str) -> String {
    format!("CollectorSilent{{\"host\": \"{host}\"}} firing critical")
}

async fn shown(server: &Server, hosts: &[&str]) {
    let alerts: Vec<String> = hosts.iter().map(|host| alert(host)).collect();
    server.until(&alerts.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

fn heard(collectors: &Collectors, host: &str, received: Timestamp) {
    let source = format!("collector/{host}");
    collectors.arrived(&Arrival { tenant: 0, source: &source, sent: None, received, rejected: &[] });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_collector_that_is_silent_is_an_alert_until_it_is_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let sources = || AlertingConfig::default().sources(0, false, "").expect("no files");
    let server = start_with(directory.path(), sources());
    let collectors = Arc::new(Collectors::default());
    let now = maintenance::now();
    let ago = |minutes: u32| now.before(MINUTE * minutes);
    let new =
        |server: &Server, started| SilentCollectors::new(server.alerting.handle(), Arc::clone(&collectors), 0, started);
    heard(&collectors, "a", ago(9));
    heard(&collectors, "b", ago(4));
    heard(&collectors, "c", ago(1));

    // Since the server started nobody was silent for so long.
    let mut watched = new(&server, ago(2));
    watched.look(MINUTE * 3, now).await.expect("taken");
    shown(&server, &[]).await;
    let mut watched = new(&server, ago(60));
    watched.look(MINUTE * 5, now).await.expect("taken");
    shown(&server, &["a"]).await;
    watched.look(MINUTE * 3, now).await.expect("taken");
    shown(&server, &["a", "b"]).await;
    heard(&collectors, "a", now);
    watched.look(MINUTE * 3, now).await.expect("taken");
    shown(&server, &["b"]).await;
    server.stop().await;

    // A start knows what was told; it ends with the silence, or when nobody wants it any more.
    let server = start_with(directory.path(), sources());
    shown(&server, &["b"]).await;
    let mut watched = new(&server, ago(60));
    watched.look(MINUTE * 3, now).await.expect("taken");
    shown(&server, &["b"]).await;
    watched.look(Duration::ZERO, now).await.expect("taken");
    shown(&server, &[]).await;
    server.stop().await;
}
