//! The time of this host.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orszem_model::Timestamp;
use orszem_parse::Zone;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Where the zones are described that `TZ` names.
const ZONES: &str = "/usr/share/zoneinfo";

/// This host's zone: what `TZ` names, as for the C library, else `/etc/localtime`, else UTC.
pub(crate) fn local_zone() -> Zone {
    let named = std::env::var_os("TZ").and_then(|name| of_file(&zone_file(&name)));
    named.or_else(|| of_file(Path::new("/etc/localtime"))).unwrap_or_else(Zone::utc)
}

/// `Europe/Budapest`, `:Europe/Budapest` and `/usr/share/zoneinfo/Europe/Budapest` are the same file.
fn zone_file(name: &OsStr) -> PathBuf {
    let bytes = name.as_bytes();
    Path::new(ZONES).join(OsStr::from_bytes(bytes.strip_prefix(b":").unwrap_or(bytes)))
}

fn of_file(file: &Path) -> Option<Zone> {
    let bytes = std::fs::read(file).ok()?;
    Zone::from_tzif(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_all_its_forms_is_one_file() {
        for name in ["Europe/Budapest", ":Europe/Budapest", "/usr/share/zoneinfo/Europe/Budapest"] {
            assert_eq!(zone_file(OsStr::new(name)), Path::new("/usr/share/zoneinfo/Europe/Budapest"));
        }
        assert_eq!(of_file(Path::new("/nonexistent")), None);
    }
}
