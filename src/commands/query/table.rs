//! Answers as a table for people, and as CSV (RFC 4180) for programs.

use std::fmt::Write;

use super::{Data, name};

/// Value, time and labels, a line each; the values are aligned.
pub(super) fn table(data: &Data) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    match data {
        Data::Scalar((_, value)) | Data::String((_, value)) => rows.push((value.clone(), String::new())),
        Data::Vector(elements) => {
            for element in elements {
                let of_histogram = || element.histogram.as_ref().map(|(_, histogram)| histogram.text());
                let value = element.value.as_ref().map(|(_, value)| value.clone()).or_else(of_histogram);
                rows.push((value.unwrap_or_default(), name(&element.metric)));
            }
        }
        Data::Matrix(series) => {
            for series in series {
                let name = name(&series.metric);
                let points = series.values.iter().map(|(time, value)| (*time, value.clone()));
                let histograms = series.histograms.iter().map(|(time, histogram)| (*time, histogram.text()));
                rows.extend(points.chain(histograms).map(|(time, value)| (value, format!("{} {name}", moment(time)))));
            }
        }
    }
    let width = rows.iter().map(|row| row.0.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (value, rest) in rows {
        put(&mut out, format_args!("{value:>width$}  {rest}"));
    }
    out
}

/// `time,value,series` with a heading.
pub(super) fn csv(data: &Data) -> String {
    let mut out = "time,value,series\r\n".to_owned();
    let mut line = |time: f64, value: &str, series: &str| {
        if write!(out, "{},{},{}\r\n", moment(time), quoted(value), quoted(series)).is_err() {
            tracing::error!("a line could not be written");
        }
    };
    match data {
        Data::Scalar((time, value)) | Data::String((time, value)) => line(*time, value, ""),
        Data::Vector(elements) => {
            for element in elements {
                let name = name(&element.metric);
                if let Some((time, value)) = &element.value {
                    line(*time, value, &name);
                }
                if let Some((time, histogram)) = &element.histogram {
                    line(*time, &histogram.text(), &name);
                }
            }
        }
        Data::Matrix(series) => {
            for series in series {
                let name = name(&series.metric);
                for (time, value) in &series.values {
                    line(*time, value, &name);
                }
                for (time, histogram) in &series.histograms {
                    line(*time, &histogram.text(), &name);
                }
            }
        }
    }
    out
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    if writeln!(out, "{line}").is_err() {
        tracing::error!("a line could not be written");
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// RFC 3339.
pub(super) fn moment(seconds: f64) -> String {
    orszem_model::Timestamp((seconds * 1e3).round() as i64 * 1_000_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Data {
        serde_json::from_str(
            r#"{"resultType":"vector","result":[
                {"metric":{"__name__":"up","job":"a, \"b\""},"value":[1.5,"1"]},
                {"metric":{},"histogram":[2,{"count":"10","sum":"2.5"}]}]}"#,
        )
        .expect("an answer")
    }

    #[test]
    fn values_are_aligned() {
        assert_eq!(table(&data()), "               1  up{job=\"a, \\\"b\\\"\"}\ncount 10 sum 2.5  {}\n");
    }

    #[test]
    fn csv_is_quoted() {
        let expected = "time,value,series\r\n\
                        1970-01-01T00:00:01.5Z,1,\"up{job=\"\"a, \\\"\"b\\\"\"\"\"}\"\r\n\
                        1970-01-01T00:00:02Z,count 10 sum 2.5,{}\r\n";
        assert_eq!(csv(&data()), expected);
    }
}
