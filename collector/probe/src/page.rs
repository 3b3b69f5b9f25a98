//! What a probe measured: gauges under blackbox_exporter's names.

use std::fmt::Write;

/// A metric: its name, and the help that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge {
    pub name: &'static str,
    pub help: &'static str,
}

/// A label's name and value.
pub type Label = (String, String);

/// The samples of one gauge.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    pub gauge: Gauge,
    pub samples: Vec<(Vec<Label>, f64)>,
}

/// All that one probe measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    families: Vec<Family>,
}

impl Page {
    /// The families, in no order that means anything.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The value of a sample without labels.
    pub fn value(&self, name: &str) -> Option<f64> {
        let family = self.families.iter().find(|family| family.gauge.name == name)?;
        family.samples.iter().find(|(labels, _)| labels.is_empty()).map(|(_, value)| *value)
    }

    /// Sets the sample without labels.
    pub(crate) fn set(&mut self, gauge: Gauge, value: f64) {
        self.set_with(gauge, Vec::new(), value);
    }

    pub(crate) fn set_with(&mut self, gauge: Gauge, labels: Vec<Label>, value: f64) {
        *self.sample(gauge, labels) = value;
    }

    /// Adds to the sample of a phase.
    pub(crate) fn add_phase(&mut self, gauge: Gauge, phase: &str, seconds: f64) {
        *self.sample(gauge, vec![("phase".to_owned(), phase.to_owned())]) += seconds;
    }

    fn sample(&mut self, gauge: Gauge, labels: Vec<Label>) -> &mut f64 {
        let at = match self.families.iter().position(|family| family.gauge.name == gauge.name) {
            Some(at) => at,
            None => {
                self.families.push(Family { gauge, samples: Vec::new() });
                self.families.len() - 1
            }
        };
        let samples = &mut self.families[at].samples;
        let at = match samples.iter().position(|(known, _)| *known == labels) {
            Some(at) => at,
            None => {
                samples.push((labels, 0.0));
                samples.len() - 1
            }
        };
        &mut samples[at].1
    }

    /// As Prometheus' text format has it, sorted by name.
    pub fn to_text(&self) -> String {
        let mut families: Vec<&Family> = self.families.iter().collect();
        families.sort_by_key(|family| family.gauge.name);
        let mut text = String::with_capacity(2048);
        for Family { gauge: Gauge { name, help }, samples } in families {
            push(&mut text, format_args!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
            let mut samples: Vec<&(Vec<Label>, f64)> = samples.iter().collect();
            samples.sort_by(|a, b| a.0.cmp(&b.0));
            for (labels, value) in samples {
                text.push_str(name);
                for (at, (label, value)) in labels.iter().enumerate() {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                    push(&mut text, format_args!("{}{label}=\"{value}\"", if at == 0 { '{' } else { ',' }));
                }
                push(&mut text, format_args!("{} {value}\n", if labels.is_empty() { "" } else { "}" }));
            }
        }
        text
    }
}

/// Writing to a text never fails.
fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    if text.write_fmt(part).is_err() {
        tracing::debug!("a text could not be written");
    }
}

macro_rules! gauges {
    ($($constant:ident = $name:literal, $help:literal;)*) => {
        $(pub(crate) const $constant: Gauge = Gauge { name: $name, help: $help };)*
    };
}

gauges! {
    SUCCESS = "probe_success", "Displays whether or not the probe was a success";
    DURATION = "probe_duration_seconds", "Returns how long the probe took to complete in seconds";
    LOOKUP_TIME = "probe_dns_lookup_time_seconds", "Returns the time taken for probe dns lookup in seconds";
    IP_PROTOCOL = "probe_ip_protocol", "Specifies whether probe ip protocol is IP4 or IP6";
    IP_ADDR_HASH = "probe_ip_addr_hash",
        "Specifies the hash of IP address. It's useful to detect if the IP address changes.";
    FAILED_DUE_TO_REGEX = "probe_failed_due_to_regex", "Indicates if probe failed due to regex";
    FAILED_DUE_TO_BYTES = "probe_failed_due_to_bytes", "Indicates if probe failed due to bytes";
    EXPECT_INFO = "probe_expect_info", "Explicit content matched";
    HTTP_DURATION = "probe_http_duration_seconds", "Duration of http request by phase, summed over all redirects";
    HTTP_CONTENT_LENGTH = "probe_http_content_length", "Length of http content response";
    HTTP_BODY_LENGTH = "probe_http_uncompressed_body_length", "Length of uncompressed response body";
    HTTP_REDIRECTS = "probe_http_redirects", "The number of redirects";
    HTTP_SSL = "probe_http_ssl", "Indicates if SSL was used for the final redirect";
    HTTP_STATUS = "probe_http_status_code", "Response HTTP status code";
    HTTP_VERSION = "probe_http_version", "Returns the version of HTTP of the probe response";
    HTTP_LAST_MODIFIED = "probe_http_last_modified_timestamp_seconds",
        "Returns the Last-Modified HTTP response header in unixtime";
    SSL_EARLIEST_EXPIRY = "probe_ssl_earliest_cert_expiry", "Returns last SSL chain expiry in unixtime";
    SSL_LAST_CHAIN_EXPIRY = "probe_ssl_last_chain_expiry_timestamp_seconds",
        "Returns last SSL chain expiry in timestamp";
    SSL_LAST_CHAIN_INFO = "probe_ssl_last_chain_info", "Contains SSL leaf certificate information";
    SSL_VALID = "probe_ssl_certificate_valid",
        "Whether the certificate is trusted, in time and of the right name; told even where it is not asked for";
    SSL_PROBLEM = "probe_ssl_certificate_problem_info", "Why the certificate is not valid";
    TLS_VERSION = "probe_tls_version_info", "Returns the TLS version used or NaN when unknown";
    TLS_CIPHER = "probe_tls_cipher_info", "Returns the TLS cipher negotiated during handshake";
    ICMP_DURATION = "probe_icmp_duration_seconds", "Duration of icmp request by phase";
    ICMP_HOP_LIMIT = "probe_icmp_reply_hop_limit", "Replied packet hop limit (TTL for ipv4)";
    ICMP_SOCKET = "probe_icmp_socket_info", "Which kind of socket was used: raw or unprivileged";
    DNS_DURATION = "probe_dns_duration_seconds", "Duration of DNS request by phase";
    DNS_ANSWERS = "probe_dns_answer_rrs", "Returns number of entries in the answer resource record list";
    DNS_AUTHORITIES = "probe_dns_authority_rrs", "Returns number of entries in the authority resource record list";
    DNS_ADDITIONALS = "probe_dns_additional_rrs", "Returns number of entries in the additional resource record list";
    DNS_SUCCEEDED = "probe_dns_query_succeeded", "Displays whether or not the query was executed successfully";
    SQL_DURATION = "probe_sql_duration_seconds", "Duration of the login to a database and of the query";
    SQL_ROWS = "probe_sql_rows", "Number of rows that the query gave";
    SQL_VALUE = "probe_sql_value", "First cell of the first row, where it is a number";
    DNS_SERIAL = "probe_dns_serial", "Returns the serial number of the zone";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_sorted_and_escaped() {
        let mut page = Page::default();
        page.set(SUCCESS, 1.0);
        page.add_phase(DNS_DURATION, "resolve", 0.5);
        page.add_phase(DNS_DURATION, "connect", 0.25);
        page.add_phase(DNS_DURATION, "resolve", 0.5);
        page.set_with(SSL_PROBLEM, vec![("reason".into(), "a \"b\"\\\n".into())], 1.0);
        let expected = "# HELP probe_dns_duration_seconds Duration of DNS request by phase\n\
            # TYPE probe_dns_duration_seconds gauge\n\
            probe_dns_duration_seconds{phase=\"connect\"} 0.25\n\
            probe_dns_duration_seconds{phase=\"resolve\"} 1\n\
            # HELP probe_ssl_certificate_problem_info Why the certificate is not valid\n\
            # TYPE probe_ssl_certificate_problem_info gauge\n\
            probe_ssl_certificate_problem_info{reason=\"a \\\"b\\\"\\\\\\n\"} 1\n\
            # HELP probe_success Displays whether or not the probe was a success\n\
            # TYPE probe_success gauge\nprobe_success 1\n";
        assert_eq!(page.to_text(), expected);
        assert_eq!((page.value("probe_success"), page.value("probe_ip_protocol")), (Some(1.0), None));
    }
}
