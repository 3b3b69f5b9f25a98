//! Programs that do well, badly, and too much.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use orszem_alerting::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::senders::Senders;
use crate::testing::{STARTED_AT, addressed, refused, retried, senders};

fn channel(script: &str, more: &str) -> (Senders, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let script = script.replace("FOLDER", &folder.path().display().to_string());
    let arguments = serde_json::to_string(&["-c", &script]).expect("JSON");
    let text = format!("[[exec]]\nname = \"run\"\nprogram = \"/bin/sh\"\narguments = {arguments}\n{more}");
    (senders(&text), folder)
}

async fn run(script: &str) -> Outcome {
    channel(script, "").0.send(&addressed(Kind::Open, "run", "+361"), STARTED_AT).await
}

#[tokio::test]
async fn a_program_gets_the_message_and_nothing_else() {
    let script = "cat > FOLDER/in; env | sort > FOLDER/env; pwd > FOLDER/pwd; echo sent";
    let (senders, folder) = channel(script, "");
    let notice = addressed(Kind::Open, "run", "+361");
    let outcome = senders.send(&notice, STARTED_AT).await;
    assert_eq!(outcome, Outcome::Delivered { detail: "exit code 0: sent".to_owned(), remote_id: String::new() });
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("reads");
    let input: Value = serde_json::from_str(&read("in")).expect("JSON");
    let told = ["version", "kind", "status", "target", "incident", "thread"].map(|name| input[name].clone());
    let expected = [json!(1), json!("open"), json!("firing"), json!("+361"), json!(7), json!("incident-7-test")];
    assert_eq!(told, expected);
    assert_eq!(input["alerts"][0]["labels"]["mountpoint"], json!("/"));
    let environment = read("env");
    let names: Vec<&str> = environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let own = names.iter().filter(|name| name.starts_with("ORSZEM_")).count();
    assert_eq!(own, 17);
    // The shell sets PWD, OLDPWD, SHLVL and _ itself.
    let others = ["LANG", "OLDPWD", "PATH", "PWD", "SHLVL", "_"];
    let strangers: Vec<&&str> = names.iter().filter(|n| !n.starts_with("ORSZEM_") && !others.contains(*n)).collect();
    assert_eq!(strangers, [&""; 0]);
    assert!(environment.contains("ORSZEM_TITLE=db1: Disk and 1 more\n"), "{environment}");
    assert_eq!(read("pwd"), "/\n");
}

#[tokio::test]
async fn its_exit_decides() {
    assert_eq!(retried(run("echo full >&2; exit 75").await), "exit code 75: full");
    assert_eq!(refused(run("echo x; echo wrong number >&2; exit 1").await), "exit code 1: wrong number");
    assert_eq!(refused(run("echo only out; exit 3").await), "exit code 3: only out");
    let killed = retried(run("kill -9 $$").await);
    assert!(killed.contains("signal: 9"), "{killed}");
    // It reads nothing, and writes more than is kept.
    let loud = run("head -c 10000000 /dev/zero | tr '\\0' 'x'").await;
    let Outcome::Delivered { detail, .. } = loud else { panic!("{loud:?}") };
    assert_eq!(detail.len(), 512);
    let missing = "[[exec]]\nname = \"run\"\nprogram = \"/no/such/program\"";
    let reason = refused(senders(missing).send(&addressed(Kind::Open, "run", ""), STARTED_AT).await);
    assert!(reason.starts_with("can't start /no/such/program: No such file"), "{reason}");
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("plain");
    fs::write(&plain, "").expect("writes");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o600)).expect("sets");
    let text = format!("[[exec]]\nname = \"run\"\nprogram = {plain:?}");
    let reason = refused(senders(&text).send(&addressed(Kind::Open, "run", ""), STARTED_AT).await);
    assert!(reason.contains("Permission denied"), "{reason}");
}

/// Whether the process whose number is in the file is gone.
async fn is_gone(file: &Path) -> bool {
    let id = fs::read_to_string(file).expect("reads").trim().to_owned();
    let ending = async {
        // One that has ended may wait for its parent.
        while fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ending).await.is_ok()
}

#[tokio::test]
async fn one_that_does_not_end_is_killed_with_all_that_it_started() {
    let script = "sleep 1000 & echo $! > FOLDER/child; echo $$ > FOLDER/own; wait";
    let (senders, folder) = channel(script, "timeout = \"1s\"");
    let reason = retried(senders.send(&addressed(Kind::Open, "run", ""), STARTED_AT).await);
    assert_eq!(reason, "/bin/sh did not end within 1s, and was killed");
    assert!(is_gone(&folder.path().join("own")).await && is_gone(&folder.path().join("child")).await);
}

#[tokio::test]
async fn what_it_leaves_behind_holds_nothing_up() {
    let script = "sleep 1000 & echo $! > FOLDER/child; echo done";
    let (senders, folder) = channel(script, "timeout = \"60s\"");
    let begun = std::time::Instant::now();
    let outcome = senders.send(&addressed(Kind::Open, "run", ""), STARTED_AT).await;
    assert_eq!(outcome, Outcome::Delivered { detail: "exit code 0: done".to_owned(), remote_id: String::new() });
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert!(is_gone(&folder.path().join("child")).await);
}

#[tokio::test]
async fn one_whose_attempt_is_given_up_is_killed() {
    let (senders, folder) = channel("echo $$ > FOLDER/own; sleep 1000", "timeout = \"60s\"");
    let notice = addressed(Kind::Open, "run", "");
    let own = folder.path().join("own");
    let started = async {
        while fs::read_to_string(&own).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        outcome = senders.send(&notice, STARTED_AT) => panic!("{outcome:?}"),
        () = started => {}
    }
    assert!(is_gone(&own).await);
}
