//! The hosts of the site, what they are called and where their logs are.

/// A database node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Db1,
    Db2,
}

impl Node {
    pub(crate) const BOTH: [Self; 2] = [Self::Db1, Self::Db2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Db1 => "db1",
            Self::Db2 => "db2",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Db1 => Self::Db2,
            Self::Db2 => Self::Db1,
        }
    }

    /// Its number in corosync and DRBD.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Db1 => 1,
            Self::Db2 => 2,
        }
    }
}

/// The third member, which runs no service; it is the designated controller.
pub(crate) const WITNESS: &str = "wit1";
/// Apache, Tomcat and PostgreSQL; not a member of the cluster.
pub(crate) const APP: &str = "app1";
/// All of them, with the site that they are in.
pub(crate) const ALL: [(&str, &str); 4] = [("db1", "north"), ("app1", "north"), ("db2", "south"), (WITNESS, "hub")];

/// The members of the group, in the order in which they start.
pub(crate) const GROUP: [&str; 4] = ["vip_erp", "fs_ora", "db_ora", "lsn_ora"];
pub(crate) const SERVICE: &str = "svc-erp";
pub(crate) const VIP: &str = "10.77.0.100";
pub(crate) const PROBED: &str = "https://erp.example.org/app/health";

pub(crate) const SYSLOG: &str = "/var/log/syslog";
pub(crate) const KERN: &str = "/var/log/kern.log";
pub(crate) const ALERT: &str = "/u01/app/oracle/diag/rdbms/erp/ERP/trace/alert_ERP.log";
pub(crate) const POSTGRES: &str = "/var/log/postgresql/postgresql-15-main.log";
pub(crate) const CATALINA: &str = "/var/log/tomcat10/catalina.out";
pub(crate) const ACCESS: &str = "/var/log/apache2/access.log";
pub(crate) const ERROR: &str = "/var/log/apache2/error.log";

/// The agent of a resource.
pub(crate) fn agent(resource: &str) -> &'static str {
    match resource {
        "vip_erp" => "ocf:heartbeat:IPaddr2",
        "fs_ora" => "ocf:heartbeat:Filesystem",
        "db_ora" => "ocf:heartbeat:oracle",
        "lsn_ora" => "ocf:heartbeat:oralsnr",
        "drbd_r0" => "ocf:linbit:drbd",
        _ => "stonith:fence_ipmilan",
    }
}
