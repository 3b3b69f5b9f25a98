//! Members of bonded interfaces and how many of them have a link, from `/sys/class/net`.

use crate::error::CollectError;
use crate::family::Family;
use crate::pass::Pass;

const SLAVES: Family<'static> =
    Family::gauge("node_bonding_slaves", "Number of configured slaves per bonding interface.");
const ACTIVE: Family<'static> = Family::gauge("node_bonding_active", "Number of active slaves per bonding interface.");

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.sys("class/net");
    let masters = pass.page.read(&root.join("bonding_masters"))?.to_owned();
    for master in masters.split_ascii_whitespace() {
        let directory = root.join(master);
        let slaves = pass.page.read(&directory.join("bonding/slaves"))?.to_owned();
        let (mut count, mut active) = (0_u32, 0_u32);
        for slave in slaves.split_ascii_whitespace() {
            let path = directory.join(format!("lower_{slave}/bonding_slave/mii_status"));
            let state = pass.page.read_if_there(&path)?.map(str::to_owned);
            let state = match state {
                Some(state) => state,
                // Older kernels call the link so.
                None => pass.page.read(&directory.join(format!("slave_{slave}/bonding_slave/mii_status")))?.to_owned(),
            };
            count += 1;
            active += u32::from(state.trim() == "up");
        }
        pass.sink.put(&SLAVES, &[("master", master)], f64::from(count));
        pass.sink.put(&ACTIVE, &[("master", master)], f64::from(active));
    }
    Ok(())
}
