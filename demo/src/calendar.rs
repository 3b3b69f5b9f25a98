//! Moments as the programs write them, all in UTC.

use orszem_model::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// The parts of a moment.
struct Parts {
    year: i64,
    month: usize,
    day: i64,
    weekday: &'static str,
    clock: String,
    micros: i64,
}

fn parts(at: Timestamp) -> Parts {
    let seconds = at.0.div_euclid(1_000_000_000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 2 } else { shifted_month - 10 };
    Parts {
        year: year_of_era + era * 400 + i64::from(month < 2),
        month: month as usize,
        day: of_year - (153 * shifted_month + 2) / 5 + 1,
        weekday: DAYS[days.rem_euclid(7) as usize],
        clock: format!("{:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60),
        micros: at.0.rem_euclid(1_000_000_000) / 1_000,
    }
}

/// `2026-11-22T01:39:06.633106+00:00`
pub(crate) fn iso(at: Timestamp) -> String {
    let Parts { year, month, day, clock, micros, .. } = parts(at);
    format!("{year}-{:02}-{day:02}T{clock}.{micros:06}+00:00", month + 1)
}

/// `2026-11-22 01:39:06.633 UTC`
pub(crate) fn postgres(at: Timestamp) -> String {
    let Parts { year, month, day, clock, micros, .. } = parts(at);
    format!("{year}-{:02}-{day:02} {clock}.{:03} UTC", month + 1, micros / 1_000)
}

/// `22/Nov/2026:01:39:06 +0000`
pub(crate) fn access(at: Timestamp) -> String {
    let Parts { year, month, day, clock, .. } = parts(at);
    format!("{day:02}/{}/{year}:{clock} +0000", MONTHS[month])
}

/// `Sun Nov 22 01:39:06.633106 2026`
pub(crate) fn apache(at: Timestamp) -> String {
    let Parts { year, month, day, weekday, clock, micros } = parts(at);
    format!("{weekday} {} {day:02} {clock}.{micros:06} {year}", MONTHS[month])
}

/// `22-Nov-2026 01:39:06.633`
pub(crate) fn catalina(at: Timestamp) -> String {
    let Parts { year, month, day, clock, micros, .. } = parts(at);
    format!("{day:02}-{}-{year} {clock}.{:03}", MONTHS[month], micros / 1_000)
}

/// Hours of the day, with their fraction.
pub(crate) fn hour(at: Timestamp) -> f64 {
    at.0.div_euclid(1_000_000_000).rem_euclid(86_400) as f64 / 3_600.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_each_program_does() {
        // 2026-11-22T10:00:00.25Z, a Sunday.
        let at = Timestamp(1_795_341_600_250_000_000);
        assert_eq!(iso(at), "2026-11-22T10:00:00.250000+00:00");
        assert_eq!(postgres(at), "2026-11-22 10:00:00.250 UTC");
        assert_eq!(access(at), "22/Nov/2026:10:00:00 +0000");
        assert_eq!(apache(at), "Sun Nov 22 10:00:00.250000 2026");
        assert_eq!(catalina(at), "22-Nov-2026 10:00:00.250");
        assert_eq!(iso(Timestamp(951_782_400_000_000_000)), "2000-02-29T00:00:00.000000+00:00");
        assert_eq!(hour(at), 10.0);
    }
}
