//! By which name the program was started: clusters start an agent without arguments.

use std::ffi::OsString;
use std::path::Path;

/// Another name of `orszem event`.
const EVENT: &str = "orszem-event";
/// The handlers that DRBD 8.4 and 9 know.
const HANDLERS: [&str; 15] = [
    "fence-peer",
    "unfence-peer",
    "before-resync-source",
    "before-resync-target",
    "after-resync-target",
    "initial-split-brain",
    "split-brain",
    "pri-lost",
    "pri-lost-after-sb",
    "pri-on-incon-degr",
    "local-io-error",
    "out-of-sync",
    "quorum-lost",
    "disconnected",
    "outdate-peer",
];

/// The arguments as the command line has them. Started as `orszem-event` the program is `orszem event`; as
/// `orszem-HANDLER`, `notify-HANDLER` or `HANDLER`, with `.sh` or without, it is that handler of DRBD.
pub fn arguments(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut given = given.into_iter();
    let Some(program) = given.next() else { return Vec::new() };
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut all = vec![program];
    if name == EVENT {
        all.push("event".into());
    } else if let Some(handler) = handler(&name) {
        all.extend(["event".into(), "--drbd-handler".into(), handler.into()]);
    }
    all.extend(given);
    all
}

fn handler(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix(".sh").unwrap_or(name);
    let fronts = ["orszem-event-", "orszem-drbd-", "orszem-", "notify-"];
    let name = fronts.iter().find_map(|front| name.strip_prefix(front)).unwrap_or(name);
    HANDLERS.into_iter().find(|handler| *handler == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_is_run() {
        let of = |line: &str| {
            let words = arguments(line.split(' ').map(OsString::from));
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        for (line, expected) in [
            ("/usr/bin/orszem search x", "/usr/bin/orszem search x"),
            ("orszem-event", "orszem-event event"),
            ("/a/orszem-event --spool /s", "/a/orszem-event event --spool /s"),
            ("/a/orszem-split-brain", "/a/orszem-split-brain event --drbd-handler split-brain"),
            ("notify-pri-lost-after-sb.sh x", "notify-pri-lost-after-sb.sh event --drbd-handler pri-lost-after-sb x"),
            ("orszem-drbd-quorum-lost", "orszem-drbd-quorum-lost event --drbd-handler quorum-lost"),
            ("orszem-collector", "orszem-collector"),
            ("orszem-1.2", "orszem-1.2"),
        ] {
            assert_eq!(of(line), expected);
        }
        assert_eq!(arguments([]), Vec::<OsString>::new());
    }
}
