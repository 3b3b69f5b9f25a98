//! Programs that some tests need and a machine may lack: found, or the test is skipped, loudly.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// The program `name` in `PATH`; `None` skips the test that asks.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.or_else(|| skip(name))
}

/// Tells that a test is skipped for want of `what`. Where everything is required, that is a failure.
fn skip<T>(what: &str) -> Option<T> {
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
