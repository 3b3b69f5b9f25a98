//! What `make dist` packs, with the test's own build as the binary, and what systemd says of the units.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tools;

fn lines(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_package_has_the_program_its_units_and_its_configuration() {
    let (Some(dpkg), Some(_), Some(bash)) =
        (tools::program("dpkg-deb"), tools::program("strip"), tools::program("bash"))
    else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let status = Command::new(bash)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/dist.sh"))
        .env("ORSZEM_BINARY", env!("CARGO_BIN_EXE_orszem"))
        .env("ORSZEM_DIST", directory.path())
        .env("ORSZEM_DEB_COMPRESSION", "none")
        .output()
        .expect("runs");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let version = env!("CARGO_PKG_VERSION");
    let mut names: Vec<String> = fs::read_dir(directory.path())
        .expect("lists")
        .map(|e| e.expect("lists").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    let deb = names.iter().find(|name| name.ends_with(".deb")).expect("a package").clone();
    assert!(names.contains(&"SHA256SUMS".to_owned()) && deb.starts_with(&format!("orszem_{version}_")), "{names:?}");

    let deb = directory.path().join(deb);
    let root = directory.path().join("root");
    lines(&dpkg, &["-x", deb.to_str().expect("plain"), root.to_str().expect("plain")]);
    for file in [
        "usr/bin/orszem",
        "etc/orszem/orszem.toml",
        "etc/orszem/sql/postgresql.toml",
        "usr/lib/systemd/system/orszem-server.service",
        "usr/lib/systemd/system/orszem-collector.service",
        "usr/share/bash-completion/completions/orszem",
        "usr/share/doc/orszem/README.md",
        "usr/share/doc/orszem/copyright",
    ] {
        assert!(root.join(file).is_file(), "{file}");
    }
    let printed = lines(&root.join("usr/bin/orszem"), &["version"]);
    assert!(printed.starts_with(&format!("orszem {version} ")), "{printed}");
    let conffiles = lines(&dpkg, &["--info", deb.to_str().expect("plain"), "conffiles"]);
    let expected = [
        "orszem.toml",
        "probes.yml",
        "rules/corosync.yml",
        "rules/drbd.yml",
        "rules/host.yml",
        "rules/mariadb.yml",
        "rules/oracle.yml",
        "rules/orszem.yml",
        "rules/pacemaker.yml",
        "rules/postgresql.yml",
        "rules/probes.yml",
        "rules/sites.yml",
        "sql/mariadb.toml",
        "sql/oracle.toml",
        "sql/postgresql.toml",
        "sql/sqlite.toml",
    ];
    assert_eq!(conffiles, expected.map(|file| format!("/etc/orszem/{file}\n")).concat());
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let Some(analyze) = tools::program("systemd-analyze") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["orszem-collector.service", "orszem-server.service"] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/systemd").join(name);
        // The program is not installed where the tests run.
        let text =
            fs::read_to_string(shipped).expect("shipped").replace("/usr/bin/orszem", env!("CARGO_BIN_EXE_orszem"));
        let check = |text: &str| {
            let unit = directory.path().join(name);
            fs::write(&unit, text).expect("writes");
            let output = Command::new(&analyze).arg("verify").arg(&unit).output().expect("runs");
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            told.lines().filter(|line| line.contains(name)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(check(&text), Vec::<String>::new());
        assert_ne!(check(&text.replace("Restart=always", "Restart=perhaps")), Vec::<String>::new());
    }
}
