//! PostgreSQL, in a zone that is not the host's, with the prefix that Debian configures, on standard error as `pg_ctlcluster` keeps it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::following::{Following, check, only};
use super::writer::{User, Writer, command, free_address};
use crate::tools;

const LOG: &str = "postgresql/postgresql-15-main.log";

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
    folders.max().or_else(|| tools::skip("PostgreSQL"))
}

/// Runs statements, each of which may fail.
fn psql(programs: &Path, address: SocketAddr, user: &str, database: &str, statements: &[&str]) {
    let mut psql = command(&programs.join("psql"));
    psql.args(["-X", "-q", "-h", "127.0.0.1", "-p", &address.port().to_string(), "-U", user, "-d", database]);
    for statement in statements {
        psql.args(["-c", statement]);
    }
    psql.env("PGPASSWORD", "wrong").status().expect("psql runs");
}

#[test]
fn postgres_is_recognised() {
    let Some(programs) = programs() else { return };
    let following = Following::start("");
    let (user, root) = (User::named("postgres"), following.path("postgres"));
    let (data, log, address) = (root.join("data"), following.path("log").join(LOG), free_address());
    user.folder(&root);
    user.folder(log.parent().expect("a folder"));
    let mut initdb = user.command(&programs.join("initdb"));
    initdb.args(["-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-U", "postgres", "-D"]).arg(&data);
    assert!(initdb.status().expect("initdb runs").success());
    let config = format!(
        "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nlog_timezone = 'Europe/Budapest'\n\
         log_line_prefix = '%m [%p] %q%u@%d '\nlog_min_duration_statement = 200\nlog_connections = on\nfsync = off\n",
        address.port(),
        root.display()
    );
    fs::write(data.join("postgresql.conf"), config).expect("writes");
    fs::write(data.join("pg_hba.conf"), "host all eve all scram-sha-256\nhost all all all trust\n").expect("writes");
    let file = File::options().create(true).append(true).open(&log).expect("a log");
    let mut postgres = Writer::start(user.command(&programs.join("postgres")).arg("-D").arg(&data).stderr(file));
    postgres.wait_until("ready", || {
        let told = fs::read_to_string(&log).unwrap_or_default();
        told.contains("ready to accept connections")
    });
    let run = |user: &str, database: &str, statements: &[&str]| psql(&programs, address, user, database, statements);
    run("postgres", "postgres", &["CREATE ROLE bob LOGIN", "CREATE ROLE eve LOGIN PASSWORD 'x'"]);
    run("postgres", "postgres", &["CREATE DATABASE shop OWNER bob"]);
    let insert = "INSERT INTO orders VALUES (1)";
    run("bob", "shop", &["CREATE TABLE orders (id int PRIMARY KEY)", insert, insert]);
    run("bob", "shop", &["SELECT *\n\tFROM nowhere\nWHERE x = 1"]);
    run("bob", "shop", &["SELECT pg_sleep(0.3)"]);
    run("bob", "shop", &["DO $$ BEGIN RAISE WARNING 'low stock'; END $$"]);
    run("eve", "shop", &["SELECT 1"]);
    postgres.stop("INT");

    let rows = following.records_of(LOG);
    let service = "postgresql-15-main";
    let of_bob = |more: Value| {
        let mut all = json!({ "pid": "*", "user": "bob", "database": "shop" });
        all.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        all
    };
    for (needle, level, attributes) in [
        ("ERROR:  duplicate key", "error", of_bob(json!({}))),
        ("DETAIL:  Key (id)=(1)", "unset", of_bob(json!({ "postgres.line": "detail" }))),
        ("STATEMENT:  INSERT", "unset", of_bob(json!({ "postgres.line": "statement" }))),
        ("ERROR:  relation \"nowhere\"", "error", of_bob(json!({}))),
        ("duration: ", "info", of_bob(json!({ "duration_ms": "*" }))),
        ("WARNING:  low stock", "warn", of_bob(json!({}))),
        ("FATAL:  password authentication failed", "fatal", of_bob(json!({ "user": "eve" }))),
        ("ready to accept", "info", json!({ "pid": "*" })),
    ] {
        check(only(&rows, needle), &["pid", "duration_ms"], [level, service, "database"], &attributes);
    }
    let statement = only(&rows, "FROM nowhere");
    let body = super::following::body(statement);
    assert!(body.ends_with("STATEMENT:  SELECT *\n\t\tFROM nowhere\n\tWHERE x = 1"), "{body}");
    let slow = only(&rows, "duration: ")["attributes"]["duration_ms"].as_f64().expect("a number");
    assert!((300.0..10_000.0).contains(&slow), "{slow}");
    let received = rows.iter().filter(|row| row["attributes"]["client"] == json!("127.0.0.1")).count();
    assert_eq!(received, rows.iter().filter(|row| super::following::body(row).contains("connection received")).count());
    assert!(received >= 7, "{received}");
}
