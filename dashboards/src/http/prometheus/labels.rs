//! `/api/v1/series`, `labels` and `label/{name}/values`.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;

use super::answer::{Remarks, put_labels, put_list, put_string, success};
use super::api::{Patience, PrometheusApi};
use super::engine::{Limited, SeriesAsk};
use super::error::QueryError;
use super::params::Params;
use crate::http::access::Reader;

fn ask(params: &Params, reader: Reader) -> Result<SeriesAsk, QueryError> {
    let (start, end) = params.open_range()?;
    let (sets, limit) = (params.matcher_sets()?, params.limit()?);
    Ok(SeriesAsk { tenant: reader.0.tenant, sets, start, end, limit })
}

fn remarks<T>(found: &Limited<T>) -> Remarks {
    Remarks::cut(found.is_cut).with_damage(found.damaged)
}

/// `/api/v1/series`
pub(super) async fn series(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let ask = ask(&params, reader)?;
    if ask.sets.is_empty() {
        return Err(QueryError::BadRequest("no match[] parameter provided".to_owned()));
    }
    let run = move |api: &PrometheusApi, _: &Patience| {
        let found = (api.engine.series)(&ask)?;
        Ok(success(&remarks(&found), |out| {
            put_list(out, found.items.iter(), put_labels);
        }))
    };
    api.run(params.timeout()?, &headers, run).await
}

/// `/api/v1/labels`
pub(super) async fn names(
    State(api): State<PrometheusApi>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    let ask = ask(&params, reader)?;
    let run = move |api: &PrometheusApi, _: &Patience| {
        let found = (api.engine.label_names)(&ask)?;
        Ok(success(&remarks(&found), |out| {
            put_list(out, found.items.iter(), |out, name| put_string(out, name));
        }))
    };
    api.run(params.timeout()?, &headers, run).await
}

/// `/api/v1/label/{name}/values`
pub(super) async fn values(
    State(api): State<PrometheusApi>,
    reader: Reader,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, QueryError> {
    // What is no UTF-8 is no name.
    let Path(name) = name.map_err(|error| QueryError::BadRequest(format!("invalid label name: {error}")))?;
    let name = unescape(&name);
    if name.is_empty() {
        return Err(QueryError::BadRequest(format!("invalid label name: {name:?}")));
    }
    let ask = (name, ask(&params, reader)?);
    let run = move |api: &PrometheusApi, _: &Patience| {
        let found = (api.engine.label_values)(&ask)?;
        Ok(success(&remarks(&found), |out| {
            put_list(out, found.items.iter(), |out, value| put_string(out, value));
        }))
    };
    api.run(params.timeout()?, &headers, run).await
}

/// The name that `U__…` stands for: `__` is an underscore, `_HEX_` the character with that code point. What is not well
/// formed is taken as it is (Prometheus, `model.UnescapeName`).
fn unescape(name: &str) -> String {
    name.strip_prefix("U__").and_then(unescaped).unwrap_or_else(|| name.to_owned())
}

fn unescaped(escaped: &str) -> Option<String> {
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..)?;
        if first != '_' {
            out.push(first);
            continue;
        }
        let (code, behind) = rest.split_once('_')?;
        out.push(if code.is_empty() {
            '_'
        } else if code.len() <= 6 && code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            char::from_u32(u32::from_str_radix(code, 16).ok()?)?
        } else {
            return None;
        });
        rest = behind;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read_and_others_left() {
        let cases = [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b", "a_b"),
            ("U___263a__3a_", "☺:"),
            ("U__", ""),
            ("U__a_", "U__a_"),
            ("U__a_xyz_", "U__a_xyz_"),
            ("U__a_d800_", "U__a_d800_"),
            ("U_x", "U_x"),
        ];
        for (escaped, expected) in cases {
            assert_eq!(unescape(escaped), expected, "{escaped}");
        }
    }
}
