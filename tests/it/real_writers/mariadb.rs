//! MariaDB: error log and slow query log.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::following::{Following, body, check, only};
use super::writer::{User, Writer, command, free_address};
use crate::tools;

/// The client on the server's socket.
fn client(socket: &Path, user: &str) -> Option<Command> {
    let mut client = command(&tools::program("mariadb")?);
    client.args(["--no-defaults", "--force", "-u", user, "-S"]).arg(socket);
    Some(client)
}

#[test]
fn mariadb_is_recognised() {
    let Some(program) = tools::system_program("mariadbd") else { return };
    let Some(install) = tools::program("mariadb-install-db") else { return };
    let following = Following::start("");
    let (user, root, log) = (User::named("mysql"), following.path("mariadb"), following.path("log/mysql"));
    let (data, socket) = (root.join("data"), root.join("socket"));
    user.folder(&root);
    user.folder(&log);
    let mut install = user.command(&install);
    install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
    let made = install.arg(format!("--datadir={}", data.display())).status().expect("mariadb-install-db runs");
    assert!(made.success());
    let mut server = user.command(&program);
    server.arg("--no-defaults");
    for (option, value) in [
        ("datadir", data.display().to_string()),
        ("socket", socket.display().to_string()),
        ("pid-file", root.join("pid").display().to_string()),
        ("log-error", log.join("error.log").display().to_string()),
        ("slow-query-log-file", log.join("mariadb-slow.log").display().to_string()),
        ("port", free_address().port().to_string()),
    ] {
        server.arg(format!("--{option}={value}"));
    }
    server.args(["--bind-address=127.0.0.1", "--slow-query-log=1", "--long-query-time=0.2"]);
    server.args(["--log-slow-verbosity=query_plan,explain", "--log-warnings=2", "--innodb-buffer-pool-size=16M"]);
    let mut mariadb = Writer::start(&mut server);
    let run = |user: &str, database: &str, password: &str, text: &str| {
        let Some(mut client) = client(&socket, user) else { return false };
        client.arg(format!("--password={password}")).arg("-e").arg(text).arg(database);
        client.status().expect("the client runs").success()
    };
    mariadb.wait_until("ready", || run("root", "mysql", "", "SELECT 1"));
    run("root", "mysql", "", "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY)");
    run("root", "shop", "", "INSERT INTO orders VALUES (1)");
    assert!(!run("bob", "shop", "wrong", "SELECT 1"));
    // In one second, so that only the first of them may be written with its time.
    run("root", "shop", "", "SELECT SLEEP(0.25), COUNT(*)\nFROM orders; SELECT SLEEP(0.21); SELECT SLEEP(0.22)");
    mariadb.stop("TERM");

    let rows = following.records_of("mysql/error.log");
    let plain = json!({ "thread": 0, "orszem.time_inferred": "zone" });
    let with = |more: Value| {
        let mut all = plain.clone();
        all.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        all
    };
    let place = |level| [level, "mysql", "database"];
    check(only(&rows, "ready for connections"), &[], place("info"), &plain);
    assert!(body(only(&rows, "ready for connections")).contains("\nVersion: '"));
    check(only(&rows, "Starting shutdown"), &[], place("info"), &with(json!({ "subsystem": "InnoDB" })));
    check(
        only(&rows, "Access denied"),
        &["thread"],
        place("warn"),
        &with(json!({ "thread": "*", "user": "bob", "client": "localhost" })),
    );

    let rows = following.records_of("mysql/mariadb-slow.log");
    let slow: Vec<&Value> = rows.iter().filter(|row| body(row).contains("# Query_time: ")).collect();
    assert_eq!(slow.len(), 3, "{slow:#?}");
    for (row, (query, time)) in slow.iter().zip([
        ("SELECT SLEEP(0.25), COUNT(*)\nFROM orders;", 0.25),
        ("SELECT SLEEP(0.21);", 0.21),
        ("SELECT SLEEP(0.22);", 0.22),
    ]) {
        assert!(body(row).ends_with(query), "{row:#}");
        let mut expected = json!({
            "user": "root", "client": "localhost", "database": "shop", "thread": "*",
            "mysql.query_time": "*", "mysql.lock_time": "*", "mysql.rows_sent": 1, "mysql.rows_examined": "*",
            "mysql.rows_affected": 0, "mysql.bytes_sent": "*",
        });
        if body(row).starts_with("# Time: ") {
            expected["orszem.time_inferred"] = json!("zone");
        }
        let varying = ["thread", "mysql.query_time", "mysql.lock_time", "mysql.rows_examined", "mysql.bytes_sent"];
        check(row, &varying, ["info", "mariadb", "database"], &expected);
        let taken = row["attributes"]["mysql.query_time"].as_f64().expect("a number");
        assert!((time..time + 5.0).contains(&taken), "{taken}");
    }
    assert!(fs::metadata(&socket).is_err(), "the server was stopped");
}
