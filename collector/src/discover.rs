//! What logs here: known places of known programs, and files that running programs write to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{FileConfig, glob};

/// Directory entries beyond this many are not looked at for one pattern.
const ENTRIES_MAX: usize = 20_000;
/// Open files of this many processes are looked at.
const PROCESSES_MAX: usize = 20_000;
/// `O_WRONLY | O_RDWR` in the octal flags of `/proc/<pid>/fdinfo/<fd>`.
const WRITE_FLAGS: u32 = 0o3;

/// Places outside of `/var/log`: what they are of, its layer, the format where it is beyond doubt, and patterns.
const KNOWN: [(&str, &str, &str, &[&str]); 12] = [
    (
        "tomcat",
        "app",
        "auto",
        &[
            "/opt/tomcat*/logs/*.{out,log,txt}",
            "/opt/apache-tomcat*/logs/*.{out,log,txt}",
            "/usr/local/tomcat*/logs/*.{out,log,txt}",
            "/usr/share/tomcat*/logs/*.{out,log,txt}",
            "/var/lib/tomcat*/logs/*.{out,log,txt}",
            "/srv/tomcat*/logs/*.{out,log,txt}",
        ],
    ),
    ("wildfly", "app", "auto", &["/opt/wildfly*/standalone/log/*.log", "/opt/jboss*/standalone/log/*.log"]),
    (
        "oracle",
        "database",
        "oracle_alert",
        &[
            "/u01/app/*/diag/rdbms/*/*/trace/alert_*.log",
            "/u01/app/*/diag/asm/*/*/trace/alert_*.log",
            "/opt/oracle/diag/rdbms/*/*/trace/alert_*.log",
        ],
    ),
    (
        "oracle-listener",
        "database",
        "auto",
        &["/u01/app/*/diag/tnslsnr/*/*/trace/*.log", "/opt/oracle/diag/tnslsnr/*/*/trace/*.log"],
    ),
    ("oracle-crs", "cluster", "auto", &["/u01/app/*/diag/crs/*/crs/trace/alert.log"]),
    (
        "postgresql",
        "database",
        "postgres",
        &[
            "/var/lib/postgresql/*/*/log/*.log",
            "/var/lib/postgresql/*/*/pg_log/*.log",
            "/var/lib/pgsql/*/data/log/*.log",
            "/var/lib/pgsql/data/log/*.log",
        ],
    ),
    ("mariadb", "database", "mariadb", &["/var/lib/mysql/*.err", "/var/lib/mysql/*-slow.log"]),
    (
        "apache",
        "web",
        "auto",
        &["/usr/local/apache2/logs/*_log", "/opt/apache2/logs/*_log", "/opt/rh/httpd*/root/var/log/httpd/*_log"],
    ),
    ("nginx", "web", "auto", &["/usr/local/nginx/logs/*.log", "/opt/nginx/logs/*.log"]),
    ("docker", "app", "json", &["/var/lib/docker/containers/*/*-json.log"]),
    ("pm2", "app", "auto", &["/root/.pm2/logs/*.log", "/home/*/.pm2/logs/*.log"]),
    ("weblogic", "app", "auto", &["/u01/*/user_projects/domains/*/servers/*/logs/*.log"]),
];

/// Where the usual patterns of the configuration look anyway.
const USUAL: &str = "/var/log/";

/// Files that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The program.
    pub service: String,
    /// Its layer; empty when it is not known.
    pub layer: String,
    /// A format's name, or `auto`.
    pub format: String,
    /// What to follow.
    pub include: Vec<String>,
    /// How it was found.
    pub reason: String,
    /// Files that match now.
    pub files: usize,
    /// Those of them that this process can't read.
    pub unreadable: usize,
}

impl Discovered {
    /// The configuration that follows them.
    pub fn to_config(&self) -> FileConfig {
        let Self { service, layer, format, include, reason: _, files: _, unreadable: _ } = self;
        FileConfig {
            include: include.clone(),
            exclude: ["*.gz", "*.xz", "*.zst", "*.bz2"].map(str::to_owned).to_vec(),
            format: format.clone(),
            service: service.clone(),
            layer: layer.clone(),
            ..FileConfig::default()
        }
    }
}

/// Looks below `root` (`/` but in tests).
pub fn discover(root: &Path) -> Vec<Discovered> {
    let mut found: Vec<Discovered> = KNOWN.iter().filter_map(|known| look_for(root, *known)).collect();
    let taken: Vec<String> = found.iter().flat_map(|of| of.include.iter().cloned()).collect();
    found.extend(open_files(root, &taken));
    found
}

fn look_for(root: &Path, (service, layer, format, patterns): (&str, &str, &str, &[&str])) -> Option<Discovered> {
    let patterns = patterns.iter().flat_map(|pattern| alternatives(pattern));
    let mut entries_left = ENTRIES_MAX;
    let matched: Vec<(String, Vec<PathBuf>)> = patterns
        .map(|pattern| {
            let files = expand(root, &pattern, &mut entries_left);
            (pattern, files)
        })
        .filter(|(_, files)| !files.is_empty())
        .collect();
    let files: BTreeSet<&PathBuf> = matched.iter().flat_map(|(_, files)| files).collect();
    let first = files.first()?;
    Some(Discovered {
        service: service.to_owned(),
        layer: layer.to_owned(),
        format: format.to_owned(),
        reason: format!("found {}", first.display()),
        files: files.len(),
        unreadable: files.iter().filter(|file| std::fs::File::open(file).is_err()).count(),
        include: matched.iter().map(|(pattern, _)| pattern.clone()).collect(),
    })
}

/// `a{b,c}` as `ab` and `ac`.
fn alternatives(pattern: &str) -> Vec<String> {
    let split = pattern.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    match split {
        Some((head, (inside, tail))) => inside.split(',').map(|one| format!("{head}{one}{tail}")).collect(),
        None => vec![pattern.to_owned()],
    }
}

/// The files below `root` that `pattern` matches, level by level.
fn expand(root: &Path, pattern: &str, entries_left: &mut usize) -> Vec<PathBuf> {
    let mut level = vec![root.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for dir in level {
            if !part.contains(['*', '?', '[']) {
                next.push(dir.join(part));
                continue;
            }
            let Ok(entries) = std::fs::read_dir(&dir) else { continue };
            for entry in entries.flatten() {
                *entries_left = entries_left.saturating_sub(1);
                if *entries_left == 0 {
                    break;
                }
                if glob::matches(part.as_bytes(), entry.file_name().as_encoded_bytes()) {
                    next.push(entry.path());
                }
            }
        }
        level = next;
    }
    level.into_iter().filter(|path| path.is_file()).collect()
}

/// Files that look like logs and are open for writing, by the directory they are in.
fn open_files(root: &Path, taken: &[String]) -> Vec<Discovered> {
    let mut by_directory: BTreeMap<PathBuf, (String, BTreeSet<PathBuf>)> = BTreeMap::new();
    let Ok(processes) = std::fs::read_dir(root.join("proc")) else { return Vec::new() };
    let own = std::process::id().to_string();
    for process in processes.flatten().take(PROCESSES_MAX) {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()) && **pid != own) else {
            continue;
        };
        let program = std::fs::read_to_string(process.path().join("comm")).unwrap_or_else(|_| pid.to_owned());
        for file in written_by(&process.path()) {
            let is_known = file.starts_with(USUAL) || is_taken(taken, &file);
            if let (false, Some(dir)) = (is_known, file.parent()) {
                let found = by_directory.entry(dir.to_owned());
                found.or_insert_with(|| (program.trim().to_owned(), BTreeSet::new())).1.insert(file);
            }
        }
    }
    let described = |(dir, (program, files)): (PathBuf, (String, BTreeSet<PathBuf>))| Discovered {
        layer: String::new(),
        format: "auto".to_owned(),
        include: files.iter().map(|file| file.display().to_string()).collect(),
        reason: format!("{program} writes to {}", dir.display()),
        files: files.len(),
        unreadable: files.iter().filter(|file| std::fs::File::open(file).is_err()).count(),
        service: program,
    };
    by_directory.into_iter().map(described).collect()
}

fn is_taken(taken: &[String], file: &Path) -> bool {
    taken.iter().any(|pattern| glob::matches(pattern.as_bytes(), file.as_os_str().as_encoded_bytes()))
}

/// The log files that a process has open for writing.
fn written_by(process: &Path) -> Vec<PathBuf> {
    let Ok(descriptors) = std::fs::read_dir(process.join("fd")) else { return Vec::new() };
    let logs = descriptors.flatten().filter_map(|descriptor| {
        let file = std::fs::read_link(descriptor.path()).ok()?;
        let is_log = looks_like_a_log(&file)
            && std::fs::metadata(&file).is_ok_and(|metadata| metadata.is_file() && metadata.nlink() > 0)
            && is_written(&process.join("fdinfo").join(descriptor.file_name()));
        is_log.then_some(file)
    });
    logs.collect()
}

fn is_written(info: &Path) -> bool {
    let info = std::fs::read_to_string(info).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & WRITE_FLAGS != 0)
}

/// By its name, and not a place where programs keep their own data.
fn looks_like_a_log(file: &Path) -> bool {
    const NOT_LOGS: [&str; 6] = ["/proc/", "/dev/", "/sys/", "/tmp/", "/var/tmp/", "/run/"];
    let text = file.to_string_lossy();
    if NOT_LOGS.iter().any(|start| text.starts_with(start)) || text.contains("/target/") || text.contains("/.") {
        return false;
    }
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    let in_log_directory = file.parent().and_then(Path::file_name).is_some_and(|dir| dir == "log" || dir == "logs");
    matches!(extension, "log" | "out" | "err") || (in_log_directory && matches!(extension, "" | "txt"))
}

/// A configuration file that follows what was found, with a comment on each part.
pub fn to_toml(found: &[Discovered], has_journal: bool) -> String {
    let mut text = String::from("# Made by `orszem collector --discover`.\n[collector]\ninclude = [\"/var/log/**\"]\n");
    let journal = if has_journal { "auto" } else { "off" };
    writeln!(text, "journal = \"{journal}\"").unwrap_or_default();
    for of in found {
        let Discovered { service, layer, format, include, reason, files, unreadable } = of;
        writeln!(text, "\n# {}: {files} files", reason.replace(['\n', '\r'], " ")).unwrap_or_default();
        if *unreadable > 0 {
            writeln!(text, "# {unreadable} of them can't be read by this user").unwrap_or_default();
        }
        writeln!(text, "[[collector.file]]\ninclude = {include:?}").unwrap_or_default();
        writeln!(text, "format = {format:?}\nservice = {service:?}").unwrap_or_default();
        if !layer.is_empty() {
            writeln!(text, "layer = {layer:?}").unwrap_or_default();
        }
    }
    text
}

/// The tools of clusters: what they belong to, where they may be.
const TOOLS: [(&str, &str); 3] = [("Pacemaker", "crm_mon"), ("corosync", "corosync-quorumtool"), ("DRBD", "drbdsetup")];

/// A section of the configuration for the cluster that this host, below `root` (`/` but in tests), is a node of; empty
/// where none of a cluster's tools is installed.
pub fn cluster_to_toml(root: &Path) -> String {
    let mut text = String::new();
    for (part, tool) in TOOLS {
        let directories = crate::source::command::DIRECTORIES.iter().map(|directory| directory.trim_start_matches('/'));
        let found = directories.map(|directory| root.join(directory).join(tool)).find(|path| path.is_file());
        if let Some(path) = found {
            writeln!(text, "# {part}: found {}", path.display()).unwrap_or_default();
        }
    }
    if !text.is_empty() {
        text = format!("\n{text}[collector.cluster]\nenabled = \"auto\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_places_are_found_and_empty_ones_are_not() {
        let root = tempfile::tempdir().expect("tempdir");
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("opt/tomcat9/logs")).expect("mkdir");
        std::fs::create_dir_all(at("opt/nginx/logs")).expect("mkdir");
        for file in ["opt/tomcat9/logs/catalina.out", "opt/tomcat9/logs/x.pid", "opt/tomcat9/logs/a.log"] {
            std::fs::write(at(file), "x").expect("writes");
        }
        let found = discover(root.path());
        assert_eq!(
            found,
            [Discovered {
                service: "tomcat".into(),
                layer: "app".into(),
                format: "auto".into(),
                include: vec!["/opt/tomcat*/logs/*.out".into(), "/opt/tomcat*/logs/*.log".into()],
                reason: format!("found {}", at("opt/tomcat9/logs/a.log").display()),
                files: 2,
                unreadable: 0,
            }]
        );
        assert!(to_toml(&found, true).contains("[[collector.file]]\ninclude = [\"/opt/tomcat*/logs/*.out\""));
    }

    #[test]
    fn the_tools_of_a_cluster_are_found() {
        let root = tempfile::tempdir().expect("tempdir");
        assert_eq!(cluster_to_toml(root.path()), "");
        std::fs::create_dir_all(root.path().join("usr/sbin")).expect("mkdir");
        let tool = root.path().join("usr/sbin/crm_mon");
        std::fs::write(&tool, "").expect("writes");
        let expected = format!("\n# Pacemaker: found {}\n[collector.cluster]\nenabled = \"auto\"\n", tool.display());
        assert_eq!(cluster_to_toml(root.path()), expected);
    }

    #[test]
    fn a_log_that_is_written_to_is_found() {
        let expectations = [
            ("/srv/app/server.log", true),
            ("/srv/app/logs/current", true),
            ("/srv/app/data", false),
            ("/tmp/x.log", false),
            ("/home/a/.cache/x.log", false),
        ];
        for (file, expected) in expectations {
            assert_eq!(looks_like_a_log(Path::new(file)), expected, "{file}");
        }
    }

    #[test]
    fn flags_say_whether_a_file_is_written() {
        let info = tempfile::NamedTempFile::new().expect("a file");
        for (flags, expected) in [("0100001", true), ("02100002", true), ("0100000", false)] {
            std::fs::write(info.path(), format!("pos:\t0\nflags:\t{flags}\nmnt_id:\t29\n")).expect("writes");
            assert_eq!(is_written(info.path()), expected, "{flags}");
        }
    }
}
