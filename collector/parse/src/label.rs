//! Which program a line comes from, and which layer that program belongs to.

use std::path::Path;

/// Program names (their beginnings) and the layer they belong to.
const PROGRAMS: [(&str, &str); 49] = [
    ("kernel", "kernel"),
    ("dmesg", "kernel"),
    ("kern", "kernel"),
    ("pacemaker", "cluster"),
    ("corosync", "cluster"),
    ("crm", "cluster"),
    ("pcs", "cluster"),
    ("stonith", "cluster"),
    ("fence", "cluster"),
    ("pengine", "cluster"),
    ("attrd", "cluster"),
    ("lrmd", "cluster"),
    ("cib", "cluster"),
    ("sbd", "cluster"),
    ("drbd", "storage"),
    ("multipath", "storage"),
    ("lvm", "storage"),
    ("dmeventd", "storage"),
    ("mdadm", "storage"),
    ("smartd", "storage"),
    ("iscsi", "storage"),
    ("zed", "storage"),
    ("NetworkManager", "network"),
    ("systemd-networkd", "network"),
    ("systemd-resolved", "network"),
    ("dhclient", "network"),
    ("dnsmasq", "network"),
    ("named", "network"),
    ("keepalived", "network"),
    ("ufw", "network"),
    ("firewalld", "network"),
    ("postgres", "database"),
    ("mysql", "database"),
    ("mariadb", "database"),
    ("oracle", "database"),
    ("tnslsnr", "database"),
    ("alert_", "database"),
    ("mongod", "database"),
    ("redis", "database"),
    ("tomcat", "app"),
    ("catalina", "app"),
    ("localhost_access", "app"),
    ("java", "app"),
    ("php-fpm", "app"),
    ("apache", "web"),
    ("httpd", "web"),
    ("nginx", "web"),
    ("haproxy", "web"),
    ("caddy", "web"),
];

/// The layer of a line: by its program, else by the file's directories, else `host`.
///
/// What the kernel says of DRBD is `storage`: there is no program that would say it.
pub fn layer(service: &str, path: Option<&Path>, line: &[u8]) -> &'static str {
    let layer = of_program(service).or_else(|| {
        let directories = path?.parent()?.components();
        directories.rev().find_map(|c| of_program(c.as_os_str().to_str()?))
    });
    match layer {
        Some("kernel") if memchr::memmem::find(line.get(..160).unwrap_or(line), b" drbd").is_some() => "storage",
        Some(layer) => layer,
        None => "host",
    }
}

fn of_program(name: &str) -> Option<&'static str> {
    PROGRAMS.iter().find(|(program, _)| name.starts_with(program)).map(|(_, layer)| *layer)
}

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

/// The program that a file's lines are of where they don't say so themselves.
pub fn service_of(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or("log");
    let stem = without_date(stem);
    if !COMMON_STEMS.contains(&stem) {
        return stem.to_owned();
    }
    let directory = path.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    directory.filter(|d| d != "log").unwrap_or_else(|| stem.to_owned())
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
            ("/var/log/tomcat9/localhost_access_log.2026-11-22.txt", "localhost_access_log"),
            ("/var/log/app-20261122.log", "app"),
            ("/var/log/postgresql/postgresql-15-main.log", "postgresql-15-main"),
        ] {
            assert_eq!(service_of(Path::new(path)), expected, "{path}");
        }
    }
}
