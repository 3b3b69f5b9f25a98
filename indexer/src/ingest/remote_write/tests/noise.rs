//! Any request is decoded as it was encoded, and no body makes the decoder panic.

use std::collections::BTreeMap;

use orszem_model::Labels;
use proptest::prelude::*;

use super::encoder::{Request, Series};
use super::{NOW, Recorder, both, native};
use crate::ingest::limits::Limits;
use crate::ingest::remote_write::{Version, decode};

fn survives(body: &[u8]) {
    for version in [Version::V1, Version::V2] {
        let mut sink = Recorder::default();
        match decode(body, version, &Limits::default(), NOW, &mut sink) {
            Ok(outcome) => assert_eq!(outcome.body_bytes, body.len()),
            Err(error) => assert_eq!(error.status, 400),
        }
    }
}

fn any_series() -> impl Strategy<Value = (BTreeMap<String, String>, Vec<(i64, f64)>)> {
    let labels = prop::collection::btree_map("[a-z.]{1,8}", any::<String>(), 0..5);
    let samples = prop::collection::vec((0..1_700_000_000_000_i64, -1e9..1e9), 0..4);
    (labels, samples)
}

proptest! {
    #[test]
    fn a_request_reads_back(all in prop::collection::vec(any_series(), 0..6), is_reversed in any::<bool>()) {
        let mut request = Request::default();
        let mut expected = Vec::new();
        for (at, (labels, samples)) in all.iter().enumerate() {
            let name = format!("metric_{at}");
            let mut pairs: Vec<_> = labels.iter().collect();
            let key = "__name__".to_owned();
            pairs.push((&key, &name));
            let set = Labels::new(pairs.iter().copied().filter(|pair| !pair.1.is_empty()).collect());
            expected.extend(samples.iter().map(|(time, value)| format!("{set:?} {value} @{time}")));
            if is_reversed {
                pairs.reverse();
            }
            request.series.push(Series { samples: samples.clone(), ..Series::of(&pairs) });
        }
        for (outcome, sink) in both(&request, &Limits::default()) {
            prop_assert_eq!(&sink.lines, &expected);
            prop_assert_eq!(outcome.samples, expected.len() as u64);
        }
    }

    #[test]
    fn noise_is_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&body);
    }
}

#[test]
fn cut_and_flipped_requests_are_survived() {
    let request = Request {
        series: vec![Series {
            samples: vec![(5, 1.0)],
            histograms: vec![native()],
            exemplars: vec![(vec![("t", "x")], 1.0, 5)],
            ..Series::of(&[("__name__", "a"), ("job", "ő")])
        }],
    };
    for version in [Version::V1, Version::V2] {
        let mut body = request.encode(version);
        for end in 0..body.len() {
            survives(&body[..end]);
        }
        for at in 0..body.len() {
            for bit in 0..8 {
                body[at] ^= 1 << bit;
                survives(&body);
                body[at] ^= 1 << bit;
            }
        }
    }
}
