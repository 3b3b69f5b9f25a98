//! The names of DRBD 9's states, and how 8.4's become them.

/// DRBD 8.4 has one name for the peer of all its connections where it tells none.
pub const PEER_OF_84: &str = "peer";

/// Roles, as `drbdsetup` names them.
pub const ROLES: [&str; 3] = ["Unknown", "Primary", "Secondary"];

/// States of a connection, as DRBD 9 names them.
pub const CONNECTIONS: [&str; 10] = [
    "StandAlone",
    "Disconnecting",
    "Unconnected",
    "Timeout",
    "BrokenPipe",
    "NetworkFailure",
    "ProtocolError",
    "TearDown",
    "Connecting",
    "Connected",
];

/// States of a disk.
pub const DISKS: [&str; 10] = [
    "Diskless",
    "Attaching",
    "Detaching",
    "Failed",
    "Negotiating",
    "Inconsistent",
    "Outdated",
    "DUnknown",
    "Consistent",
    "UpToDate",
];

/// What is done with the bitmap: none, a resync, or a comparison of all blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    None,
    Resync,
    /// A resync that waits.
    Paused,
    Verify,
}

/// The pass that a state of replication means.
pub fn pass(replication: &str) -> Pass {
    match replication {
        "SyncSource" | "SyncTarget" => Pass::Resync,
        "PausedSyncS" | "PausedSyncT" => Pass::Paused,
        "VerifyS" | "VerifyT" => Pass::Verify,
        _ => Pass::None,
    }
}

/// The connection and the replication of DRBD 9 for a connection state of 8.4, which mixes both.
pub fn connection_of_84(state: &str) -> (&str, &str) {
    match state {
        "WFConnection" => ("Connecting", "Off"),
        "WFReportParams" => ("Connected", "Off"),
        "Connected" => ("Connected", "Established"),
        state if CONNECTIONS.contains(&state) => (state, "Off"),
        state => ("Connected", state),
    }
}

/// The parts of a list such as `user,quorum`; none for `no`.
pub(crate) fn list(value: &str) -> Vec<String> {
    let is_one = |word: &&str| !word.is_empty() && *word != "no";
    value.split(',').filter(is_one).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_8_4_become_those_of_9() {
        for (state, expected) in [
            ("StandAlone", ("StandAlone", "Off")),
            ("WFConnection", ("Connecting", "Off")),
            ("WFReportParams", ("Connected", "Off")),
            ("Connected", ("Connected", "Established")),
            ("NetworkFailure", ("NetworkFailure", "Off")),
            ("SyncSource", ("Connected", "SyncSource")),
            ("PausedSyncT", ("Connected", "PausedSyncT")),
            ("Ahead", ("Connected", "Ahead")),
        ] {
            assert_eq!(connection_of_84(state), expected, "{state}");
        }
    }

    #[test]
    fn lists_have_their_parts() {
        assert_eq!(list("no"), Vec::<String>::new());
        assert_eq!(list(""), Vec::<String>::new());
        assert_eq!(list("no-data,quorum"), ["no-data", "quorum"]);
    }
}
