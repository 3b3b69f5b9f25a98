//! Every name the log store gives a file or directory.

use std::path::{Path, PathBuf};

/// The places of a log store under its directory.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    root: PathBuf,
}

impl Paths {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The catalogue of live segments.
    pub(crate) fn catalog(&self) -> PathBuf {
        self.root.join("catalog.sqlite")
    }

    /// Where partitions lie: `segments/<class>/<day>.<generation>/`.
    pub(crate) fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    /// The directory of a partition's generation, relative to [`Self::segments`]. `day` counts from 1970-01-01.
    pub(crate) fn partition(class: &str, day: i64, generation: i64) -> PathBuf {
        Path::new(class).join(format!("{}.{generation}", day_name(day)))
    }

    /// A segment's file name.
    pub(crate) fn segment_name(id: i64) -> String {
        format!("{id:012}.seg")
    }

    /// Files that could not be used, kept for a closer look.
    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }
}

/// `YYYYMMDD` of a day since 1970-01-01 (proleptic Gregorian; H. Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn day_name(day: i64) -> String {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_names() {
        for (day, name) in [(0, "19700101"), (20_779, "20261122"), (-1, "19691231"), (11_016, "20000229")] {
            assert_eq!(day_name(day), name);
        }
    }
}
