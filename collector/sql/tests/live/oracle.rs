//! What the views of the fixture give by Oracle's file; and listeners that refuse, talk nonsense, or say nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use orszem_model::Span;
use orszem_sql::{DatabaseConfig, Reason, run_once};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What needs Oracle's own arithmetic of dates, or names with # in them.
pub(super) const NOT_ON_POSTGRESQL: [&str; 8] = [
    "instance",
    "archived_log",
    "redo_log",
    "dataguard_data_age_seconds",
    "archive_gap",
    "backup",
    "user",
    "alert_log",
];
/// The same, for MariaDB.
pub(super) const NOT_ON_MARIADB: [&str; 4] = ["redo_log", "dataguard_data_age_seconds", "archive_gap", "alert_log"];

/// Samples of the fixture's views, the same on both.
pub(super) const EXPECTED: [&str; 16] = [
    "oracledb_sessions_value{inst_id=1,status=INACTIVE,type=USER} 1",
    "oracledb_blocked_sessions_count{inst_id=1} 1",
    "oracledb_blocked_sessions_max_seconds{inst_id=1} 120",
    "oracledb_resource_limit_value{inst_id=1,resource_name=processes} 300",
    "oracledb_resource_limit_value{inst_id=1,resource_name=temporary_table_locks} -1",
    "oracledb_wait_time_seconds_total{con_id=0,inst_id=1,wait_class=User I/O} 12.38",
    "oracledb_tablespace_used_percent{tablespace=USERS,type=PERMANENT} 86.5",
    "oracledb_tablespace_used_percent{tablespace=TEMP,type=TEMPORARY} 25",
    "oracledb_tablespace_bytes{tablespace=USERS,type=PERMANENT} 7340032",
    "oracledb_recovery_area_used_percent{name=/fra} 80",
    "oracledb_dataguard_apply_lag_seconds{} 12",
    "oracledb_dataguard_transport_lag_seconds{} 0",
    "oracledb_activity_parse_count_total{inst_id=1} 77",
    "oracledb_sysmetric_host_cpu_utilization{inst_id=1} 12.5",
    "oracledb_database_is_primary{database_role=PHYSICAL STANDBY,db_name=SHOP,flashback_on=YES,log_mode=ARCHIVELOG,open_mode=MOUNTED} 0",
    "oracledb_asm_diskgroup_used_percent{name=DATA,state=MOUNTED} 75",
];

fn config(port: u16, password_file: &Path) -> DatabaseConfig {
    DatabaseConfig {
        password_file: Some(password_file.to_owned()),
        name: "ora".to_owned(),
        url: format!("oracle://mon@127.0.0.1:{port}/FREEPDB1"),
        files: vec![crate::shipped("oracle.toml")],
        timeout: Span::millis(1500),
        ..DatabaseConfig::default()
    }
}

/// What is told of a listener that answers the first packet with `answer`, or nothing, and closes or waits.
async fn told(password_file: &Path, answer: Option<&'static [u8]>, closes: bool) -> (Reason, String, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut packet = [0_u8; 4096];
                if stream.read(&mut packet).await.is_err() {
                    return;
                }
                if let Some(answer) = answer
                    && stream.write_all(answer).await.is_err()
                {
                    return;
                }
                if !closes {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    let begun = Instant::now();
    let error = run_once(&crate::plan(&config(port, password_file)), None).await.expect_err("no database");
    (error.reason, error.to_string(), begun.elapsed())
}

/// A TNS packet of type 4, REFUSE, as a listener sends it for a service that it does not know.
const REFUSE: &[u8] =
    b"\x00\x4c\x00\x00\x04\x00\x00\x00\x22\x00\x00\x40(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=12514)(ERROR_STACK=(ERROR=0)))";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_oracle_is_told_within_the_deadline() {
    if cfg!(not(feature = "oracle")) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2\n").expect("writes");
    // Nobody listens.
    let port = crate::writer::free_address().port();
    let begun = Instant::now();
    let error = run_once(&crate::plan(&config(port, &password)), None).await.expect_err("no database");
    assert_eq!(error.reason, Reason::Connect, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    for (what, answer, closes) in [
        ("refuses", Some(REFUSE), true),
        ("talks nonsense", Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice()), true),
        ("talks nonsense on and on", Some([0xff_u8; 64].as_slice()), false),
        ("closes", None, true),
        ("says nothing", None, false),
    ] {
        let (reason, text, took) = told(&password, answer, closes).await;
        assert_eq!(reason, Reason::Connect, "{what}: {text}");
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
        assert!(!text.contains("hunter2") && !text.contains("no credentials"), "{what}: {text}");
        let is_timeout = text.starts_with("no connection within");
        assert_eq!(is_timeout, !closes, "{what}: {text}");
        eprintln!("{what}: {text}");
    }
    let (_, refused, _) = told(&password, Some(REFUSE), true).await;
    assert!(refused.contains("FREEPDB1") || refused.contains("12514"), "{refused}");
}
