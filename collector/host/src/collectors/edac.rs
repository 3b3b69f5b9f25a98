//! Memory errors that were corrected or not, from `/sys/devices/system/edac`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::numbered;
use crate::files::{names, names_if_there};
use crate::pass::Pass;

const CORRECTABLE: Family<'static> =
    Family::counter("node_edac_correctable_errors_total", "Total correctable memory errors.");
const UNCORRECTABLE: Family<'static> =
    Family::counter("node_edac_uncorrectable_errors_total", "Total uncorrectable memory errors.");
const ROW_CORRECTABLE: Family<'static> =
    Family::counter("node_edac_csrow_correctable_errors_total", "Total correctable memory errors for this csrow.");
const ROW_UNCORRECTABLE: Family<'static> =
    Family::counter("node_edac_csrow_uncorrectable_errors_total", "Total uncorrectable memory errors for this csrow.");
/// The row of errors that the hardware could not place.
const UNKNOWN_ROW: &str = "unknown";

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.sys("devices/system/edac/mc");
    for name in names(&root)? {
        let Some(controller) = numbered(&name, "mc") else { continue };
        let directory = root.join(&name);
        let of_controller = [("controller", controller)];
        pass.sink.put(&CORRECTABLE, &of_controller, pass.page.number(&directory.join("ce_count"))?);
        pass.sink.put(&UNCORRECTABLE, &of_controller, pass.page.number(&directory.join("ue_count"))?);
        let unknown = [("controller", controller), ("csrow", UNKNOWN_ROW)];
        pass.sink.put(&ROW_CORRECTABLE, &unknown, pass.page.number(&directory.join("ce_noinfo_count"))?);
        pass.sink.put(&ROW_UNCORRECTABLE, &unknown, pass.page.number(&directory.join("ue_noinfo_count"))?);
        for name in names_if_there(&directory)? {
            let Some(row) = numbered(&name, "csrow") else { continue };
            let labels = [("controller", controller), ("csrow", row)];
            let directory = directory.join(&name);
            pass.sink.put(&ROW_CORRECTABLE, &labels, pass.page.number(&directory.join("ce_count"))?);
            pass.sink.put(&ROW_UNCORRECTABLE, &labels, pass.page.number(&directory.join("ue_count"))?);
        }
    }
    Ok(())
}
