//! Counters of the memory management, from `/proc/vmstat`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::number;
use crate::files::garbled;
use crate::filters::is_match;
use crate::pass::Pass;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("vmstat");
    for line in pass.page.read(&path)?.lines() {
        let row = line.split_once(' ').and_then(|(field, value)| Some((field, number(value)?)));
        let (field, value) = row.ok_or_else(|| garbled(&path, format!("no field: {line:?}")))?;
        if is_match(&pass.filters.vmstat_fields, field) {
            let (name, help) = (format!("node_vmstat_{field}"), format!("/proc/vmstat information field {field}."));
            pass.sink.put(&Family::unknown(&name, &help), &[], value);
        }
    }
    Ok(())
}
