//! Kernel and host name, from `/proc/sys/kernel`.

use crate::error::CollectError;
use crate::family::Family;
use crate::pass::Pass;

const INFO: Family<'static> =
    Family::gauge("node_uname_info", "Labeled system information as provided by the uname system call.");
/// Labels and the files they are from.
const FILES: [(&str, &str); 5] = [
    ("sysname", "ostype"),
    ("release", "osrelease"),
    ("version", "version"),
    ("nodename", "hostname"),
    ("domainname", "domainname"),
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.proc("sys/kernel");
    let mut values = [const { String::new() }; FILES.len()];
    for (value, (_, file)) in values.iter_mut().zip(FILES) {
        value.push_str(pass.page.read(&root.join(file))?.trim_end());
    }
    // Kernels before 6.1 do not tell it in a file.
    let machine = match pass.page.attribute(&root.join("arch")) {
        Some(machine) => machine.to_owned(),
        None => built_for().to_owned(),
    };
    let mut labels = vec![("machine", machine.as_str())];
    labels.extend(FILES.iter().zip(&values).map(|((label, _), value)| (*label, value.as_str())));
    pass.sink.put(&INFO, &labels, 1.0);
    Ok(())
}

/// The machine's name as uname has it, by what this program is compiled for.
fn built_for() -> &'static str {
    match std::env::consts::ARCH {
        "x86" => "i686",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "arm" => "armv7l",
        other => other,
    }
}
