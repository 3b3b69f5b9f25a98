//! Prometheus' text format 0.0.4, made from OpenMetrics.
//!
//! Sources: <https://prometheus.io/docs/instrumenting/exposition_formats/>, and the OpenMetrics 1.0 specification.

use http::HeaderMap;
use http::header::ACCEPT;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// Whether a client does not ask for OpenMetrics, or likes the text format better.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open_metrics, mut text) = (0.0, 0.0);
    for item in accepted.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
        if kind.eq_ignore_ascii_case(OPEN_METRICS) {
            open_metrics = quality.max(open_metrics);
        } else if kind.eq_ignore_ascii_case("text/plain") {
            text = quality.max(text);
        }
    }
    open_metrics == 0.0 || open_metrics < text
}

/// The same metrics. A family bears the name of its samples here, so counters end in `_total` and infos in `_info`.
pub(super) fn of(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    // The type, which says how the family is called, comes behind the help.
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(told) = line.strip_prefix("# HELP ") {
            help = told.split_once(' ').map(|(_, text)| text);
        } else if let Some((family, kind)) = line.strip_prefix("# TYPE ").and_then(|told| told.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            if let Some(help) = help.take() {
                out.extend(["# HELP ", family, suffix, " ", help, "\n"]);
            }
            out.extend(["# TYPE ", family, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            out.extend([line, "\n"]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_becomes_text() {
        let text = "# HELP a Things.\n# TYPE a counter\na_total{b=\"c\"} 1\na_total{b=\"# d\"} 2\n\
                    # HELP t Time.\n# TYPE t histogram\n# UNIT t seconds\nt_sum 1.5\nt_count 1\n\
                    t_bucket{le=\"+Inf\"} 1\n# TYPE g gauge\ng -1\n# HELP build x.\n# TYPE build info\n\
                    build_info{v=\"1\"} 1\n# TYPE u unknown\nu 1\n# EOF\n";
        let expected = "# HELP a_total Things.\n# TYPE a_total counter\na_total{b=\"c\"} 1\na_total{b=\"# d\"} 2\n\
                        # HELP t Time.\n# TYPE t histogram\nt_sum 1.5\nt_count 1\nt_bucket{le=\"+Inf\"} 1\n\
                        # TYPE g gauge\ng -1\n# HELP build_info x.\n# TYPE build_info gauge\n\
                        build_info{v=\"1\"} 1\n# TYPE u untyped\nu 1\n";
        assert_eq!(of(text), expected);
    }

    #[test]
    fn openmetrics_is_for_those_who_ask() {
        let asked = |accept: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT, http::HeaderValue::from_static(value));
            }
            is_asked_for(&headers)
        };
        assert!(asked(&[]) && asked(&["*/*"]) && asked(&["text/plain;version=0.0.4"]));
        assert!(asked(&["application/openmetrics-text;q=0"]));
        assert!(asked(&["text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5"]));
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert!(!asked(&[prometheus]));
        assert!(!asked(&["text/plain;q=0.1", "application/openmetrics-text; q=0.2"]));
    }
}
