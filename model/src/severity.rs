//! Severity in OpenTelemetry's numbers, and how senders' words map to them.

/// An OpenTelemetry severity number: 0 unset, 1–4 trace, 5–8 debug, 9–12 info, 13–16 warn, 17–20 error, 21–24 fatal.
///
/// Source: OpenTelemetry log data model, "Field: SeverityNumber".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Severity(u8);

impl Severity {
    pub const UNSET: Self = Self(0);
    pub const TRACE: Self = Self(1);
    pub const DEBUG: Self = Self(5);
    pub const INFO: Self = Self(9);
    pub const NOTICE: Self = Self(10);
    pub const WARN: Self = Self(13);
    pub const ERROR: Self = Self(17);
    pub const CRITICAL: Self = Self(18);
    pub const ALERT: Self = Self(19);
    pub const FATAL: Self = Self(21);

    /// The severity of a number, `None` above 24.
    pub fn from_number(number: u8) -> Option<Self> {
        (number <= 24).then_some(Self(number))
    }

    /// The severity that a word such as `warning`, `ERR` or `I` names, in any case.
    pub fn from_text(text: &str) -> Option<Self> {
        const WORDS: [(&str, Severity); 32] = [
            ("info", Severity::INFO),
            ("error", Severity::ERROR),
            ("warn", Severity::WARN),
            ("warning", Severity::WARN),
            ("debug", Severity::DEBUG),
            ("trace", Severity::TRACE),
            ("fatal", Severity::FATAL),
            ("information", Severity::INFO),
            ("informational", Severity::INFO),
            ("err", Severity::ERROR),
            ("notice", Severity::NOTICE),
            ("crit", Severity::CRITICAL),
            ("critical", Severity::CRITICAL),
            ("alert", Severity::ALERT),
            ("emerg", Severity::FATAL),
            ("emergency", Severity::FATAL),
            ("panic", Severity::FATAL),
            ("severe", Severity::ERROR),
            ("failure", Severity::ERROR),
            ("fine", Severity::DEBUG),
            ("finer", Severity::TRACE),
            ("finest", Severity::TRACE),
            ("config", Severity::INFO),
            ("verbose", Severity::TRACE),
            ("default", Severity::INFO),
            ("log", Severity::INFO),
            ("t", Severity::TRACE),
            ("d", Severity::DEBUG),
            ("i", Severity::INFO),
            ("w", Severity::WARN),
            ("e", Severity::ERROR),
            ("f", Severity::FATAL),
        ];
        WORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, severity)| *severity)
    }

    /// The severity of a syslog priority's lower three bits (RFC 5424 §6.2.1).
    pub fn from_syslog(level: u8) -> Self {
        match level & 7 {
            0 => Self::FATAL,
            1 => Self::ALERT,
            2 => Self::CRITICAL,
            3 => Self::ERROR,
            4 => Self::WARN,
            5 => Self::NOTICE,
            6 => Self::INFO,
            _ => Self::DEBUG,
        }
    }

    /// The number, 0 to 24.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The band's name: `unset`, `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    pub fn name(self) -> &'static str {
        Self::BANDS[self.band()]
    }

    /// The band's place in [`Self::BANDS`].
    pub fn band(self) -> usize {
        usize::from(self.0.div_ceil(4)).min(6)
    }

    /// The bands, lowest first.
    pub const BANDS: [&'static str; 7] = ["unset", "trace", "debug", "info", "warn", "error", "fatal"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_bands_and_numbers_agree() {
        for (word, number, band) in [
            ("ERR", 17, "error"),
            ("Warning", 13, "warn"),
            ("emerg", 21, "fatal"),
            ("notice", 10, "info"),
            ("trace", 1, "trace"),
        ] {
            let severity = Severity::from_text(word).expect(word);
            assert_eq!((severity.number(), severity.name()), (number, band), "{word}");
        }
        assert_eq!(Severity::from_text("loud"), None);
        assert_eq!(Severity::from_number(25), None);
        assert_eq!(Severity::UNSET.name(), "unset");
        assert_eq!(Severity::from_number(24).map(Severity::name), Some("fatal"));
    }
}
