//! Measures the NDJSON decoder: `cargo run --release -p orszem-indexer --example decode_ndjson -- FILE [REPEATS]`.
#![expect(clippy::print_stdout, reason = "the figure is this program's output")]

use std::io::{Error, ErrorKind};
use std::time::{Duration, Instant, SystemTime};

use orszem_indexer::ingest::{Context, Limits, StreamLimiter, ndjson};
use orszem_model::Timestamp;

const BODY_BYTES: usize = 4 << 20;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = || Error::new(ErrorKind::InvalidInput, "usage: decode_ndjson FILE [REPEATS]");
    let file = std::fs::read(arguments.next().ok_or_else(usage)?)?;
    let repeats = arguments.next().map_or(Ok(3), |text| text.parse()).map_err(|_| usage())?;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(Error::other)?;
    let now = Timestamp(0).after(since_1970 + Duration::from_secs(366 * 86_400));
    let limits = Limits::default();
    let streams = StreamLimiter::new(&limits);
    let context = Context { tenant: 0, now, corrects_times: false, limits: &limits, streams: &streams };
    for _ in 0..repeats {
        let began = Instant::now();
        let (mut accepted, mut rejected, mut encoded) = (0, 0, 0);
        let mut rest = file.as_slice();
        while !rest.is_empty() {
            let cut = rest.get(..BODY_BYTES).and_then(|head| head.iter().rposition(|byte| *byte == b'\n'));
            let (body, tail) = rest.split_at(cut.map_or(rest.len(), |at| at + 1));
            let decoded = ndjson::decode(body, &context, &ndjson::Options::default()).map_err(Error::other)?;
            accepted += decoded.accepted;
            rejected += decoded.rejected_count();
            encoded += decoded.batches.iter().map(Vec::len).sum::<usize>();
            rest = tail;
        }
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{accepted} records, {rejected} rejected, {encoded} bytes encoded, {:.0} MB/s, {:.0} ns a record",
            file.len() as f64 / 1e6 / seconds,
            seconds * 1e9 / accepted.max(1) as f64
        );
    }
    Ok(())
}
