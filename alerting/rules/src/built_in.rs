//! The rule files that the program brings: those of `config/rules`, as they were when it was built.

/// Each with its name. A rule about what nobody measures here stays quiet.
pub const BUILT_IN: [(&str, &str); 10] = [
    ("corosync.yml", include_str!("../../../config/rules/corosync.yml")),
    ("drbd.yml", include_str!("../../../config/rules/drbd.yml")),
    ("host.yml", include_str!("../../../config/rules/host.yml")),
    ("mariadb.yml", include_str!("../../../config/rules/mariadb.yml")),
    ("oracle.yml", include_str!("../../../config/rules/oracle.yml")),
    ("orszem.yml", include_str!("../../../config/rules/orszem.yml")),
    ("pacemaker.yml", include_str!("../../../config/rules/pacemaker.yml")),
    ("postgresql.yml", include_str!("../../../config/rules/postgresql.yml")),
    ("probes.yml", include_str!("../../../config/rules/probes.yml")),
    ("sites.yml", include_str!("../../../config/rules/sites.yml")),
];
