//! Any series is read back as it was written, and no body makes a parser panic or run on.

use std::collections::BTreeMap;

use orszem_model::Labels;
use proptest::prelude::*;

use super::families::{delimited, new, sample_body};
use crate::{Classic, Entry, Format, Parser, quote};

const FORMATS: [Format; 3] = [Format::Text, Format::OpenMetrics, Format::Protobuf];

/// Goes through all entries, and goes on behind errors.
fn read_all(format: Format, body: &[u8]) {
    let mut parser = Parser::new(format, body, Classic::Always);
    let mut steps = 0;
    while let Some(entry) = parser.next_entry() {
        let is_bad = match entry {
            Ok(Entry::Sample(sample)) => sample.series.labels().is_err() && sample.series.raw().is_empty(),
            Ok(_) => false,
            Err(error) => {
                assert!(error.line > 0 && !error.reason.is_empty());
                true
            }
        };
        if is_bad {
            parser.skip_line();
        }
        steps += 1;
        assert!(steps <= body.len() * 2 + 8, "no end of {body:?}");
    }
}

fn escaped(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\""))
}

fn write(format: Format, name: &str, labels: &BTreeMap<String, String>, value: f64, time: i64) -> Vec<u8> {
    if format == Format::Protobuf {
        let mut metric = new();
        for (name, value) in labels {
            metric = metric.message(1, &new().bytes(1, name.as_bytes()).bytes(2, value.as_bytes()));
        }
        let metric = metric.message(2, &new().double(1, value)).varint(6, time as u64);
        return delimited(&[new().bytes(1, name.as_bytes()).varint(3, 1).message(4, &metric)]);
    }
    let mut line = format!("{{{}", escaped(name));
    for (name, value) in labels {
        line.push_str(&format!(",{}={}", escaped(name), escaped(value)));
    }
    match format {
        Format::Text => line.push_str(&format!("}} {value:e} {time}\n")),
        _ => line.push_str(&format!("}} {value:?} {}.{:03}\n# EOF\n", time / 1000, time % 1000)),
    }
    line.into_bytes()
}

proptest! {
    #[test]
    fn a_series_reads_back(
        name in "[a-z\"\\\\\n.ő{}#= ,]{1,12}",
        labels in prop::collection::btree_map("[a-z\"\\\\\n.ő{}#= ,]{1,8}", any::<String>(), 0..6),
        value in any::<f64>().prop_filter("numbers", |value| !value.is_nan()),
        time in 1..4_102_444_800_000_i64,
    ) {
        for format in FORMATS {
            let body = write(format, &name, &labels, value, time);
            let mut parser = Parser::new(format, &body, Classic::Unless);
            let mut samples = Vec::new();
            while let Some(entry) = parser.next_entry() {
                if let Entry::Sample(sample) = entry.expect("parses") {
                    let labels = sample.series.labels().expect("no label twice");
                    samples.push((labels, sample.value.to_bits(), sample.time));
                }
            }
            let mut pairs: Vec<_> = labels.iter().filter(|pair| !pair.1.is_empty()).collect();
            let name_label = "__name__".to_owned();
            pairs.push((&name_label, &name));
            prop_assert_eq!(samples, [(Labels::new(pairs), value.to_bits(), Some(time))], "{:?}", quote(&body));
        }
    }

    #[test]
    fn noise_is_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            read_all(format, &body);
        }
    }

    #[test]
    fn near_misses_are_survived(body in "[a#\"\\\\\n {}=,1 HELPTYUNIOF\t.\r-]{0,80}") {
        for format in FORMATS {
            read_all(format, body.as_bytes());
        }
    }
}

#[test]
fn cut_and_flipped_bodies_are_survived() {
    let text =
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\",\"é\"=\"\\\"\"} 1 2 # {t=\"x\"} 1 2\n# UNIT a_s s\n# EOF\n";
    for (format, body) in [
        (Format::Text, text.as_bytes().to_vec()),
        (Format::OpenMetrics, text.into()),
        (Format::Protobuf, sample_body()),
    ] {
        for end in 0..body.len() {
            read_all(format, &body[..end]);
        }
        let mut body = body;
        for at in 0..body.len() {
            for bit in 0..8 {
                body[at] ^= 1 << bit;
                read_all(format, &body);
                body[at] ^= 1 << bit;
            }
        }
    }
}
