#![allow(clippy::all)]
use std::collections::BTreeMap;
#[tokio::test]
async fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let config = orszem_collector::CollectorConfig { state_dir: dir.path().into(), ..Default::default() };
    let (tx, mut rx) = tokio::sync::mpsc::channel(2);
    let t = std::time::Instant::now();
    let stop = tokio_util::sync::CancellationToken::new();
    let h = orszem_collector::Collector::start(config, "me".into(), orszem_collector::Output::InProcess(tx), stop.clone()).unwrap();
    let mut seen: BTreeMap<String, (usize, String)> = BTreeMap::new();
    while let Ok(Some(b)) = tokio::time::timeout(std::time::Duration::from_secs(2), rx.recv()).await {
        let batch = orszem_model::wire::Batch::decode(&b.batch).unwrap();
        for r in batch.records() {
            let v = r.view(&batch.streams[r.stream as usize], 0);
            let key = format!("{:?}", v.stream.labels.iter().collect::<Vec<_>>());
            let e = seen.entry(key).or_insert((0, String::new()));
            e.0 += 1;
            e.1 = format!("{} {} {}", v.timestamp, v.severity.name(), v.body_text().chars().take(90).collect::<String>());
        }
        b.done.send(Ok(())).unwrap();
    }
    println!("{:?}", t.elapsed());
    for (k, v) in seen { println!("{k}\n    {v:?}"); }
    for f in h.files() { println!("{f:?}"); }
    println!("{:?}", h.counters());
    stop.cancel(); h.stopped().await;
}
