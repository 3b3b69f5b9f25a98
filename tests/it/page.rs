//! The page in a real browser, driven by `tests/ui/page.cjs`.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::program::{Server, run};
use crate::tools;

/// Runs the script against `server`; `None` where a tool is missing.
fn drive(server: &Server, screenshots: &Path, more: &[&str]) -> Option<String> {
    let chromium = tools::program("chromium")?;
    let mut node = tools::node()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/page.cjs");
    node.arg(script).arg(chromium).arg(server.url()).arg(screenshots).args(more);
    let output = node.stdin(Stdio::null()).output().expect("starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    Some(out.into_owned())
}

/// Where the pictures go: a folder that stays, so that they can be looked at.
fn screenshots() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&folder).expect("is made");
    folder
}

#[test]
fn it_queries_zooms_opens_follows_and_downloads_without_a_complaint() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    let Some(out) = drive(&server, &screenshots(), &[]) else { return };
    assert_eq!(out.lines().filter(|line| line.starts_with("ok ")).count(), 16, "{out}");
}

#[test]
fn it_asks_for_the_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_, line, shown) = run(&["token", "new", "anna", "--role", "read"]);
    let file = directory.path().join("tokens");
    fs::write(&file, line).expect("writes");
    let server = Server::start(&directory.path().join("data"), &["--token-file", file.to_str().expect("a plain path")]);
    let token = shown.trim_end().rsplit(' ').next().expect("a token");
    let Some(out) = drive(&server, &screenshots(), &[token]) else { return };
    assert_eq!(out, "ok login\n");
}
