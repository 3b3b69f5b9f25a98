//! PostgreSQL, and Oracle's queries on PostgreSQL with orafce.

use std::fs;
use std::path::Path;

use orszem_model::Span;
use orszem_sql::{DatabaseConfig, Kind, Reason, TlsMode, run_once};

use crate::postgresql::Postgresql;
use crate::tools;

/// What is asked of it by the shipped file.
fn asked_of(server: &Postgresql, user: &str, database: &str, file: &str) -> DatabaseConfig {
    DatabaseConfig {
        name: "pg".to_owned(),
        url: format!("postgresql://{user}@127.0.0.1:{}/{database}", server.port),
        files: vec![crate::shipped(file)],
        timeout: Span::secs(30),
        ..DatabaseConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_file_works_and_oracles_on_orafce() {
    let Some(server) = Postgresql::start() else { return };
    server.psql("postgres", "create role mon login");
    server.psql("postgres", "grant pg_monitor to mon");
    server.psql("postgres", "create role secret login password 'pass word'");
    server.psql("postgres", "create table kept (x int)");
    let ran = crate::run(&asked_of(&server, "mon", "postgres", "postgresql.toml")).await;
    assert_eq!(crate::failed(&ran), []);
    let lines = crate::lines(&ran);
    let expected = [
        "postgresql_settings_max_connections{} 100",
        "postgresql_replication_is_standby{} 0",
        "postgresql_blocked_sessions_count{} 0",
        "postgresql_transactions_prepared_count{} 0",
        "postgresql_archiver_failed_total{} 0",
        "postgresql_database_deadlocks_total{datname=postgres} 0",
    ];
    crate::assert_has(&lines, &expected);

    // Passwords, permissions, deadlines.
    let folder = tempfile::tempdir().expect("a folder");
    let (password, metrics) = (folder.path().join("password"), folder.path().join("metrics.toml"));
    fs::write(&password, "pass word\n").expect("writes");
    let all = [
        crate::metric("denied", "select x as v from kept", ""),
        crate::metric("writes", "create table more (v int)", ""),
        crate::metric("late", "select 1 as v from pg_sleep(30)", "querytimeout = \"500ms\""),
        crate::metric("many", "select generate_series(1, 1000000000) as v", "row_limit = 2\nquerytimeout = \"20s\""),
        crate::metric("types", "select '{1,2}'::int[] as l, interval '1 day 2 hours' as v", ""),
        crate::metric("time", "select true::text as l, timestamptz '2026-11-22 14:39:32.5+01' as v", ""),
        crate::metric("number", "select null as l, 12345.678::numeric(20,5) as v union all select 'n', null", ""),
    ];
    fs::write(&metrics, all.concat()).expect("writes");
    let config = DatabaseConfig {
        password_file: Some(password.clone()),
        files: vec![metrics],
        ..asked_of(&server, "secret", "postgres", "postgresql.toml")
    };
    let ran = crate::run(&config).await;
    let expected = [("denied", Reason::Permission), ("writes", Reason::Query), ("late", Reason::Timeout)];
    assert_eq!(crate::reasons(&ran), expected);
    let expected = [
        "postgresql_many_v{} 1",
        "postgresql_many_v{} 2",
        "postgresql_types_v{l={1,2}} 93600",
        "postgresql_time_v{l=true} 1795354772.5",
        "postgresql_number_v{} 12345.678",
    ];
    assert_eq!(crate::lines(&ran), expected);
    fs::write(&password, "wrong").expect("writes");
    let refused = run_once(&crate::plan(&config), None).await.expect_err("a wrong password").to_string();
    assert!(refused.contains("password authentication failed") && !refused.contains("wrong"), "{refused}");
    let encrypted =
        DatabaseConfig { tls: Some(TlsMode::Require), ..asked_of(&server, "mon", "postgres", "postgresql.toml") };
    let refused = run_once(&crate::plan(&encrypted), None).await.expect_err("a server without TLS").to_string();
    assert!(refused.contains("server does not support TLS"), "{refused}");

    // Oracle's queries.
    if !Path::new("/usr/share/postgresql/15/extension/orafce.control").is_file() {
        return tools::skip("orafce").unwrap_or_default();
    }
    server.psql("postgres", "create database ora");
    server.psql("ora", "create extension orafce");
    server.psql("ora", "alter database ora set search_path to oracle, public, pg_catalog");
    server.psql("ora", &crate::fixture("oracle_views.sql").replace("/*ENGINE*/", ""));
    let config = DatabaseConfig {
        kind: Some(Kind::Postgresql),
        prefix: Some("oracledb_".to_owned()),
        ..asked_of(&server, "postgres", "ora", "oracle.toml")
    };
    let ran = crate::run(&config).await;
    // Without parentheses `sysdate` is no function there, and # stands in no name.
    assert_eq!(crate::failed_names(&ran), super::oracle::NOT_ON_POSTGRESQL, "{:#?}", crate::failed(&ran));
    crate::assert_has(&crate::lines(&ran), &super::oracle::EXPECTED);
}
