//! Programs that some tests need and a machine may lack: found, or the test is skipped, loudly.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// The program `name` in `PATH`; `None` skips the test that asks.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.or_else(|| skip(name))
}

/// The Python of the clients that `tests/prepare.sh` installs.
pub(crate) fn python() -> Option<PathBuf> {
    python_in("python", "Python clients")
}

/// The Python of Elasticsearch's own clients, of the major version 8 or 9: no Python can have both.
pub(crate) fn python_elasticsearch(major: u8) -> Option<PathBuf> {
    python_in(&format!("python-elasticsearch{major}"), &format!("Elasticsearch {major} client"))
}

/// The Python in a folder of the prepared ones.
pub(crate) fn python_in(folder: &str, what: &str) -> Option<PathBuf> {
    let folder = prepared().join(folder);
    let file = folder.join("bin/python");
    folder.join("made-from").is_file().then_some(file).or_else(|| skip(what))
}

/// The program `name` of the system's administrators, in `PATH` or `/usr/sbin`; `None` skips the test that asks.
pub(crate) fn system_program(name: &str) -> Option<PathBuf> {
    let file = PathBuf::from("/usr/sbin").join(name);
    if file.is_file() { Some(file) } else { program(name) }
}

/// Node.js set up to find the packages that `tests/prepare.sh` installs.
pub(crate) fn node() -> Option<Command> {
    let packages = prepared().join("node");
    if !packages.join("made-from").is_file() {
        return skip("Node clients");
    }
    let mut node = Command::new(program("node")?);
    node.env("NODE_PATH", packages.join("node_modules"));
    Some(node)
}

/// The folder that `tests/prepare.sh` installs to.
fn prepared() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/orszem/test-tools");
    env::var_os("ORSZEM_TEST_TOOLS").map_or_else(home, PathBuf::from)
}

/// Tells that a test is skipped for want of `what`. Where everything is required, that is a failure.
pub(crate) fn skip<T>(what: &str) -> Option<T> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    assert!(!is_set("CI") && !is_set("ORSZEM_REQUIRE_ALL"), "{test} needs {what}: run `make test-deps`");
    eprintln!("SKIPPED {test}: there is no {what}");
    if let Some(list) = env::var_os("ORSZEM_SKIPPED") {
        let mut list =
            OpenOptions::new().append(true).create(true).open(list).expect("the list of skipped tests opens");
        writeln!(list, "{test}: no {what}").expect("writes");
    }
    None
}
