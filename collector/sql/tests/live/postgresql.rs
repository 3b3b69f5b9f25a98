//! PostgreSQL, and Oracle's queries on PostgreSQL with orafce.

use std::fs;
use std::path::{Path, PathBuf};

use orszem_model::Span;
use orszem_sql::{DatabaseConfig, Kind, Reason, TlsMode, run_once};

use crate::tools;
use crate::writer::{User, Writer, free_address};

/// A server in a folder of its own.
struct Server {
    _writer: Writer,
    _folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Server {
    fn start() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let bins = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
        let programs = bins.max().or_else(|| tools::skip("PostgreSQL"))?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a folder");
        open(folder.path());
        let (user, root) = (User::named("postgres"), folder.path().join("root"));
        let (data, port) = (root.join("data"), free_address().port());
        user.folder(&root);
        let mut initdb = user.command(&programs.join("initdb"));
        initdb.args(["-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-U", "postgres", "-D"]).arg(&data);
        assert!(initdb.status().expect("initdb runs").success());
        let config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\n",
            root.display()
        );
        fs::write(data.join("postgresql.conf"), config).expect("writes");
        let hba = "host all secret all scram-sha-256\nhost all all all trust\nlocal all all trust\n";
        fs::write(data.join("pg_hba.conf"), hba).expect("writes");
        let mut writer = Writer::start(user.command(&programs.join("postgres")).arg("-D").arg(&data));
        let server = |writer| Self { _writer: writer, _folder: folder, programs: programs.clone(), port };
        let ready = programs.join("pg_isready");
        writer.wait_until("ready", || {
            let mut ready = crate::writer::command(&ready);
            ready.args(["-h", "127.0.0.1", "-p", &port.to_string()]).status().is_ok_and(|status| status.success())
        });
        Some(server(writer))
    }

    fn psql(&self, database: &str, sql: &str) {
        let mut psql = crate::writer::command(&self.programs.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        psql.args(["-U", "postgres", "-d", database, "-c", sql]);
        psql.stderr(std::process::Stdio::inherit());
        assert!(psql.status().expect("psql runs").success(), "{sql}");
    }

    fn config(&self, user: &str, database: &str, file: &str) -> DatabaseConfig {
        DatabaseConfig {
            name: "pg".to_owned(),
            url: format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port),
            files: vec![crate::shipped(file)],
            timeout: Span::secs(30),
            ..DatabaseConfig::default()
        }
    }
}

/// Lets others into the folder.
fn open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("opens");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_file_works_and_oracles_on_orafce() {
    let Some(server) = Server::start() else { return };
    server.psql("postgres", "create role mon login");
    server.psql("postgres", "grant pg_monitor to mon");
    server.psql("postgres", "create role secret login password 'pass word'");
    server.psql("postgres", "create table kept (x int)");
    let ran = crate::run(&server.config("mon", "postgres", "postgresql.toml")).await;
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
    let metric = |context: &str, request: &str, more: &str| {
        format!(
            "[[metric]]\ncontext = \"{context}\"\nlabels = [\"l\"]\nmetricsdesc = {{ v = \"V\" }}\nrequest = \"{request}\"\n{more}\n"
        )
    };
    let all = [
        metric("denied", "select x as v from kept", ""),
        metric("writes", "create table more (v int)", ""),
        metric("late", "select 1 as v from pg_sleep(30)", "querytimeout = \"500ms\""),
        metric("types", "select '{1,2}'::int[] as l, interval '1 day 2 hours' as v", ""),
        metric("time", "select true::text as l, timestamptz '2026-11-22 14:39:32.5+01' as v", ""),
        metric("number", "select null as l, 12345.678::numeric(20,5) as v union all select 'n', null", ""),
    ];
    fs::write(&metrics, all.concat()).expect("writes");
    let config = DatabaseConfig {
        password_file: Some(password.clone()),
        files: vec![metrics],
        ..server.config("secret", "postgres", "postgresql.toml")
    };
    let ran = crate::run(&config).await;
    let reasons: Vec<(String, Reason)> =
        crate::failed(&ran).into_iter().map(|(name, reason, _)| (name, reason)).collect();
    let expected = [("denied", Reason::Permission), ("writes", Reason::Query), ("late", Reason::Timeout)];
    assert_eq!(reasons, expected.map(|(name, reason)| (name.to_owned(), reason)));
    let expected = [
        "postgresql_types_v{l={1,2}} 93600",
        "postgresql_time_v{l=true} 1795354772.5",
        "postgresql_number_v{} 12345.678",
    ];
    assert_eq!(crate::lines(&ran), expected);
    fs::write(&password, "wrong").expect("writes");
    let refused = run_once(&crate::plan(&config), None).await.expect_err("a wrong password").to_string();
    assert!(refused.contains("password authentication failed") && !refused.contains("wrong"), "{refused}");
    let encrypted =
        DatabaseConfig { tls: Some(TlsMode::Require), ..server.config("mon", "postgres", "postgresql.toml") };
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
        ..server.config("postgres", "ora", "oracle.toml")
    };
    let ran = crate::run(&config).await;
    // Without parentheses `sysdate` is no function there, and # stands in no name.
    let failed: Vec<String> = crate::failed(&ran).into_iter().map(|(name, _, _)| name).collect();
    assert_eq!(failed, super::oracle::NOT_ON_POSTGRESQL, "{:#?}", crate::failed(&ran));
    crate::assert_has(&crate::lines(&ran), &super::oracle::EXPECTED);
}
