//! Bodies of scrapes: no panic, no end that does not come, and labels that are sorted and not empty.

use orszem_exposition::{Classic, Entry, Format, Parser};

use super::fuzz;
use super::proto::new;

/// Goes through the body; answers whether all of it was good.
fn read(format: Format, body: &[u8], classic: Classic) -> bool {
    let mut parser = Parser::new(format, body, classic);
    let (mut steps, mut is_good) = (0_usize, true);
    while let Some(entry) = parser.next_entry() {
        let series = match &entry {
            Ok(Entry::Sample(sample)) => Some(&sample.series),
            Ok(Entry::Histogram(sample)) => {
                let histogram = &sample.histogram;
                for buckets in [&histogram.positive, &histogram.negative] {
                    let length: u64 = buckets.spans.iter().map(|span| u64::from(span.length)).sum();
                    assert_eq!(length, buckets.counts.len() as u64);
                }
                Some(&sample.series)
            }
            Ok(Entry::Type { .. } | Entry::Help { .. } | Entry::Unit { .. }) => None,
            Err(error) => {
                assert!(error.line > 0 && !error.reason.is_empty());
                None
            }
        };
        if let Some(Ok(labels)) = series.map(|series| series.labels()) {
            let pairs: Vec<_> = labels.iter().collect();
            assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0), "{labels:?}");
            assert!(pairs.iter().all(|pair| !pair.1.is_empty()), "{labels:?}");
        }
        if entry.is_err() {
            is_good = false;
            parser.skip_line();
        }
        steps += 1;
        assert!(steps <= body.len() * 4 + 8, "no end");
    }
    is_good
}

const TEXT: [&str; 4] = [
    "# HELP http_requests_total The \\\\ number\\nof requests.\n# TYPE http_requests_total counter\n\
     http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\nhttp_requests_total{method=\"get\",} 3\n",
    "msdos_file_access{path=\"C:\\\\DIR\\\\F.TXT\",error=\"Cannot find:\\n\\\"F.TXT\\\"\"} 1.458255915e9\nsomething +Inf -3982045\n\
     odd NaN\n\n# a remark\n",
    "# TYPE h histogram\nh_bucket{le=\"0.05\"} 24054\nh_bucket{le=\"+Inf\"} 144320\nh_sum 53423\nh_count 144320\n\
     # TYPE s summary\ns{quantile=\"0.5\"} 4773\ns_sum 1.7560473e+07\ns_count 2693\n",
    "{\"http.requests\",\"http.status\"=\"200\",job=\"x\"} 1e3\n{\"ű\",a=\"☺\"} 0.25\n",
];

const OPENMETRICS: [&str; 3] = [
    "# TYPE acme_http_router_request_seconds summary\n# UNIT acme_http_router_request_seconds seconds\n\
     # HELP acme_http_router_request_seconds Latency though\\n all.\n\
     acme_http_router_request_seconds_sum{path=\"/api/v1\",method=\"GET\"} 9036.32\n\
     acme_http_router_request_seconds_count{path=\"/api/v1\",method=\"GET\"} 807283.0 123.456\n# EOF\n",
    "# TYPE foo histogram\nfoo_bucket{le=\"0.01\"} 0\n\
     foo_bucket{le=\"1\"} 11 # {trace_id=\"KOO5S4vxi0o\"} 0.67\n\
     foo_bucket{le=\"+Inf\"} 17 1520879607.789 # {trace_id=\"oHg5SJYRHA0\"} 9.8 1520879607.789\n\
     foo_count 17\nfoo_sum 324789.3\nfoo_created 1520430000.123\n# EOF\n",
    "# TYPE c counter\nc_total{a=\"\\\"b\\\\\"} 1 # {} 0.5\n# TYPE i info\ni_info{version=\"1\"} 1\n# TYPE e stateset\n\
     e{e=\"on\"} 1\n# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 2\ng_gcount 2\ng_gsum 3\n# EOF",
];

fn families() -> Vec<Vec<u8>> {
    let label = |name, value| new().text(1, name).text(2, value);
    let exemplar = new().message(1, &label("trace_id", "x")).double(2, 0.5).message(3, &new().varint(1, 1_700_000_000));
    let counter = new().text(1, "requests_total").text(2, "Help.").varint(3, 0).message(
        4,
        &new()
            .message(1, &label("code", "200"))
            .message(1, &label("method", "get"))
            .message(3, &new().double(1, 7.0).message(2, &exemplar))
            .varint(6, 1_700_000_000_000),
    );
    let gauge = new()
        .text(1, "heat_celsius")
        .varint(3, 1)
        .message(4, &new().message(2, &new().double(1, -0.5)))
        .text(5, "celsius");
    let quantile = new().double(1, 0.99).double(2, 4.5);
    let summary = new().varint(1, 5).double(2, 12.5).message(3, &quantile);
    let summary = new().text(1, "took").varint(3, 2).message(4, &new().message(4, &summary));
    let bucket = |count, bound| new().varint(1, count).double(2, bound).message(3, &exemplar);
    let native = new()
        .varint(1, 4)
        .double(2, 5.5)
        .message(3, &bucket(1, 0.5))
        .message(3, &bucket(4, f64::INFINITY))
        .signed(5, 2)
        .double(6, 0.001)
        .varint(7, 1)
        .message(9, &new().signed(1, -1).varint(2, 1))
        .signeds(10, &[1])
        .message(12, &new().signed(1, 0).varint(2, 2))
        .signeds(13, &[1, 0]);
    let histogram = new().text(1, "latency").varint(3, 4).message(4, &new().message(7, &native));
    let all = [&counter, &gauge, &summary, &histogram];
    let mut seeds: Vec<Vec<u8>> = all.iter().map(|family| family.delimited()).collect();
    seeds.push(seeds.concat());
    seeds
}

pub(crate) fn texts() {
    let seeds = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let all = [seeds(&TEXT), seeds(&OPENMETRICS)].concat();
    let dictionary = [
        "{",
        "}",
        "\"",
        "'",
        "\\",
        "\\n",
        ",",
        "=",
        " ",
        "\t",
        "\n",
        "#",
        "# EOF",
        "# TYPE ",
        "# HELP ",
        "# UNIT ",
        "a",
        "_total",
        "_bucket",
        "_created",
        "le",
        "quantile",
        "__name__",
        "1",
        "-1",
        "1e308",
        "1e309",
        "0x1p",
        "NaN",
        "+Inf",
        "9223372036854775808",
        " # {",
        "histogram",
        "counter",
        "☺",
        "\u{0}",
        "1_0",
        "infinity",
    ];
    let mutated = |mutator: &mut super::Mutator, corpus: &[Vec<u8>]| {
        if mutator.below(2) == 0 { mutator.words(corpus, &dictionary) } else { mutator.bytes(corpus) }
    };
    fuzz("exposition text", &all, mutated, |body| {
        // Each body is read as both.
        let [text, openmetrics] = [Format::Text, Format::OpenMetrics].map(|format| read(format, body, Classic::Unless));
        text || openmetrics
    });
}

pub(crate) fn protobuf() {
    fuzz("exposition protobuf", &families(), super::Mutator::bytes, |body| {
        let good =
            [Classic::Unless, Classic::Always, Classic::Only].map(|classic| read(Format::Protobuf, body, classic));
        good == [true; 3]
    });
}
