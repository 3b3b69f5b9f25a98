//! Which format a body has, and which ones a scraper asks for.

use crate::quote::quote;

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, 0.0.4 and 1.0.0 alike: quoted names are read in both.
    Text,
    /// OpenMetrics text, 0.0.1 and 1.0.0.
    OpenMetrics,
    /// Length-delimited `io.prometheus.client.MetricFamily` messages.
    Protobuf,
}

/// A `Content-Type` that says no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentTypeError {
    #[error(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
    )]
    Blank,
    #[error("cannot parse Content-Type {} and no fallback_scrape_protocol for target", quote(.0.as_bytes()))]
    Malformed(String),
    #[error(
        "received unsupported Content-Type {} and no fallback_scrape_protocol specified for target",
        quote(.0.as_bytes())
    )]
    Unsupported(String),
}

impl Format {
    /// The format of a body with this `Content-Type`; its parameters do not matter.
    pub fn from_content_type(value: &str) -> Result<Self, ContentTypeError> {
        let media_type = value.split(';').next().unwrap_or(value).trim();
        if value.is_empty() {
            return Err(ContentTypeError::Blank);
        }
        let is_token = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,:\\\"/[]?=".contains(&byte))
        };
        let formats = [
            ("text/plain", Self::Text),
            ("application/openmetrics-text", Self::OpenMetrics),
            ("application/vnd.google.protobuf", Self::Protobuf),
        ];
        match media_type.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) => formats
                .into_iter()
                .find(|(name, _)| media_type.eq_ignore_ascii_case(name))
                .map(|(_, format)| format)
                .ok_or_else(|| ContentTypeError::Unsupported(value.to_owned())),
            _ => Err(ContentTypeError::Malformed(value.to_owned())),
        }
    }
}

/// A format with its version, as `scrape_protocols` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    PrometheusProto,
    OpenMetricsText1_0_0,
    OpenMetricsText0_0_1,
    PrometheusText1_0_0,
    PrometheusText0_0_4,
}

/// What Prometheus asks for unless told otherwise. With native histograms [`ScrapeProtocol::PrometheusProto`] is first.
pub const SCRAPE_PROTOCOLS: [ScrapeProtocol; 4] = [
    ScrapeProtocol::OpenMetricsText1_0_0,
    ScrapeProtocol::OpenMetricsText0_0_1,
    ScrapeProtocol::PrometheusText1_0_0,
    ScrapeProtocol::PrometheusText0_0_4,
];

impl ScrapeProtocol {
    const ALL: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// The protocol of this name; `None` for an unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Its name in `scrape_protocols`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrometheusProto => "PrometheusProto",
            Self::OpenMetricsText1_0_0 => "OpenMetricsText1.0.0",
            Self::OpenMetricsText0_0_1 => "OpenMetricsText0.0.1",
            Self::PrometheusText1_0_0 => "PrometheusText1.0.0",
            Self::PrometheusText0_0_4 => "PrometheusText0.0.4",
        }
    }

    /// How a body of it is read: the way to read the body of a target that does not say.
    pub fn format(self) -> Format {
        match self {
            Self::PrometheusProto => Format::Protobuf,
            Self::OpenMetricsText1_0_0 | Self::OpenMetricsText0_0_1 => Format::OpenMetrics,
            Self::PrometheusText1_0_0 | Self::PrometheusText0_0_4 => Format::Text,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::OpenMetricsText1_0_0 => "application/openmetrics-text;version=1.0.0",
            Self::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0",
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
        }
    }

    fn knows_escaping(self) -> bool {
        matches!(self, Self::OpenMetricsText1_0_0 | Self::PrometheusText1_0_0)
    }
}

/// What a target does with names that are not of `[a-zA-Z_:][a-zA-Z0-9_:]*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    #[default]
    AllowUtf8,
    Underscores,
    Dots,
    Values,
}

impl Escaping {
    /// Its name in `metric_name_escaping_scheme` and in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }
}

/// The `Accept` header that asks for `protocols`, the first most.
pub fn accept(protocols: &[ScrapeProtocol], escaping: Escaping) -> String {
    let mut weight = ScrapeProtocol::ALL.len() + 1;
    let mut header = String::new();
    for protocol in protocols.iter().take(ScrapeProtocol::ALL.len()) {
        header.push_str(protocol.media_type());
        if protocol.knows_escaping() {
            header.push_str(";escaping=");
            header.push_str(escaping.name());
        }
        header.push_str(&format!(";q=0.{weight},"));
        weight -= 1;
    }
    header + &format!("*/*;q=0.{weight}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_names_its_format_or_is_refused() {
        let good = [
            ("text/plain; version=0.0.4; charset=utf-8", Format::Text),
            ("TEXT/plain", Format::Text),
            ("text/plain;version=1.0.0;escaping=allow-utf-8", Format::Text),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format::OpenMetrics),
            (
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                Format::Protobuf,
            ),
        ];
        for (value, format) in good {
            assert_eq!(Format::from_content_type(value), Ok(format), "{value}");
        }
        assert_eq!(Format::from_content_type(""), Err(ContentTypeError::Blank));
        for bad in ["text", "/plain", "text/pl ain", ";"] {
            assert_eq!(Format::from_content_type(bad), Err(ContentTypeError::Malformed(bad.to_owned())));
        }
        let error = Format::from_content_type("text/html").expect_err("refused");
        let told =
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target";
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn protocols_have_names_and_are_asked_for_by_weight() {
        for protocol in ScrapeProtocol::ALL {
            assert_eq!(ScrapeProtocol::from_name(protocol.name()), Some(protocol));
        }
        assert_eq!(ScrapeProtocol::from_name("prometheusproto"), None);
        assert_eq!(
            accept(&SCRAPE_PROTOCOLS, Escaping::AllowUtf8),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
        assert_eq!(
            accept(&[ScrapeProtocol::PrometheusProto], Escaping::Dots),
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             */*;q=0.5"
        );
    }
}
