//! MariaDB, and Oracle's queries on MariaDB in Oracle's mode.

use std::fs;
use std::path::Path;

use orszem_model::Span;
use orszem_sql::{DatabaseConfig, Reason, run_once};

use crate::tools;
use crate::writer::{User, Writer, free_address};

/// A server in a folder of its own.
struct Server {
    _writer: Writer,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn start() -> Option<Self> {
        let program = tools::system_program("mariadbd")?;
        let install = tools::program("mariadb-install-db")?;
        let folder = tempfile::Builder::new().prefix("my").tempdir_in("/tmp").expect("a folder");
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("opens");
        }
        let (user, root) = (User::named("mysql"), folder.path().join("root"));
        let (data, socket, port) = (root.join("data"), root.join("socket"), free_address().port());
        user.folder(&root);
        let mut install = user.command(&install);
        install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
        let made = install.arg(format!("--datadir={}", data.display())).status().expect("mariadb-install-db runs");
        assert!(made.success());
        let mut server = user.command(&program);
        server.args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M"]);
        server.arg(format!("--datadir={}", data.display())).arg(format!("--socket={}", socket.display()));
        server.arg(format!("--pid-file={}", root.join("pid").display())).arg(format!("--port={port}"));
        let mut writer = Writer::start(&mut server);
        writer.wait_until("ready", || client(&socket, "select 1"));
        Some(Self { _writer: writer, folder, port })
    }

    fn execute(&self, sql: &str) {
        assert!(client(&self.folder.path().join("root/socket"), sql), "{sql}");
    }

    fn config(&self, user: &str, database: &str, file: &str) -> DatabaseConfig {
        DatabaseConfig {
            name: "my".to_owned(),
            url: format!("mariadb://{user}@127.0.0.1:{}/{database}", self.port),
            files: vec![crate::shipped(file)],
            timeout: Span::secs(30),
            ..DatabaseConfig::default()
        }
    }
}

/// Has the client run statements as root; whether it worked.
fn client(socket: &Path, sql: &str) -> bool {
    let Some(program) = tools::program("mariadb") else { return false };
    let mut client = crate::writer::command(&program);
    client.args(["--no-defaults", "-u", "root", "-S"]).arg(socket).args(["-e", sql]);
    client.status().expect("the client runs").success()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_file_works_and_oracles_in_oracles_mode() {
    let Some(server) = Server::start() else { return };
    server.execute(
        "create user mon@localhost identified by 'pass word'; grant process, slave monitor on *.* to mon@localhost",
    );
    server.execute(
        "create database shop; create table shop.orders (id int primary key); insert into shop.orders values (1)",
    );
    server.execute("create database free; grant select on free.* to mon@localhost");
    let folder = tempfile::tempdir().expect("a folder");
    let (password, metrics) = (folder.path().join("password"), folder.path().join("metrics.toml"));
    fs::write(&password, "pass word\n").expect("writes");
    let config = DatabaseConfig { password_file: Some(password.clone()), ..server.config("mon", "", "mariadb.toml") };
    let ran = crate::run(&config).await;
    assert_eq!(crate::failed(&ran), []);
    let expected = [
        "mariadb_replication_is_read_only{} 0",
        "mariadb_transactions_count{} 0",
        "mariadb_status_threads_connected{} 1",
    ];
    crate::assert_has(&crate::lines(&ran), &expected);

    let all = [
        crate::metric("denied", "select id as v from shop.orders", ""),
        crate::metric("missing", "select x as v from information_schema.nowhere", ""),
        crate::metric("late", "select sleep(30) as v", "querytimeout = \"500ms\""),
        crate::metric("many", "select seq as v from free.seq_1_to_1000000000", "row_limit = 2\nquerytimeout = \"20s\""),
        crate::metric("time", "select cast('2026-11-22 13:39:32' as datetime) as v, cast('a' as char) as l", ""),
        crate::metric("span", "select cast('-01:00:30.5' as time(1)) as v, null as l", ""),
        crate::metric("number", "select cast(12345.678 as decimal(20,5)) as v union all select null", ""),
    ];
    fs::write(&metrics, all.concat()).expect("writes");
    let config = DatabaseConfig { files: vec![metrics], ..config };
    let ran = crate::run(&config).await;
    let expected = [("denied", Reason::Permission), ("missing", Reason::Missing), ("late", Reason::Timeout)];
    assert_eq!(crate::reasons(&ran), expected);
    let expected = [
        "mariadb_many_v{} 1",
        "mariadb_many_v{} 2",
        "mariadb_time_v{l=a} 1795354772",
        "mariadb_span_v{} -3630.5",
        "mariadb_number_v{} 12345.678",
    ];
    assert_eq!(crate::lines(&ran), expected);
    fs::write(&password, "other").expect("writes");
    let refused = run_once(&crate::plan(&config), None).await.expect_err("a wrong password").to_string();
    assert!(refused.contains("Access denied") && !refused.contains("other"), "{refused}");

    let views = crate::fixture("oracle_views.sql");
    server.execute(&format!("create database ora; use ora; set sql_mode = 'ORACLE'; {views}"));
    let mut oracle = fs::read_to_string(crate::shipped("oracle.toml")).expect("reads");
    oracle = oracle.replace("\nrequest = ", "\nstartup_sql = \"set session sql_mode = 'ORACLE'\"\nrequest = ");
    let file = folder.path().join("oracle.toml");
    fs::write(&file, oracle).expect("writes");
    let config = DatabaseConfig {
        prefix: Some("oracledb_".to_owned()),
        files: vec![file],
        ..server.config("root", "ora", "oracle.toml")
    };
    let ran = crate::run(&config).await;
    assert_eq!(crate::failed_names(&ran), super::oracle::NOT_ON_MARIADB, "{:#?}", crate::failed(&ran));
    crate::assert_has(&crate::lines(&ran), &super::oracle::EXPECTED);
}
