//! What stands in a certificate (RFC 5280), in the words that Go prints it in.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// The names of attributes that Go knows, in the order in which it prints them.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.3", "CN"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.11", "OU"),
    ("2.5.4.10", "O"),
    ("2.5.4.6", "C"),
];

/// A certificate. Times are seconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// The DNS names it is for.
    pub names: Vec<String>,
    /// In hexadecimal, lower case.
    pub serial: String,
    pub fingerprint_sha256: String,
    pub not_before: i64,
    pub not_after: i64,
    pub(super) subject_der: Vec<u8>,
    pub(super) issuer_der: Vec<u8>,
}

impl Certificate {
    /// Reads one; `None` if it is none.
    pub fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let names = parsed.subject_alternative_name().ok().flatten().map(|names| {
            let dns = names.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            });
            dns.collect()
        });
        let serial = parsed.raw_serial();
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        Some(Self {
            subject: name(parsed.subject()),
            issuer: name(parsed.issuer()),
            names: names.unwrap_or_default(),
            serial: hex(serial.get(zeros..).unwrap_or_default()),
            fingerprint_sha256: hex(&Sha256::digest(der)),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            subject_der: parsed.subject().as_raw().to_vec(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
        })
    }

    /// When it ends, for people.
    pub fn end(&self) -> String {
        date(self.not_after)
    }

    /// From when on it is valid, for people.
    pub fn from(&self) -> String {
        date(self.not_before)
    }
}

fn date(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since).map_or_else(String::new, httpdate::fmt_http_date)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}

/// A name as Go's `pkix.Name` prints it: known attributes in a fixed order, then the others from the last to the first.
fn name(name: &X509Name<'_>) -> String {
    let mut parts = Vec::new();
    for (oid, short) in ATTRIBUTES {
        let values: Vec<String> = name
            .iter_attributes()
            .filter(|attribute| attribute.attr_type().to_id_string() == oid)
            .map(|attribute| format!("{short}={}", escape(&text(attribute.attr_value().data))))
            .collect();
        if !values.is_empty() {
            parts.push(values.join("+"));
        }
    }
    let others: Vec<_> = name.iter_attributes().collect();
    for attribute in others.into_iter().rev() {
        let oid = attribute.attr_type().to_id_string();
        if ATTRIBUTES.iter().any(|(known, _)| *known == oid) {
            continue;
        }
        let value = attribute.attr_value();
        let (tag, data) = (value.header.tag().0, value.data);
        let mut part = format!("{oid}=#{:02x}", tag & 0xff);
        let length = data.len();
        if write!(part, "{}", if length < 128 { format!("{length:02x}") } else { format!("81{:02x}", length & 0xff) })
            .is_ok()
        {
            part.push_str(&hex(data));
        }
        parts.push(part);
    }
    parts.join(",")
}

/// The characters of a string of any of the ASN.1 types that names have.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// RFC 2253, 2.4.
fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(value.len());
    for (at, next) in value.chars().enumerate() {
        let is_edge = (next == ' ' && (at == 0 || at == last)) || (next == '#' && at == 0);
        if is_edge || matches!(next, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            out.push('\\');
        }
        out.push(next);
    }
    out
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SerialNumber};

    use super::*;

    #[test]
    fn names_are_printed_as_go_prints_them() {
        let mut parameters = CertificateParams::new(vec!["a.example".to_owned(), "b.example".to_owned()]).expect("ok");
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "HU");
        name.push(DnType::OrganizationName, "Acme, Inc.");
        name.push(DnType::CommonName, "a.example");
        parameters.distinguished_name = name;
        parameters.serial_number = Some(SerialNumber::from_slice(&[0x0a, 0xbc]));
        let own = parameters.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        let read = Certificate::parse(own.der()).expect("reads");
        assert_eq!(read.subject, "CN=a.example,O=Acme\\, Inc.,C=HU");
        assert_eq!((read.issuer.as_str(), read.serial.as_str()), (read.subject.as_str(), "0abc"));
        assert_eq!(read.names, ["a.example", "b.example"]);
        assert_eq!(read.fingerprint_sha256.len(), 64);
        assert_eq!(Certificate::parse(&CertificateDer::from(vec![48, 0])), None);
        assert_eq!((escape(" #a<"), escape("#a ")), ("\\ #a\\<".to_owned(), "\\#a\\ ".to_owned()));
    }
}
