//! Which program a line comes from, and which layer that program belongs to.
//!
//! Both are looked up once per file and once per program's name; whoever asks keeps the answers.

use std::path::Path;

use super::Layer;

/// What a file's path says of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLabels {
    /// The program of the lines that name none.
    pub service: String,
    /// `None` where neither the program nor a directory tells: such lines are `host`'s, unless they name a program.
    pub layer: Option<Layer>,
    /// `database/ORCL` of `alert_ORCL.log`.
    pub entities: Vec<String>,
}

/// What the path of a log file says of its lines.
pub fn of_file(path: &Path) -> FileLabels {
    let service = service_of(path);
    let instance = oracle_instance(stem(&file_name(path))).map(|sid| format!("database/{sid}"));
    FileLabels {
        layer: of_program(&service).or_else(|| of_directories(path)),
        entities: instance.into_iter().collect(),
        service,
    }
}

/// The layer that a program belongs to, by its name; `None` for programs that are not known.
pub fn of_program(name: &str) -> Option<Layer> {
    // `IPaddr2(vip)` is a cluster's resource agent.
    if name.ends_with(')') && name.contains('(') {
        return Some(Layer::Cluster);
    }
    let name = name.rsplit('/').next().unwrap_or(name);
    PROGRAMS.iter().find(|(program, _)| name.starts_with(program)).map(|(_, layer)| *layer)
}

/// The layer of a line: by its program, else by the file's directories, else `host`.
///
/// What the kernel says of DRBD is `storage`: there is no program that would say it.
pub fn layer(service: &str, path: Option<&Path>, line: &[u8]) -> &'static str {
    let layer = match of_program(service).or_else(|| of_directories(path?)) {
        Some(Layer::Kernel) if memchr::memmem::find(line.get(..160).unwrap_or(line), b" drbd").is_some() => {
            Layer::Storage
        }
        Some(layer) => layer,
        None => Layer::Host,
    };
    layer.name()
}

/// The layer of the innermost directory that is named like a program.
fn of_directories(path: &Path) -> Option<Layer> {
    path.parent()?.components().rev().find_map(|c| of_program(c.as_os_str().to_str()?))
}

/// Program names (their beginnings) and the layer they belong to.
const PROGRAMS: &[(&str, Layer)] = &[
    ("kernel", Layer::Kernel),
    ("dmesg", Layer::Kernel),
    ("kern", Layer::Kernel),
    ("pacemaker", Layer::Cluster),
    ("corosync", Layer::Cluster),
    ("crmd", Layer::Cluster),
    ("crm_", Layer::Cluster),
    ("crmsh", Layer::Cluster),
    ("pcs", Layer::Cluster),
    ("stonith", Layer::Cluster),
    ("fence", Layer::Cluster),
    ("pengine", Layer::Cluster),
    ("attrd", Layer::Cluster),
    ("lrmd", Layer::Cluster),
    ("cib", Layer::Cluster),
    ("sbd", Layer::Cluster),
    ("booth", Layer::Cluster),
    ("dlm_controld", Layer::Cluster),
    ("safekit", Layer::Cluster),
    ("drbd", Layer::Storage),
    ("multipath", Layer::Storage),
    ("lvm", Layer::Storage),
    ("dmeventd", Layer::Storage),
    ("mdadm", Layer::Storage),
    ("smartd", Layer::Storage),
    ("iscsi", Layer::Storage),
    ("zed", Layer::Storage),
    ("NetworkManager", Layer::Network),
    ("systemd-networkd", Layer::Network),
    ("systemd-resolved", Layer::Network),
    ("dhclient", Layer::Network),
    ("dnsmasq", Layer::Network),
    ("named", Layer::Network),
    ("keepalived", Layer::Network),
    ("ufw", Layer::Network),
    ("firewalld", Layer::Network),
    ("openvpn", Layer::Network),
    ("charon", Layer::Network),
    ("postgres", Layer::Database),
    ("pgbouncer", Layer::Database),
    ("patroni", Layer::Database),
    ("mysql", Layer::Database),
    ("mariadb", Layer::Database),
    ("oracle", Layer::Database),
    ("tnslsnr", Layer::Database),
    ("alert_", Layer::Database),
    ("mongod", Layer::Database),
    ("redis", Layer::Database),
    ("tomcat", Layer::App),
    ("catalina", Layer::App),
    ("localhost_access", Layer::App),
    ("java", Layer::App),
    ("jboss", Layer::App),
    ("wildfly", Layer::App),
    ("php-fpm", Layer::App),
    ("apache", Layer::Web),
    ("httpd", Layer::Web),
    ("nginx", Layer::Web),
    ("haproxy", Layer::Web),
    ("caddy", Layer::Web),
    ("varnish", Layer::Web),
    ("squid", Layer::Web),
];

/// File names that say what is in a file but not whose it is; the directory names the program then.
const COMMON_STEMS: [&str; 14] = [
    "access",
    "error",
    "access_log",
    "error_log",
    "other_vhosts_access",
    "current",
    "log",
    "output",
    "stdout",
    "stderr",
    "main",
    "server",
    "history",
    "term",
];

/// Tomcat's own files, each named after what is in it.
const TOMCAT_STEMS: [&str; 6] = ["catalina", "localhost", "localhost_access_log", "manager", "host-manager", "gc"];

/// The program that a file's lines are of where they don't say so themselves.
pub fn service_of(path: &Path) -> String {
    let name = file_name(path);
    let stem = stem(&name);
    let directory = path.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    let directory = directory.filter(|d| d != "log");
    if oracle_instance(stem).is_some() {
        return "oracle".to_owned();
    }
    if stem == "listener" && path.components().any(|c| c.as_os_str() == "tnslsnr") {
        return "tnslsnr".to_owned();
    }
    if TOMCAT_STEMS.contains(&stem) && (stem == "catalina" || is_below_tomcat(path)) {
        return "tomcat".to_owned();
    }
    let is_of_site = SITE_ENDINGS.iter().any(|ending| stem.ends_with(ending))
        && directory.as_deref().and_then(of_program) == Some(Layer::Web);
    if COMMON_STEMS.contains(&stem) || is_of_site {
        return directory.unwrap_or_else(|| stem.to_owned());
    }
    stem.strip_suffix("-slow").unwrap_or(stem).to_owned()
}

/// How files of one site end, as in `shop-access.log`.
const SITE_ENDINGS: [&str; 8] =
    ["-access", "_access", "-error", "_error", "-access_log", "_access_log", "-error_log", "_error_log"];

fn is_below_tomcat(path: &Path) -> bool {
    path.parent().is_some_and(|p| p.components().any(|c| c.as_os_str().to_string_lossy().contains("tomcat")))
}

/// The instance that an alert log is of.
fn oracle_instance(stem: &str) -> Option<&str> {
    let sid = stem.strip_prefix("alert_")?;
    let fits = (1..=30).contains(&sid.len()) && sid.bytes().all(|b| b.is_ascii_alphanumeric() || b"_$#+-".contains(&b));
    fits.then_some(sid)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The file's name up to its first dot, without a date or a weekday at its end.
fn stem(name: &str) -> &str {
    let stem = without_date(name.split('.').find(|part| !part.is_empty()).unwrap_or("log"));
    let weekday = ["-Mon", "-Tue", "-Wed", "-Thu", "-Fri", "-Sat", "-Sun"];
    weekday.iter().find_map(|day| stem.strip_suffix(day)).unwrap_or(stem)
}

/// `app-2026-11-22` and `app-20261122` without their date.
fn without_date(stem: &str) -> &str {
    let kept = stem.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_'));
    let cut = stem.len() - kept.len();
    if kept.is_empty() || cut < 9 { stem } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_come_from_program_then_path() {
        let nginx = Path::new("/var/log/nginx/access.log");
        for (service, path, line, expected) in [
            ("kernel", None, &b"x"[..], "kernel"),
            ("kernel", None, b"Nov 22 db1 kernel: [1.2] drbd r0: Connected", "storage"),
            ("pacemaker-controld", None, b"", "cluster"),
            ("sshd", None, b"drbd", "host"),
            ("access", Some(nginx), b"", "web"),
            ("postgresql-15-main", Some(Path::new("/var/log/postgresql/postgresql-15-main.log")), b"", "database"),
            ("app", Some(Path::new("/srv/x.log")), b"", "host"),
        ] {
            assert_eq!(layer(service, path, line), expected, "{service}");
        }
    }

    #[test]
    fn a_file_names_its_program() {
        for (path, expected) in [
            ("/var/log/dpkg.log", "dpkg"),
            ("/var/log/nginx/access.log", "nginx"),
            ("/var/log/error.log", "error"),
            ("/var/log/apt/term.log", "apt"),
            ("/var/log/syslog", "syslog"),
            ("/var/log/tomcat9/localhost_access_log.2026-11-22.txt", "tomcat"),
            ("/var/log/tomcat10/catalina.out", "tomcat"),
            ("/opt/tomcat/logs/manager.2026-11-22.log", "tomcat"),
            ("/opt/tomcat/logs/shop.log", "shop"),
            ("/srv/manager.log", "manager"),
            ("/var/log/apache2/access.log", "apache2"),
            ("/var/log/apache2/shop-error.log", "apache2"),
            ("/srv/shop-error.log", "shop-error"),
            ("/var/lib/pgsql/data/log/postgresql-Mon.log", "postgresql"),
            ("/var/log/mysql/mariadb-slow.log", "mariadb"),
            ("/u01/diag/rdbms/orcl/ORCL/trace/alert_ORCL.log", "oracle"),
            ("/u01/diag/tnslsnr/db1/listener/trace/listener.log", "tnslsnr"),
            ("/srv/listener.log", "listener"),
            ("/var/log/app-20261122.log", "app"),
            ("/var/log/postgresql/postgresql-15-main.log", "postgresql-15-main"),
        ] {
            assert_eq!(service_of(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_path_says_layer_and_entities() {
        let labels = |service: &str, layer, entities: &[&str]| FileLabels {
            service: service.to_owned(),
            layer,
            entities: entities.iter().map(|e| (*e).to_owned()).collect(),
        };
        for (path, expected) in [
            ("/u01/x/trace/alert_ORCL.log", labels("oracle", Some(Layer::Database), &["database/ORCL"])),
            ("/u01/x/trace/alert_.log", labels("alert_", Some(Layer::Database), &[])),
            ("/var/log/pacemaker/pacemaker.log", labels("pacemaker", Some(Layer::Cluster), &[])),
            ("/var/log/cluster/corosync.log", labels("corosync", Some(Layer::Cluster), &[])),
            ("/opt/tomcat/logs/shop.log", labels("shop", Some(Layer::App), &[])),
            ("/var/log/tomcat10/catalina.out", labels("tomcat", Some(Layer::App), &[])),
            ("/var/log/syslog", labels("syslog", None, &[])),
            ("/srv/crm/app.log", labels("app", None, &[])),
        ] {
            assert_eq!(of_file(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn programs_are_known_by_their_beginning() {
        for (name, expected) in [
            ("postgres", Some(Layer::Database)),
            ("/usr/sbin/mariadbd", Some(Layer::Database)),
            ("IPaddr2(vip)", Some(Layer::Cluster)),
            ("pacemaker-fenced", Some(Layer::Cluster)),
            ("sshd", None),
            ("", None),
        ] {
            assert_eq!(of_program(name), expected, "{name}");
        }
    }
}
