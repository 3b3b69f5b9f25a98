//! Open file handles of the host, from `/proc/sys/fs/file-nr`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::{number, words};
use crate::files::garbled;
use crate::pass::Pass;

const ALLOCATED: Family<'static> = Family::gauge("node_filefd_allocated", "File descriptor statistics: allocated.");
const MAXIMUM: Family<'static> = Family::gauge("node_filefd_maximum", "File descriptor statistics: maximum.");

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("sys/fs/file-nr");
    // The middle one, free handles, is always 0.
    let numbers = words::<3>(pass.page.read(&path)?)
        .and_then(|[allocated, _, maximum]| Some((number(allocated)?, number(maximum)?)));
    let (allocated, maximum) = numbers.ok_or_else(|| garbled(&path, "no three numbers"))?;
    pass.sink.put(&ALLOCATED, &[], allocated);
    pass.sink.put(&MAXIMUM, &[], maximum);
    Ok(())
}
