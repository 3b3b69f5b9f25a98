//! Series, labels, metadata and exemplars.

use super::*;

fn cut(data: &str) -> (u16, String) {
    (200, format!(r#"{{"status":"success","data":{data},"warnings":["results truncated due to limit"]}}"#))
}

#[tokio::test]
async fn series_are_listed_by_selectors() {
    let both = r#"[{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}]"#;
    assert_eq!(get("series", &[("match[]", "up")]).await, success(both));
    assert_eq!(post("series", &[], &[("match[]", "{job=\"a\"}"), ("match[]", "{job=\"b\"}")]).await, success(both));
    let first = r#"[{"__name__":"up","job":"a"}]"#;
    assert_eq!(get("series", &[("match[]", "up"), ("limit", "1")]).await, cut(first));
    assert_eq!(get("series", &[("match[]", "up"), ("start", "200"), ("end", "300")]).await, success("[]"));
    let quoted = r#"[{"__name__":"odd","kind":"quo\"te"}]"#;
    assert_eq!(get("series", &[("match[]", "{kind=~\"quo.+\"}")]).await, success(quoted));
}

#[tokio::test]
async fn labels_and_their_values_are_listed() {
    assert_eq!(get("labels", &[]).await, success(r#"["__name__","http.status","job","kind","n"]"#));
    assert_eq!(post("labels", &[], &[("match[]", "up")]).await, success(r#"["__name__","job"]"#));
    assert_eq!(get("labels", &[("limit", "1")]).await, cut(r#"["__name__"]"#));
    assert_eq!(get("label/job/values", &[]).await, success(r#"["a","b"]"#));
    assert_eq!(get("label/job/values", &[("limit", "1")]).await, cut(r#"["a"]"#));
    assert_eq!(get("label/job/values", &[("limit", "2")]).await, success(r#"["a","b"]"#));
    assert_eq!(get("label/job/values", &[("match[]", "up{job!=\"a\"}")]).await, success(r#"["b"]"#));
    assert_eq!(get("label/__name__/values", &[("match[]", "{job=\"a\"}")]).await, success(r#"["up"]"#));
    assert_eq!(get("label/nothing/values", &[]).await, success("[]"));
    for name in ["U__http_2e_status", "http.status", "http%2Estatus"] {
        assert_eq!(get(&format!("label/{name}/values"), &[]).await, success(r#"["200"]"#), "{name}");
    }
    assert_eq!(get("label/U__http_2e/values", &[]).await, success("[]"));
}

#[tokio::test]
async fn metadata_keeps_its_limits() {
    let latency = r#""latency":[{"type":"histogram","help":"How \"long\".","unit":"seconds"}]"#;
    let one = r#""up":[{"type":"gauge","help":"Whether it is up.","unit":""}]"#;
    let up = r#""up":[{"type":"gauge","help":"Whether it is up.","unit":""},{"type":"unknown","help":"","unit":""}]"#;
    let cases: [(&[(&str, &str)], String); 7] = [
        (&[], format!("{{{latency},{up}}}")),
        (&[("limit", "1")], format!("{{{latency}}}")),
        (&[("limit", "0")], "{}".to_owned()),
        (&[("limit", "-1")], format!("{{{latency},{up}}}")),
        (&[("limit_per_metric", "1")], format!("{{{latency},{one}}}")),
        (&[("metric", "up")], format!("{{{up}}}")),
        (&[("metric", "nothing")], "{}".to_owned()),
    ];
    for (pairs, data) in cases {
        assert_eq!(get("metadata", pairs).await, success(&data), "{pairs:?}");
    }
}

#[tokio::test]
async fn exemplars_are_those_of_the_selectors_of_a_query() {
    let of = |job| {
        format!(
            r#"{{"seriesLabels":{{"__name__":"up","job":"{job}"}},"exemplars":[{{"labels":{{"trace_id":"x"}},"value":"0.5","timestamp":1.500}}]}}"#
        )
    };
    let ask = |query| [("query", query), ("start", "0"), ("end", "100")];
    let both = format!("[{},{}]", of("a"), of("b"));
    assert_eq!(get("query_exemplars", &ask("sum(rate(up[1m])) + 1")).await, success(&both));
    let second = format!("[{}]", of("b"));
    assert_eq!(post("query_exemplars", &[], &ask("up{job=\"b\"}")).await, success(&second));
    assert_eq!(get("query_exemplars", &ask("1 + 1")).await, success("[]"));
}
