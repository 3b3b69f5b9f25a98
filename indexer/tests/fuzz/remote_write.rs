//! Remote write requests into the real store: no panic, and of every sample it is known what became of it.

use orszem_indexer::ingest::limits::Limits;
use orszem_indexer::ingest::remote_write::{Version, decode};
use orszem_indexer::samples::BatchSink;
use orszem_model::Timestamp;
use orszem_series::{Batch, SeriesStore};

use super::fuzz;
use super::proto::{Message, new};

const NOW_MS: u64 = 1_795_341_600_000;
const NOW: Timestamp = Timestamp(NOW_MS as i64 * 1_000_000);

fn histogram() -> Message {
    new()
        .varint(1, 4)
        .double(3, 5.5)
        .signed(4, 2)
        .double(5, 0.001)
        .varint(6, 1)
        .message(8, &new().signed(1, -1).varint(2, 1))
        .signeds(9, &[1])
        .message(11, &new().signed(1, 0).varint(2, 2))
        .signeds(12, &[1, 0])
        .varint(14, 1)
        .varint(15, NOW_MS)
}

fn float_histogram() -> Message {
    new()
        .double(2, 3.5)
        .double(3, 5.5)
        .signed(4, -53)
        .message(11, &new().signed(1, 0).varint(2, 3))
        .doubles(13, &[1.0, 2.0, 0.5])
        .varint(15, NOW_MS)
        .doubles(16, &[0.5, 1.0])
}

fn sample(value: f64, time: u64) -> Message {
    new().double(1, value).varint(2, time)
}

fn v1() -> Vec<Vec<u8>> {
    let label = |name, value| new().text(1, name).text(2, value);
    let exemplar = new().message(1, &label("trace_id", "x")).double(2, 0.5).varint(3, NOW_MS);
    let floats = new()
        .message(1, &label("__name__", "up"))
        .message(1, &label("job", "a"))
        .message(2, &sample(1.0, NOW_MS))
        .message(2, &sample(f64::NAN, NOW_MS + 1))
        .message(3, &exemplar);
    let histograms = new()
        .message(1, &label("__name__", "latency"))
        .message(1, &label("http.status", "☺"))
        .message(4, &histogram())
        .message(4, &float_histogram());
    let metadata = new().varint(1, 1).text(2, "up").text(4, "Help.").text(5, "seconds");
    let all = new().message(1, &floats).message(1, &histograms).message(3, &metadata);
    [new().message(1, &floats), new().message(1, &histograms), new().message(3, &metadata), all]
        .map(|one| one.0)
        .to_vec()
}

fn v2() -> Vec<Vec<u8>> {
    let symbols = ["", "__name__", "up", "job", "a", "latency", "Help.", "seconds", "trace_id", "x"];
    let table = symbols.iter().fold(new(), |request, symbol| request.text(4, symbol));
    let exemplar = new().varints(1, &[8, 9]).double(2, 0.5).varint(3, NOW_MS);
    let metadata = new().varint(1, 1).varint(3, 6).varint(4, 7);
    let floats = new()
        .varints(1, &[1, 2, 3, 4])
        .message(2, &sample(1.0, NOW_MS).varint(3, NOW_MS - 5))
        .message(2, &sample(2.0, NOW_MS + 1))
        .message(4, &exemplar)
        .message(5, &metadata);
    let histograms = new().varints(1, &[1, 5, 3, 4]).message(3, &histogram()).message(3, &float_histogram());
    let all = table.clone().message(5, &floats).message(5, &histograms);
    [table.clone().message(5, &floats), table.message(5, &histograms), all].map(|one| one.0).to_vec()
}

/// What of the request got into a batch; the batch's journal frames read back as the same.
fn taken(store: &SeriesStore, body: &[u8], version: Version, limits: &Limits) -> Option<(Batch, bool)> {
    let mut sink = BatchSink(store.batch(0));
    let outcome = decode(body, version, limits, NOW, &mut sink).ok()?;
    let batch = sink.0.finish();
    assert_eq!(batch.samples() as u64, outcome.samples + outcome.histograms, "{outcome:?}");
    assert_eq!(outcome.body_bytes, body.len());
    assert_eq!(outcome.status() == 204, outcome.rejected_count() == 0, "{outcome:?}");
    assert_eq!(outcome.message().is_none(), outcome.rejected.is_empty(), "{outcome:?}");
    assert!(outcome.rejected.iter().all(|rejection| rejection.count > 0 && !rejection.first.is_empty()));
    let read_back: usize =
        batch.encode().iter().map(|frame| Batch::decode(frame).expect("own frames decode").samples()).sum();
    assert_eq!(read_back, batch.samples());
    let is_good = outcome.rejected.is_empty();
    Some((batch, is_good))
}

fn run(target: &'static str, version: Version, seeds: &[Vec<u8>]) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let options =
        orszem_series::Options { series_max: 5_000, metric_series_max: 2_000, ..orszem_series::Options::default() };
    let (store, _) = SeriesStore::open(directory.path(), options).expect("opens");
    let (limits, mut applied) = (Limits::default(), 0);
    fuzz(target, seeds, super::Mutator::bytes, |body| {
        let Some((batch, is_good)) = taken(&store, body, version, &limits) else { return false };
        let samples = batch.samples() as u64;
        applied += 1;
        let outcome = store.apply(vec![batch], applied);
        assert_eq!((outcome.samples + outcome.duplicates, outcome.unknown_series), (samples, 0));
        if store.wants_flush() {
            store.flush().expect("flushes");
        }
        is_good
    });
}

pub(crate) fn version_1() {
    run("remote write 1.0", Version::V1, &v1());
}

pub(crate) fn version_2() {
    run("remote write 2.0", Version::V2, &v2());
}
