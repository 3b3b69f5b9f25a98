//! The command line as a person meets it.

use std::fs;

use crate::program::run;

#[test]
fn version_and_completion_print_to_standard_output() {
    let (code, out, _) = run(&["version"]);
    assert_eq!((code, out.as_str()), (0, concat!("orszem ", env!("CARGO_PKG_VERSION"), " (linux-x86_64)\n")));
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = run(&["completion", shell]);
        assert_eq!(code, 0);
        assert!(out.contains("check-config"), "{shell}");
    }
    assert_eq!(run(&["completion", "sh"]).0, 2);
}

#[test]
fn every_command_explains_itself_with_examples() {
    let (_, help, _) = run(&["--help"]);
    let commands = [
        "up",
        "server",
        "search",
        "tail",
        "explain",
        "collector",
        "collectors",
        "probe",
        "doctor",
        "check-config",
        "token",
        "backup",
        "restore",
        "bench",
        "version",
        "completion",
    ];
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "{command} in\n{help}");
        let (code, own, _) = run(&[command, "--help"]);
        assert!(code == 0 && own.contains("EXAMPLES\n  orszem "), "{command}");
    }
}

#[test]
fn check_config_tells_all_problems_and_exits_1() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("o.toml");
    let name = file.to_str().expect("a plain path");
    fs::write(&file, "[server]\nconnections_max = 0\nlisten = []\n").expect("writes");
    let (code, out, _) = run(&["check-config", name]);
    let expected = format!(
        "{name}:2: server.connections_max = 0: lets nobody in; write 1 to 1000000\n\
         {name}:3: server.listen = []: names no address; write [\"127.0.0.1:7450\"]\n2 problems\n"
    );
    assert_eq!((code, out), (1, expected));
    fs::write(&file, "").expect("writes");
    assert_eq!(run(&["check-config", name]).0, 0);
    let (code, _, err) = run(&["check-config", "/nonexistent.toml"]);
    assert_eq!(code, 2);
    assert!(err.contains("can't read the configuration file /nonexistent.toml: No such file"), "{err}");
}

#[test]
fn a_new_token_goes_to_the_terminal_and_its_hash_to_the_file() {
    let (code, line, shown) = run(&["token", "new", "node1", "--role", "ingest", "--tenant", "7"]);
    let secret = shown.trim_end().strip_prefix("token, shown only now: ").expect("shown");
    assert_eq!(code, 0);
    assert!(line.starts_with("node1 ingest 7 sha256:") && !line.contains(secret), "{line}");
    assert_eq!(run(&["token", "new", "two words", "--role", "read"]).0, 2);
}

#[test]
fn a_search_without_a_server_says_what_to_do() {
    let (code, out, err) = run(&["search", "error", "--server", "http://127.0.0.1:9"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("orszem: no server at 127.0.0.1:9: start one with `orszem up`"), "{err}");
}

#[test]
fn a_backup_comes_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a plain path").to_owned();
    fs::create_dir_all(path("data/journal")).expect("made");
    fs::write(path("data/journal/0.seg"), "frames").expect("written");
    let (code, _, err) = run(&["backup", &path("b.tar.zst"), "--data-dir", &path("data")]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = run(&["restore", &path("b.tar.zst"), "--data-dir", &path("back")]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(fs::read_to_string(path("back/journal/0.seg")).expect("there"), "frames");
    assert_eq!(run(&["restore", &path("b.tar.zst"), "--data-dir", &path("back")]).0, 2);
}
