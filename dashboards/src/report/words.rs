//! The words of a report, in each language.

use orszem_model::Language;

/// All of them: the compiler sees to it that none is missing. What stands in braces is filled in.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) goal: &'static str,
    pub(super) targets: &'static str,
    pub(super) target_columns: [&'static str; 11],
    pub(super) no_target: &'static str,
    pub(super) more: &'static str,
    pub(super) outages: &'static str,
    pub(super) outage_columns: [&'static str; 4],
    pub(super) goes_on: &'static str,
    pub(super) excluded: &'static str,
    pub(super) certificates: &'static str,
    pub(super) certificate_columns: [&'static str; 3],
    pub(super) incidents: &'static str,
    pub(super) incident_columns: [&'static str; 5],
    pub(super) warning: &'static str,
    pub(super) critical: &'static str,
    pub(super) unknown: &'static str,
    /// Days, hours, minutes and seconds.
    pub(super) units: [&'static str; 4],
    /// Between the whole and the rest of a number.
    pub(super) point: char,
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Hungarian => &HUNGARIAN,
        }
    }

    /// A level of alerts.
    pub(super) fn level<'a>(&self, level: &'a str) -> &'a str {
        match level {
            "warning" => self.warning,
            "critical" => self.critical,
            other => other,
        }
    }

    /// A share in per cent, with as many digits as tell outages from none.
    pub(super) fn percent(&self, ratio: Option<f64>) -> String {
        match ratio {
            None => self.unknown.to_owned(),
            // Rounding never makes the whole of what is less.
            Some(ratio) if ratio < 1.0 => {
                format!("{:.3} %", (ratio * 100_000.0).floor() / 1_000.0).replace('.', &self.point.to_string())
            }
            Some(_) => "100 %".to_owned(),
        }
    }

    /// A span as people read it, to the second.
    pub(super) fn span(&self, ms: i64) -> String {
        let [day, hour, minute, second] = self.units;
        let seconds = ms.unsigned_abs() / 1_000;
        let sign = if ms < 0 { "-" } else { "" };
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => format!("{sign}{seconds} {second}"),
            (0, 0, _) => format!("{sign}{minutes} {minute} {} {second}", seconds % 60),
            (0, _, _) => format!("{sign}{hours} {hour} {minutes} {minute}"),
            _ => format!("{sign}{days} {day} {hours} {hour}"),
        }
    }
}

const ENGLISH: Words = Words {
    code: "en",
    title: "Availability from {from} to {until} (UTC)",
    goal: "Goal {share}, which allows {allowed} of outage",
    targets: "Targets",
    target_columns: [
        "Probe",
        "Target",
        "Up",
        "Down",
        "Outages",
        "Budget left",
        "Unknown",
        "Excluded",
        "p50",
        "p95",
        "p99",
    ],
    no_target: "no target was probed",
    more: "and {n} more",
    outages: "Outages",
    outage_columns: ["From", "Lasted", "Target", "Reason"],
    goes_on: "goes on",
    excluded: "excluded",
    certificates: "Certificates that end",
    certificate_columns: ["Ends", "Left", "Target"],
    incidents: "Incidents",
    incident_columns: ["Id", "From", "Lasted", "Level", "Alerts"],
    warning: "warning",
    critical: "critical",
    unknown: "unknown",
    units: ["d", "h", "m", "s"],
    point: '.',
};

const HUNGARIAN: Words = Words {
    code: "hu",
    title: "Rendelkezésre állás {from} és {until} között (UTC)",
    goal: "A cél {share}, ez {allowed} kiesést enged meg",
    targets: "Célpontok",
    target_columns: [
        "Próba",
        "Célpont",
        "Elérhető",
        "Kiesés",
        "Kiesések",
        "Keret maradt",
        "Ismeretlen",
        "Kizárva",
        "p50",
        "p95",
        "p99",
    ],
    no_target: "egy célpontot sem vizsgált semmi",
    more: "és még {n}",
    outages: "Kiesések",
    outage_columns: ["Kezdete", "Tartott", "Célpont", "Oka"],
    goes_on: "még tart",
    excluded: "kizárva",
    certificates: "Lejáró tanúsítványok",
    certificate_columns: ["Lejár", "Hátravan", "Célpont"],
    incidents: "Incidensek",
    incident_columns: ["Szám", "Kezdete", "Tartott", "Szint", "Riasztások"],
    warning: "figyelmeztetés",
    critical: "kritikus",
    unknown: "ismeretlen",
    units: ["nap", "óra", "perc", "mp"],
    point: ',',
};
