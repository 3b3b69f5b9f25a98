//! Questions in the query language, and the exact JSON of their answers.

use serde_json::{Value, json};

use super::*;

const LATENCY: &str =
    r#"{"count":"4","sum":"5.5","buckets":[[3,"-0.001","0.001","1"],[0,"0.5","1","1"],[0,"1","2","2"]]}"#;

#[tokio::test]
async fn every_type_of_value_has_its_json() {
    let histogram = format!(
        r#"{{"resultType":"vector","result":[{{"metric":{{"__name__":"latency"}},"histogram":[20.500,{LATENCY}]}}]}}"#
    );
    let cases = [
        ("1+1", "4", r#"{"resultType":"scalar","result":[4,"2"]}"#),
        ("\"a\\\"b\"", "4.25", r#"{"resultType":"string","result":[4.250,"a\"b"]}"#),
        (
            "up",
            "20",
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[20,"1"]},{"metric":{"__name__":"up","job":"b"},"value":[20,"0"]}]}"#,
        ),
        (
            "up{job=\"a\"}[20s]",
            "20",
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[10,"1"],[20,"1"]]}]}"#,
        ),
        ("nothing", "20", r#"{"resultType":"vector","result":[]}"#),
        ("nothing[1m]", "20", r#"{"resultType":"matrix","result":[]}"#),
        ("latency", "20.5", &histogram),
        (
            "sum by (kind) (odd)",
            "1970-01-01T00:00:20Z",
            r#"{"resultType":"vector","result":[{"metric":{"kind":"inf"},"value":[20,"+Inf"]},{"metric":{"kind":"large"},"value":[20,"1e+21"]},{"metric":{"kind":"minus"},"value":[20,"-Inf"]},{"metric":{"kind":"nan"},"value":[20,"NaN"]},{"metric":{"kind":"quo\"te"},"value":[20,"-0.5"]},{"metric":{"kind":"small"},"value":[20,"1.5e-7"]}]}"#,
        ),
    ];
    for (query, time, data) in cases {
        assert_eq!(get("query", &[("query", query), ("time", time)]).await, success(data), "{query}");
        assert_eq!(post("query", &[], &[("query", query), ("time", time)]).await, success(data), "{query}");
    }
}

#[tokio::test]
async fn a_range_has_a_point_at_every_step() {
    let ask = |query| [("query", query), ("start", "0"), ("end", "20"), ("step", "10")];
    let floats = r#"{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[0,"1"],[10,"1"],[20,"1"]]}]}"#;
    assert_eq!(get("query_range", &ask("up{job=\"a\"}")).await, success(floats));
    let scalar = r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"0"],[10,"10"],[20,"20"]]}]}"#;
    assert_eq!(post("query_range", &[], &ask("time()")).await, success(scalar));
    let histograms = format!(
        r#"{{"resultType":"matrix","result":[{{"metric":{{"__name__":"latency"}},"histograms":[[10,{LATENCY}],[20,{LATENCY}]]}}]}}"#
    );
    assert_eq!(get("query_range", &ask("latency")).await, success(&histograms));
    let none = r#"{"resultType":"matrix","result":[]}"#;
    assert_eq!(get("query_range", &ask("nothing")).await, success(none));
}

/// As Go has it: the first value counts, and those of the body come first.
#[tokio::test]
async fn the_body_goes_before_the_url() {
    let answer = post("query", &[("query", "1"), ("time", "4")], &[("query", "2")]).await;
    assert_eq!(answer, success(r#"{"resultType":"scalar","result":[4,"2"]}"#));
    let request = Request::post("/api/v1/query?query=1&time=4").body(Body::from("query=2")).expect("request");
    let (_, _, body) = call(READER, request).await;
    assert_eq!(String::from_utf8(body).expect("text"), success(r#"{"resultType":"scalar","result":[4,"1"]}"#).1);
}

#[tokio::test]
async fn a_limit_cuts_and_says_so() {
    let ask = |limit| [("query", "up"), ("time", "20"), ("limit", limit)];
    let cut = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[20,"1"]}]},"warnings":["results truncated due to limit"]}"#;
    assert_eq!(get("query", &ask("1")).await, (200, cut.to_owned()));
    for whole in ["0", "2", "3"] {
        let (_, answer) = get("query", &ask(whole)).await;
        assert!(answer.contains(r#""job":"b""#) && !answer.contains("warnings"), "{whole}: {answer}");
    }
    let range = [("query", "up"), ("start", "20"), ("end", "20"), ("step", "1"), ("limit", "1")];
    let cut = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[20,"1"]]}]},"warnings":["results truncated due to limit"]}"#;
    assert_eq!(get("query_range", &range).await, (200, cut.to_owned()));
}

#[tokio::test]
async fn remarks_name_their_place() {
    let ask = |query: &'static str| async move {
        let (status, answer) = get("query", &[("query", query), ("time", "50")]).await;
        let answer: Value = serde_json::from_str(&answer).expect("json");
        (status, answer["warnings"].clone(), answer["infos"].clone())
    };
    let info =
        "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"up\" (2:3)";
    assert_eq!(ask("rate(\n  up[30s])").await, (200, Value::Null, json!([info])));
    let warning = "PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)";
    assert_eq!(ask("quantile(2, up)").await, (200, json!([warning]), Value::Null));
    assert_eq!(ask("quantile(0.5, up)").await, (200, Value::Null, Value::Null));
}

#[tokio::test]
async fn statistics_are_shown_where_they_are_asked_for() {
    let ask = |stats: &'static str| async move {
        let pairs = [("query", "up"), ("start", "10"), ("end", "20"), ("step", "10"), ("stats", stats)];
        let (_, answer) = get("query_range", &pairs).await;
        serde_json::from_str::<Value>(&answer).expect("json")["data"]["stats"].clone()
    };
    assert_eq!(ask("").await, Value::Null);
    let all = ask("all").await;
    assert_eq!(all["samples"]["totalQueryableSamples"], json!(4));
    assert_eq!(all["samples"]["totalQueryableSamplesPerStep"], json!([[10, 2], [20, 2]]));
    let timings =
        ["evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime", "execQueueTime", "execTotalTime"];
    assert!(timings.iter().all(|name| all["timings"][name].is_number()), "{all}");
    let some = ask("true").await;
    assert_eq!(some["samples"]["totalQueryableSamples"], json!(4));
    assert_eq!(some["samples"]["totalQueryableSamplesPerStep"], Value::Null);
}

#[tokio::test]
async fn lookback_may_be_shorter() {
    let ask = |lookback| [("query", "up{job=\"a\"}"), ("time", "130"), ("lookback_delta", lookback)];
    let found = r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[130,"1"]}]}"#;
    assert_eq!(get("query", &ask("31s")).await, success(found));
    assert_eq!(get("query", &ask("30")).await, success(r#"{"resultType":"vector","result":[]}"#));
}

#[tokio::test]
async fn queries_are_formatted_and_taken_apart() {
    assert_eq!(get("format_query", &[("query", "sum(up)by(job)")]).await, success("\"sum by (job) (up)\""));
    let tree = json!({
        "type": "binaryExpr",
        "op": "+",
        "lhs": { "type": "numberLiteral", "val": "1" },
        "rhs": { "type": "numberLiteral", "val": "2" },
        "matching": null,
        "bool": false,
    });
    let (status, answer) = post("parse_query", &[], &[("query", "1+2")]).await;
    assert_eq!((status, serde_json::from_str::<Value>(&answer).expect("json")["data"].clone()), (200, tree));
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_take_it() {
    let ask = |query: &'static str, accepts: &'static str| async move {
        let request =
            Request::get(format!("/api/v1/query?query={query}&time=20")).header(header::ACCEPT_ENCODING, accepts);
        let (status, headers, body) = call(READER, request.body(Body::empty()).expect("request")).await;
        assert_eq!((status, &headers[header::VARY]), (200, &http::HeaderValue::from_static("Accept-Encoding")));
        (headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_vec()), body)
    };
    let (coding, plain) = ask("many", "gzip;q=0, deflate").await;
    assert_eq!((coding, plain.len() > 1024), (None, true));
    let (coding, compressed) = ask("many", "deflate, gzip;q=1.0").await;
    assert_eq!((coding.as_deref(), compressed.len() < plain.len()), (Some(&b"gzip"[..]), true));
    let mut opened = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&compressed[..]), &mut opened).expect("gzip");
    assert!(opened == plain);
    assert_eq!(ask("up", "gzip").await.0, None);
}
