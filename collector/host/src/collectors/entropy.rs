//! The kernel's pool of randomness, from `/proc/sys/kernel/random`.

use crate::error::CollectError;
use crate::family::Family;
use crate::pass::Pass;

const AVAILABLE: Family<'static> = Family::gauge("node_entropy_available_bits", "Bits of available entropy.");
const POOL_SIZE: Family<'static> = Family::gauge("node_entropy_pool_size_bits", "Bits of entropy pool.");

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    for (file, family) in [("entropy_avail", &AVAILABLE), ("poolsize", &POOL_SIZE)] {
        let bits = pass.page.number(&pass.files.proc("sys/kernel/random").join(file))?;
        pass.sink.put(family, &[], bits);
    }
    Ok(())
}
