//! The formats that are known, and which parser reads each.

use super::{
    Moment, Parsed, access, apache_error, bsd_syslog, corosync, generic, iso_syslog, java, java_catalina, java_jul,
    json, kernel, logfmt, mariadb, multiline, nginx_error, oracle_alert, pacemaker, postgres, rfc5424,
};

/// A shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// `key=value key="value"` (Go's and Heroku's loggers).
    Logfmt,
    /// `<pri>1 stamp host app procid msgid [data] message`.
    Rfc5424,
    /// `[<pri>]Nov 22 10:00:00 host prog[pid]: message` (RFC 3164).
    BsdSyslog,
    /// `2026-11-22T10:00:00+01:00 host prog[pid]: message`.
    IsoSyslog,
    /// Common and combined access logs, with or without a virtual host, of Apache, nginx and Tomcat.
    Access,
    ApacheError,
    NginxError,
    /// Layout patterns of log4j, logback and Spring.
    Java,
    /// Tomcat's own log.
    Catalina,
    /// Two lines a record, as `java.util.logging` writes them.
    Jul,
    OracleAlert,
    Postgres,
    Mariadb,
    /// `[   12.345678] message`, as `dmesg` prints it.
    Kernel,
    /// Corosync's own log file.
    Corosync,
    /// Pacemaker's own log file.
    Pacemaker,
    /// A stamp of some common form near the beginning.
    Generic,
    /// A pattern given by the operator.
    Regex,
}

impl Format {
    /// All formats, the surest first: the order in which a line of unknown format is tried.
    pub const ALL: [Self; 19] = [
        Self::Json,
        Self::Rfc5424,
        Self::Corosync,
        Self::Pacemaker,
        Self::BsdSyslog,
        Self::IsoSyslog,
        Self::Access,
        Self::ApacheError,
        Self::NginxError,
        Self::Catalina,
        Self::Jul,
        Self::OracleAlert,
        Self::Postgres,
        Self::Mariadb,
        Self::Kernel,
        Self::Java,
        Self::Logfmt,
        Self::Generic,
        Self::Regex,
    ];

    /// The formats that say `None` of what they do not know, in the order in which they are tried.
    pub(crate) const SURE: [Self; 17] = {
        let mut sure = [Self::Json; 17];
        let mut at = 0;
        while at < sure.len() {
            sure[at] = Self::ALL[at];
            at += 1;
        }
        sure
    };

    /// Its name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Logfmt => "logfmt",
            Self::Rfc5424 => "rfc5424",
            Self::BsdSyslog => "syslog",
            Self::IsoSyslog => "syslog_iso",
            Self::Access => "access",
            Self::ApacheError => "apache_error",
            Self::NginxError => "nginx_error",
            Self::Java => "java",
            Self::Catalina => "catalina",
            Self::Jul => "jul",
            Self::OracleAlert => "oracle_alert",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Kernel => "kernel",
            Self::Corosync => "corosync",
            Self::Pacemaker => "pacemaker",
            Self::Generic => "generic",
            Self::Regex => "regex",
        }
    }

    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Whether a record may have several lines.
    pub fn is_multiline(self) -> bool {
        match self {
            Self::Json
            | Self::Logfmt
            | Self::Rfc5424
            | Self::BsdSyslog
            | Self::IsoSyslog
            | Self::Access
            | Self::Kernel
            | Self::Corosync
            | Self::Pacemaker
            | Self::Regex => false,
            Self::ApacheError
            | Self::NginxError
            | Self::Java
            | Self::Catalina
            | Self::Jul
            | Self::OracleAlert
            | Self::Postgres
            | Self::Mariadb
            | Self::Generic => true,
        }
    }

    /// Whether `line` begins a record of this format; what does not continues the record before it.
    pub(crate) fn is_start(self, line: &[u8]) -> bool {
        match self {
            Self::ApacheError => apache_error::is_start(line),
            Self::NginxError => nginx_error::is_start(line),
            Self::Java => java::is_start(line),
            Self::Catalina => java_catalina::is_start(line),
            Self::Jul => java_jul::is_start(line),
            Self::OracleAlert => oracle_alert::is_start(line),
            Self::Postgres => postgres::is_start(line),
            Self::Mariadb => mariadb::is_start(line),
            Self::Generic => generic::is_start(line),
            Self::Json
            | Self::Logfmt
            | Self::Rfc5424
            | Self::BsdSyslog
            | Self::IsoSyslog
            | Self::Access
            | Self::Kernel
            | Self::Corosync
            | Self::Pacemaker
            | Self::Regex => true,
        }
    }

    /// Whether `line` begins a record behind `before`, the lines of the record that it would go on with otherwise.
    pub(crate) fn is_start_behind(self, before: &[u8], line: &[u8]) -> bool {
        let is_start = self.is_start(line);
        match self {
            Self::Mariadb => is_start || mariadb::is_next_query(before, line),
            // Standard output may share the file: an exception printed there belongs to no record.
            Self::Java | Self::Catalina | Self::Jul => is_start || multiline::is_next_trace(before, line),
            Self::Json
            | Self::Logfmt
            | Self::Rfc5424
            | Self::BsdSyslog
            | Self::IsoSyslog
            | Self::Access
            | Self::ApacheError
            | Self::NginxError
            | Self::OracleAlert
            | Self::Postgres
            | Self::Kernel
            | Self::Corosync
            | Self::Pacemaker
            | Self::Generic
            | Self::Regex => is_start,
        }
    }

    /// Whether each of its records begins with a time of day.
    pub(crate) fn needs_clock(self) -> bool {
        match self {
            Self::BsdSyslog
            | Self::IsoSyslog
            | Self::Access
            | Self::ApacheError
            | Self::NginxError
            | Self::Catalina
            | Self::Jul
            | Self::Corosync
            | Self::Pacemaker => true,
            Self::Json
            | Self::Logfmt
            | Self::Rfc5424
            | Self::Java
            | Self::OracleAlert
            | Self::Postgres
            | Self::Mariadb
            | Self::Kernel
            | Self::Generic
            | Self::Regex => false,
        }
    }

    /// Reads a record, one line or several joined by line feeds; `None` when it is not of this format.
    pub(crate) fn parse<'a>(self, record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
        let mut parsed = match self {
            Self::Json => json::parse(record, moment),
            Self::Logfmt => logfmt::parse(record, moment),
            Self::Rfc5424 => rfc5424::parse(record, moment),
            Self::BsdSyslog => bsd_syslog::parse(record, moment),
            Self::IsoSyslog => iso_syslog::parse(record, moment),
            Self::Access => access::parse(record, moment),
            Self::ApacheError => apache_error::parse(record, moment),
            Self::NginxError => nginx_error::parse(record, moment),
            Self::Java => java::parse(record, moment),
            Self::Catalina => java_catalina::parse(record, moment),
            Self::Jul => java_jul::parse(record, moment),
            Self::OracleAlert => oracle_alert::parse(record, moment),
            Self::Postgres => postgres::parse(record, moment),
            Self::Mariadb => mariadb::parse(record, moment),
            Self::Kernel => kernel::parse(record, moment),
            Self::Corosync => corosync::parse(record, moment),
            Self::Pacemaker => pacemaker::parse(record, moment),
            Self::Generic => generic::stamped(record, moment),
            Self::Regex => None,
        }?;
        parsed.format = Some(self);
        Some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
        }
        assert_eq!(Format::from_name("JSON"), None);
        assert_eq!(Format::SURE.last(), Some(&Format::Logfmt));
    }
}
