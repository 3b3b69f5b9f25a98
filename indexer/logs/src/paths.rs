//! Every name the log store gives a file or directory.

use std::path::{Path, PathBuf};

use orszem_model::time::day_name;

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
